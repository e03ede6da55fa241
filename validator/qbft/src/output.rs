//! Everything an instance wants done.

use crate::{
    input::{Ticket, Timer},
    message::{Message, Unsigned},
    record::Record,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::B256;
use chain::Seal;

/// What the driver has to do, in this order. For one vote the order is a contract: `Persist` is answered before `Sign`
/// is asked for, and `Sign` before there is anything to `Broadcast`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<B> {
    /// Make the record durable (check-and-insert by height, round, phase), then answer `Persisted`.
    Persist {
        /// To answer with.
        ticket: Ticket,
        /// The record.
        record: Arc<Record<B>>,
    },
    /// Sign, then answer `Signed` or `SignFailed`.
    Sign {
        /// To answer with.
        ticket: Ticket,
        /// What.
        unsigned: Unsigned<B>,
    },
    /// Will be broadcast at the tick, unless the height or the round ends before: there is time to encode it.
    Hold {
        /// The message.
        message: Message<B>,
    },
    /// Send to every validator. Not to be handed back: the instance has counted its own message.
    Broadcast {
        /// The message.
        message: Message<B>,
        /// The same bytes were sent before: peers must get them again, whatever a gossip cache remembers.
        resend: bool,
    },
    /// Make a block on the head and answer `Built`; it is proposed at `due_ms`, so work may start before.
    Build {
        /// Height.
        height: u64,
        /// Round of the proposal.
        round: u32,
        /// Header timestamp, Unix seconds.
        timestamp: u64,
        /// When the block is wanted, Unix milliseconds; now or past for rounds above 0.
        due_ms: u64,
    },
    /// Execute a proposed block and answer `Validated`.
    Validate {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Digest.
        digest: B256,
        /// The block.
        block: B,
    },
    /// Hand the timer back as `Input::Timeout` at `at_ms`, or at once when that is past.
    SetTimer {
        /// The timer; it replaces one of the same kind.
        timer: Timer,
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// Final: put round and seals into `extraData`, import, announce, then feed `NewBlock`.
    Finalise {
        /// The block.
        block: B,
        /// The round it was committed in.
        round: u32,
        /// At least a quorum of checked seals of distinct validators.
        seals: Vec<Seal>,
    },
    /// Honest validators work at `height`, so every block below it is final: sync.
    Behind {
        /// The height.
        height: u64,
    },
    /// A round above 0 was entered.
    RoundChanged {
        /// Height.
        height: u64,
        /// The new round.
        round: u32,
    },
}
