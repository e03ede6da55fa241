use crate::network::{MORTAL, Network, SETTER};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use ledger::{At, Ledger, LedgerError, PROOF_BLOCKS};

fn words(slot: u64, value: u64) -> Vec<u8> {
    [B256::from(U256::from(slot)), B256::from(U256::from(value))].concat()
}

/// Checks the proofs of an account and its slots against the state root in the header of that block.
fn verify(ledger: &Ledger, address: Address, slots: &[u64], block: u64) {
    let at = At::Number(block);
    let header = ledger.header(at).unwrap().unwrap();
    let keys: Vec<B256> = slots.iter().map(|slot| B256::from(U256::from(*slot))).collect();
    let proof = ledger.proof(address, &keys, at).unwrap();
    assert_eq!(proof.account, ledger.account(address, at).unwrap(), "{address} at {block}");
    let account = proof.account;
    let exists = account.nonce > 0 || !account.balance.is_zero();
    let leaf = TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: account.storage_root,
        code_hash: account.code_hash,
    };
    let expected = exists.then(|| alloy_rlp::encode(leaf));
    let nodes: Vec<&Bytes> = proof.nodes.iter().collect();
    verify_proof(header.state_root, Nibbles::unpack(keccak256(address)), expected, nodes).unwrap();
    for (key, slot) in keys.iter().zip(&proof.slots) {
        assert_eq!(slot.value, ledger.storage(address, U256::from_be_bytes(key.0), at).unwrap());
        let expected = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
        let nodes: Vec<&Bytes> = slot.nodes.iter().collect();
        verify_proof(account.storage_root, Nibbles::unpack(keccak256(key)), expected, nodes).unwrap();
    }
}

#[test]
fn proofs_of_every_block_verify_against_its_state_root_whatever_changed_since() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    let (setter, mortal) = (alice.address.create(0), alice.address.create(1));
    let mut nonce = 2;
    let mut call = |to, data: &[u8]| {
        nonce += 1;
        alice.call(nonce - 1, to, data)
    };
    network.next(&ledger, vec![alice.deploy(0, &SETTER), alice.deploy(1, &MORTAL)]);
    for block in 0..6 {
        let set = |slot: u64| words(block * 7 + slot, block + 1);
        network.next(&ledger, vec![call(setter, &set(0)), call(setter, &set(1)), call(mortal, &set(2))]);
    }
    // Slots to zero, and a storage that goes whole (before Cancun's rule it would need the creating transaction).
    network.next(&ledger, vec![call(setter, &words(0, 0)), call(setter, &words(1, 0))]);
    network.next(&ledger, vec![call(mortal, &[])]);
    for block in 0..=9 {
        let stranger = Address::repeat_byte(0x51);
        for address in [setter, mortal, alice.address, network.users[1].address, stranger] {
            verify(&ledger, address, &[0, 1, 2, 7, 8, 36, 999], block);
        }
    }
}

#[test]
fn a_proof_too_far_behind_the_head_is_refused_naming_how_far_they_go() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    for _ in 0..=PROOF_BLOCKS {
        network.next(&ledger, vec![]);
    }
    assert!(ledger.proof(Address::ZERO, &[], At::Number(1)).is_ok());
    let error = ledger.proof(Address::ZERO, &[], At::Number(0)).unwrap_err();
    assert!(matches!(error, LedgerError::TriePruned { block: 0, limit: PROOF_BLOCKS }), "{error}");
}
