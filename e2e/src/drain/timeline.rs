//! From what was seen, and when, to what is claimed: pauses of the chain, and seats that were down by choice.
//!
//! A seat is down by choice from the moment its pod is asked to end until another node has heard a message of it that its
//! new process sent: readiness alone is not enough. Times are Unix milliseconds of one clock.

use alloy_primitives::Address;
use std::collections::{BTreeMap, BTreeSet};

/// Something seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at_ms: u64,
    /// What.
    pub what: What,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A seat's pod is, or has become, this.
    Pod(PodSeen),
    /// A node's status document.
    Said(Said),
    /// The drain of a Kubernetes node begins.
    DrainBegins {
        /// Its name.
        node: String,
        /// First or second time.
        pass: u32,
    },
    /// An eviction was refused by a disruption budget.
    EvictionRefused,
    /// The drain has ended: no pod that it may move is left on the node.
    DrainEnds,
}

/// A pod of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSeen {
    /// Node of the fleet that it runs, such as `bank-a-0`.
    pub seat: String,
    /// Its uid: a new one after each eviction.
    pub uid: String,
    /// Kubernetes node, once scheduled.
    pub host: Option<String>,
    /// It has a deletion timestamp.
    pub deleting: bool,
    /// Its Ready condition.
    pub ready: bool,
}

/// The part of a status document that counts here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Node of the fleet.
    pub seat: String,
    /// Its identity.
    pub address: Address,
    /// Uid of the pod that said it.
    pub uid: String,
    /// When its process started.
    pub started_ms: u64,
    /// Its newest block.
    pub head: u64,
    /// Seats and when each was last heard, by this node.
    pub heard: Vec<(Address, u64)>,
}

/// A pause between two blocks, as the first node to have each showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Block that ended it.
    pub height: u64,
    /// Its length.
    pub ms: u64,
}

/// One drain, from its beginning to the next one's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// Kubernetes node.
    pub node: String,
    /// First or second time.
    pub pass: u32,
    /// Pods of the fleet on it when it began.
    pub pods: usize,
    /// When it began.
    pub begin_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// Evictions that the budget refused.
    pub refused: u32,
    /// Longest pause that ended in it.
    pub worst_gap: Option<Gap>,
    /// Most seats down by choice at one moment of it.
    pub most_down: usize,
    /// What happened, milliseconds after its beginning.
    pub story: Vec<(u64, String)>,
}

#[derive(Clone, Debug, Default)]
struct Seat {
    uid: String,
    host: Option<String>,
    deleting: bool,
    ready: bool,
    /// Uid of the pod whose end it waits to make up for.
    down: Option<String>,
    /// Start of the process that runs now.
    started_ms: u64,
}

/// All that is known so far; events are added in order of time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    seats: BTreeMap<String, Seat>,
    addresses: BTreeMap<Address, String>,
    head: Option<(u64, u64)>,
    gaps: Vec<Gap>,
    most_down: usize,
    drains: Vec<Drain>,
}

impl Timeline {
    /// Takes one event.
    pub fn add(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.what {
            What::Pod(pod) => self.on_pod(at, pod),
            What::Said(said) => self.on_said(at, said),
            What::DrainBegins { node, pass } => self.on_drain(at, node, *pass),
            What::EvictionRefused => {
                if let Some(drain) = self.drains.last_mut() {
                    drain.refused += 1;
                }
            }
            What::DrainEnds => {
                if let Some(drain) = self.drains.last_mut() {
                    drain.took_ms = at - drain.begin_ms;
                }
                self.tell(at, "the node is empty".to_owned());
            }
        }
        let down = self.down().len();
        self.most_down = self.most_down.max(down);
        if let Some(drain) = self.drains.last_mut() {
            drain.most_down = drain.most_down.max(down);
        }
    }

    /// Seats that are down by choice now.
    #[must_use]
    pub fn down(&self) -> BTreeSet<&str> {
        self.seats.iter().filter(|(_, seat)| seat.down.is_some()).map(|(name, _)| name.as_str()).collect()
    }

    /// Most seats that were down by choice at one moment.
    #[must_use]
    pub const fn most_down(&self) -> usize {
        self.most_down
    }

    /// Every pause between two blocks, the one that lasts at `now_ms` too.
    #[must_use]
    pub fn gaps(&self, now_ms: u64) -> Vec<Gap> {
        let open =
            self.head.map(|(height, since)| Gap { height: height + 1, ms: now_ms.saturating_sub(since) });
        self.gaps.iter().copied().chain(open).collect()
    }

    /// Newest block and when it was first seen.
    #[must_use]
    pub const fn head(&self) -> Option<(u64, u64)> {
        self.head
    }

    /// The drains, in order.
    #[must_use]
    pub fn drains(&self) -> &[Drain] {
        &self.drains
    }

    /// Where each node of the fleet runs: Kubernetes node by node of the fleet.
    #[must_use]
    pub fn hosts(&self) -> BTreeMap<&str, &str> {
        let placed =
            self.seats.iter().filter_map(|(name, seat)| Some((name.as_str(), seat.host.as_deref()?)));
        placed.collect()
    }

    fn on_pod(&mut self, at: u64, pod: &PodSeen) {
        let seat = self.seats.entry(pod.seat.clone()).or_default();
        let mut news = Vec::new();
        if pod.deleting && !(seat.deleting && seat.uid == pod.uid) {
            seat.down = Some(pod.uid.clone());
            news.push(format!("{} leaves {}", pod.seat, pod.host.as_deref().unwrap_or("no node")));
        }
        let replaced = !seat.uid.is_empty() && seat.uid != pod.uid;
        if replaced && seat.down.is_none() {
            // Its end was too quick to be seen.
            seat.down = Some(seat.uid.clone());
        }
        if pod.host.is_some() && (replaced || seat.host != pod.host) && !seat.uid.is_empty() {
            news.push(format!("{} goes to {}", pod.seat, pod.host.as_deref().unwrap_or_default()));
        }
        if pod.ready && !pod.deleting && (replaced || !seat.ready) {
            news.push(format!("{} is ready", pod.seat));
        }
        if replaced {
            seat.started_ms = 0;
        }
        seat.uid.clone_from(&pod.uid);
        seat.host.clone_from(&pod.host);
        (seat.deleting, seat.ready) = (pod.deleting, pod.ready);
        for line in news {
            self.tell(at, line);
        }
    }

    fn on_said(&mut self, at: u64, said: &Said) {
        self.addresses.insert(said.address, said.seat.clone());
        let seat = self.seats.get_mut(&said.seat).filter(|seat| seat.uid == said.uid);
        if let Some(seat) = seat.filter(|seat| seat.started_ms != said.started_ms) {
            let moved = seat.down.is_some();
            seat.started_ms = said.started_ms;
            if moved {
                let ago = at.saturating_sub(said.started_ms);
                self.tell(at, format!("{} answers, {ago} ms after its start", said.seat));
            }
        }
        for (address, heard_ms) in &said.heard {
            if let Some(name) = self.addresses.get(address).filter(|name| **name != said.seat).cloned() {
                self.on_heard(at, &name, *heard_ms);
            }
        }
        self.on_head(at, said.head);
    }

    /// Another node has heard the seat at that time.
    fn on_heard(&mut self, at: u64, name: &str, heard_ms: u64) {
        let Some(seat) = self.seats.get_mut(name) else { return };
        let anew = seat.down.as_ref().is_some_and(|gone| *gone != seat.uid);
        // A start that is not known yet is 0: the old process's word must not count for the new one.
        if anew && !seat.deleting && seat.started_ms > 0 && heard_ms >= seat.started_ms {
            seat.down = None;
            self.tell(at, format!("{name} votes"));
        }
    }

    fn on_head(&mut self, at: u64, head: u64) {
        let Some((known, since)) = self.head else {
            self.head = Some((head, at));
            return;
        };
        if head <= known {
            return;
        }
        self.head = Some((head, at));
        let gap = Gap { height: head, ms: at - since };
        self.gaps.push(gap);
        let drain = self.drains.last_mut();
        if let Some(drain) = drain.filter(|drain| drain.worst_gap.is_none_or(|worst| gap.ms > worst.ms)) {
            drain.worst_gap = Some(gap);
        }
    }

    fn on_drain(&mut self, at: u64, node: &str, pass: u32) {
        let pods = self.seats.values().filter(|seat| seat.host.as_deref() == Some(node)).count();
        self.drains.push(Drain { node: node.to_owned(), pass, pods, begin_ms: at, ..Drain::default() });
    }

    fn tell(&mut self, at: u64, line: String) {
        if let Some(drain) = self.drains.last_mut() {
            drain.story.push((at - drain.begin_ms, line));
        }
    }
}

#[cfg(test)]
mod tests;
