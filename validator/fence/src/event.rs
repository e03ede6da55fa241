//! What can happen to a fence, and what it wants done.

use crate::{
    reason::{Loss, Refusal, Stop},
    record::{Evidence, Place, Record, Successor},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::B256;

/// Names one request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The store's name for one version of the record: a resourceVersion, an `ETag`. Never compared for order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub Arc<str>);

/// A vote that the caller wants to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The epoch in whose knowledge it was decided on.
    pub epoch: u64,
    /// Its slot.
    pub place: Place,
    /// What for.
    pub digest: B256,
    /// All that was promised up to and with it.
    pub evidence: Evidence,
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadAnswer {
    /// Some version of the record, perhaps an old one.
    Found {
        /// Its version.
        version: Version,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// There is none.
    Missing,
    /// No answer.
    Away,
}

/// What a compare-and-swap gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapAnswer {
    /// The record stands there.
    Won {
        /// Its version.
        version: Version,
    },
    /// Another version stood there; nothing was written.
    Lost,
    /// No answer: it may have been written, or be written yet.
    Unknown,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The caller wants to vote. Answered by exactly one of [`Output::Granted`] and [`Output::Refused`], unless the store
    /// never answers.
    Wish(Vote),
    /// Whether this process could vote now: synced, and its signer there.
    Ready(bool),
    /// What was voted for below this height is not known, and decided: a first record begins there.
    BeginAt(u64),
    /// The identity is to be given up, after the votes asked for; [`Input::Ready`] ends that.
    Release(Successor),
    /// The record may have changed.
    Look,
    /// Answers [`Output::Read`].
    Read {
        /// As given.
        ticket: Ticket,
        /// What came.
        answer: ReadAnswer,
    },
    /// Answers [`Output::Swap`].
    Swapped {
        /// As given.
        ticket: Ticket,
        /// What came.
        answer: SwapAnswer,
    },
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Read the record, then answer [`Input::Read`]. It may be an old version: safety needs no newest one.
    Read {
        /// To answer with.
        ticket: Ticket,
    },
    /// Put the record in place of the version named (`None`: only if there is no record), then answer [`Input::Swapped`].
    Swap {
        /// To answer with.
        ticket: Ticket,
        /// What must stand there.
        expected: Option<Version>,
        /// What shall.
        record: Box<Record>,
    },
    /// The vote may be signed.
    Granted {
        /// Its slot.
        place: Place,
        /// What for.
        digest: B256,
    },
    /// It may not.
    Refused {
        /// Its slot.
        place: Place,
        /// What for.
        digest: B256,
        /// Why.
        why: Refusal,
    },
    /// This process holds the identity from now on, and starts from what the record says was done and promised.
    Held {
        /// The record.
        record: Box<Record>,
    },
    /// It holds it no more, and did not want that.
    Lost(Loss),
    /// It gave the identity up.
    Released(Successor),
    /// Nothing is voted for or taken over until something outside has changed. Looked at again all the same.
    Stopped(Stop),
    /// The reason to stop is gone: this process is a standby.
    Resumed,
    /// Give a [`Input::Tick`] then, by the monotonic clock, if nothing else comes before.
    WaitUntil {
        /// Milliseconds.
        at_ms: u64,
    },
}
