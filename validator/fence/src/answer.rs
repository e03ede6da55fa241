//! What the store's answers mean.

use crate::{
    config::Lease,
    event::{Output, ReadAnswer, SwapAnswer, Ticket, Version},
    machine::{Attempt, Fence, Flight, Known, Purpose, Role},
    reason::{Loss, Stop},
    record::Record,
};
use alloc::{boxed::Box, vec::Vec};

/// A store that shows nothing but old versions for so many leases is no cache that lags: it was set back.
const SET_BACK_LEASES: u64 = 5;

impl Fence {
    pub(crate) fn on_read(&mut self, ticket: Ticket, answer: ReadAnswer, now_ms: u64, out: &mut Vec<Output>) {
        if !matches!(&self.flight, Some(Flight::Read(asked)) if *asked == ticket) {
            return;
        }
        self.flight = None;
        self.poll_at_ms = now_ms.saturating_add(self.config.lease.poll_ms);
        match answer {
            // Whoever only waits for a lease to end need not wait for the store's readers, too: a swap on what is known tells.
            ReadAnswer::Away if self.only_waits() => {
                self.poll_at_ms = now_ms.saturating_add(self.pause());
            }
            ReadAnswer::Away => {
                self.must_read = true;
                self.fail(now_ms);
            }
            ReadAnswer::Missing => self.on_missing(now_ms, out),
            ReadAnswer::Found { version, bytes } => match Record::decode(&bytes) {
                Ok(record) if record.subject == self.config.subject => {
                    self.on_record(version, record, now_ms, out);
                }
                Ok(record) => {
                    let stop = Stop::Foreign { have: record.subject, want: self.config.subject };
                    self.stop_for(stop, now_ms, out);
                }
                Err(error) => self.stop_for(error.into(), now_ms, out),
            },
        }
    }

    pub(crate) fn on_swapped(
        &mut self,
        ticket: Ticket,
        answer: SwapAnswer,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) {
        let attempt = match self.flight.take() {
            Some(Flight::Swap(asked, attempt)) if asked == ticket => attempt,
            other => {
                self.flight = other;
                return;
            }
        };
        self.poll_at_ms = now_ms.saturating_add(self.config.lease.poll_ms);
        match answer {
            SwapAnswer::Won { version } => {
                let record = (*attempt.record).clone();
                self.on_won(attempt, version, record, now_ms, out);
            }
            // Lost, too, may be an earlier try of the same record that was done after all: a read tells.
            SwapAnswer::Lost | SwapAnswer::Unknown => {
                self.unsettled = Some(attempt).filter(|attempt| attempt.purpose != Purpose::Request);
                self.must_read = true;
                self.fail(now_ms);
            }
        }
    }

    /// A standby that knows a record and has nothing in doubt.
    fn only_waits(&self) -> bool {
        self.role == Role::Standby && self.known.is_some() && self.unsettled.is_none()
    }

    /// An identity that has had a record is not given another.
    fn on_missing(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let is_creating = self.unsettled.as_ref().is_none_or(|attempt| attempt.purpose == Purpose::Create);
        // What stood there and could not be read, or was behind our journal, was a record of this identity.
        let had_none = matches!(self.stop, None | Some(Stop::Foreign { .. }));
        if self.known.is_none() && self.config.initialise && is_creating && had_none {
            self.is_new = true;
            self.unsettled = None;
            return self.resume(out);
        }
        self.stop_for(Stop::Missing, now_ms, out);
    }

    fn on_record(&mut self, version: Version, record: Record, now_ms: u64, out: &mut Vec<Output>) {
        if let Some(known) = &self.known {
            let (have, want) = (record.revision, known.record.revision);
            if have < want {
                return self.on_stale(have, want, now_ms, out);
            }
            // One revision is written once. Another of its number was written to a store that had been set back.
            if have == want && record != known.record {
                return self.stop_for(Stop::SetBack { have, want }, now_ms, out);
            }
        }
        self.stale_since = None;
        match self.role {
            Role::Holder => self.look_as_holder(version, record, now_ms, out),
            Role::Standby | Role::Stopped => self.look_as_standby(version, record, now_ms, out),
        }
    }

    /// Caches may be behind, for a while.
    fn on_stale(&mut self, have: u64, want: u64, now_ms: u64, out: &mut Vec<Output>) {
        let since = *self.stale_since.get_or_insert(now_ms);
        if now_ms.saturating_sub(since) >= self.config.lease.lease_ms.saturating_mul(SET_BACK_LEASES) {
            return self.stop_for(Stop::SetBack { have, want }, now_ms, out);
        }
        self.must_read = true;
        self.wait(now_ms);
    }

    /// Either nothing was written, or the write in doubt was, or somebody asked for the identity, or it is over.
    fn look_as_holder(&mut self, version: Version, record: Record, now_ms: u64, out: &mut Vec<Output>) {
        let Some(known) = &mut self.known else { return };
        if record == known.record {
            // Its version may have changed all the same: stores keep more than the record under one name.
            known.version = version;
            return;
        }
        if let Some(attempt) = self.unsettled.take_if(|attempt| attempt.is_in(&record)) {
            return self.on_won(attempt, version, record, now_ms, out);
        }
        let is_untouched = record.is_same_beat(&known.record)
            && (record.place, record.digest) == (known.record.place, known.record.digest);
        if is_untouched {
            (known.version, known.record) = (version, record);
            return self.rebase();
        }
        self.lose(version, record, now_ms, out);
    }

    /// The version that the write in doubt was to replace is gone, so no earlier try of it can be done any more: it may
    /// change.
    fn rebase(&mut self) {
        let (successor, revision) = (self.successor(), self.record().map_or(0, |record| record.revision));
        if let Some(attempt) = &mut self.unsettled {
            attempt.record.revision = revision.saturating_add(1);
            attempt.record.released = successor;
        }
    }

    fn lose(&mut self, version: Version, record: Record, now_ms: u64, out: &mut Vec<Output>) {
        let (by, epoch) = (record.holder.clone(), record.epoch);
        let loss = if by.id == self.config.me.id {
            Loss::Copied { epoch }
        } else if by.name == self.config.me.name {
            Loss::Twin { by, epoch }
        } else {
            Loss::TakenOver { by, epoch }
        };
        self.refuse_all(out);
        self.role = Role::Standby;
        self.giving_up = None;
        self.failures = 0;
        self.known = Some(Known { version, record, seen_ms: now_ms });
        out.push(Output::Lost(loss));
    }

    fn look_as_standby(&mut self, version: Version, record: Record, now_ms: u64, out: &mut Vec<Output>) {
        if let Some(attempt) = self.unsettled.take_if(|attempt| attempt.is_in(&record)) {
            self.resume(out);
            return self.on_won(attempt, version, record, now_ms, out);
        }
        let journal = self.config.journaled.as_ref().map(|vote| vote.place);
        if let Some(journal) = journal.filter(|place| *place > record.place) {
            let stop = Stop::JournalAhead { journal, record: record.place };
            return self.stop_for(stop, now_ms, out);
        }
        let before = self.known.take();
        let is_unchanged = before.as_ref().is_some_and(|known| known.record.revision == record.revision);
        // With the record unchanged the take-over in doubt may be done yet.
        self.unsettled = self.unsettled.take().filter(|_| is_unchanged);
        let seen_ms = before
            .filter(|known| known.record.is_same_beat(&record) && known.record.released == record.released)
            .map_or(self.asked_ms, |known| known.seen_ms);
        self.known = Some(Known { version, record, seen_ms });
        self.is_new = false;
        if is_unchanged && self.failures > 1 {
            self.wait(now_ms);
        }
        self.resume(out);
    }

    /// The record of `attempt` stands in the store, perhaps with a request on top, as `record`.
    fn on_won(
        &mut self,
        attempt: Attempt,
        version: Version,
        record: Record,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) {
        self.unsettled = None;
        self.failures = 0;
        self.not_before_ms = 0;
        let is_request = attempt.purpose == Purpose::Request;
        let seen_ms = self.known.as_ref().filter(|_| is_request).map_or(now_ms, |known| known.seen_ms);
        self.known = Some(Known { version, record, seen_ms });
        match attempt.purpose {
            Purpose::Request => return,
            Purpose::Create | Purpose::TakeOver => {
                self.role = Role::Holder;
                self.giving_up = None;
                self.is_new = false;
                out.push(Output::Held { record: attempt.record.clone() });
                if !self.is_ready {
                    self.giving_up = Some(crate::Successor::Anybody);
                }
            }
            Purpose::Hold => {}
        }
        self.wrote_ms = now_ms;
        out.extend(attempt.votes.into_iter().map(|(place, digest)| Output::Granted { place, digest }));
        if let Some(to) = attempt.record.released {
            self.refuse_all(out);
            self.role = Role::Standby;
            self.giving_up = None;
            out.push(Output::Released(to));
        }
    }

    /// Ends whatever was under way; the store is looked at again all the same.
    fn stop_for(&mut self, stop: Stop, now_ms: u64, out: &mut Vec<Output>) {
        self.refuse_all(out);
        self.role = Role::Stopped;
        self.giving_up = None;
        self.is_new = false;
        self.must_read = true;
        self.wait(now_ms);
        // What somebody else writes meanwhile makes other figures of it, and no other reason.
        if self.stop.as_ref().is_none_or(|told| told.label() != stop.label()) {
            out.push(Output::Stopped(stop.clone()));
            self.stop = Some(stop);
        }
    }

    fn resume(&mut self, out: &mut Vec<Output>) {
        if self.stop.take().is_some() {
            self.role = Role::Standby;
            out.push(Output::Resumed);
        }
    }

    /// The first failure is looked into at once, further ones with a pause.
    fn fail(&mut self, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures > 1 {
            self.wait(now_ms);
        }
    }

    fn wait(&mut self, now_ms: u64) {
        self.not_before_ms = now_ms.saturating_add(self.pause());
    }

    /// Only whoever votes asks more often than polls would: a spare of many identities asks as many stores.
    fn pause(&self) -> u64 {
        let Lease { retry_ms, poll_ms, .. } = self.config.lease;
        if self.role == Role::Holder { retry_ms } else { retry_ms.max(poll_ms) }
    }
}

impl Attempt {
    /// Whether the record is this one, or this one with somebody's request on top.
    fn is_in(&self, record: &Record) -> bool {
        let without_requests =
            |record: &Record| Box::new(Record { revision: 0, requested: None, ..record.clone() });
        record.is_same_beat(&self.record) && without_requests(record) == without_requests(&self.record)
    }
}
