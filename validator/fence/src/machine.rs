//! The state, and `step`: what is done next at the store. What its answers mean stands in `answer.rs`, what becomes of
//! wishes in `votes.rs`.

use crate::{
    config::{Config, Lease},
    event::{Input, Output, Ticket, Version, Vote},
    reason::Stop,
    record::{Evidence, Holder, Place, Record, Successor},
};
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use alloy_primitives::B256;

/// What this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It votes for nothing, and takes over when it may.
    Standby,
    /// Its votes are granted.
    Holder,
    /// It does nothing until something outside has changed.
    Stopped,
}

impl Role {
    /// For status and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Holder => "holder",
            Self::Stopped => "stopped",
        }
    }
}

/// The newest version of the record that this process knows.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) version: Version,
    pub(crate) record: Record,
    /// When the read was asked for that first showed this beat of its holder here.
    pub(crate) seen_ms: u64,
}

/// What a swap is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The first record.
    Create,
    /// A new epoch.
    TakeOver,
    /// The preferred holder asks for the identity.
    Request,
    /// The holder's own write: votes, a renewal, giving up.
    Hold,
}

/// A swap asked for.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) purpose: Purpose,
    pub(crate) record: Box<Record>,
    /// What it grants.
    pub(crate) votes: Vec<(Place, B256)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Flight {
    Read(Ticket),
    Swap(Ticket, Attempt),
}

/// One process's part in the fence of one identity.
#[derive(Clone, Debug)]
pub struct Fence {
    pub(crate) config: Config,
    pub(crate) role: Role,
    pub(crate) is_ready: bool,
    pub(crate) giving_up: Option<Successor>,
    pub(crate) known: Option<Known>,
    /// The one request under way.
    pub(crate) flight: Option<Flight>,
    /// A swap that got no clear answer: it may have been done, or be done yet. Until a read settles it nothing else is
    /// written, and tried again it is the same record.
    pub(crate) unsettled: Option<Attempt>,
    pub(crate) waiting: VecDeque<Vote>,
    /// There is no record, and one may be made.
    pub(crate) is_new: bool,
    /// It begins no lower than this height.
    begins_at: u64,
    pub(crate) must_read: bool,
    /// A standby that has nothing to do reads again then.
    pub(crate) poll_at_ms: u64,
    /// When the newest read was asked for.
    pub(crate) asked_ms: u64,
    /// Nothing is asked of the store before.
    pub(crate) not_before_ms: u64,
    /// Requests in a row that brought nothing.
    pub(crate) failures: u32,
    /// The store has shown older records than before since then.
    pub(crate) stale_since: Option<u64>,
    /// When this process's own newest write was known to stand.
    pub(crate) wrote_ms: u64,
    pub(crate) stop: Option<Stop>,
    next_ticket: u64,
}

impl Fence {
    /// A standby that knows nothing yet; the first step reads.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            role: Role::Standby,
            is_ready: false,
            giving_up: None,
            known: None,
            flight: None,
            unsettled: None,
            waiting: VecDeque::new(),
            is_new: false,
            begins_at: 0,
            must_read: true,
            poll_at_ms: 0,
            asked_ms: 0,
            not_before_ms: 0,
            failures: 0,
            stale_since: None,
            wrote_ms: 0,
            stop: None,
            next_ticket: 0,
        }
    }

    /// How long it waits for what.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.config.lease
    }

    /// What this process is now.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The newest record known.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.known.as_ref().map(|known| &known.record)
    }

    /// The epoch in which this process votes.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.record().filter(|_| self.role == Role::Holder).map(|record| record.epoch)
    }

    /// A live holder under this process's own name: the same manifest or a copy of the disk runs in a second place.
    #[must_use]
    pub fn twin(&self) -> Option<&Holder> {
        let me = &self.config.me;
        let is_twin = |holder: &&Holder| holder.name == me.name && holder.id != me.id;
        self.record().filter(|record| record.released.is_none()).map(|record| &record.holder).filter(is_twin)
    }

    /// Whether it is the holder, or may yet find out that it is.
    #[must_use]
    pub fn may_hold(&self) -> bool {
        let in_flight = match &self.flight {
            Some(Flight::Swap(_, attempt)) => Some(attempt),
            Some(Flight::Read(_)) | None => None,
        };
        let takes = |attempt: &Attempt| matches!(attempt.purpose, Purpose::Create | Purpose::TakeOver);
        self.role == Role::Holder
            || in_flight.is_some_and(takes)
            || self.unsettled.as_ref().is_some_and(takes)
    }

    /// Why nothing is done.
    #[must_use]
    pub const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Takes one input at `now_ms` of a clock that never goes back; what to do about it, in order.
    pub fn step(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Tick => {}
            Input::Wish(vote) => self.on_wish(vote, &mut out),
            Input::Ready(is_ready) => {
                self.is_ready = is_ready;
                self.giving_up = self.giving_up.take().filter(|_| !is_ready);
            }
            Input::BeginAt(height) => self.begins_at = self.begins_at.max(height),
            Input::Release(to) => {
                self.is_ready = false;
                self.giving_up = Some(to).filter(|_| self.role == Role::Holder);
            }
            Input::Look => self.look(),
            Input::Read { ticket, answer } => self.on_read(ticket, answer, now_ms, &mut out),
            Input::Swapped { ticket, answer } => self.on_swapped(ticket, answer, now_ms, &mut out),
        }
        self.act(now_ms, &mut out);
        out
    }

    /// A standby need not wait for its next read.
    fn look(&mut self) {
        if self.role != Role::Holder && self.failures == 0 {
            self.must_read = true;
            self.not_before_ms = 0;
        }
    }

    /// Asks the store for the next thing, or says when to look again.
    fn act(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        if self.flight.is_some() {
            return;
        }
        if now_ms < self.not_before_ms {
            out.push(Output::WaitUntil { at_ms: self.not_before_ms });
            return;
        }
        if self.must_read {
            return self.read(now_ms, out);
        }
        let next = match self.role {
            Role::Holder => self.next_as_holder(now_ms),
            Role::Standby => self.next_as_standby(now_ms),
            Role::Stopped => Next::Read,
        };
        match next {
            Next::Read => self.read(now_ms, out),
            Next::Swap(attempt) => self.swap(attempt, out),
            Next::Wait(at_ms) => out.push(Output::WaitUntil { at_ms }),
        }
    }

    fn next_as_holder(&mut self, now_ms: u64) -> Next {
        if let Some(attempt) = self.unsettled.take() {
            return Next::Swap(attempt);
        }
        let renew_ms = self.wrote_ms.saturating_add(self.config.lease.renew_ms);
        let is_idle = self.waiting.is_empty() && self.successor().is_none();
        if is_idle && now_ms < renew_ms { Next::Wait(renew_ms) } else { self.hold() }
    }

    fn next_as_standby(&self, now_ms: u64) -> Next {
        let Some(known) = &self.known else {
            return if self.is_new && self.is_ready { self.create() } else { self.poll(now_ms) };
        };
        if self.may_take(known, now_ms) {
            return self.take_over(known);
        }
        if self.unsettled.is_none() && self.wants_request(&known.record) {
            return self.request(known);
        }
        self.poll(now_ms)
    }

    /// The next read is a poll away from the last answer. Before that the holder's lease may end: its newest version is known
    /// then, and no read could tell more than the swap does.
    fn poll(&self, now_ms: u64) -> Next {
        if now_ms >= self.poll_at_ms {
            return Next::Read;
        }
        let ends = self.known.as_ref().filter(|_| self.is_ready).map(|known| self.lease_ends(known));
        Next::Wait(ends.map_or(self.poll_at_ms, |ends| ends.min(self.poll_at_ms)))
    }

    /// When the holder was silent for long enough.
    fn lease_ends(&self, known: &Known) -> u64 {
        let (record, lease) = (&known.record, &self.config.lease);
        let was_here = record.journal == self.config.journal && record.holder.name == self.config.me.name;
        let patience = if was_here { lease.restart_ms.min(lease.lease_ms) } else { lease.lease_ms };
        known.seen_ms.saturating_add(patience)
    }

    /// Released to us, or silent for long enough. A mistake costs a swap that fails, or a holder its epoch; nothing else.
    fn may_take(&self, known: &Known, now_ms: u64) -> bool {
        let record = &known.record;
        let is_ours = match &record.released {
            Some(Successor::Anybody) => true,
            Some(Successor::Named(name)) => *name == self.config.me.name,
            None => false,
        };
        self.is_ready && (is_ours || now_ms >= self.lease_ends(known))
    }

    fn wants_request(&self, record: &Record) -> bool {
        let is_held = record.released.is_none() && record.holder.name != self.config.me.name;
        self.config.is_preferred && self.is_ready && is_held && record.requested.is_none()
    }

    /// For whom the identity is to be given up with the next write.
    pub(crate) fn successor(&self) -> Option<Successor> {
        let requested = self.record().and_then(|record| record.requested.clone());
        let by_request = requested.filter(|name| *name != self.config.me.name).map(Successor::Named);
        self.giving_up.clone().or(by_request)
    }

    fn create(&self) -> Next {
        let Config { subject, me, journal, journaled, .. } = &self.config;
        let lowest = Place { height: self.begins_at, ..Place::default() };
        let before = journaled.as_ref().filter(|vote| vote.place >= lowest);
        let record = Record {
            subject: *subject,
            revision: 1,
            epoch: 1,
            beat: 1,
            holder: me.clone(),
            journal: *journal,
            place: before.map_or(lowest, |vote| vote.place),
            digest: before.map_or(B256::ZERO, |vote| vote.digest),
            evidence: before.map_or_else(Evidence::default, |vote| vote.evidence.clone()),
            released: None,
            requested: None,
        };
        Next::swap(Purpose::Create, record, Vec::new())
    }

    /// A new epoch on what the holder before granted and promised.
    fn take_over(&self, known: &Known) -> Next {
        let before = known.record.clone();
        let record = Record {
            revision: before.revision.saturating_add(1),
            epoch: before.epoch.saturating_add(1),
            beat: 1,
            holder: self.config.me.clone(),
            journal: self.config.journal,
            released: None,
            requested: None,
            ..before
        };
        Next::swap(Purpose::TakeOver, record, Vec::new())
    }

    fn request(&self, known: &Known) -> Next {
        let before = known.record.clone();
        let revision = before.revision.saturating_add(1);
        let requested = Some(self.config.me.name.clone());
        Next::swap(Purpose::Request, Record { revision, requested, ..before }, Vec::new())
    }

    /// All votes that wait, in one write: they are of one round, of which the record tells the last, and the slots before it are
    /// closed by it.
    fn hold(&mut self) -> Next {
        let released = self.successor();
        let Some(known) = &self.known else { return Next::Read };
        let mut record = Record {
            revision: known.record.revision.saturating_add(1),
            beat: known.record.beat.saturating_add(1),
            released,
            requested: None,
            ..known.record.clone()
        };
        let mut votes = Vec::with_capacity(self.waiting.len());
        for vote in self.waiting.drain(..) {
            votes.push((vote.place, vote.digest));
            (record.place, record.digest, record.evidence) = (vote.place, vote.digest, vote.evidence);
        }
        Next::swap(Purpose::Hold, record, votes)
    }

    fn read(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let ticket = self.ticket();
        self.must_read = false;
        self.asked_ms = now_ms;
        self.flight = Some(Flight::Read(ticket));
        out.push(Output::Read { ticket });
    }

    fn swap(&mut self, attempt: Attempt, out: &mut Vec<Output>) {
        let ticket = self.ticket();
        let expected = self.known.as_ref().map(|known| known.version.clone());
        out.push(Output::Swap { ticket, expected, record: attempt.record.clone() });
        self.flight = Some(Flight::Swap(ticket, attempt));
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket = self.next_ticket.saturating_add(1);
        Ticket(self.next_ticket)
    }
}

/// What to ask of the store.
enum Next {
    Read,
    Swap(Attempt),
    Wait(u64),
}

impl Next {
    fn swap(purpose: Purpose, record: Record, votes: Vec<(Place, B256)>) -> Self {
        Self::Swap(Attempt { purpose, record: Box::new(record), votes })
    }
}
