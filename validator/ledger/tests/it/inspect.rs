//! Files of a stopped node: what is found in sound ones, and that damage is.

use crate::network::{COUNTER, Network, SETTER};
use alloy_primitives::{Address, B256, TxKind, keccak256};
use ledger::{Files, InspectError};
use redb::{Database, ReadableTable, TableDefinition};
use std::{fs, path::Path};

const BLOCKS: u64 = 5;
const RECIPIENTS: u64 = 1600;

type Hashes = TableDefinition<'static, &'static [u8; 32], &'static [u8]>;
type Numbered = TableDefinition<'static, u64, &'static [u8]>;
type Slots = TableDefinition<'static, &'static [u8; 64], &'static [u8]>;
type Paths = TableDefinition<'static, &'static [u8; 33], &'static [u8]>;

fn recipient(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

/// A chain with enough accounts for stored branches on three levels, a contract with storage, and code.
fn grown(network: &Network, dir: &Path) {
    let ledger = network.open(dir);
    let alice = &network.users[0];
    let contract = alice.address.create(1);
    network.next(&ledger, vec![alice.deploy(0, &COUNTER), alice.deploy(1, &SETTER)]);
    let mut nonce = 2;
    for block in 1..BLOCKS {
        let count = RECIPIENTS / (BLOCKS - 1);
        let mut transactions = Vec::new();
        for number in 0..count {
            transactions.push(alice.transfer(nonce, recipient(block * count + number), 1));
            nonce += 1;
        }
        for slot in 0..20_u64 {
            let word = [B256::from(alloy_primitives::U256::from(block * 20 + slot)), B256::with_last_byte(7)];
            transactions.push(alice.transaction(nonce, TxKind::Call(contract), 0, &word.concat(), 100_000));
            nonce += 1;
        }
        network.next(&ledger, transactions);
    }
    ledger.flush().unwrap();
}

fn verified(network: &Network, dir: &Path) -> Result<ledger::Verified, InspectError> {
    let files = Files::open(dir, &network.genesis)?;
    files.verify_blocks(0, |_, _| {})?;
    files.verify_state(|_, _| {})
}

#[test]
fn sound_files_are_found_right_and_everything_in_them_is_counted() {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    grown(&network, dir.path());
    let files = Files::open(dir.path(), &network.genesis).unwrap();
    let mut heard = Vec::new();
    assert_eq!(files.verify_blocks(2, |at, of| heard.push((at, of))).unwrap(), BLOCKS);
    assert_eq!(heard, [(BLOCKS, BLOCKS)]);
    let mut parts = (0, 0);
    let state = files.verify_state(|part, of| parts = (part, of)).unwrap();
    assert_eq!(parts, (256, 256), "every part of a trie with stored branches");
    assert_eq!(state.block, BLOCKS);
    let stats = files.stats().unwrap();
    assert_eq!((stats.head.0, stats.state_head, stats.oldest_state), (BLOCKS, Some(BLOCKS), 0));
    let rows = |name| stats.files.iter().flat_map(|file| &file.tables).find(|t| t.name == name).unwrap().rows;
    assert_eq!(rows("headers"), BLOCKS + 1);
    assert_eq!(rows("accounts"), state.accounts);
    assert_eq!(rows("storage"), state.slots);
    assert!(state.accounts > RECIPIENTS && state.slots >= 80, "{state:?}");
    assert!(rows("account_nodes") > 16, "branches on three levels, so that parts and top are compared");
}

/// Damages one file of a fresh chain with `damage`, which gets its database, and gives what verification says.
fn after(file: &str, damage: impl FnOnce(&Database)) -> String {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    grown(&network, dir.path());
    assert!(verified(&network, dir.path()).is_ok());
    let database = Database::open(dir.path().join(file)).unwrap();
    damage(&database);
    drop(database);
    verified(&network, dir.path()).unwrap_err().to_string()
}

#[test]
fn a_changed_account_is_found() {
    let told = after("state.redb", |database| {
        let write = database.begin_write().unwrap();
        {
            let mut accounts = write.open_table(Hashes::new("accounts")).unwrap();
            let key = keccak256(recipient(RECIPIENTS / (BLOCKS - 1) + 3));
            let mut value = accounts.get(&key.0).unwrap().unwrap().value().to_vec();
            *value.last_mut().unwrap() += 1;
            accounts.insert(&key.0, value.as_slice()).unwrap();
        }
        write.commit().unwrap();
    });
    assert!(told.contains("state.redb"), "{told}");
}

#[test]
fn a_changed_or_lost_branch_is_found_at_the_top_and_below() {
    for (depth, lost) in [(0, false), (1, false), (1, true), (2, false), (2, true)] {
        let told = after("state.redb", |database| {
            let write = database.begin_write().unwrap();
            {
                let mut nodes = write.open_table(Paths::new("account_nodes")).unwrap();
                let at = nodes.iter().unwrap().map(|entry| entry.unwrap()).find_map(|(key, value)| {
                    (key.value()[32] == depth).then(|| (*key.value(), value.value().to_vec()))
                });
                let (key, mut value) = at.unwrap();
                if lost {
                    nodes.remove(&key).unwrap();
                } else {
                    *value.last_mut().unwrap() ^= 1;
                    nodes.insert(&key, value.as_slice()).unwrap();
                }
            }
            write.commit().unwrap();
        });
        assert!(told.starts_with("account trie: branch at"), "{depth} {lost}: {told}");
    }
}

#[test]
fn a_lost_slot_and_lost_code_are_found() {
    let told = after("state.redb", |database| {
        let write = database.begin_write().unwrap();
        write.open_table(Slots::new("storage")).unwrap().pop_last().unwrap();
        write.commit().unwrap();
    });
    assert!(told.contains("storage"), "{told}");
    let told = after("state.redb", |database| {
        let write = database.begin_write().unwrap();
        write.open_table(Hashes::new("code")).unwrap().pop_first().unwrap();
        write.commit().unwrap();
    });
    assert!(told.contains("code hash"), "{told}");
}

#[test]
fn a_lost_or_swapped_block_is_found() {
    let told = after("blocks.redb", |database| {
        let write = database.begin_write().unwrap();
        write.open_table(Numbered::new("bodies")).unwrap().remove(3).unwrap();
        write.commit().unwrap();
    });
    assert!(told.starts_with("block 3 is missing"), "{told}");
    let told = after("blocks.redb", |database| {
        let write = database.begin_write().unwrap();
        {
            let mut bodies = write.open_table(Numbered::new("bodies")).unwrap();
            let other = bodies.get(2).unwrap().unwrap().value().to_vec();
            bodies.insert(3, other.as_slice()).unwrap();
        }
        write.commit().unwrap();
    });
    assert!(told.starts_with("block 3: transactions root of the body is"), "{told}");
    let told = after("blocks.redb", |database| {
        let write = database.begin_write().unwrap();
        {
            let mut headers = write.open_table(Numbered::new("headers")).unwrap();
            let mut header = headers.get(4).unwrap().unwrap().value().to_vec();
            header[5] ^= 1;
            headers.insert(4, header.as_slice()).unwrap();
        }
        write.commit().unwrap();
    });
    assert!(told.starts_with("block 4: "), "{told}");
}

#[test]
fn files_that_are_absent_or_cut_short_are_refused_by_name() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let Err(InspectError::Missing { path }) = Files::open(dir.path(), &network.genesis) else { panic!() };
    assert_eq!(path, dir.path().join("blocks.redb"));
    assert!(!path.exists(), "looking at files makes none");
    grown(&network, dir.path());
    let state = dir.path().join("state.redb");
    let length = fs::metadata(&state).unwrap().len();
    fs::OpenOptions::new().write(true).open(&state).unwrap().set_len(length / 2).unwrap();
    assert!(verified(&network, dir.path()).is_err());
}
