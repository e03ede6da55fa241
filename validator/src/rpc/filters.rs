//! Filters that clients poll: how many there are and how far each has been read. Bounded, and forgotten when idle.

mod arrivals;

use super::{RpcLimits, error::Failure};
use crate::pool::Accepted;
use alloy_primitives::{B256, U128};
use arrivals::Arrivals;
use ledger::LogFilter;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// Open filters of all clients.
pub(super) struct Filters {
    most: usize,
    most_bytes: u32,
    idle: Duration,
    open: Mutex<All>,
}

#[derive(Default)]
struct All {
    filters: HashMap<U128, Open>,
    arrivals: Arrivals,
}

struct Open {
    kind: Kind,
    polled: Instant,
}

enum Kind {
    Blocks {
        next: u64,
    },
    /// From the log at this position of this block on.
    Logs {
        next: (u64, u64),
        filter: LogFilter,
    },
    /// From this arrival on.
    Pending {
        next: u64,
    },
}

impl Kind {
    /// Addresses and topics that it holds.
    fn bytes(&self) -> usize {
        match self {
            Self::Logs { filter, .. } => {
                let topics: usize = filter.topics.iter().map(|list| size_of_val(list.as_slice())).sum();
                size_of_val(filter.addresses.as_slice()).saturating_add(topics)
            }
            Self::Blocks { .. } | Self::Pending { .. } => 0,
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
    /// Logs from `from` on that match.
    Logs {
        /// Block of the first log not yet read, and its position there.
        from: (u64, u64),
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
            open: Mutex::default(),
        }
    }

    /// Blocks after the head.
    pub(super) fn add_blocks(&self, head: u64) -> Result<U128, Failure> {
        self.add(Kind::Blocks { next: head.saturating_add(1) })
    }

    /// Logs of blocks after the head that match.
    pub(super) fn add_logs(&self, head: u64, filter: LogFilter) -> Result<U128, Failure> {
        let first = filter.from.max(head.saturating_add(1));
        self.add(Kind::Logs { next: (first, 0), filter })
    }

    /// Transactions accepted from now on.
    pub(super) fn add_pending(
        &self,
        subscribe: impl FnOnce() -> broadcast::Receiver<Accepted>,
    ) -> Result<U128, Failure> {
        let mut all = self.open.lock();
        let next = all.arrivals.listen(subscribe);
        self.insert(&mut all, Kind::Pending { next })
    }

    /// Forgets a filter; whether it was there.
    pub(super) fn remove(&self, id: U128) -> bool {
        self.open.lock().filters.remove(&id).is_some()
    }

    /// What is new since the last poll.
    pub(super) fn poll(&self, id: U128) -> Result<Due, Failure> {
        self.with(id, |kind, arrivals| match kind {
            Kind::Blocks { next } => Due::Blocks { from: *next },
            Kind::Logs { next, filter } => Due::Logs { from: *next, filter: filter.clone() },
            Kind::Pending { next } => Due::Pending(arrivals.since(next)),
        })
    }

    /// The filter of `eth_getFilterLogs`.
    pub(super) fn logs(&self, id: U128) -> Result<LogFilter, Failure> {
        let found = self.with(id, |kind, _| match kind {
            Kind::Logs { filter, .. } => Some(filter.clone()),
            Kind::Blocks { .. } | Kind::Pending { .. } => None,
        })?;
        found.ok_or_else(not_found)
    }

    /// Notes that everything before this position of this block was answered; blocks have none but the first.
    pub(super) fn advance(&self, id: U128, to: (u64, u64)) {
        let mut all = self.open.lock();
        match all.filters.get_mut(&id).map(|open| &mut open.kind) {
            Some(Kind::Blocks { next }) => *next = (*next).max(to.0),
            Some(Kind::Logs { next, .. }) => *next = (*next).max(to),
            Some(Kind::Pending { .. }) | None => {}
        }
    }

    /// Forgets filters that nobody polls, and lets go of transactions that came in: once in a while, as no call may come.
    pub(super) fn tidy(&self) {
        let mut all = self.open.lock();
        all.expire(self.idle);
        if all.filters.values().any(|filter| matches!(filter.kind, Kind::Pending { .. })) {
            all.arrivals.drain();
        } else {
            all.arrivals = Arrivals::default();
        }
    }

    fn add(&self, kind: Kind) -> Result<U128, Failure> {
        self.insert(&mut self.open.lock(), kind)
    }

    fn insert(&self, all: &mut All, kind: Kind) -> Result<U128, Failure> {
        all.expire(self.idle);
        if all.filters.len() >= self.most {
            return Err(Failure::Limit(format!("{} filters are open, the most; uninstall one", self.most)));
        }
        let bytes = all.filters.values().map(|filter| filter.kind.bytes());
        if bytes.fold(kind.bytes(), usize::saturating_add) > self.most_bytes as usize {
            return Err(Failure::hoard("filters", self.most_bytes));
        }
        // Random, so that one client cannot poll another's.
        let id = U128::from(rand::random::<u128>());
        all.filters.insert(id, Open { kind, polled: Instant::now() });
        Ok(id)
    }

    fn with<T>(&self, id: U128, read: impl FnOnce(&mut Kind, &mut Arrivals) -> T) -> Result<T, Failure> {
        let mut all = self.open.lock();
        all.expire(self.idle);
        let All { filters, arrivals } = &mut *all;
        let filter = filters.get_mut(&id).ok_or_else(not_found)?;
        filter.polled = Instant::now();
        Ok(read(&mut filter.kind, arrivals))
    }
}

impl All {
    fn expire(&mut self, idle: Duration) {
        let now = Instant::now();
        self.filters.retain(|_, filter| now.saturating_duration_since(filter.polled) < idle);
    }
}

fn not_found() -> Failure {
    Failure::refused("filter not found")
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
        filters.advance(id, (10, 0));
        assert_eq!(filters.poll(id).unwrap(), Due::Blocks { from: 10 });
        filters.advance(id, (9, 0));
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

    #[test]
    fn filters_that_nobody_polls_are_forgotten_without_a_call_and_nobody_listens_for_them() {
        let accepted = broadcast::Sender::new(4);
        let filters = two(0);
        filters.add_pending(|| accepted.subscribe()).unwrap();
        filters.add_blocks(0).unwrap();
        assert_eq!(accepted.receiver_count(), 1);
        filters.tidy();
        assert_eq!((filters.open.lock().filters.len(), accepted.receiver_count()), (0, 0));
    }

    #[test]
    fn all_filters_of_waiting_transactions_listen_once() {
        let accepted = broadcast::Sender::new(4);
        let filters = two(60);
        let first = filters.add_pending(|| accepted.subscribe()).unwrap();
        filters.add_pending(|| accepted.subscribe()).unwrap();
        filters.tidy();
        assert_eq!(accepted.receiver_count(), 1);
        assert_eq!(filters.poll(first).unwrap(), Due::Pending(vec![]));
    }
}
