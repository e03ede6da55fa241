//! Making a ledger from a snapshot.
//!
//! Everything is read into a folder beside the ledger's own, which takes its place at the very end: until then there is
//! no ledger, whatever happens. A run that was cut off is gone on with; a file that is refused leaves nothing.

use super::{
    Progress, SnapshotError, VERSION,
    frame::{FRONT, Frame, FrameReader, Kind, Place},
    percent,
    record::{Order, Record},
    root::store_tries,
};
use crate::{
    Block, BlockBody, HeadInfo, Options, Receipt,
    execute::{receipts::roots, senders::senders},
    store::{
        self,
        blocks::BlockStore,
        codec::decode_receipts,
        state::{BlockEffects, StateHead, StateStore},
    },
    validate::check_qbft_body,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Decodable;
use chain::{genesis::Genesis, hash::block_hash};
use std::{
    fs::{self, File},
    io::{BufReader, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Frames of state between two commits: what a crash can cost.
const FRAMES_AT_ONCE: usize = 16;
/// Headers of one file at most: an epoch of votes, and some.
const MAX_HEADERS: u64 = 1 << 20;

/// Makes the ledger in `dir`, which must not exist yet, from a file whose block has the hash `pin`. Goes on where an
/// earlier run with the same file was cut off.
pub fn import(
    dir: &Path,
    genesis: &Genesis,
    file: &Path,
    pin: B256,
    progress: impl FnMut(&Progress),
) -> Result<HeadInfo, SnapshotError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| SnapshotError::Io { path, source }
    };
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(SnapshotError::NotEmpty { path: dir.to_path_buf() });
    }
    let staging = dir.with_extension("import");
    fs::create_dir_all(&staging).map_err(at(&staging))?;
    let opened = File::open(file).map_err(at(file))?;
    let length = opened.metadata().map_err(at(file))?.len();
    let outcome = FrameReader::open(BufReader::with_capacity(1 << 20, opened), file.to_path_buf())
        .and_then(|frames| Staged::open(&staging, genesis, pin, length)?.fill(frames, progress));
    match outcome {
        Err(refusal) if refusal.is_refusal() => {
            fs::remove_dir_all(&staging).map_err(at(&staging))?;
            Err(refusal)
        }
        Err(error) => Err(error),
        Ok(head) => {
            if dir.exists() {
                fs::remove_dir(dir).map_err(at(dir))?;
            }
            fs::rename(&staging, dir).map_err(at(dir))?;
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
            File::open(&parent).and_then(|folder| folder.sync_all()).map_err(at(&parent))?;
            Ok(head)
        }
    }
}

/// The ledger's files before they are one.
struct Staged<'a> {
    blocks: BlockStore,
    state: StateStore,
    genesis: &'a Genesis,
    pin: B256,
    length: u64,
}

/// How far the state of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    place: Place,
    order: Order,
}

impl<'a> Staged<'a> {
    fn open(dir: &Path, genesis: &'a Genesis, pin: B256, length: u64) -> Result<Self, SnapshotError> {
        let options = Options::default();
        let staged = Self::in_folder(dir, &options, genesis, pin, length)?;
        let of_this_file = staged.state.imported()?.is_none_or(|bytes| bytes.starts_with(&staged.name()));
        if of_this_file {
            return Ok(staged);
        }
        // Begun with another file.
        drop(staged);
        let failed = |source| SnapshotError::Io { path: dir.to_path_buf(), source };
        fs::remove_dir_all(dir).map_err(failed)?;
        fs::create_dir_all(dir).map_err(failed)?;
        Self::in_folder(dir, &options, genesis, pin, length)
    }

    fn in_folder(
        dir: &Path,
        options: &Options,
        genesis: &'a Genesis,
        pin: B256,
        length: u64,
    ) -> Result<Self, SnapshotError> {
        let blocks = BlockStore::open(
            store::Place::File(&dir.join("blocks.redb")),
            options.block_cache_bytes,
            genesis,
        )?;
        let state = StateStore::open(store::Place::File(&dir.join("state.redb")), options.state_cache_bytes)?;
        Ok(Self { blocks, state, genesis, pin, length })
    }

    /// What tells a file from another.
    fn name(&self) -> [u8; 40] {
        let mut name = [0; 40];
        name[..32].copy_from_slice(self.pin.as_slice());
        name[32..].copy_from_slice(&self.length.to_be_bytes());
        name
    }

    fn fill<R: Read + Seek>(
        &self,
        mut frames: FrameReader<R>,
        mut progress: impl FnMut(&Progress),
    ) -> Result<HeadInfo, SnapshotError> {
        let count = self.front(&frames.next()?)?;
        let headers = self.headers(&mut frames, count)?;
        let block = frames.next()?;
        let end = self.read_state(&mut frames, &mut progress)?;
        let flat = self.state.flat()?;
        let counts = flat.counts()?.map(u64::to_be_bytes).concat();
        if end.payload != counts {
            return Err(SnapshotError::Malformed {
                frame: end.index,
                what: "other numbers of accounts, slots and codes than were read",
            });
        }
        let root = store_tries(&self.state, &flat, frames.place.offset, &mut progress)?;
        let Some((hash, header)) = headers.last() else {
            return Err(SnapshotError::Malformed { frame: 1, what: "no headers" });
        };
        if root != header.state_root {
            let what = "state root".to_string();
            return Err(SnapshotError::Root { what, got: root, want: header.state_root });
        }
        let head = HeadInfo { number: header.number, hash: *hash, header: Arc::new(header.clone()) };
        self.finish(&head, &block, &headers)?;
        Ok(head)
    }

    /// Checks the first frame; how many headers follow.
    fn front(&self, frame: &Frame) -> Result<u64, SnapshotError> {
        let malformed =
            |_| SnapshotError::Malformed { frame: frame.index, what: "first frame does not decode" };
        let mut fields =
            alloy_rlp::Header::decode_bytes(&mut frame.payload.as_slice(), true).map_err(malformed)?;
        let fields = &mut fields;
        let version = u64::decode(fields).map_err(malformed)?;
        if version != VERSION || frame.kind != Kind::Head {
            return Err(SnapshotError::Format { found: format!("version {version}") });
        }
        let genesis = B256::decode(fields).map_err(malformed)?;
        if genesis != self.genesis.hash {
            return Err(SnapshotError::Genesis { got: genesis, want: self.genesis.hash });
        }
        let _number = u64::decode(fields).map_err(malformed)?;
        let hash = B256::decode(fields).map_err(malformed)?;
        if hash != self.pin {
            return Err(SnapshotError::Pin { got: hash, want: self.pin });
        }
        let headers = u64::decode(fields).map_err(malformed)?;
        if headers == 0 || headers > MAX_HEADERS {
            return Err(SnapshotError::Malformed { frame: frame.index, what: "no headers, or too many" });
        }
        Ok(headers)
    }

    /// Headers that lead to the pinned one, with their hashes.
    fn headers<R: Read + Seek>(
        &self,
        frames: &mut FrameReader<R>,
        count: u64,
    ) -> Result<Vec<(B256, Header)>, SnapshotError> {
        let mut headers: Vec<(B256, Header)> = Vec::new();
        while (headers.len() as u64) < count {
            let frame = frames.next()?;
            let malformed = |what| SnapshotError::Malformed { frame: frame.index, what };
            if frame.kind != Kind::Headers {
                return Err(malformed("not the headers that are due"));
            }
            let some: Vec<Header> = alloy_rlp::decode_exact(&frame.payload)
                .map_err(|_| malformed("headers that do not decode"))?;
            for header in some {
                let hash = block_hash(&header).map_err(|_| malformed("header without extra data of QBFT"))?;
                let follows = headers.last().is_none_or(|(parent, before)| {
                    header.parent_hash == *parent && header.number == before.number + 1
                });
                if !follows {
                    return Err(malformed("headers that do not follow each other"));
                }
                headers.push((hash, header));
            }
        }
        match headers.last() {
            Some((hash, header)) if *hash == self.pin && header.number > 0 => Ok(headers),
            last => {
                Err(SnapshotError::Pin { got: last.map_or(B256::ZERO, |(hash, _)| *hash), want: self.pin })
            }
        }
    }

    /// Reads the state into the flat tables, from where an earlier run was; the frame after it.
    fn read_state<R: Read + Seek>(
        &self,
        frames: &mut FrameReader<R>,
        progress: &mut impl FnMut(&Progress),
    ) -> Result<Frame, SnapshotError> {
        let mut order = Order::default();
        if let Some(mark) = self.state.imported()?.and_then(|bytes| Mark::decode(&bytes)) {
            frames.go_to(mark.place)?;
            order = mark.order;
        }
        loop {
            let mut ended = None;
            self.state.fill(|filler| {
                for _ in 0..FRAMES_AT_ONCE {
                    let frame = frames.next()?;
                    if frame.kind != Kind::State {
                        ended = Some(frame);
                        break;
                    }
                    add(filler, &frame, &mut order)?;
                }
                // After the last frame the place is past it: it is read again, being short.
                let place = ended.as_ref().map_or(frames.place, |end| Place {
                    index: end.index,
                    offset: frames.place.offset - FRONT - end.payload.len() as u64,
                });
                Ok::<_, SnapshotError>(Mark { place, order }.encode(&self.name()))
            })?;
            let [accounts, slots, codes] = self.state.flat()?.counts()?;
            let bytes = frames.place.offset;
            let percent = percent(bytes, self.length);
            progress(&Progress { bytes, accounts, slots, codes, percent, hashing: false });
            if let Some(end) = ended {
                let is_end = end.kind == Kind::End && frames.place.offset == self.length;
                let what = "state that ends otherwise than with its numbers and the file";
                return if is_end {
                    Ok(end)
                } else {
                    Err(SnapshotError::Malformed { frame: end.index, what })
                };
            }
        }
    }

    /// The block itself and its receipts, and the end of the import.
    fn finish(
        &self,
        head: &HeadInfo,
        frame: &Frame,
        headers: &[(B256, Header)],
    ) -> Result<(), SnapshotError> {
        let malformed = |what| SnapshotError::Malformed { frame: frame.index, what };
        let (body, receipts) = block_payload(frame).ok_or(malformed("block that does not decode"))?;
        let block = Block { header: Header::clone(&head.header), body };
        let roots = roots(&block.body.transactions, &receipts);
        if check_qbft_body(&block).is_err() || roots.transactions != head.header.transactions_root {
            return Err(malformed("body that is not the block's"));
        }
        let (transaction_hashes, senders) =
            senders(&block.body.transactions, false, None).map_err(|_| malformed("transaction of nobody"))?;
        if roots.receipts != head.header.receipts_root || receipts.len() != block.body.transactions.len() {
            return Err(malformed("receipts that are not the block's"));
        }
        self.blocks.append_headers(headers)?;
        self.blocks.append(&head.header, &block.body, head.hash)?;
        let effects = BlockEffects {
            head: StateHead { number: head.number, hash: head.hash, root: head.header.state_root },
            receipts: &receipts,
            senders: &senders,
            transaction_hashes: &transaction_hashes,
        };
        Ok(self.state.finish_import(&effects)?)
    }
}

fn add(
    filler: &mut crate::store::bulk::Filler<'_>,
    frame: &Frame,
    order: &mut Order,
) -> Result<(), SnapshotError> {
    let mut rest = frame.payload.as_slice();
    while let Some(record) = order.next(frame.index, &mut rest)? {
        match record {
            Record::Code(hash, code) => filler.code(&hash, &code)?,
            Record::Account(key, account) => filler.account(&key, &account)?,
            Record::Slot(key, value) => {
                let account = order.account.unwrap_or_default();
                filler.slot(&account, &key, value)?;
            }
        }
    }
    Ok(())
}

fn block_payload(frame: &Frame) -> Option<(BlockBody, Vec<Receipt>)> {
    if frame.kind != Kind::Block {
        return None;
    }
    let mut fields = alloy_rlp::Header::decode_bytes(&mut frame.payload.as_slice(), true).ok()?;
    let (body, receipts) = (Bytes::decode(&mut fields).ok()?, Bytes::decode(&mut fields).ok()?);
    Some((alloy_rlp::decode_exact(&body).ok()?, decode_receipts(&receipts).ok()?))
}

impl Mark {
    /// Name of the file, place, then the keys that the next ones must follow.
    fn encode(&self, name: &[u8; 40]) -> Vec<u8> {
        let mut out = name.to_vec();
        out.extend_from_slice(&self.place.index.to_be_bytes());
        out.extend_from_slice(&self.place.offset.to_be_bytes());
        out.extend(self.order.account.iter().chain(&self.order.slot).flat_map(|key| key.0));
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.get(40..)?;
        let (index, rest) = rest.split_first_chunk::<8>()?;
        let (offset, keys) = rest.split_first_chunk::<8>()?;
        let place = Place { index: u64::from_be_bytes(*index), offset: u64::from_be_bytes(*offset) };
        let mut keys = keys.chunks_exact(32).map(B256::from_slice);
        Some(Self { place, order: Order { account: keys.next(), slot: keys.next() } })
    }
}
