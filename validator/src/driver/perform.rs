//! Outputs of the core, put into effect.

use super::{
    Driver, ProposedBlock,
    build::{Materials, Order, build},
    grant::{Denied, grant},
    sign::{Signing, round},
};
use crate::{
    clock::unix_ms,
    import::Source,
    journal::{Inserted, Record as Vote, Refusal},
    signer::budget,
    sync::Hint,
};
use alloy_primitives::{B256, Bytes};
use futures::future::BoxFuture;
use ledger::InvalidBlock;
use qbft::{
    Input, Message, Output, Phase, Proposal as _, Record, Ticket, Unsigned, Verdict,
    wire::{encode, encode_record},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

impl Driver {
    /// Puts outputs into effect, in their order; then what the core says to votes that were signed at once.
    pub(super) fn perform(&mut self, outputs: Vec<Output<ProposedBlock>>) {
        self.put(outputs);
        while let Some(answer) = self.signed.pop_front() {
            if let Ok(outputs) = self.tell(answer) {
                self.put(outputs);
            }
        }
    }

    fn put(&mut self, outputs: Vec<Output<ProposedBlock>>) {
        for output in outputs {
            match output {
                Output::Persist { ticket, record } => self.persist(ticket, &record),
                Output::Sign { ticket, unsigned } => self.sign(ticket, unsigned),
                Output::Broadcast { message, resend } => self.broadcast(&message, resend),
                Output::Hold { message } => self.hold(&message),
                Output::Build { height, round, timestamp, due_ms } => {
                    self.build(height, round, timestamp, due_ms);
                }
                Output::Validate { height, round, digest, block } => {
                    self.validate(height, round, digest, block);
                }
                Output::SetTimer { timer, at_ms } => {
                    self.timers.set(timer, at_ms, self.now());
                }
                Output::Finalise { block, round, seals } => self.finalise(&block, round, seals),
                Output::Behind { height } => self.parts.sync.hint(Hint::Behind(height)),
                Output::RoundChanged { height, round } => self.round_changed(height, round),
            }
        }
    }

    /// Whether a vote may still leave this node.
    pub(super) fn may_vote(&self) -> bool {
        !self.parts.importer.is_broken() && !self.journal_broken.load(Ordering::Acquire)
    }

    fn persist(&mut self, ticket: Ticket, record: &Arc<Record<ProposedBlock>>) {
        let Some(voter) = self.voter().filter(|_| self.may_vote()) else { return };
        let (lease, journal) = (voter.lease.clone(), voter.journal.clone());
        let vote = Vote {
            height: record.height(),
            round: record.round(),
            phase: record.phase().code(),
            digest: record.digest(),
            payload: encode_record(record).into(),
        };
        // Granted first, durable then: the journal holds nothing that was not granted.
        let granted = match lease {
            Some(lease) => {
                let Some(wish) = self.tenure.wish(record, &vote, lease.limit) else { return };
                let is_durable = self.parts.ledger.is_durable(vote.height.saturating_sub(1));
                let effects = self.effects.clone();
                let over = async move { effects.closed().await };
                Some(grant(lease, journal.clone(), wish, is_durable, over))
            }
            None => None,
        };
        let metrics = Arc::clone(&self.parts.metrics);
        let (effects, faults) = (self.effects.clone(), self.parts.faults.clone());
        let broken = Arc::clone(&self.journal_broken);
        let (began, phase, bytes) = (Instant::now(), vote.phase, vote.payload.len());
        self.tasks.spawn(async move {
            let granted = match granted {
                Some(granted) => granted
                    .await
                    .inspect(|()| tracing::debug!(phase, took = ?began.elapsed(), "vote is granted")),
                None => Ok(()),
            };
            let inserted = match granted {
                Ok(()) => journal.insert(vote).await,
                Err(Denied::Journal(refusal)) => Err(refusal),
                Err(Denied::Fence(refusal)) => {
                    metrics.fence_refused.get_or_create(&[("reason", refusal.label())]).inc();
                    return tracing::info!(%refusal, phase, "vote not granted");
                }
                Err(Denied::Over) => return,
            };
            match inserted {
                Ok(Inserted::New | Inserted::Same) => {
                    tracing::debug!(phase, bytes, took = ?began.elapsed(), "vote is durable");
                    let _ = effects.send(Input::Persisted { ticket }).await;
                }
                // The height was decided while the record was on its way: nothing to vote for any more.
                Err(refusal @ (Refusal::Decided { .. } | Refusal::Inactive)) => {
                    tracing::debug!(%refusal, "vote not sent");
                }
                Err(refusal @ (Refusal::Broken(_) | Refusal::BlockNotDurable(_))) => {
                    broken.store(true, Ordering::Release);
                    faults.stopped(format!("vote journal: {refusal}"));
                }
                Err(refusal) => faults.report(format!("vote not sent: {refusal}")),
            }
        });
    }

    fn sign(&mut self, ticket: Ticket, unsigned: Unsigned<ProposedBlock>) {
        let Some(voter) = self.voter().filter(|_| self.may_vote()) else { return };
        let (signer, encoding) = (Arc::clone(&voter.signer), self.encoding);
        let budget = budget::vote(self.head.request_timeout_ms, round(&unsigned));
        // A key in memory has nothing to wait for: then nothing is asked for ahead.
        let mut ahead = None;
        if signer.is_remote() {
            ahead = self.foresight.seal_for(&unsigned);
            if let Some(seal) = self.foresight.look(&unsigned, &signer, budget) {
                let effects = self.effects.clone();
                self.tasks.spawn(async move {
                    tokio::select! {
                        _ = seal => {}
                        () = effects.closed() => {}
                    }
                });
            }
        }
        let signing = Signing { ticket, unsigned, encoding, budget, ahead };
        match signing.begin(signer, Arc::clone(&self.parts.metrics)) {
            Ok(answer) => self.signed.push_back(answer),
            Err(answer) => self.answer_later(answer),
        }
    }

    fn answer_later(&self, answer: BoxFuture<'static, Input<ProposedBlock>>) {
        let effects = self.effects.clone();
        self.tasks.spawn(async move {
            let answer = tokio::select! {
                answer = answer => answer,
                // The driver has ended: nobody waits for the vote.
                () = effects.closed() => return,
            };
            let _ = effects.send(answer).await;
        });
    }

    /// What will be sent at the tick is encoded before it.
    fn hold(&mut self, message: &Message<ProposedBlock>) {
        let payload: Bytes = encode(message, self.encoding).into();
        self.parts.network.prepare_consensus(message.phase().code(), &payload);
        self.held = Some(Held { place: place(message), payload });
    }

    fn broadcast(&mut self, message: &Message<ProposedBlock>, resend: bool) {
        self.heard.note(message.author(), message.height(), unix_ms());
        let code = message.phase().code();
        let held = self.held.take().filter(|held| held.is_of(message));
        let payload = held.map_or_else(|| encode(message, self.encoding).into(), |held| held.payload);
        tracing::debug!(height = message.height(), code, bytes = payload.len(), "consensus message sent");
        self.own.note(message.height(), message.round(), code, &payload);
        self.keep_proposal(message);
        let network = &self.parts.network;
        if !resend {
            return network.broadcast_consensus(code, payload, None);
        }
        // What the others send again must reach the core too: who re-sends is there.
        network.forget_consensus();
        for peer in network.peers().iter().filter(|peer| peer.istanbul) {
            network.send_consensus(peer.id, code, payload.clone());
        }
    }

    fn build(&self, height: u64, round: u32, timestamp: u64, due_ms: u64) {
        let Some(beneficiary) = self.identity() else { return };
        // Only round 0 waits for transactions: later rounds are late already.
        let wait_ms = self.head.empty_period_ms.saturating_sub(self.head.period_ms);
        let empty_due_ms = if round == 0 { due_ms.saturating_add(wait_ms) } else { due_ms };
        let order = Order {
            height,
            round,
            timestamp,
            due_ms,
            period_ms: self.head.period_ms,
            empty_due_ms,
            beneficiary,
            proposal_round: self.parts.rules.proposal_round,
        };
        let materials = Materials {
            ledger: self.parts.ledger.clone(),
            pool: self.parts.pool.clone(),
            votes: self.parts.votes.clone(),
            clock: self.parts.clock.clone(),
            finish: Arc::clone(&self.finish),
            network: self.parts.network.clone(),
        };
        let effects = self.effects.clone();
        self.tasks.spawn(async move {
            let built = tokio::select! {
                built = build(materials, order) => built,
                // The driver has ended: nobody waits for the block.
                () = effects.closed() => return,
            };
            let answer = match built {
                Ok(block) => Input::Built { height, round, block },
                Err(error) => {
                    tracing::warn!(%error, height, round, "no block to propose");
                    Input::BuildFailed { height, round }
                }
            };
            let _ = effects.send(answer).await;
        });
    }

    fn validate(&mut self, height: u64, round: u32, digest: B256, block: ProposedBlock) {
        if self.voter().is_some_and(|voter| voter.signer.is_remote()) {
            self.foresight.saw(height, round, digest, block.clone());
        }
        let (ledger, effects) = (self.parts.ledger.clone(), self.effects.clone());
        let (began, ahead) = (Instant::now(), self.parts.ahead.clone());
        self.tasks.spawn(async move {
            ahead.proposed(height).await;
            let check = move || match ledger.validate(block.block()) {
                Ok(()) => {
                    tracing::debug!(height, round, took = ?began.elapsed(), "proposal is valid");
                    Verdict::Valid
                }
                Err(error) => {
                    // Our head may have moved past the block while it waited for a thread.
                    let overtaken = ledger.head().number >= block.height()
                        || matches!(
                            error,
                            InvalidBlock::Number { .. }
                                | InvalidBlock::Parent { .. }
                                | InvalidBlock::OtherSet { .. }
                        );
                    tracing::warn!(%error, height, round, overtaken, "proposal is not valid here");
                    if error.is_local() || overtaken { Verdict::Unknown } else { Verdict::Invalid }
                }
            };
            let verdict = tokio::task::spawn_blocking(check).await.unwrap_or(Verdict::Unknown);
            let _ = effects.send(Input::Validated { height, round, digest, verdict }).await;
        });
    }

    fn finalise(&self, block: &ProposedBlock, round: u32, seals: Vec<chain::Seal>) {
        let (importer, faults) = (Arc::clone(&self.parts.importer), self.parts.faults.clone());
        match block.sealed(round, seals) {
            Ok(sealed) => {
                self.tasks.spawn(async move {
                    if let Err(error) = importer.import(sealed, Source::Consensus).await {
                        tracing::warn!(%error, "finalised block not imported");
                    }
                });
            }
            Err(error) => {
                faults.report(format!("finalised block {} cannot be sealed: {error}", block.height()));
            }
        }
    }

    fn round_changed(&self, height: u64, round: u32) {
        tracing::info!(height, round, "round changed");
        self.parts.metrics.round_changes.inc();
        // What peers send again must reach the core again.
        self.parts.network.forget_consensus();
    }
}

/// A message encoded ahead.
pub(super) struct Held {
    place: (u64, u32, Phase),
    payload: Bytes,
}

impl Held {
    fn is_of(&self, message: &Message<ProposedBlock>) -> bool {
        self.place == place(message)
    }
}

fn place(message: &Message<ProposedBlock>) -> (u64, u32, Phase) {
    (message.height(), message.round(), message.phase())
}
