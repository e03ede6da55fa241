//! What must never happen: one file per promise.

mod finality;
mod locks;
mod progress;
mod votes;

pub use finality::{Chain, Finalised};
pub use locks::{Cast, Locks};
pub use progress::Progress;
pub use votes::{Votes, place};

use qbft::Footprint;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two blocks of one height were finalised.
    Fork {
        /// Height.
        height: u64,
    },
    /// A node prepared another block although enough had committed to one in an earlier round for it to be final
    /// somewhere.
    Overridden {
        /// Height.
        height: u64,
        /// Round of the vote that shows it.
        round: u32,
    },
    /// A finalised block lacks a quorum of seals of distinct validators.
    Unsealed {
        /// Height.
        height: u64,
    },
    /// A finalised block does not follow the chain, was altered, or execution refuses it.
    Invalid {
        /// Height.
        height: u64,
    },
    /// A node's database refuses a final block: it executes to something else there, or its seals do not hold.
    Refused {
        /// Node.
        node: usize,
        /// Height.
        height: u64,
        /// Why.
        reason: String,
    },
    /// A final block is nearer to its parent than the voted period allows.
    TooEarly {
        /// Height.
        height: u64,
        /// Its timestamp, Unix seconds.
        timestamp: u64,
        /// The least that the state after its parent allows.
        least: u64,
    },
    /// A node finalised a block that it had not executed.
    NotExecuted {
        /// Node.
        node: usize,
        /// Height.
        height: u64,
    },
    /// A node's chain became shorter although its disk was kept.
    Lost {
        /// Node.
        node: usize,
        /// Height it is at.
        height: u64,
        /// Height it was at.
        was: u64,
    },
    /// A node signed two things for one height, round and phase.
    DoubleSign {
        /// Node.
        node: usize,
        /// Height.
        height: u64,
        /// Round.
        round: u32,
    },
    /// A node's journal gives back something other than it was given.
    Unreadable {
        /// Node.
        node: usize,
        /// Height.
        height: u64,
        /// Round.
        round: u32,
    },
    /// A node signed what was not durable.
    NotDurable {
        /// Node.
        node: usize,
    },
    /// A core keeps more than the bound for its validators allows.
    Memory {
        /// Node.
        node: usize,
        /// What it keeps.
        footprint: Footprint,
    },
    /// A height that began in a timely network took more rounds than promised.
    TooManyRounds {
        /// Height.
        height: u64,
        /// The round it was decided in.
        round: u32,
        /// The last one allowed.
        limit: u32,
    },
    /// No new block for too long although the network was timely.
    Stuck {
        /// Highest height reached.
        height: u64,
    },
}
