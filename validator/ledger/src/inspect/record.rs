//! How far a check of the state was when it was cut off: beside the state file, as long as that file and its head stay the same.

use super::{
    InspectError, Verified,
    pass::{Leaves, PARTS, Pass},
};
use crate::{store::state::StateHead, trie::walk::TrieSource};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::{HashBuilder, Nibbles, TrieMask, nodes::RlpNode};
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Of the format.
const VERSION: u64 = 1;

/// The record of one file at one head.
pub(super) struct Record {
    path: PathBuf,
    /// Version, file and head.
    name: B256,
    is_kept: bool,
}

impl Record {
    pub(super) fn of(state: &Path, head: &StateHead) -> Result<Self, InspectError> {
        let file = fs::metadata(state);
        let file = file.map_err(|source| InspectError::Unreadable { path: state.to_path_buf(), source })?;
        // A file that took another's place may have its number.
        let made = file.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or(0, |made| made.as_nanos());
        let mut name = Vec::new();
        for number in [VERSION, file.dev(), file.ino(), head.number] {
            name.extend_from_slice(&number.to_be_bytes());
        }
        name.extend_from_slice(&made.to_be_bytes());
        name.extend_from_slice(head.hash.as_slice());
        name.extend_from_slice(head.root.as_slice());
        Ok(Self { path: state.with_extension("verified"), name: keccak256(name), is_kept: true })
    }

    /// Puts a pass where an earlier one was; false when nothing is known of one over this file and head.
    pub(super) fn resume<S: TrieSource>(&self, pass: &mut Pass<'_, S>, verified: &mut Verified) -> bool {
        let Ok(bytes) = fs::read(&self.path) else { return false };
        let known = bytes.split_first_chunk::<32>().filter(|(sum, rest)| keccak256(rest).0 == **sum);
        let Some(mark) = known.and_then(|(_, mut rest)| self.decode(&mut rest).ok()?) else { return false };
        if !pass.is_parted() || mark.done > PARTS {
            return false;
        }
        (verified.accounts, verified.slots) = (mark.accounts, mark.slots);
        (pass.done, pass.whole) = (mark.done, mark.whole);
        pass.firsts = mark.firsts.into_iter().map(|(key, value)| (key, Some(value))).collect();
        true
    }

    /// Notes how far a pass is. It goes on without where nothing can be written.
    pub(super) fn keep<S: TrieSource>(&mut self, pass: &Pass<'_, S>, verified: &Verified) {
        if !self.is_kept || !pass.is_parted() {
            return;
        }
        let payload = self.encode(pass, verified);
        let bytes = [keccak256(&payload).as_slice(), &payload].concat();
        let next = self.path.with_extension("verified.next");
        if let Err(error) = fs::write(&next, bytes).and_then(|()| fs::rename(&next, &self.path)) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "how far the check is cannot be noted: cut off, it begins anew");
            self.is_kept = false;
        }
    }

    /// What is wholly checked needs no record.
    pub(super) fn forget(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "the record of a finished check stays");
            }
            _ => {}
        }
    }

    fn encode<S: TrieSource>(&self, pass: &Pass<'_, S>, verified: &Verified) -> Vec<u8> {
        let HashBuilder { key, value, stack, state_masks, tree_masks, hash_masks, .. } = &pass.whole;
        let bytes =
            |all: &[RlpNode]| -> Vec<Bytes> { all.iter().map(|n| Bytes::copy_from_slice(n)).collect() };
        let masks = |all: &[TrieMask]| -> Vec<u16> { all.iter().map(|mask| mask.get()).collect() };
        let firsts = pass.firsts.iter();
        let (keys, values): (Vec<B256>, Vec<Bytes>) =
            firsts.map(|(key, value)| (*key, value.clone().unwrap_or_default().into())).unzip();
        let mut out = Vec::new();
        let fields: [&dyn Encodable; 12] = [
            &self.name,
            &pass.done,
            &verified.accounts,
            &verified.slots,
            &Bytes::from(key.pack().to_vec()),
            &Bytes::copy_from_slice(value.as_slice()),
            &bytes(stack),
            &masks(state_masks),
            &masks(tree_masks),
            &masks(hash_masks),
            &keys,
            &values,
        ];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut out);
        out
    }

    /// None for the record of another file or head.
    fn decode(&self, bytes: &mut &[u8]) -> alloy_rlp::Result<Option<Mark>> {
        let mut fields = alloy_rlp::Header::decode_bytes(bytes, true)?;
        let fields = &mut fields;
        if B256::decode(fields)? != self.name {
            return Ok(None);
        }
        let (done, accounts, slots) = (u16::decode(fields)?, u64::decode(fields)?, u64::decode(fields)?);
        let (key, value) = (Bytes::decode(fields)?, Bytes::decode(fields)?);
        let stack = Vec::<Bytes>::decode(fields)?;
        let mut masks = || -> alloy_rlp::Result<Vec<TrieMask>> {
            Ok(Vec::<u16>::decode(fields)?.into_iter().map(TrieMask::new).collect())
        };
        let [state_masks, tree_masks, hash_masks] = [masks()?, masks()?, masks()?];
        let (keys, values) = (Vec::<B256>::decode(fields)?, Vec::<Bytes>::decode(fields)?);
        let stack: Option<Vec<RlpNode>> = stack.iter().map(|node| RlpNode::from_raw(node)).collect();
        let mut whole = HashBuilder {
            key: Nibbles::unpack(&key),
            stack: stack.ok_or(alloy_rlp::Error::Overflow)?,
            state_masks,
            tree_masks,
            hash_masks,
            ..HashBuilder::default()
        };
        whole.value.set_bytes_owned(value.to_vec());
        let firsts = keys.into_iter().zip(values.into_iter().map(|value| value.to_vec())).collect();
        Ok(Some(Mark { done, accounts, slots, whole, firsts }))
    }
}

/// Where a pass was.
struct Mark {
    done: u16,
    accounts: u64,
    slots: u64,
    whole: HashBuilder,
    firsts: Leaves,
}
