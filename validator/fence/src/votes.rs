//! Wishes to vote: which may wait for the store, and what becomes of those that do when the identity is lost.

use crate::{
    event::{Output, Vote},
    machine::{Fence, Flight, Role},
    reason::Refusal,
    record::{Block, Evidence, Place},
};
use alloc::vec::Vec;
use alloy_primitives::B256;

/// Most votes that wait for the store.
const WAITING: usize = 16;
/// What a record may grow by beside its evidence: two names.
const NAMES: usize = 512;

impl Fence {
    pub(crate) fn on_wish(&mut self, vote: Vote, out: &mut Vec<Output>) {
        let (place, digest) = (vote.place, vote.digest);
        match self.consider(&vote) {
            Ok(Wish::Granted) => out.push(Output::Granted { place, digest }),
            Ok(Wish::UnderWay) => {}
            Ok(Wish::New) => {
                self.overtake(place, out);
                self.waiting.push_back(vote);
            }
            Err(why) => out.push(Output::Refused { place, digest, why }),
        }
    }

    fn consider(&self, vote: &Vote) -> Result<Wish, Refusal> {
        let Some(known) = self.known.as_ref().filter(|_| self.role == Role::Holder) else {
            return Err(Refusal::NotHolder);
        };
        let now = known.record.epoch;
        if vote.epoch != now {
            return Err(Refusal::OldEpoch { got: vote.epoch, now });
        }
        let granted = (known.record.place, known.record.digest);
        let (newest, _) = self.asked().last().unwrap_or(granted);
        if vote.place <= newest {
            let is_slot = |(place, _): &(Place, B256)| *place == vote.place;
            let asked = self.asked().find(is_slot).map(|held| (held, Wish::UnderWay));
            let held = asked.or_else(|| Some((granted, Wish::Granted)).filter(|(held, _)| is_slot(held)));
            return match held {
                Some(((_, have), wish)) if have == vote.digest => Ok(wish),
                Some(((place, have), _)) => Err(Refusal::Conflict { place, have, got: vote.digest }),
                None => Err(Refusal::Behind { got: vote.place, newest }),
            };
        }
        let length = |evidence: &Evidence| match &evidence.block {
            Block::Here(bytes) => evidence.promise.len().saturating_add(bytes.len()),
            Block::None | Block::Elsewhere(_) => evidence.promise.len(),
        };
        let rest = known.record.encoded_len().saturating_sub(length(&known.record.evidence));
        let got = rest.saturating_add(length(&vote.evidence)).saturating_add(NAMES);
        if got > self.config.limit {
            return Err(Refusal::TooLarge { got, limit: self.config.limit });
        }
        if self.waiting.len() >= WAITING {
            return Err(Refusal::Busy { limit: WAITING });
        }
        Ok(Wish::New)
    }

    /// Slots asked for that no answer has settled, in order.
    fn asked(&self) -> impl Iterator<Item = (Place, B256)> {
        let in_flight = match &self.flight {
            Some(Flight::Swap(_, attempt)) => Some(attempt),
            Some(Flight::Read(_)) | None => None,
        };
        let attempts = self.unsettled.iter().chain(in_flight);
        let waiting = self.waiting.iter().map(|vote| (vote.place, vote.digest));
        attempts.flat_map(|attempt| attempt.votes.iter().copied()).chain(waiting)
    }

    /// Votes that wait for a round before are of no use any more. Were they written together with this one, the record would not
    /// tell for what they were: a copy of this process that wrote the same could take it for its own.
    fn overtake(&mut self, by: Place, out: &mut Vec<Output>) {
        self.waiting.retain(|vote| {
            let Vote { place, digest, .. } = *vote;
            let is_late = (place.height, place.round) < (by.height, by.round);
            if is_late {
                out.push(Output::Refused { place, digest, why: Refusal::Overtaken { place, by } });
            }
            !is_late
        });
    }

    /// Nothing that was asked for and is not granted yet will be.
    pub(crate) fn refuse_all(&mut self, out: &mut Vec<Output>) {
        let unsettled = self.unsettled.take().map(|attempt| attempt.votes).unwrap_or_default();
        let waiting = self.waiting.drain(..).map(|vote| (vote.place, vote.digest));
        let refused = unsettled.into_iter().chain(waiting);
        out.extend(refused.map(|(place, digest)| Output::Refused { place, digest, why: Refusal::NotHolder }));
    }
}

enum Wish {
    /// The record says so already.
    Granted,
    /// It will be answered.
    UnderWay,
    /// It is to wait.
    New,
}
