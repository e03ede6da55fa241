//! Everything that can happen to an instance.

use crate::message::{Message, Signatures};
use alloc::sync::Arc;
use alloy_primitives::{Address, B256};

/// Names one pending vote; unique within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The chain's head, and the rules for the block after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHead {
    /// Its number; the instance decides `number + 1` next.
    pub number: u64,
    /// Its on-chain hash.
    pub hash: B256,
    /// Its timestamp, Unix seconds.
    pub timestamp: u64,
    /// Its beneficiary: the turn after it is computed from this address.
    pub proposer: Address,
    /// Validators of `number + 1`; sorted by the instance.
    pub validators: Arc<[Address]>,
    /// Shortest distance between two block timestamps, milliseconds.
    pub period_ms: u64,
    /// Distance at which a block without transactions is due; like any other when it is not above the period. No rule of
    /// validity: a proposer with nothing to propose may wait so long, and round 0 waits for it until transactions wait.
    pub empty_period_ms: u64,
    /// Timeout of round 0 after the block is due, milliseconds; doubled every round.
    pub request_timeout_ms: u64,
    /// Round in which the height begins: 0, but after a re-seat above every round of the set before. What was said in
    /// lower rounds was said to that set and counts for nothing here.
    pub first_round: u32,
}

/// What a timer is for. One timer of each kind runs at a time: setting it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    /// The tick at which the round-0 proposer proposes.
    BlockDue,
    /// The round has taken too long.
    Round,
    /// Own messages of a round above 0 are to be sent again.
    Resend,
}

/// A timer: recognised as stale by its height and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What for.
    pub kind: TimerKind,
    /// Height it was set in.
    pub height: u64,
    /// Round it was set in.
    pub round: u32,
}

/// Outcome of executing a proposed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be voted for.
    Valid,
    /// Its author is faulty.
    Invalid,
    /// This node could not tell; it abstains.
    Unknown,
}

/// Everything that can happen to an instance.
#[derive(Clone, Debug)]
pub enum Input<B> {
    /// A message came in. Also how own messages are counted, but that the instance does by itself.
    Message(Message<B>),
    /// A timer ran out.
    Timeout(Timer),
    /// A block is durable on this node, by consensus or by sync.
    NewBlock(NewHead),
    /// Another set decides the present height: the same head again with other validators and a higher
    /// [`NewHead::first_round`]. What the set before was told is forgotten, and nothing more is signed for it.
    Reseated(NewHead),
    /// Answers [`crate::Output::Build`].
    Built {
        /// As asked for.
        height: u64,
        /// As asked for.
        round: u32,
        /// The block, its round as asked for by the wire profile.
        block: B,
    },
    /// Answers [`crate::Output::Build`]: there will be no block; the round runs out.
    BuildFailed {
        /// As asked for.
        height: u64,
        /// As asked for.
        round: u32,
    },
    /// Answers [`crate::Output::Validate`].
    Validated {
        /// As asked for.
        height: u64,
        /// As asked for.
        round: u32,
        /// As asked for.
        digest: B256,
        /// Outcome.
        verdict: Verdict,
    },
    /// Answers [`crate::Output::Persist`]: the record is durable. A record that could not be made durable is not
    /// answered: the vote is then never signed.
    Persisted {
        /// As asked for.
        ticket: Ticket,
    },
    /// Answers [`crate::Output::Sign`].
    Signed {
        /// As asked for.
        ticket: Ticket,
        /// The signatures.
        signatures: Signatures,
    },
    /// Answers [`crate::Output::Sign`]: tried again with the next re-send.
    SignFailed {
        /// As asked for.
        ticket: Ticket,
    },
    /// Transactions wait in this node's pool: a block is due at its tick, and no longer only after the empty period.
    TransactionsWait,
    /// Sign nothing below this height, and everything from it on.
    VoteFrom {
        /// The height.
        height: u64,
    },
}
