//! A consensus payload that names the transactions of its block instead of carrying them.
//!
//! ```text
//! [code, payload hash, before, after, short ids]     id 1: the payload, cut before and after its transactions
//! [payload hash, [place, …]]                         id 2: asks for these transactions; for the whole when none is named
//! [payload hash, [transaction, …]]                   id 3: those, in that order
//! ```
//!
//! A short id is six bytes of a hash of the transaction's hash, keyed by the payload's: who makes transactions cannot know it
//! beforehand. What is put together counts only if it has the payload's hash.

use crate::{
    eth::{
        list::{DecodeError, list, list_with, raw_item, whole},
        transaction::{encode, is_legacy},
    },
    istanbul::{CONSENSUS_CODES, MAX_CONSENSUS_PAYLOAD},
    peers::seen::consensus_hash,
};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header};
use std::{collections::HashMap, ops::Range};

/// Message id of a payload without its transactions.
pub(crate) const COMPACT: u8 = 1;
/// Message id of the question for transactions of one.
pub(crate) const WANTED: u8 = 2;
/// Message id of the answer.
pub(crate) const GIVEN: u8 = 3;

/// PROPOSAL and ROUND-CHANGE: the payloads with a block.
const PROPOSAL: u8 = *CONSENSUS_CODES.start();
const ROUND_CHANGE: u8 = *CONSENSUS_CODES.end();
/// Shorter payloads go as they are.
const WORTH_IT: usize = 1024;
/// Bytes of a short id: of 32,768 pooled transactions one in ten thousand million is taken for another.
pub(super) const ID: usize = 6;
/// Transactions in one payload: no signed one is shorter than this many bytes.
const MAX_TRANSACTIONS: usize = MAX_CONSENSUS_PAYLOAD / 80;
/// Transactions asked for one by one; who lacks more of them asks for the whole.
pub const MAX_WANTED: usize = 2048;

/// The message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact {
    /// Id of the payload in `istanbul/100`.
    pub code: u8,
    /// Hash of id and payload.
    pub hash: B256,
    /// The payload up to its first transaction.
    pub before: Bytes,
    /// The payload after its last transaction.
    pub after: Bytes,
    /// Six bytes for each transaction.
    pub ids: Bytes,
}

/// What does not make the payload that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// Transactions are missing.
    #[error("{0} transactions are missing")]
    Missing(usize),
    /// It would be longer than a payload may be.
    #[error("longer than {MAX_CONSENSUS_PAYLOAD} bytes")]
    Long,
    /// It has another hash.
    #[error("put together it has the hash {got}, {want} was announced")]
    Hash {
        /// Of what was put together.
        got: B256,
        /// Announced.
        want: B256,
    },
}

impl Compact {
    /// Cuts a payload; none if it has no transactions to speak of.
    pub fn of(code: u8, hash: B256, payload: &Bytes) -> Option<Self> {
        if payload.len() < WORTH_IT {
            return None;
        }
        let range = transactions(code, payload)?;
        let key = Key::of(&hash);
        let mut ids = Vec::with_capacity(range.len() / 16);
        for raw in items(payload, range.clone()) {
            ids.extend(key.short(&keccak256(raw.ok()?)));
        }
        let (before, after) = (payload.slice(..range.start), payload.slice(range.end..));
        (!ids.is_empty()).then(|| Self { code, hash, before, after, ids: ids.into() })
    }

    /// Reads the message.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let compact = whole(data, |body| {
            let (code, hash) = (u8::decode(body)?, B256::decode(body)?);
            let (before, after, ids) = (byte_string(body)?, byte_string(body)?, byte_string(body)?);
            Ok(Self { code, hash, before, after, ids })
        })?;
        if ![PROPOSAL, ROUND_CHANGE].contains(&compact.code) {
            return Err(DecodeError::Id(compact.code));
        }
        check_ids(&compact.ids, MAX_TRANSACTIONS)?;
        Ok(compact)
    }
}

impl Encodable for Compact {
    fn encode(&self, out: &mut dyn BufMut) {
        let Self { code, hash, before, after, ids } = self;
        let payload_length = code.length() + hash.length() + before.length() + after.length() + ids.length();
        Header { list: true, payload_length }.encode(out);
        code.encode(out);
        hash.encode(out);
        before.encode(out);
        after.encode(out);
        ids.encode(out);
    }
}

/// A payload being put together.
#[derive(Debug)]
pub struct Partial {
    compact: Compact,
    found: Vec<Option<Bytes>>,
}

impl Partial {
    /// Nothing found yet.
    pub fn new(compact: Compact) -> Self {
        let found = vec![None; compact.ids.len() / ID];
        Self { compact, found }
    }

    /// Which payload.
    pub const fn hash(&self) -> B256 {
        self.compact.hash
    }

    /// Takes the transactions named from among those that `each` shows: hash and EIP-2718 bytes.
    pub fn search(&mut self, each: impl FnOnce(&mut dyn FnMut(&B256, &Bytes))) {
        let places = Places::of(&self.compact.hash, &self.compact.ids);
        let found = &mut self.found;
        each(&mut |hash, raw| {
            if let Some(slot) = places.of_hash(hash).and_then(|place| found.get_mut(place)) {
                slot.get_or_insert_with(|| raw.clone());
            }
        });
    }

    /// Places of the transactions that are not found.
    pub fn missing(&self) -> Vec<u32> {
        let open = (0..).zip(&self.found).filter(|(_, found)| found.is_none());
        open.map(|(place, _)| place).collect()
    }

    /// Takes transactions for the places that are missing, in their order.
    pub fn fill(&mut self, given: Vec<Bytes>) {
        let open = self.found.iter_mut().filter(|found| found.is_none());
        open.zip(given).for_each(|(slot, raw)| *slot = Some(raw));
    }

    /// Its code, and the payload byte for byte.
    pub fn payload(&self) -> Result<(u8, Bytes), Unlike> {
        let Compact { code, hash, before, after, .. } = &self.compact;
        let transactions: Vec<&Bytes> = self.found.iter().flatten().collect();
        let missing = self.found.len() - transactions.len();
        if missing > 0 {
            return Err(Unlike::Missing(missing));
        }
        let inner: usize = transactions.iter().map(|raw| length(raw)).sum();
        let length = before.len() + inner + after.len();
        if length > MAX_CONSENSUS_PAYLOAD {
            return Err(Unlike::Long);
        }
        let mut payload = Vec::with_capacity(length);
        payload.extend_from_slice(before);
        for raw in transactions {
            encode(raw, &mut payload);
        }
        payload.extend_from_slice(after);
        let got = consensus_hash(*code, &payload);
        if got == *hash { Ok((*code, payload.into())) } else { Err(Unlike::Hash { got, want: *hash }) }
    }
}

/// The transactions at these places of a payload; none if one of the places is not there.
pub fn at(code: u8, payload: &[u8], places: &[u32]) -> Option<Vec<Bytes>> {
    let all: Vec<&[u8]> = items(payload, transactions(code, payload)?).collect::<Result<_, _>>().ok()?;
    let one = |place: &u32| all.get(usize::try_from(*place).ok()?).map(|raw| Bytes::copy_from_slice(raw));
    places.iter().map(one).collect()
}

/// Data of the question.
pub(crate) fn encode_wanted(hash: B256, places: &[u32]) -> Vec<u8> {
    let mut list = Vec::new();
    alloy_rlp::encode_list::<u32, u32>(places, &mut list);
    both(hash, &list)
}

/// Reads the question: which payload, and which of its transactions.
pub fn decode_wanted(data: &[u8]) -> Result<(B256, Vec<u32>), DecodeError> {
    whole(data, |body| Ok((B256::decode(body)?, list(body, MAX_WANTED)?)))
}

/// Data of the answer.
pub(crate) fn encode_given(hash: B256, transactions: &[Bytes]) -> Vec<u8> {
    let mut list = Vec::new();
    alloy_rlp::encode_list::<Bytes, Bytes>(transactions, &mut list);
    both(hash, &list)
}

/// Reads the answer: of which payload, and EIP-2718 bytes.
pub fn decode_given(data: &[u8]) -> Result<(B256, Vec<Bytes>), DecodeError> {
    whole(data, |body| Ok((B256::decode(body)?, list_with(body, MAX_WANTED, byte_string)?)))
}

fn byte_string(buf: &mut &[u8]) -> Result<Bytes, DecodeError> {
    Ok(Bytes::copy_from_slice(Header::decode_bytes(buf, false)?))
}

/// Short ids are whole, and at most so many.
pub(super) fn check_ids(ids: &[u8], max: usize) -> Result<(), DecodeError> {
    if !ids.len().is_multiple_of(ID) {
        return Err(alloy_rlp::Error::UnexpectedLength.into());
    }
    if ids.len() / ID > max { Err(DecodeError::TooMany { max }) } else { Ok(()) }
}

fn both(hash: B256, list: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(list.len() + 48);
    Header { list: true, payload_length: hash.length() + list.len() }.encode(&mut out);
    hash.encode(&mut out);
    out.extend_from_slice(list);
    out
}

/// Where transactions stand by their short ids.
pub(super) struct Places {
    key: Key,
    places: HashMap<[u8; ID], usize>,
}

impl Places {
    pub(super) fn of(salt: &B256, ids: &[u8]) -> Self {
        let ids = ids.as_chunks().0;
        let mut places = HashMap::with_capacity(ids.len());
        for (place, id) in ids.iter().enumerate() {
            places.entry(*id).or_insert(place);
        }
        Self { key: Key::of(salt), places }
    }

    pub(super) fn of_hash(&self, hash: &B256) -> Option<usize> {
        self.places.get(&self.key.short(hash)).copied()
    }
}

/// Multilinear hashing (Lemire and Kaser 2014): two hashes that were there before the key meet with a chance of 2^-48.
pub(super) struct Key([u128; 4]);

impl Key {
    pub(super) fn of(payload: &B256) -> Self {
        let half = |number: u8| {
            let wide = keccak256([payload.as_slice(), &[number]].concat());
            let (low, high) = wide.split_at(16);
            [low, high].map(|bytes| bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
        };
        let ([a, b], [c, d]) = (half(0), half(1));
        Self([a, b, c, d])
    }

    pub(super) fn short(&self, hash: &B256) -> [u8; ID] {
        let words = hash.as_chunks::<8>().0.iter().map(|word| u128::from(u64::from_be_bytes(*word)));
        let sum = self
            .0
            .iter()
            .zip(words)
            .fold(0_u128, |sum, (key, word)| sum.wrapping_add(key.wrapping_mul(word)));
        sum.to_be_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// Length of a transaction in a block's list.
fn length(raw: &Bytes) -> usize {
    if is_legacy(raw) { raw.len() } else { raw.length() }
}

/// EIP-2718 bytes of a block's transactions.
fn items(payload: &[u8], range: Range<usize>) -> impl Iterator<Item = Result<&[u8], DecodeError>> {
    let mut rest = payload.get(range).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = raw_item(&mut rest);
        Some(item.and_then(|mut item| {
            if is_legacy(item) { Ok(item) } else { Ok(Header::decode_bytes(&mut item, false)?) }
        }))
    })
}

/// Where the transactions of the payload's block are (`qbft-facts` §2.2).
fn transactions(code: u8, payload: &[u8]) -> Option<Range<usize>> {
    let message = open(payload, 0)?;
    let block = match code {
        PROPOSAL => {
            // [[[height, round, block, …], signature], justification]
            let signed = open(payload, message.start)?;
            let proposal = open(payload, signed.start)?;
            open(payload, skip(payload, skip(payload, proposal.start)?)?)?
        }
        // [[round change, signature], block, …]
        ROUND_CHANGE => open(payload, skip(payload, message.start)?)?,
        _ => return None,
    };
    open(payload, skip(payload, block.start)?).filter(|_| !block.is_empty())
}

/// What the list at `at` holds.
fn open(data: &[u8], at: usize) -> Option<Range<usize>> {
    let mut rest = data.get(at..)?;
    let header = Header::decode(&mut rest).ok().filter(|header| header.list)?;
    let start = data.len() - rest.len();
    Some(start..start.checked_add(header.payload_length)?)
}

/// Where the item at `at` ends.
fn skip(data: &[u8], at: usize) -> Option<usize> {
    let mut rest = data.get(at..)?;
    raw_item(&mut rest).ok()?;
    Some(data.len() - rest.len())
}

#[cfg(test)]
mod tests;
