//! The state of one height at a time, and `step`.

use crate::{block::Proposal, config::Config, input::{Input, NewHead}, output::Output, record::Recovered, reject::Rejected};
use alloc::vec::Vec;

/// The protocol at one node.
#[derive(Clone, Debug)]
pub struct Instance<B: Proposal> {
    config: Config,
    recovered: Recovered<B>,
}

impl<B: Proposal> Instance<B> {
    /// Starts after `head`; `recovered` is what the journal holds, `now_ms` the local clock (Unix milliseconds).
    pub fn new(config: Config, head: NewHead, recovered: Recovered<B>, now_ms: u64) -> (Self, Vec<Output<B>>) {
        let _ = (head, now_ms);
        (Self { config, recovered }, Vec::new())
    }

    /// Takes one input at local time `now_ms`; what to do about it, or why it was refused.
    pub fn step(&mut self, input: Input<B>, now_ms: u64) -> Result<Vec<Output<B>>, Rejected> {
        let _ = (input, now_ms, &self.config, &self.recovered);
        Ok(Vec::new())
    }

    /// The height being decided.
    pub fn height(&self) -> u64 {
        0
    }

    /// Its round.
    pub fn round(&self) -> u32 {
        0
    }
}
