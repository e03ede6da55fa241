//! The thread that owns the file.

use super::{Fault, JournalError, create_file, frames, io};
use alloy_primitives::Bytes;
use std::{fs::File, io::Write, path::PathBuf};
use tokio::sync::{mpsc, oneshot};

/// Bytes written between two syncs at most, so that one waiter's delay is bounded.
const BATCH_BYTES: usize = 4 << 20;

type Done = oneshot::Sender<Result<(), JournalError>>;

/// What the writer does, in the order in which it is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Write, sync, answer.
    Append { raw: Vec<Bytes>, done: Done },
    /// Replace the file by one with these.
    Compact { living: Vec<Bytes> },
}

pub(super) struct Writer {
    file: File,
    path: PathBuf,
    /// After a failed write or sync the page cache can no longer be trusted, so nothing is accepted any more.
    fault: Fault,
}

impl Writer {
    pub(super) fn new(file: File, path: PathBuf, fault: Fault) -> Self {
        Self { file, path, fault }
    }

    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        while let Some(first) = queue.blocking_recv() {
            let mut next = Some(first);
            let mut batch = Vec::new();
            let mut waiting: Vec<Done> = Vec::new();
            while let Some(command) = next.take() {
                match command {
                    Command::Append { raw, done } => {
                        for raw in &raw {
                            frames::write(raw, &mut batch);
                        }
                        waiting.push(done);
                    }
                    Command::Compact { living } => {
                        self.commit(&mut batch, &mut waiting);
                        self.compact(&living);
                    }
                }
                if batch.len() < BATCH_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            self.commit(&mut batch, &mut waiting);
        }
    }

    /// One write and one sync for everybody who waits.
    fn commit(&mut self, batch: &mut Vec<u8>, waiting: &mut Vec<Done>) {
        if waiting.is_empty() {
            return;
        }
        let result = self.write(batch);
        batch.clear();
        for done in waiting.drain(..) {
            // A caller that no longer waits has lost nothing: the transaction is stored.
            let _ = done.send(result.clone());
        }
    }

    fn write(&mut self, batch: &[u8]) -> Result<(), JournalError> {
        if let Some(failed) = self.fault.get() {
            return Err(JournalError::Failed(failed.to_string()));
        }
        let written = self.file.write_all(batch).map_err(|error| io(&self.path, "write", error));
        let synced =
            written.and_then(|()| self.file.sync_data().map_err(|error| io(&self.path, "sync", error)));
        self.note(&synced);
        synced
    }

    fn compact(&mut self, living: &[Bytes]) {
        if self.fault.get().is_some() {
            return;
        }
        let result = create_file(&self.path, living);
        self.note(&result);
        if let Ok(file) = result {
            self.file = file;
        }
    }

    fn note<T>(&mut self, result: &Result<T, JournalError>) {
        if let Err(error) = result {
            tracing::error!(%error, "pool journal failed, submitted transactions are refused from now on");
            // Only the first failure is kept: what follows is its consequence.
            let _ = self.fault.set(error.clone());
        }
    }
}
