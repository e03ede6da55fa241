//! The thread that writes the state of blocks once they are durable in the block file: several in one transaction when they
//! wait, so that what they changed together is written once. A crash loses what was not written; it is replayed.

use crate::{
    LedgerError,
    ledger::Head,
    spent::Clocks,
    store::{
        behind::State,
        layer::Layers,
        queue::Queue,
        state::{StateStore, WriteOptions},
        tail::Durable,
    },
    trie::tries::Tries,
};
use parking_lot::RwLock;
use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

/// The head, as all clones of the ledger and the writer share it.
pub(crate) type SharedHead = Arc<RwLock<Arc<Head>>>;

/// The thread. Dropping it writes what waits and ends it.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    file: Arc<StateStore>,
    queue: Arc<Queue>,
    head: SharedHead,
    clocks: Arc<Clocks>,
    tries: Arc<Tries>,
    blocks: Durable,
    options: WriteOptions,
}

impl Writer {
    pub(crate) fn start(
        state: &State,
        head: SharedHead,
        (clocks, tries, blocks): (Arc<Clocks>, Arc<Tries>, Durable),
        options: WriteOptions,
    ) -> io::Result<Self> {
        let (file, queue) = (Arc::clone(&state.file), Arc::clone(&state.queue));
        let work = Work { file, queue, head, clocks, tries, blocks, options };
        let thread = Builder::new().name("state-writer".to_string()).spawn(move || work.run())?;
        Ok(Self { queue: Arc::clone(&state.queue), thread: Some(thread) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        // A writer that panicked has said so through the queue.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(self) {
        // Whoever waits for room must not wait for a writer that is gone.
        let _last_words = Ended(Arc::clone(&self.queue));
        while let Some(layers) = self.queue.next() {
            if let Err(error) = self.write(&layers) {
                tracing::error!(%error, "the state of sealed blocks cannot be written, no more blocks are taken");
                self.queue.fail(error.to_string());
                return;
            }
            self.tries.trim();
        }
    }

    fn write(&self, layers: &Layers) -> Result<(), LedgerError> {
        // State is never ahead of its blocks: from those it can be made again.
        let last = layers.last().and_then(|layer| layer.head()).map_or(0, |head| head.number);
        self.blocks.wait(last)?;
        self.clocks.state_file.time(|| self.file.write(layers, self.options))?;
        let written = self.file.view()?;
        let mut head = self.head.write();
        let view = self.queue.written(layers.len(), written);
        let Head { info, next, tally, sealed, .. } = head.as_ref();
        let (info, next, tally, sealed) = (info.clone(), next.clone(), tally.clone(), sealed.clone());
        *head = Arc::new(Head { info, view, next, tally, sealed });
        Ok(())
    }
}

struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer panicked".to_string());
        }
    }
}

#[cfg(test)]
mod tests;
