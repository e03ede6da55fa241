//! This node's own votes of one height: never two for one (round, phase), and never one that is not durable.

use crate::{
    auth::Verified,
    block::Proposal,
    input::Ticket,
    message::{Commit, Message, Phase, ProposalMessage, RoundChangeMessage, Signatures, Unsigned},
    record::Record,
};
use alloc::sync::Arc;
use alloy_primitives::Address;

/// How far a vote has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage<B> {
    /// Waiting to be durable.
    Persisting,
    /// Durable, waiting for the signer.
    Signing,
    /// Durable and to be signed with the next re-send: the signer failed, or it is of a past round of a former run.
    Unsigned,
    /// Durable and signed before its tick: the proposal of round 0, which was built ahead.
    Held(Message<B>),
    /// Sent.
    Sent(Message<B>),
}

/// One own vote.
#[derive(Clone, Debug)]
pub(crate) struct Vote<B> {
    pub(crate) ticket: Ticket,
    pub(crate) record: Arc<Record<B>>,
    pub(crate) stage: Stage<B>,
    /// Sent by a former run already, perhaps.
    pub(crate) recovered: bool,
}

impl<B: Proposal> Vote<B> {
    pub(crate) fn is(&self, round: u32, phase: Phase) -> bool {
        self.record.round() == round && self.record.phase() == phase
    }
}

impl<B: Proposal> Record<B> {
    /// What has to be signed for this record.
    pub(crate) fn unsigned(&self) -> Unsigned<B> {
        match self {
            Self::Proposal { payload, .. } => Unsigned::Proposal(payload.clone()),
            Self::Prepare(prepare) => Unsigned::Prepare(*prepare),
            Self::Commit { height, certificate } => Unsigned::Commit {
                height: *height,
                round: certificate.prepared.round,
                digest: certificate.prepared.digest,
                commit_hash: certificate.block.commit_hash(certificate.prepared.round),
            },
            Self::RoundChange { payload, .. } => Unsigned::RoundChange(*payload),
        }
    }

    /// The message, once signed; `None` if a COMMIT comes without its seal.
    pub(crate) fn message(&self, signatures: Signatures, identity: Address) -> Option<Message<B>> {
        let signature = signatures.message;
        Some(match self {
            Self::Proposal { payload, justification } => Message::Proposal(Arc::new(ProposalMessage {
                proposal: Verified::own(payload.clone(), signature, identity),
                justification: justification.clone(),
            })),
            Self::Prepare(prepare) => Message::Prepare(Verified::own(*prepare, signature, identity)),
            Self::Commit { height, certificate } => {
                let prepared = certificate.prepared;
                let commit = Commit {
                    height: *height,
                    round: prepared.round,
                    digest: prepared.digest,
                    seal: signatures.seal?,
                };
                Message::Commit(Verified::own(commit, signature, identity))
            }
            Self::RoundChange { payload, certificate } => {
                Message::RoundChange(Arc::new(RoundChangeMessage {
                    round_change: Verified::own(*payload, signature, identity),
                    block: certificate.as_ref().map(|certificate| certificate.block.clone()),
                    prepares: certificate
                        .as_ref()
                        .map_or_else(|| Arc::from([]), |proof| proof.prepares.clone()),
                }))
            }
        })
    }
}
