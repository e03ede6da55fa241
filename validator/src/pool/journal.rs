//! The journal of transactions submitted to this node: durable before RPC returns their hash, re-admitted at start.
//!
//! One append-only file of frames (see [`frames`]). One thread writes it; whoever waits while it syncs shares the next
//! sync. Once finalised transactions dominate, the living ones are written to a new file that replaces the old.

mod frames;
mod writer;

use alloy_primitives::Bytes;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};
use writer::{Command, Writer};

/// Submissions that may wait for the disk; more wait in their RPC calls.
const QUEUE: usize = 4096;
/// Entries below which rewriting the file is not worth it.
const COMPACT_FROM: usize = 4096;
/// Bytes below which it is not worth it either.
const COMPACT_FROM_BYTES: usize = 4 << 20;
/// Largest journal that is read at start; the pool's own bounds and compaction keep it far below.
const MAX_BYTES: u64 = 1 << 30;

/// Why the journal cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused.
    #[error("pool journal {path}: {action} failed: {source}; check the disk, then restart the node")]
    Io {
        /// Of the file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// Some other file.
    #[error("pool journal {path} starts with {got}, expected {want}; move the file away to start without it")]
    NotAJournal {
        /// Of the file.
        path: PathBuf,
        /// First bytes, hexadecimal.
        got: String,
        /// Expected ones.
        want: String,
    },
    /// Larger than any journal of ours.
    #[error(
        "pool journal {path} has {size} bytes, expected at most {limit}; move the file away to start without it"
    )]
    TooLarge {
        /// Of the file.
        path: PathBuf,
        /// Bytes.
        size: u64,
        /// Most bytes.
        limit: u64,
    },
    /// An earlier write failed; what is on disk is unknown until a restart reads it.
    #[error("pool journal failed earlier ({0}); restart the node once the disk works")]
    Failed(String),
    /// The writer has ended.
    #[error("pool journal is closed")]
    Closed,
}

/// What a journal held when it was opened.
#[derive(Debug, Default)]
pub struct Replay {
    /// Encoded transactions, in the order in which they were accepted.
    pub transactions: Vec<Bytes>,
    /// Bytes of a torn tail that were cut off: writes that no sync had confirmed.
    pub torn_bytes: u64,
}

/// Handle of the writer thread; the last one dropped ends it.
#[derive(Clone, Debug)]
pub struct Journal {
    commands: mpsc::Sender<Command>,
    size: Arc<Size>,
    fault: Fault,
}

/// What the file holds once everything queued is written; changed under the lock that orders the queue.
#[derive(Debug, Default)]
struct Size {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Size {
    fn add(&self, raw: &Bytes) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(frames::size(raw), Ordering::Relaxed);
    }

    fn set<'a>(&self, living: impl ExactSizeIterator<Item = &'a Bytes>) {
        self.entries.store(living.len(), Ordering::Relaxed);
        self.bytes.store(living.map(frames::size).sum(), Ordering::Relaxed);
    }
}

/// Set once, by the first write that fails.
type Fault = Arc<OnceLock<JournalError>>;

/// Room for one append, taken before the pool is locked so that nobody waits for the disk under the lock.
#[derive(Debug)]
pub struct Slot<'a> {
    place: mpsc::Permit<'a, Command>,
    size: &'a Size,
}

impl Journal {
    /// Opens `<dir>/pool.journal`, or makes it, and reads it.
    pub fn open(dir: &Path) -> Result<(Self, Replay), JournalError> {
        std::fs::create_dir_all(dir).map_err(|error| io(dir, "create directory", error))?;
        let path = dir.join("pool.journal");
        let (file, replay) = open_file(&path)?;
        let size = Arc::new(Size::default());
        size.set(replay.transactions.iter());
        let (commands, queue) = mpsc::channel(QUEUE);
        let fault = Fault::default();
        let writer = Writer::new(file, path.clone(), Arc::clone(&fault));
        std::thread::Builder::new()
            .name("pool-journal".into())
            .spawn(move || writer.run(queue))
            .map_err(|error| io(&path, "start writer thread", error))?;
        Ok((Self { commands, size, fault }, replay))
    }

    /// Waits for room in the queue.
    pub async fn slot(&self) -> Result<Slot<'_>, JournalError> {
        let place = self.commands.reserve().await.map_err(|_| JournalError::Closed)?;
        Ok(Slot { place, size: &self.size })
    }

    /// Why nothing is accepted any more, once a write failed.
    pub fn fault(&self) -> Option<&JournalError> {
        self.fault.get()
    }

    /// Whether most of the file is about transactions that no longer wait, by their number or their bytes.
    pub fn should_compact(&self, (living, living_bytes): (usize, usize)) -> bool {
        let entries = self.size.entries.load(Ordering::Relaxed);
        let bytes = self.size.bytes.load(Ordering::Relaxed);
        (entries >= COMPACT_FROM && entries >= living.saturating_mul(2))
            || (bytes >= COMPACT_FROM_BYTES && bytes >= living_bytes.saturating_mul(2))
    }

    /// Asks for a new file with only these; must be called under the lock that orders appends. A full queue means
    /// that it is tried again with the next submission or block.
    pub fn compact(&self, living: impl FnOnce() -> Vec<Bytes>) {
        let Ok(place) = self.commands.try_reserve() else {
            tracing::debug!("pool journal is busy, compaction waits for the next submission or block");
            return;
        };
        let living = living();
        self.size.set(living.iter());
        place.send(Command::Compact { living });
    }
}

impl Slot<'_> {
    /// Queues transactions; the answer comes once they, and everything queued before, are on disk.
    pub fn append(self, raw: Vec<Bytes>) -> oneshot::Receiver<Result<(), JournalError>> {
        let (done, durable) = oneshot::channel();
        for raw in &raw {
            self.size.add(raw);
        }
        self.place.send(Command::Append { raw, done });
        durable
    }
}

fn io(path: &Path, action: &'static str, source: std::io::Error) -> JournalError {
    JournalError::Io { path: path.to_path_buf(), action, source: Arc::new(source) }
}

fn open_file(path: &Path) -> Result<(File, Replay), JournalError> {
    let exists = path.try_exists().map_err(|error| io(path, "look up", error))?;
    if !exists {
        return Ok((create_file(path, &[])?, Replay::default()));
    }
    let size = path.metadata().map_err(|error| io(path, "look up", error))?.len();
    if size > MAX_BYTES {
        return Err(JournalError::TooLarge { path: path.to_path_buf(), size, limit: MAX_BYTES });
    }
    let bytes = std::fs::read(path).map_err(|error| io(path, "read", error))?;
    let Some(frames) = bytes.strip_prefix(frames::MAGIC) else {
        let got = alloy_primitives::hex::encode(bytes.get(..frames::MAGIC.len()).unwrap_or(&bytes));
        let want = alloy_primitives::hex::encode(frames::MAGIC);
        return Err(JournalError::NotAJournal { path: path.to_path_buf(), got, want });
    };
    let (transactions, good) = frames::read(frames);
    let torn_bytes = (frames.len() - good) as u64;
    let file = OpenOptions::new().append(true).open(path).map_err(|error| io(path, "open", error))?;
    if torn_bytes > 0 {
        file.set_len((frames::MAGIC.len() + good) as u64).map_err(|error| io(path, "truncate", error))?;
    }
    // What was read may be in memory only: a process that was killed between write and sync leaves it so.
    file.sync_all().map_err(|error| io(path, "sync", error))?;
    Ok((file, Replay { transactions, torn_bytes }))
}

/// Makes the file beside its place and moves it there, so that no half-made journal is ever found.
fn create_file(path: &Path, transactions: &[Bytes]) -> Result<File, JournalError> {
    let fresh = path.with_extension("journal.new");
    let mut file = File::create(&fresh).map_err(|error| io(&fresh, "create", error))?;
    let mut bytes = frames::MAGIC.to_vec();
    for raw in transactions {
        frames::write(raw, &mut bytes);
    }
    file.write_all(&bytes).map_err(|error| io(&fresh, "write", error))?;
    file.sync_all().map_err(|error| io(&fresh, "sync", error))?;
    std::fs::rename(&fresh, path).map_err(|error| io(path, "rename", error))?;
    if let Some(dir) = path.parent() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io(dir, "sync directory", error))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
