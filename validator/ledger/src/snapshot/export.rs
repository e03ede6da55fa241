//! Writing a snapshot of the head.

use super::{
    HEADERS, Progress, SnapshotError, VERSION,
    frame::{FrameWriter, Kind},
    percent,
    record::{put_account, put_code, put_slot},
};
use crate::{
    At, HeadInfo, Ledger, LedgerError,
    store::{bulk::FlatEntry, codec::encode_receipts},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, KECCAK256_EMPTY};
use alloy_rlp::Encodable;
use std::{
    collections::HashSet,
    io::{self, Write},
};

/// Headers of one frame.
const HEADERS_AT_ONCE: usize = 1024;

impl Ledger {
    /// Writes the state after the head, for [`fn@super::import`] on another node, in frames of about so many bytes
    /// ([`super::FRAME_BYTES`]). Consistent while blocks are committed.
    pub fn export_snapshot<W: Write>(
        &self,
        out: W,
        frame_bytes: usize,
        mut progress: impl FnMut(&Progress),
    ) -> Result<(HeadInfo, W), SnapshotError> {
        let failed = |source| SnapshotError::Io { path: "snapshot".into(), source };
        // The flat tables of this moment, and the head that they belong to.
        let (head, flat) = {
            let _no_commit = self.chain.committing.lock();
            (self.head(), self.chain.state.flat()?)
        };
        let mut frames = FrameWriter::new(out).map_err(failed)?;
        let headers = self.headers_for(&head)?;
        let count = headers.len() as u64;
        frames.write(Kind::Head, &front(self.chain.genesis.hash, &head, count)).map_err(failed)?;
        for part in headers.chunks(HEADERS_AT_ONCE) {
            frames.write(Kind::Headers, &alloy_rlp::encode(part.to_vec())).map_err(failed)?;
        }
        frames.write(Kind::Block, &self.block_payload(&head)?).map_err(failed)?;
        let mut writer = StateWriter {
            frames,
            frame: Vec::new(),
            known: HashSet::new(),
            at: Progress::default(),
            frame_bytes,
        };
        let [all, ..] = flat.counts()?;
        flat.each(|entry| {
            let full = writer.add(&entry, |hash| flat.code(hash))?;
            if full {
                writer.flush().map_err(failed)?;
                progress(&Progress { percent: percent(writer.at.accounts, all), ..writer.at });
            }
            Ok::<_, SnapshotError>(())
        })?;
        writer.flush().map_err(failed)?;
        let Progress { accounts, slots, codes, .. } = writer.at;
        let end = [accounts, slots, codes].map(u64::to_be_bytes).concat();
        writer.frames.write(Kind::End, &end).map_err(failed)?;
        progress(&Progress { bytes: writer.frames.bytes, percent: 100, ..writer.at });
        Ok((head, writer.frames.finish().map_err(failed)?))
    }

    /// The headers that the next blocks need: for BLOCKHASH, and where the headers carry votes since the last block that
    /// says the set by itself.
    fn headers_for(&self, head: &HeadInfo) -> Result<Vec<Header>, LedgerError> {
        let first = (head.number.saturating_add(1)).saturating_sub(HEADERS).max(1);
        let first = self.chain.votes_since(head.number).map_or(first, |since| since.clamp(1, first));
        let mut headers = Vec::new();
        for number in (first..=head.number).rev() {
            let Some((header, _)) = self.chain.blocks.header(number)? else { break };
            headers.push(header);
        }
        headers.reverse();
        Ok(headers)
    }

    fn block_payload(&self, head: &HeadInfo) -> Result<Vec<u8>, LedgerError> {
        let missing = || LedgerError::UnknownBlock(head.number.to_string());
        let at = At::Number(head.number);
        let body = alloy_rlp::encode(self.body(at)?.ok_or_else(missing)?);
        let receipts = encode_receipts(&self.receipts(at)?.ok_or_else(missing)?);
        let mut out = Vec::with_capacity(body.len() + receipts.len() + 16);
        let fields: [&dyn Encodable; 2] = [&body.as_slice(), &receipts.as_slice()];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut out);
        Ok(out)
    }
}

fn front(genesis: B256, head: &HeadInfo, headers: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let fields: [&dyn Encodable; 5] = [&VERSION, &genesis, &head.number, &head.hash, &headers];
    alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut out);
    out
}

struct StateWriter<W> {
    frames: FrameWriter<W>,
    frame: Vec<u8>,
    known: HashSet<B256>,
    at: Progress,
    frame_bytes: usize,
}

impl<W: Write> StateWriter<W> {
    /// Adds an account or a slot; true when the frame is long enough.
    fn add(
        &mut self,
        entry: &FlatEntry,
        code: impl FnOnce(&B256) -> Result<Vec<u8>, LedgerError>,
    ) -> Result<bool, LedgerError> {
        match entry {
            FlatEntry::Account(key, account) => {
                let hash = account.code_hash;
                if hash != KECCAK256_EMPTY && self.known.insert(hash) {
                    put_code(&mut self.frame, &code(&hash)?);
                    self.at.codes += 1;
                }
                put_account(&mut self.frame, key, account);
                self.at.accounts += 1;
            }
            FlatEntry::Slot(key, value) => {
                put_slot(&mut self.frame, key, *value);
                self.at.slots += 1;
            }
        }
        Ok(self.frame.len() >= self.frame_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.frames.write(Kind::State, &self.frame)?;
            self.frame.clear();
        }
        self.at.bytes = self.frames.bytes;
        Ok(())
    }
}
