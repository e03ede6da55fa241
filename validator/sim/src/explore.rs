//! Every reachable state of a small network: the real core at each honest seat, up to `f` seats that may do anything, a
//! network that delays, loses, repeats and reorders at will, crashes at every persist, sign and send.
//!
//! # What is explored
//!
//! One height, rounds below [`Setting::rounds`], one clock reading (timestamps are a table's business, not a schedule's).
//! A state is the states of the honest seats. What the network holds follows from them: the set of all messages ever
//! sent, from which any seat may be given any part, in any order, or never; loss, delay and duplication need no more.
//! Liars say whatever can be put together from what they heard ([`vocabulary`]), forgeries included. Round timers run out at
//! any moment, running or not; the disk and the signer answer at once, the executor and the builder whenever they like.
//! A crash comes between any two moves and before any persist, sign or send inside one; a seat that is down does nothing,
//! so a restart that follows at once covers those that follow later.
//!
//! # Why it is small enough, and still everything
//!
//! - **Seats are interned.** Seats only meet through sent messages, so what a seat does next depends on its own state and on
//!   the set of messages sent. The real core computes that once for each such pair; the search over all seats then only combines
//!   numbers. States are compared whole ([`replica::Replica::key`]), not by a hash.
//! - **A delivery from which nothing comes may wait.** A message that makes the core send, lock, change round, ask or decide
//!   nothing only adds to a tally. The state without it can still receive it, so it can do whatever the state with it can:
//!   adding to a tally takes nothing away but a liar's chance to say the opposite later. So votes are delivered together when they
//!   make a quorum, ROUND-CHANGEs when they make a seat jump, and tallies are no part of a state. The one tally that decides
//!   *what* a seat does, the ROUND-CHANGEs at the proposer to be, is explored message by message and is part of the state.
//! - **Whose PREPAREs prove a certificate** does not matter: it is accepted for being a quorum's, whosoever they are.
//!
//! The argument is checked, not trusted: [`walk`] lets the same network run in single deliveries, silent and poisonous ones
//! included, and every state it comes through must have been found here.

pub mod claim;
pub mod moves;
pub mod replica;
pub mod search;
pub mod vocabulary;
pub mod walk;

#[cfg(test)]
mod tests;

use alloy_primitives::Address;

/// What is explored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// For people.
    pub name: &'static str,
    /// Seats.
    pub seats: usize,
    /// Those that may do anything.
    pub byzantine: Vec<usize>,
    /// Rounds explored, from 0.
    pub rounds: u32,
    /// Crashes of honest seats, all together.
    pub crashes: u8,
    /// A deliberate fault, to show that it would be found: a restart that keeps its votes but not its lock.
    pub forgets_lock: bool,
}

impl Setting {
    /// Four seats, two rounds, one crash, the liar at the named place.
    #[must_use]
    pub fn standard() -> [Self; 3] {
        let setting = |name, liar| Self {
            name,
            seats: 4,
            byzantine: vec![liar],
            rounds: 2,
            crashes: 1,
            forgets_lock: false,
        };
        [
            setting("proposer of round 0 lies", 0),
            setting("proposer of round 1 lies", 1),
            setting("a seat beside them lies", 3),
        ]
    }

    /// The seats' addresses, ascending.
    #[must_use]
    pub fn validators(&self) -> Vec<Address> {
        (1..=self.seats).map(|seat| Address::with_last_byte(u8::try_from(seat).unwrap_or(u8::MAX))).collect()
    }

    /// Seats that keep to the protocol.
    #[must_use]
    pub fn honest(&self) -> Vec<usize> {
        (0..self.seats).filter(|seat| !self.byzantine.contains(seat)).collect()
    }
}
