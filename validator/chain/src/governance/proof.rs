//! The proof of possession that `seat` asks for: the identity's own EIP-712 signature.

use super::{GOVERNANCE, interface::SeatProof};
use crate::Seal;
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};

fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "Quorate Seat",
        version: "1",
        chain_id: chain_id,
        verifying_contract: GOVERNANCE,
    }
}

/// What `identity` signs to be seated for `member` (its on-chain id) on the chain `chain_id`, citing a block at most
/// [`super::PROOF_WINDOW`] old. The contract's `seatDigest` gives the same.
#[must_use]
pub fn seat_digest(
    chain_id: u64,
    member: u32,
    identity: Address,
    block_number: u64,
    block_hash: B256,
) -> B256 {
    let proof = SeatProof { member, identity, blockNumber: block_number, blockHash: block_hash };
    proof.eip712_signing_hash(&domain(chain_id))
}

/// A signature in the form that `seat` and `rotateSeat` take: `r ‖ s ‖ v` with `v` 27 or 28.
#[must_use]
pub fn seat_signature(seal: &Seal) -> Bytes {
    let mut bytes = seal.0;
    bytes[64] = if bytes[64] < 27 { bytes[64].wrapping_add(27) } else { bytes[64] };
    Bytes::copy_from_slice(&bytes)
}
