//! The journal's file: header, records, rotation, lock.

use super::record::{FRAME, Inserted, MAX_PAYLOAD, Record, Refusal, Scanned, scan};
use alloy_primitives::B256;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

const NAME: &str = "votes.journal";
const NEXT: &str = "votes.journal.next";
const LOCK: &str = "votes.lock";
const MAGIC: &[u8; 8] = b"QRTVOTE2";
/// `magic ‖ id ‖ replaces ‖ state(u8) ‖ watermark(u64) ‖ crc32(u32)`.
const HEADER: usize = 8 + 32 + 32 + 1 + 8 + 4;
/// Of the state: votes are accepted.
const ACTIVE: u8 = 1;
/// Of the state: the identity can move, and has a record in its fence's store.
const RECORDED: u8 = 2;
/// With records up to here the file is rewritten without its decided heights. Until then they go where zeros were written
/// before, so that making one durable moves nothing but its bytes: no new blocks, no journal of the file system.
const ROTATE_AT: u64 = 4 * 1024 * 1024;

/// How a new journal begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Accepts votes at once; takes the place of a journal given up, if one is named.
    Active {
        /// Id of the lost journal.
        replaces: Option<B256>,
    },
    /// Accepts nothing until activated, because the named journal is lost.
    Inactive {
        /// Id of the lost journal.
        replaces: B256,
    },
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system said no.
    #[error("vote journal {path}: {source}; check that the data directory is writable and has room")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "vote journal {path} is in use by another process; two nodes must never share an identity's journal"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Bytes inside the file changed after they were written.
    #[error(
        "vote journal {path} is damaged at byte {offset}; move it away to start over: the node then sits out until it is safe to vote"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first bad record starts.
        offset: usize,
    },
    /// Bookkeeping needed to pick a random id failed.
    #[error("no randomness for a journal id: {0}")]
    Random(String),
}

#[derive(Clone, Copy, Debug)]
struct Header {
    id: B256,
    replaces: B256,
    active: bool,
    recorded: bool,
    watermark: u64,
}

/// An open journal; holds the directory's lock until dropped.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    file: File,
    /// Where the next record goes.
    length: u64,
    header: Header,
    slots: BTreeMap<(u64, u32, u8), Record>,
    broken: Option<String>,
    /// Held, not used: closing it unlocks the folder.
    lock: File,
}

/// What a directory holds.
#[derive(Debug)]
pub enum Opened {
    /// A journal.
    Found(Journal),
    /// None; the lock is held, and [`Opened::create`] makes one.
    Empty(Empty),
}

/// A locked directory without a journal.
#[derive(Debug)]
pub struct Empty {
    dir: PathBuf,
    lock: File,
}

impl Opened {
    /// Locks `dir`, creating it if need be, and reads the journal there. What is found is durable: a record that an
    /// earlier process wrote and did not live to sync may stand in memory only, and what is signed again must not.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        create_dir(dir).map_err(io_error(dir))?;
        let lock = lock(dir)?;
        let path = dir.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Journal::read(dir, lock, &path, &bytes).map(Self::Found),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Ok(Self::Empty(Empty { dir: dir.to_path_buf(), lock }))
            }
            Err(e) => Err(io_error(&path)(e)),
        }
    }

    /// Id, the journal it replaces, and whether it accepts votes.
    pub fn describe(&self) -> Option<(B256, Option<B256>, bool)> {
        let Self::Found(journal) = self else { return None };
        let header = journal.header;
        Some((header.id, Some(header.replaces).filter(|id| !id.is_zero()), header.active))
    }

    /// Makes a new journal; one that is there already is kept under a name with its id.
    pub fn create(self, start: Start) -> Result<Journal, JournalError> {
        let (dir, lock) = match self {
            Self::Empty(empty) => (empty.dir, empty.lock),
            Self::Found(old) => {
                let aside = old.dir.join(format!("{NAME}.{}", hex::encode(&old.header.id[..4])));
                fs::rename(old.dir.join(NAME), &aside).map_err(io_error(&aside))?;
                (old.dir, old.lock)
            }
        };
        let (active, replaces) = match start {
            Start::Active { replaces } => (true, replaces.unwrap_or_default()),
            Start::Inactive { replaces } => (false, replaces),
        };
        let header = Header { id: random_id()?, replaces, active, recorded: false, watermark: 0 };
        let (file, length) = write_whole(&dir, header, &BTreeMap::new()).map_err(io_error(&dir))?;
        Ok(Journal { dir, file, length, header, slots: BTreeMap::new(), broken: None, lock })
    }
}

impl Journal {
    fn read(dir: &Path, lock: File, path: &Path, bytes: &[u8]) -> Result<Self, JournalError> {
        let (header, records) = parse(path, bytes)?;
        let slots: BTreeMap<_, _> = records.into_iter().map(|r| ((r.height, r.round, r.phase), r)).collect();
        // Written anew and not only synced: after a failed write-back the kernel may call lost pages clean.
        let (file, length) = write_whole(dir, header, &slots).map_err(io_error(dir))?;
        Ok(Self { dir: dir.to_path_buf(), file, length, header, slots, broken: None, lock })
    }

    /// The random id.
    pub fn id(&self) -> B256 {
        self.header.id
    }

    /// Id of the lost journal in whose place it was made.
    pub fn replaces(&self) -> Option<B256> {
        Some(self.header.replaces).filter(|id| !id.is_zero())
    }

    /// Whether votes are accepted.
    pub fn is_active(&self) -> bool {
        self.header.active
    }

    /// Whether the identity can move and has a record in its fence's store, as far as this journal was told.
    pub fn is_recorded(&self) -> bool {
        self.header.recorded
    }

    /// The records of the newest height above the watermark, in slot order.
    pub fn newest(&self) -> Vec<Record> {
        let height = self.slots.last_key_value().map_or(0, |((height, ..), _)| *height);
        let open = self.slots.range((height, 0, 0)..).filter(|((h, ..), _)| *h > self.header.watermark);
        open.map(|(_, record)| record.clone()).collect()
    }

    /// Checks the slot and makes the record durable, or says why the vote must not be sent.
    pub fn insert(&mut self, record: Record) -> Result<Inserted, Refusal> {
        let Record { height, round, phase, digest: got, .. } = record;
        self.may_write()?;
        if !self.header.active {
            return Err(Refusal::Inactive);
        }
        if height <= self.header.watermark {
            return Err(Refusal::Decided { height, watermark: self.header.watermark });
        }
        if record.payload.len() > MAX_PAYLOAD {
            return Err(Refusal::TooLong { got: record.payload.len() });
        }
        match self.slots.get(&(height, round, phase)).map(|held| held.digest) {
            Some(have) if have == got => return Ok(Inserted::Same),
            Some(have) => return Err(Refusal::Conflict { height, round, phase, have, got }),
            None => {}
        }
        self.append(&record).map_err(|e| self.fail(&e))?;
        self.slots.insert((height, round, phase), record);
        Ok(Inserted::New)
    }

    /// Every height up to `decided` is final: refuses votes on them, and drops them from a file grown long.
    pub fn prune(&mut self, decided: u64) -> Result<(), Refusal> {
        self.may_write()?;
        if decided <= self.header.watermark {
            return Ok(());
        }
        self.header.watermark = decided;
        self.slots = self.slots.split_off(&(decided.saturating_add(1), 0, 0));
        if self.length < ROTATE_AT {
            return Ok(());
        }
        self.rewrite()
    }

    /// From now on votes above `decided` are accepted; durable when it returns.
    pub fn activate(&mut self, decided: u64) -> Result<(), Refusal> {
        self.may_write()?;
        self.header.active = true;
        self.header.watermark = self.header.watermark.max(decided);
        self.rewrite()
    }

    /// This node holds the identity by a record in its fence's store: that there is one is durable when it returns. What was
    /// voted for up to `decided` is known by it, so that a journal in place of a lost one accepts votes above.
    pub fn begin_tenure(&mut self, decided: u64) -> Result<(), Refusal> {
        self.may_write()?;
        if self.header.active && self.header.recorded {
            return Ok(());
        }
        if !self.header.active {
            self.header.watermark = self.header.watermark.max(decided);
        }
        (self.header.active, self.header.recorded) = (true, true);
        self.rewrite()
    }

    #[cfg(test)]
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the next record goes.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Puts another file under the journal, to see what it does when writing fails.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) {
        self.file = file;
    }

    fn may_write(&self) -> Result<(), Refusal> {
        self.broken.clone().map_or(Ok(()), |why| Err(Refusal::Broken(why)))
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let frame = record.to_frame(self.header.id);
        self.file.write_all_at(&frame, self.length)?;
        self.file.sync_data()?;
        self.length += frame.len() as u64;
        Ok(())
    }

    fn rewrite(&mut self) -> Result<(), Refusal> {
        let (file, length) = write_whole(&self.dir, self.header, &self.slots).map_err(|e| self.fail(&e))?;
        (self.file, self.length) = (file, length);
        Ok(())
    }

    /// After a failed write the file's end is unknown: this process writes no more to it.
    fn fail(&mut self, error: &io::Error) -> Refusal {
        self.broken = Some(error.to_string());
        Refusal::Broken(error.to_string())
    }
}

/// The records in the folder of a journal, those of decided heights too as long as its file holds them. Nothing is locked or
/// written: a tool may look at what a running node has voted.
pub fn look(dir: &Path) -> Result<Vec<Record>, JournalError> {
    let path = dir.join(NAME);
    let bytes = fs::read(&path).map_err(io_error(&path))?;
    Ok(parse(&path, &bytes)?.1)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<(Header, Vec<Record>), JournalError> {
    let damaged = |offset| JournalError::Damaged { path: path.to_path_buf(), offset };
    let header = Header::from_bytes(bytes).ok_or_else(|| damaged(0))?;
    let mut offset = HEADER;
    let mut records = Vec::new();
    loop {
        match scan(header.id, bytes.get(offset..).unwrap_or_default()) {
            Scanned::Record(record, length) => {
                records.push(record);
                offset += length;
            }
            Scanned::End => return Ok((header, records)),
            Scanned::Damaged => return Err(damaged(offset)),
        }
    }
}

impl Header {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.id.as_slice());
        bytes.extend_from_slice(self.replaces.as_slice());
        bytes.push(if self.active { ACTIVE } else { 0 } | if self.recorded { RECORDED } else { 0 });
        bytes.extend_from_slice(&self.watermark.to_be_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let rest = body.strip_prefix(MAGIC)?;
        let (id, rest) = rest.split_first_chunk::<32>()?;
        let (replaces, rest) = rest.split_first_chunk::<32>()?;
        let (state, watermark) = rest.split_first()?;
        Some(Self {
            id: B256::from(*id),
            replaces: B256::from(*replaces),
            active: state & ACTIVE != 0,
            recorded: state & RECORDED != 0,
            watermark: u64::from_be_bytes(watermark.try_into().ok()?),
        })
    }
}

/// Makes the folder, and the one above it, last: `<data>/votes/<identity>`.
fn create_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for folder in dir.ancestors().take(3).filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes a complete file, with room for records to come, beside the old one and puts it in its place in one step.
fn write_whole(
    dir: &Path,
    header: Header,
    slots: &BTreeMap<(u64, u32, u8), Record>,
) -> io::Result<(File, u64)> {
    let mut bytes = header.to_bytes();
    bytes.reserve(slots.values().map(|r| FRAME + 64 + r.payload.len()).sum());
    for record in slots.values() {
        bytes.extend_from_slice(&record.to_frame(header.id));
    }
    let length = bytes.len();
    bytes.resize(length.max(usize::try_from(ROTATE_AT).unwrap_or(length)), 0);
    let next = dir.join(NEXT);
    let mut file = File::create(&next)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&next, dir.join(NAME))?;
    File::open(dir)?.sync_all()?;
    Ok((file, length as u64))
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK);
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::Locked { path }),
        Err(fs::TryLockError::Error(e)) => Err(io_error(&path)(e)),
    }
}

fn random_id() -> Result<B256, JournalError> {
    use rand::TryRngCore as _;
    let mut id = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut id).map_err(|e| JournalError::Random(e.to_string()))?;
    Ok(B256::from(id))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_path_buf();
    move |source| JournalError::Io { path, source }
}
