//! The block as the core sees it: the core's one type parameter.

use crate::auth::Authenticator;
use alloy_primitives::{Address, B256};

/// A block under consensus. Cloning must be cheap (an `Arc` inside): blocks travel through messages, certificates and
/// outputs.
pub trait Proposal: Clone + Eq {
    /// How signatures of this network are checked: [`crate::Ecdsa`] everywhere but in simulation.
    type Auth: Authenticator;

    /// Block number.
    fn height(&self) -> u64;
    /// On-chain hash of the parent.
    fn parent(&self) -> B256;
    /// Beneficiary: the validator that made the content, kept when another one proposes it again.
    fn proposer(&self) -> Address;
    /// Header timestamp, Unix seconds.
    fn timestamp(&self) -> u64;
    /// The round that stands in `extraData`.
    fn round(&self) -> u32;
    /// What PREPARE and COMMIT name, by the wire profile (`chain::hash::proposal_digest`).
    fn digest(&self) -> B256;
    /// The same content with another round in `extraData`.
    #[must_use]
    fn with_round(&self, round: u32) -> Self;
    /// What a commit seal of `round` signs (`chain::hash::commit_hash`).
    fn commit_hash(&self, round: u32) -> B256;
}
