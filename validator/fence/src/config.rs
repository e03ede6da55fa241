//! What a fence is told once.

use crate::record::{Evidence, Holder, Place};
use alloy_primitives::B256;

/// How long to wait for what, milliseconds. Nothing but liveness rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A standby tries to take over a holder that wrote nothing for so long by the standby's own clock.
    pub lease_ms: u64,
    /// The same for a process that finds its own journal named in the record: the holder was most likely itself.
    pub restart_ms: u64,
    /// A holder that votes nothing writes so often.
    pub renew_ms: u64,
    /// A standby reads so often.
    pub poll_ms: u64,
    /// After the store gave no answer; no standby reads more often than it polls, though.
    pub retry_ms: u64,
}

impl Default for Lease {
    fn default() -> Self {
        Self { lease_ms: 6_000, restart_ms: 3_000, renew_ms: 1_500, poll_ms: 250, retry_ms: 250 }
    }
}

/// The newest vote of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its slot.
    pub place: Place,
    /// What for.
    pub digest: B256,
    /// What was promised up to and with it: a first record starts from it.
    pub evidence: Evidence,
}

/// Fixed for a process's life.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the record must be a record of: the caller's hash of network and identity.
    pub subject: B256,
    /// This process.
    pub me: Holder,
    /// Whether the identity belongs here whenever this process is ready.
    pub is_preferred: bool,
    /// Id of this process's vote journal.
    pub journal: B256,
    /// The newest vote in that journal when the process started.
    pub journaled: Option<Journaled>,
    /// Whether the identity is known never to have had a record, by its journal too, so that one may be made.
    pub initialise: bool,
    /// Longest record that the store takes, bytes.
    pub limit: usize,
    /// Times.
    pub lease: Lease,
}
