//! Filters that clients poll: how many there are and how far each has been read. Bounded, and forgotten when idle.

use super::{RpcLimits, error::Failure};
use crate::pool::Accepted;
use alloy_primitives::{B256, U128};
use ledger::LogFilter;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{self, error::TryRecvError};

/// Open filters of all clients.
pub(super) struct Filters {
    most: usize,
    most_bytes: u32,
    idle: Duration,
    open: Mutex<HashMap<U128, Open>>,
}

struct Open {
    kind: Kind,
    polled: Instant,
}

enum Kind {
    Blocks { next: u64 },
    Logs { next: u64, filter: LogFilter },
    Pending(broadcast::Receiver<Accepted>),
}

impl Kind {
    /// Addresses and topics that it holds.
    fn bytes(&self) -> usize {
        match self {
            Self::Logs { filter, .. } => {
                let topics: usize = filter.topics.iter().map(|list| size_of_val(list.as_slice())).sum();
                size_of_val(filter.addresses.as_slice()).saturating_add(topics)
            }
            Self::Blocks { .. } | Self::Pending(_) => 0,
        }
    }
}

/// What a poll has to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Hashes of the blocks from here on.
    Blocks {
        /// First block not yet read.
        from: u64,
    },
    /// Logs from block `from` on that match.
    Logs {
        /// First block not yet read.
        from: u64,
        /// As the client made it.
        filter: LogFilter,
    },
    /// These were accepted since.
    Pending(Vec<B256>),
}

impl Filters {
    pub(super) fn new(limits: &RpcLimits) -> Self {
        Self {
            most: limits.filters as usize,
            most_bytes: limits.filter_bytes,
            idle: Duration::from_secs(limits.filter_idle_s),
            open: Mutex::new(HashMap::new()),
        }
    }

    /// Blocks after the head.
    pub(super) fn add_blocks(&self, head: u64) -> Result<U128, Failure> {
        self.add(Kind::Blocks { next: head.saturating_add(1) })
    }

    /// Logs of blocks after the head that match.
    pub(super) fn add_logs(&self, head: u64, filter: LogFilter) -> Result<U128, Failure> {
        let next = filter.from.max(head.saturating_add(1));
        self.add(Kind::Logs { next, filter })
    }

    /// Transactions accepted from now on.
    pub(super) fn add_pending(&self, accepted: broadcast::Receiver<Accepted>) -> Result<U128, Failure> {
        self.add(Kind::Pending(accepted))
    }

    /// Forgets a filter; whether it was there.
    pub(super) fn remove(&self, id: U128) -> bool {
        self.open.lock().remove(&id).is_some()
    }

    /// What is new since the last poll.
    pub(super) fn poll(&self, id: U128) -> Result<Due, Failure> {
        self.with(id, |kind| match kind {
            Kind::Blocks { next } => Due::Blocks { from: *next },
            Kind::Logs { next, filter } => Due::Logs { from: *next, filter: filter.clone() },
            Kind::Pending(accepted) => Due::Pending(drain(accepted)),
        })
    }

    /// The filter of `eth_getFilterLogs`.
    pub(super) fn logs(&self, id: U128) -> Result<LogFilter, Failure> {
        let found = self.with(id, |kind| match kind {
            Kind::Logs { filter, .. } => Some(filter.clone()),
            Kind::Blocks { .. } | Kind::Pending(_) => None,
        })?;
        found.ok_or_else(not_found)
    }

    /// Notes that everything up to `head` was answered.
    pub(super) fn advance(&self, id: U128, head: u64) {
        let mut open = self.open.lock();
        if let Some(Open { kind: Kind::Blocks { next } | Kind::Logs { next, .. }, .. }) = open.get_mut(&id) {
            *next = (*next).max(head.saturating_add(1));
        }
    }

    fn add(&self, kind: Kind) -> Result<U128, Failure> {
        let (now, mut open) = (Instant::now(), self.open.lock());
        open.retain(|_, filter| now.duration_since(filter.polled) < self.idle);
        if open.len() >= self.most {
            return Err(Failure::Limit(format!("{} filters are open, the most; uninstall one", self.most)));
        }
        let held = open.values().map(|filter| filter.kind.bytes()).fold(kind.bytes(), usize::saturating_add);
        if held > self.most_bytes as usize {
            return Err(Failure::hoard("filters", self.most_bytes));
        }
        // Random, so that one client cannot poll another's.
        let id = U128::from(rand::random::<u128>());
        open.insert(id, Open { kind, polled: now });
        Ok(id)
    }

    fn with<T>(&self, id: U128, read: impl FnOnce(&mut Kind) -> T) -> Result<T, Failure> {
        let (now, mut open) = (Instant::now(), self.open.lock());
        open.retain(|_, filter| now.duration_since(filter.polled) < self.idle);
        let filter = open.get_mut(&id).ok_or_else(not_found)?;
        filter.polled = now;
        Ok(read(&mut filter.kind))
    }
}

fn not_found() -> Failure {
    Failure::refused("filter not found")
}

/// Everything received; what a slow poller missed is lost, as its transactions may be mined by now.
fn drain(accepted: &mut broadcast::Receiver<Accepted>) -> Vec<B256> {
    let mut hashes = Vec::new();
    loop {
        match accepted.try_recv() {
            Ok(pooled) => hashes.push(pooled.recovered.hash),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return hashes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two filters, of 1000 bytes together.
    fn two(filter_idle_s: u64) -> Filters {
        Filters::new(&RpcLimits { filters: 2, filter_bytes: 1000, filter_idle_s, ..RpcLimits::new() })
    }

    #[test]
    fn what_all_filters_hold_together_is_bounded() {
        let filters = two(60);
        let topics = |count| LogFilter {
            topics: [vec![B256::ZERO; count], vec![], vec![], vec![]],
            ..LogFilter::default()
        };
        let first = filters.add_logs(0, topics(30)).unwrap();
        let error = filters.add_logs(0, topics(2)).unwrap_err().to_string();
        assert_eq!(error, "open filters hold 1000 bytes of addresses and topics, the most; close one");
        filters.add_logs(0, topics(1)).unwrap();
        assert!(filters.remove(first));
        filters.add_logs(0, topics(30)).unwrap();
    }

    #[test]
    fn a_filter_gives_each_block_once() {
        let filters = two(60);
        let id = filters.add_blocks(7).unwrap();
        assert_eq!(filters.poll(id).unwrap(), Due::Blocks { from: 8 });
        filters.advance(id, 9);
        assert_eq!(filters.poll(id).unwrap(), Due::Blocks { from: 10 });
        filters.advance(id, 8);
        assert_eq!(filters.poll(id).unwrap(), Due::Blocks { from: 10 }, "a late poll does not go back");
    }

    #[test]
    fn there_are_only_so_many_filters() {
        let filters = two(60);
        let first = filters.add_blocks(0).unwrap();
        filters.add_blocks(0).unwrap();
        assert!(matches!(filters.add_blocks(0), Err(Failure::Limit(_))));
        assert!(filters.remove(first));
        filters.add_blocks(0).unwrap();
    }

    #[test]
    fn idle_and_unknown_filters_are_not_found() {
        let filters = two(0);
        let id = filters.add_blocks(0).unwrap();
        assert_eq!(filters.poll(id).unwrap_err().to_string(), "filter not found");
        assert!(!filters.remove(U128::ZERO));
    }
}
