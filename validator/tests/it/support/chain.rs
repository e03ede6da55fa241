//! A chain made without nodes.

use alloy_primitives::{Address, B256};
use chain::{
    Extra, Seal,
    genesis::Genesis,
    hash::{commit_hash, with_round_and_seals},
};
use k256::ecdsa::SigningKey;
use ledger::{Block, BuildAttributes, Ledger, Options};
use std::path::Path;

fn seal(key: &SigningKey, hash: B256) -> Seal {
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let mut seal = [0; 65];
    seal[..64].copy_from_slice(&signature.to_bytes());
    seal[64] = recovery.to_byte();
    Seal::from(seal)
}

/// Writes `length` empty blocks, one a second from 1970 on, sealed by the only validator.
pub(crate) fn make(dir: &Path, genesis: Genesis, key: &SigningKey, length: u64) -> Ledger {
    let ledger = Ledger::open(&dir.join("chain"), genesis, Options::default()).unwrap();
    for number in 1..=length {
        let attributes = BuildAttributes {
            timestamp: number,
            beneficiary: Address::from_private_key(key),
            extra_data: Extra::unsealed(0).to_bytes(),
            gas_limit_target: 250_000_000,
        };
        let built = ledger.build(&attributes, || None, || false).unwrap();
        let header = &built.block.header;
        let sealed =
            with_round_and_seals(header, 0, vec![seal(key, commit_hash(header, 0).unwrap())]).unwrap();
        ledger.commit(Block { header: sealed, body: built.block.body.clone() }).unwrap();
    }
    ledger.flush().unwrap();
    ledger
}
