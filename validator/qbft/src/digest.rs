//! Two digests of one block, in networks whose clients disagree on what PREPARE and COMMIT name (`qbft-facts` §2.6).
//!
//! With `X(round)` the hash of the header with that round and without seals: GoQuorum, and Besu up to 24.10, name a block
//! by `X(0)`; Besu from 24.12 on by `X(e)`, `e` being the round that the proposed header carries. A block that carries 0
//! has one digest. This node proposes such blocks in such networks, and votes by `X(0)`; but the block of a Besu proposer
//! above round 0 has two, and each half of the network refuses the other half's votes. Where the profile says so
//! ([`crate::Config::mixed_digests`]), votes by either digest count here.
//!
//! # Why that is safe
//!
//! - *Both digests name one content.* They are hashes of the same header but for the round in `extraData`, which the
//!   on-chain hash masks; two digests that name two contents would be a collision of keccak. A vote by either says the
//!   same thing of the same block.
//! - *Finality counts seals, not digests.* The seal in a COMMIT signs `X(r)` for the round `r` of the COMMIT whatever its
//!   digest, and is checked against the accepted block. A quorum of COMMITs that name the block in either way is a quorum
//!   of seals over one preimage, and each of their honest authors holds a lock on that content.
//! - *A lock is a certificate of one digest.* PREPAREs are counted by digest: a quorum that only both together reach
//!   prepares nothing. Otherwise this node would commit without a certificate that a peer accepts, its ROUND-CHANGE
//!   could not show what it is locked on, and another block could be justified beside a committed one.
//! - *Justification looks at content.* Every claim to the highest prepared round must name the proposed block, in one of
//!   the ways below, and the PREPAREs must all carry the same one of these digests. So the induction of the crate's
//!   documentation goes through with "block" read as "content".
//!
//! An author that votes for a block by both digests is counted once: the first vote of a phase is its vote.

use crate::block::Proposal;
use alloy_primitives::B256;

/// Whether a vote of `round` may name this block by `digest`: as one that carries no round, the one it carries, or the
/// one it was voted on in.
pub(crate) fn names<B: Proposal>(block: &B, round: u32, digest: B256) -> bool {
    [0, block.round(), round].into_iter().any(|carried| block.commit_hash(carried) == digest)
}

/// The digest by which the other half of a mixed network names this block, if that is another one.
pub(crate) fn other<B: Proposal>(block: &B) -> Option<B256> {
    let digest = block.digest();
    [0, block.round()].map(|carried| block.commit_hash(carried)).into_iter().find(|other| *other != digest)
}
