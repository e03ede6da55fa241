//! A lease over a store in memory, for tests.

use super::{Changed, Found, Lease, LeaseHandle, Opened, Store, StoreError, Swapped};
use crate::{faults::Faults, metrics::Metrics};
use alloy_primitives::{Address, B256};
use fence::{Config, Fence, Holder, HolderId, Name, Record, Version};
use futures::future::{BoxFuture, FutureExt as _, ready};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub(crate) const SUBJECT: B256 = B256::repeat_byte(7);

/// The store.
#[derive(Default)]
pub(crate) struct Memory {
    record: Mutex<Option<(u64, Record)>>,
    reads: watch::Sender<u64>,
}

impl Memory {
    pub(crate) fn holding(record: Record) -> Self {
        Self { record: Mutex::new(Some((1, record))), ..Self::default() }
    }

    pub(crate) fn record(&self) -> Option<Record> {
        self.record.lock().as_ref().map(|(_, record)| record.clone())
    }

    /// Waits until it has been read so often.
    pub(crate) async fn was_read(&self, times: u64) {
        self.reads.subscribe().wait_for(|reads| *reads >= times).await.unwrap();
    }
}

fn version(number: u64) -> Version {
    Version(number.to_string().into())
}

impl Store for Memory {
    fn limit(&self) -> usize {
        1 << 20
    }

    fn read(&self) -> BoxFuture<'_, Result<Option<Found>, StoreError>> {
        self.reads.send_modify(|reads| *reads += 1);
        let found = self.record.lock();
        let found =
            found.as_ref().map(|(at, record)| Found { version: version(*at), bytes: record.encode() });
        ready(Ok(found)).boxed()
    }

    fn swap<'a>(
        &'a self,
        expected: Option<&'a Version>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<Swapped, StoreError>> {
        let mut kept = self.record.lock();
        let at = kept.as_ref().map_or(0, |(at, _)| *at);
        let swapped = if expected == kept.as_ref().map(|_| version(at)).as_ref() {
            *kept = Some((at + 1, record.clone()));
            Swapped::Won(version(at + 1))
        } else {
            Swapped::Lost
        };
        ready(Ok(swapped)).boxed()
    }
}

/// One node's part in the fence of its identity.
pub(crate) struct Rig {
    pub(crate) store: Arc<Memory>,
    pub(crate) lease: LeaseHandle,
    pub(crate) changes: mpsc::Receiver<Changed>,
}

impl Rig {
    /// Told to make a first record, if there is none. Not ready yet.
    pub(crate) fn over(store: Memory) -> Self {
        let store = Arc::new(store);
        let fence = Fence::new(Config {
            subject: SUBJECT,
            me: Holder { id: HolderId([1; 16]), name: Name::new("a").unwrap() },
            is_preferred: false,
            journal: B256::repeat_byte(1),
            journaled: None,
            initialise: true,
            limit: store.limit(),
            lease: fence::Lease::default(),
        });
        let opened = Opened {
            identity: Address::ZERO,
            fence,
            store: Arc::clone(&store) as Arc<dyn Store>,
            read_within: Duration::from_secs(1),
        };
        let metrics = Arc::<Metrics>::default();
        let (task, mut handles, changes) =
            Lease::new(vec![opened], Arc::clone(&metrics), Faults::new(metrics));
        tokio::spawn(task.run(CancellationToken::new()));
        Self { store, lease: handles.remove(0), changes }
    }
}
