//! The three hashes of a QBFT header (`qbft-facts` §1.3). With `X(round, seals)` the header whose `extraData` carries
//! that round and those seals, all else untouched:
//!
//! | use | preimage |
//! |---|---|
//! | block hash, `parentHash`, RPC | `X(0, [])` |
//! | commit seal of round `r` | `X(r, [])` |
//! | digest of PREPARE and COMMIT | `X(0, [])` or `X(round as proposed, [])`, by [`ProposalRound`] |

use crate::extra::Extra;
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Encodable;
use serde::{Deserialize, Serialize};

/// Which round a proposed header carries, and so which digest names it (Besu 24.12 changed the rule).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProposalRound {
    /// The round of the proposal: Besu from 24.12 on and every new network of ours.
    #[default]
    Real,
    /// Always 0: GoQuorum, and Besu before 24.12.
    Zero,
}

/// On-chain hash: `keccak(rlp(X(0, [])))`; equal for every set of seals and every round of one content.
pub fn block_hash(header: &Header) -> Result<B256, alloy_rlp::Error> {
    commit_hash(header, 0)
}

/// What a commit seal of `round` signs, directly: `keccak(rlp(X(round, [])))`.
pub fn commit_hash(header: &Header, round: u32) -> Result<B256, alloy_rlp::Error> {
    let extra = Extra::decode_exact(&header.extra_data)?;
    Ok(masked(header, &Extra { round, seals: Vec::new(), ..extra }))
}

/// What PREPARE, COMMIT and prepared certificates name.
pub fn proposal_digest(header: &Header, rule: ProposalRound) -> Result<B256, alloy_rlp::Error> {
    let extra = Extra::decode_exact(&header.extra_data)?;
    let round = match rule {
        ProposalRound::Real => extra.round,
        ProposalRound::Zero => 0,
    };
    Ok(masked(header, &Extra { round, seals: Vec::new(), ..extra }))
}

/// The header with another round and other seals in its `extraData`.
pub fn with_round_and_seals(
    header: &Header,
    round: u32,
    seals: Vec<crate::Seal>,
) -> Result<Header, alloy_rlp::Error> {
    let extra = Extra::decode_exact(&header.extra_data)?;
    Ok(Header { extra_data: Extra { round, seals, ..extra }.to_bytes(), ..header.clone() })
}

fn masked(header: &Header, extra: &Extra) -> B256 {
    let header = Header { extra_data: extra.to_bytes(), ..header.clone() };
    let mut bytes = Vec::with_capacity(header.length());
    header.encode(&mut bytes);
    keccak256(&bytes)
}
