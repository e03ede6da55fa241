//! What anybody sends over RPC.

use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::keccak256;

// The shipped file itself: the node's own crate would bring the EVM and the database into every build.
#[path = "../../validator/src/pool/raw.rs"]
mod raw;

/// `eth_sendRawTransaction`: what decodes encodes to the same bytes, is known by their hash, and its sender can be asked for.
pub fn raw_transaction(data: &[u8]) {
    let Ok(transaction) = raw::decode(data) else { return };
    assert_eq!(transaction.encoded_2718(), data, "a second encoding of one transaction");
    assert_eq!(*transaction.tx_hash(), keccak256(data));
    let _sender = transaction.recover_signer();
}
