//! Files of a stopped node: what is found in sound ones, and that damage is.

use crate::network::{COUNTER, Network, SETTER};
use alloy_primitives::{Address, B256, TxKind, keccak256};
use ledger::{Files, InspectError, Verified};
use redb::{Database, ReadableTable, TableDefinition};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

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

fn verified(network: &Network, dir: &Path) -> Result<Verified, InspectError> {
    let files = Files::open(dir, &network.genesis)?;
    files.verify_blocks(0, |_, _| {})?;
    files.verify_state(false, |_, _| {})
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
    let state = files.verify_state(false, |part, of| parts = (part, of)).unwrap();
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

/// A check of the state that is cut off after this many parts.
fn cut_off(network: &Network, dir: &Path, parts: u16) {
    let files = Files::open(dir, &network.genesis).unwrap();
    let cut = |part, _| {
        if part == parts {
            resume_unwind(Box::new("cut off"));
        }
    };
    assert!(catch_unwind(AssertUnwindSafe(|| files.verify_state(false, cut))).is_err());
}

/// A whole check, which may go on where another was cut off: the first part that it read, and what it found.
fn checked(network: &Network, dir: &Path, anew: bool) -> (Option<u16>, Result<Verified, InspectError>) {
    let files = Files::open(dir, &network.genesis).unwrap();
    let mut first = None;
    let found = files.verify_state(anew, |part, _| {
        first.get_or_insert(part);
    });
    (first, found)
}

/// Adds one wei to an account in a part of this range.
fn change_account(dir: &Path, parts: std::ops::Range<u8>) {
    let database = Database::open(dir.join("state.redb")).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut accounts = write.open_table(Hashes::new("accounts")).unwrap();
        let keys = (0..RECIPIENTS).map(|number| keccak256(recipient(number + RECIPIENTS / (BLOCKS - 1))));
        let key = keys.into_iter().find(|key| parts.contains(&key[0])).unwrap();
        let mut value = accounts.get(&key.0).unwrap().unwrap().value().to_vec();
        *value.last_mut().unwrap() += 1;
        accounts.insert(&key.0, value.as_slice()).unwrap();
    }
    write.commit().unwrap();
}

#[test]
fn a_check_of_the_state_that_was_cut_off_goes_on_and_ends_as_one_that_was_not() {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    grown(&network, dir.path());
    let (first, whole) = checked(&network, dir.path(), false);
    let whole = whole.unwrap();
    assert_eq!((first, whole.earlier), (Some(1), 0));
    for parts in [1, 100, 255, 256] {
        cut_off(&network, dir.path(), parts);
        let (first, found) = checked(&network, dir.path(), false);
        assert_eq!(first, (parts < 256).then_some(parts + 1));
        assert_eq!(found.unwrap(), Verified { earlier: parts, ..whole });
        let (first, found) = checked(&network, dir.path(), false);
        assert_eq!((first, found.unwrap()), (Some(1), whole), "what is finished is not gone on with");
    }
    // Cut off twice, and then begun anew by the operator's wish.
    cut_off(&network, dir.path(), 30);
    cut_off(&network, dir.path(), 200);
    let (first, found) = checked(&network, dir.path(), true);
    assert_eq!((first, found.unwrap()), (Some(1), whole));
}

#[test]
fn a_check_that_goes_on_finds_what_is_wrong_behind_it_and_one_begun_anew_what_is_wrong_before() {
    let network = Network::by_contract();
    for (parts, anew, first_read) in [(100..255, false, 101), (0..100, true, 1)] {
        let dir = tempfile::tempdir().unwrap();
        grown(&network, dir.path());
        cut_off(&network, dir.path(), 100);
        change_account(dir.path(), parts);
        let (first, found) = checked(&network, dir.path(), anew);
        let told = found.unwrap_err().to_string();
        assert!(told.contains("state.redb"), "{told}");
        assert!(first.is_none_or(|first| first == first_read), "{first:?}");
        // The next run comes to the same fault at once, and so does every other until it is mended.
        let (_, found) = checked(&network, dir.path(), anew);
        assert_eq!(found.unwrap_err().to_string(), told);
    }
}

#[test]
fn a_record_of_another_head_or_file_and_a_damaged_one_are_not_gone_by() {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    let begins_anew = |why: &str| {
        let (first, found) = checked(&network, dir.path(), false);
        assert_eq!((first, found.unwrap().earlier), (Some(1), 0), "{why}");
        cut_off(&network, dir.path(), 100);
    };
    grown(&network, dir.path());
    cut_off(&network, dir.path(), 100);
    let ledger = network.open(dir.path());
    network.next(&ledger, vec![]);
    ledger.flush().unwrap();
    drop(ledger);
    begins_anew("the head moved");
    let (state, copy) = (dir.path().join("state.redb"), dir.path().join("copy"));
    fs::copy(&state, &copy).unwrap();
    fs::rename(&copy, &state).unwrap();
    begins_anew("another file");
    let record = dir.path().join("state.verified");
    let bytes = fs::read(&record).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &bytes[..20], &[], &[&[bytes[0] ^ 1], &bytes[1..]].concat()] {
        fs::write(&record, damaged).unwrap();
        begins_anew("a damaged record");
    }
    assert_eq!(checked(&network, dir.path(), false).0, Some(101), "the record itself is gone by");
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
