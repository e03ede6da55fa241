use crate::network::{MORTAL, Network, SETTER};
use alloy_consensus::proofs;
use alloy_primitives::{Address, B256, U256};
use alloy_trie::TrieAccount;
use ledger::{At, Ledger, Options};
use rand::{Rng, SeedableRng, rngs::StdRng};

const SLOTS: u64 = 40;

/// The state root from every account and slot that can exist, rebuilt from nothing.
fn rebuilt(ledger: &Ledger, addresses: &[Address]) -> B256 {
    let accounts = addresses.iter().filter_map(|address| {
        let account = ledger.account(*address, At::Head).unwrap();
        let slots =
            (0..SLOTS).map(|slot| (slot, ledger.storage(*address, U256::from(slot), At::Head).unwrap()));
        let set = slots.filter(|(_, value)| !value.is_zero());
        let storage_root =
            proofs::storage_root_unhashed(set.map(|(slot, value)| (B256::from(U256::from(slot)), value)));
        let leaf = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root,
            code_hash: account.code_hash,
        };
        (leaf != TrieAccount::default()).then_some((*address, leaf))
    });
    proofs::state_root_unhashed(accounts)
}

#[test]
fn the_root_of_every_block_is_that_of_a_full_rebuild() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let mut random = StdRng::seed_from_u64(7);
    let mut nonces = vec![1_u64; network.users.len()];
    let contracts: Vec<_> = network.users.iter().map(|user| user.address.create(0)).collect();
    let mut addresses: Vec<_> =
        network.users.iter().map(|user| user.address).chain(contracts.clone()).collect();
    network.next(&ledger, network.users.iter().map(|user| user.deploy(0, &SETTER)).collect());
    for block in 0..30 {
        let mut transactions = Vec::new();
        for _ in 0..random.random_range(0..20) {
            let user = random.random_range(0..network.users.len());
            let (key, nonce) = (&network.users[user], nonces[user]);
            nonces[user] += 1;
            if random.random_bool(0.3) {
                let to = Address::from(random.random::<[u8; 20]>());
                addresses.push(to);
                transactions.push(key.transfer(nonce, to, random.random_range(0..3)));
            } else {
                let value = if random.random_bool(0.4) { 0 } else { random.random_range(1..1000) };
                let slot = U256::from(random.random_range(0..SLOTS));
                let input = [B256::from(slot), B256::from(U256::from(value))].concat();
                let contract = contracts[random.random_range(0..contracts.len())];
                transactions.push(key.call(nonce, contract, &input));
            }
        }
        network.next(&ledger, transactions);
        assert_eq!(ledger.head().header.state_root, rebuilt(&ledger, &addresses), "block {block}");
    }
}

#[test]
fn the_root_of_a_block_of_many_keys_is_that_of_a_full_rebuild_though_no_trie_stays_in_memory() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let options = Options { trie_bytes: 0, ..Options::default() };
    let ledger = Ledger::open(dir.path(), network.genesis.clone(), options).unwrap();
    let user = &network.users[0];
    let contract = user.address.create(0);
    let payees =
        (0..600_u64).map(|number| Address::from_word(alloy_primitives::keccak256(number.to_be_bytes())));
    let payees: Vec<_> = payees.collect();
    let addresses: Vec<_> = network
        .users
        .iter()
        .map(|user| user.address)
        .chain([contract])
        .chain(payees.iter().copied())
        .collect();
    network.next(&ledger, vec![user.deploy(0, &SETTER)]);
    let mut nonce = 1;
    for (block, value) in [(0..400, 1), (200..600, 2), (100..300, 3)].into_iter().zip(1..) {
        let (payees, value) = (&payees[block.0], block.1 + value);
        let mut transactions = Vec::new();
        for payee in payees {
            transactions.push(user.transfer(nonce, *payee, value));
            nonce += 1;
        }
        for slot in 0..SLOTS {
            let input = [B256::from(U256::from(slot)), B256::from(U256::from(slot % 3 * value))].concat();
            transactions.push(user.call(nonce, contract, &input));
            nonce += 1;
        }
        network.next(&ledger, transactions);
        ledger.flush().unwrap();
        assert_eq!(ledger.head().header.state_root, rebuilt(&ledger, &addresses), "payees from {payees:?}");
    }
}

#[test]
fn a_destroyed_contract_takes_its_storage_with_it_and_history_remembers() {
    let network = Network::by_headers().without_timed_forks();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let user = &network.users[0];
    let mortal = user.address.create(0);
    let addresses: Vec<_> = network.users.iter().map(|user| user.address).chain([mortal]).collect();
    let set = |nonce, slot: u64| {
        let word = |value: u64| B256::from(U256::from(value));
        user.call(nonce, mortal, &[word(slot), word(slot + 7)].concat())
    };
    network.next(&ledger, vec![user.deploy(0, &MORTAL)]);
    network.next(&ledger, (1..20).map(|nonce| set(nonce, nonce)).collect());
    assert_eq!(ledger.head().header.state_root, rebuilt(&ledger, &addresses));
    network.next(&ledger, vec![set(20, 30), user.call(21, mortal, &[])]);
    assert_eq!(ledger.head().header.state_root, rebuilt(&ledger, &addresses));
    let slot = |at| ledger.storage(mortal, U256::from(5), at).unwrap();
    assert_eq!((slot(At::Number(2)), slot(At::Head)), (U256::from(12), U256::ZERO));
    assert_eq!(ledger.code(mortal, At::Number(2)).unwrap().as_ref(), MORTAL);
    assert!(ledger.code(mortal, At::Head).unwrap().is_empty());
}
