//! What a new head, or a record that was taken up on it, means for the height after it.

use super::{Driver, TICK, verify::Window};
use crate::faults::Faults;
use devp2p::Audience;
use ledger::{HeadInfo, Ledger, LedgerError};
use qbft::{Input, NewHead};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Longest wait before the rules of the next height are read again after they could not be; doubled from [`TICK`].
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How far a block's timestamp must lie behind our start to prove that its height was decided without us: more than
/// any two clocks of the network may differ.
pub const SIT_OUT_MARGIN_S: u64 = 10;
impl Driver {
    pub(super) async fn on_head(&mut self, head: &HeadInfo) {
        if head.number <= self.head.number {
            return;
        }
        let skipped = head.number > self.head.number + 1;
        let next = match next_height(&self.parts.ledger, &self.parts.faults).await {
            Ok(next) => next,
            // Without a validator set there is nobody to vote with; the chain cannot go on here.
            Err(error) => {
                let wait = self.retry.map_or(TICK, |(_, wait)| (wait * 2).min(RETRY_MAX));
                self.retry = Some((Instant::now() + wait, wait));
                return self.parts.faults.report(error.to_string());
            }
        };
        self.retry = None;
        let reseated = next.validators != self.head.validators;
        self.head = next;
        self.look_at_head();
        if skipped || reseated {
            // Messages for the height now being decided were dropped: as too far ahead, or of a seat we did not know.
            self.parts.network.forget_consensus();
        }
        for voter in &self.parts.voters {
            voter.journal.prune(self.head.number);
        }
        self.tenure.decided(self.head.number);
        self.proposals.forget_below(self.head.number.saturating_add(1));
        self.heard.keep(&self.head.validators);
        // The set of a re-seat may have come with the head.
        if !self.end_silence() {
            let _ = self.step(Input::NewBlock(self.head.clone()));
        }
        self.end_sitting_out().await;
    }

    /// Begins the present height anew with the set of the record that was taken up.
    pub(super) async fn on_reseat(&mut self) {
        let next = match next_height(&self.parts.ledger, &self.parts.faults).await {
            Ok(next) => next,
            Err(error) => return self.parts.faults.report(error.to_string()),
        };
        // With a newer head the next height is begun by that.
        if next.number != self.head.number || next.first_round <= self.head.first_round {
            return;
        }
        self.head = next;
        self.look_at_head();
        self.parts.network.forget_consensus();
        self.heard.keep(&self.head.validators);
        if !self.end_silence() {
            let _ = self.step(Input::Reseated(self.head.clone()));
        }
    }

    /// Tells the verifier which messages are worth checking, and the network who is to get ours.
    pub(super) fn look_at_head(&self) {
        let (height, seats) = (self.head.number.saturating_add(1), Arc::clone(&self.head.validators));
        if self.parts.rules.one_key {
            self.parts.network.consensus_audience(Audience::Holders(Arc::clone(&seats)));
        }
        self.inbox.window.send_replace(Window { height, seats });
    }

    /// A block proposed after our start was decided without us, and so was everything before it.
    async fn end_sitting_out(&mut self) {
        let proof = self.started_s.saturating_add(SIT_OUT_MARGIN_S);
        let Some(voter) = self.voter() else { return };
        if !self.sitting_out || voter.lease.is_some() || self.head.timestamp <= proof {
            return;
        }
        match voter.journal.activate(self.head.number).await {
            Ok(()) => {
                let height = self.head.number.saturating_add(1);
                tracing::info!(height, journal = %voter.journal_id, "sitting out is over, voting with a new journal");
                self.sitting_out = false;
                let _ = self.step(Input::VoteFrom { height });
            }
            Err(refusal) => self.parts.faults.report(refusal.to_string()),
        }
    }
}

/// The head and the rules for the block after it, read from one state. A fork to come that this version does not know is
/// reported as soon as it is scheduled.
pub(super) async fn next_height(ledger: &Ledger, faults: &Faults) -> Result<NewHead, LedgerError> {
    let (ledger, faults) = (ledger.clone(), faults.clone());
    let read = move || loop {
        let head = ledger.head();
        let adopted = ledger.adopted();
        let (mut validators, parameters) = (ledger.validators()?, ledger.parameters()?);
        if ledger.head().number != head.number || ledger.adopted() != adopted {
            continue;
        }
        if let Some(fork) = ledger.unknown_fork()? {
            faults.announce(format!(
                "hardfork {} takes effect at block {} and this version does not know it; upgrade this node before it",
                fork.name, fork.block
            ));
        }
        validators.sort_unstable();
        return Ok(NewHead {
            number: head.number,
            hash: head.hash,
            timestamp: head.header.timestamp,
            proposer: head.header.beneficiary,
            validators: validators.into(),
            period_ms: parameters.block_period_s.saturating_mul(1000),
            empty_period_ms: parameters.empty_block_period_s.saturating_mul(1000),
            request_timeout_ms: parameters.request_timeout_ms,
            first_round: adopted.map_or(0, |adopted| adopted.record.reseat().first_round()),
        });
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_| Err(LedgerError::Engine("reading the validator set was cut short".to_string())))
}
