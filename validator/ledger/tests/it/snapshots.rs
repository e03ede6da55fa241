//! Snapshot files: state out of one ledger, into another.

use crate::network::{COUNTER, Network, SETTER};
use alloy_primitives::{Address, B256, U256};
use chain::{Extra, Vote};
use ledger::{
    At, BuildAttributes, Files, Ledger, LogFilter, Options,
    snapshot::{FRAME_BYTES, SnapshotError, import},
};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use tempfile::{TempDir, tempdir};

/// Accounts beside those of the genesis.
const ACCOUNTS: u64 = 600;

struct Exported {
    network: Network,
    source: Ledger,
    setter: Address,
    dir: TempDir,
}

impl Exported {
    /// A chain with money, code and storage; `salt` makes it another one of the same length.
    fn new(network: Network, salt: u64, frame_bytes: usize) -> Self {
        let dir = tempdir().unwrap();
        let source = network.open(&dir.path().join("source"));
        let user = &network.users[0];
        let setter = user.address.create(0);
        network.next(&source, vec![user.deploy(0, &SETTER), user.deploy(1, &COUNTER)]);
        let mut nonce = 2;
        for part in 0..6 {
            let transfers = (0..ACCOUNTS / 6).map(|i| {
                let to = Address::left_padding_from(&(10_000 + part * 1000 + i).to_be_bytes());
                user.transfer(nonce + i, to, 1 + salt)
            });
            network.next(&source, transfers.collect());
            nonce += ACCOUNTS / 6;
        }
        let set = |i: u64| {
            let word = |value: u64| B256::from(U256::from(value));
            user.call(nonce + i, setter, &[word(i), word(i + 7)].concat())
        };
        network.next(&source, (0..40).map(set).collect());
        let exported = Self { network, source, setter, dir };
        exported.export(frame_bytes);
        exported
    }

    fn export(&self, frame_bytes: usize) {
        let (head, bytes) = self.source.export_snapshot(Vec::new(), frame_bytes, |_| {}).unwrap();
        assert_eq!(head.hash, self.pin());
        fs::write(self.file(), bytes).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("snapshot")
    }

    fn pin(&self) -> B256 {
        self.source.head().hash
    }

    fn fresh(&self) -> PathBuf {
        self.dir.path().join("fresh")
    }

    fn import(&self) -> Result<u64, SnapshotError> {
        self.import_with(&self.file(), self.pin())
    }

    fn import_with(&self, file: &Path, pin: B256) -> Result<u64, SnapshotError> {
        import(&self.fresh(), &self.network.genesis, file, pin, |_| {}).map(|head| head.number)
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.fresh(), self.network.genesis.clone(), Options::default()).unwrap()
    }

    /// Nothing of an import is there.
    fn assert_nothing_left(&self) {
        let mut names: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "source" && name != "snapshot" && name != "other");
        assert!(names.is_empty(), "{names:?}");
    }

    fn assert_same(&self, fresh: &Ledger) {
        assert_eq!(fresh.head().hash, self.pin());
        assert_eq!(fresh.block(At::Head).unwrap(), self.source.block(At::Head).unwrap());
        assert_eq!(fresh.receipts(At::Head).unwrap(), self.source.receipts(At::Head).unwrap());
        assert_eq!(fresh.validators().unwrap(), self.source.validators().unwrap());
        let contracts = [self.setter, self.network.users[0].address.create(1)];
        let others = (0..6).flat_map(|part| (0..ACCOUNTS / 6).map(move |i| 10_000 + part * 1000 + i));
        let others = others.map(|number| Address::left_padding_from(&number.to_be_bytes()));
        for address in contracts.into_iter().chain(others) {
            let account = |ledger: &Ledger| ledger.account(address, At::Head).unwrap();
            assert_eq!(account(fresh), account(&self.source));
            assert_eq!(fresh.code(address, At::Head).unwrap(), self.source.code(address, At::Head).unwrap());
        }
        for slot in 0..45 {
            let slot = |ledger: &Ledger| ledger.storage(self.setter, U256::from(slot), At::Head).unwrap();
            assert_eq!(slot(fresh), slot(&self.source));
        }
    }
}

#[test]
fn a_ledger_made_from_a_snapshot_is_the_ledger_it_was_made_of_and_goes_on() {
    for network in [Network::by_contract(), Network::by_headers()] {
        let exported = Exported::new(network, 0, FRAME_BYTES);
        assert_eq!(exported.import().unwrap(), 8);
        let fresh = exported.open();
        exported.assert_same(&fresh);
        assert_eq!(fresh.oldest_state().unwrap(), 8);
        for round in 0..3 {
            let user = &exported.network.users[1];
            let transactions = vec![user.transfer(round, Address::repeat_byte(9), 1)];
            let built = exported.network.build(&exported.source, transactions);
            fresh.validate(&built.block).unwrap();
            let sealed = exported.network.seal(&built.block, 0, 3);
            exported.source.commit(sealed.clone()).unwrap();
            fresh.commit(sealed).unwrap();
        }
        exported.assert_same(&fresh);
        drop(fresh);
        exported.assert_same(&exported.open());
        let again = exported.import().unwrap_err();
        assert!(matches!(again, SnapshotError::NotEmpty { .. }), "{again}");
        exported.assert_same(&exported.open());
    }
}

#[test]
fn what_is_older_than_the_snapshot_is_said_to_be_pruned_and_not_corrupt_or_unknown() {
    let exported = Exported::new(Network::by_contract(), 0, FRAME_BYTES);
    assert_eq!(exported.source.earliest_block(), 0);
    // More headers than come with a snapshot.
    for _ in 0..260 {
        exported.network.next(&exported.source, vec![]);
    }
    exported.export(FRAME_BYTES);
    let head = exported.import().unwrap();
    let fresh = exported.open();
    exported.network.next(&exported.source, vec![]);
    fresh.commit(exported.source.block(At::Head).unwrap().unwrap()).unwrap();
    assert_eq!(fresh.earliest_block(), head);
    let pruned = |block| {
        format!(
            "pruned history unavailable: block {block} is older than {head}, the first one here; ask an archive node"
        )
    };
    let filter = |from, to| LogFilter { from, to, ..LogFilter::default() };
    for block in [1, head - 1] {
        let hash = exported.source.block_hash(At::Number(block)).unwrap().unwrap();
        let by_hash = (block > head - 256).then_some(At::Hash(hash));
        for at in by_hash.into_iter().chain([At::Number(block)]) {
            assert_eq!(fresh.block(at).unwrap_err().to_string(), pruned(block));
            assert_eq!(fresh.body(at).unwrap_err().to_string(), pruned(block));
            assert_eq!(fresh.receipts(at).unwrap_err().to_string(), pruned(block));
            assert_eq!(fresh.senders(at).unwrap_err().to_string(), pruned(block));
        }
        assert_eq!(fresh.logs(&filter(block, head)).unwrap_err().to_string(), pruned(block));
    }
    assert_eq!(fresh.header(At::Number(1)).unwrap_err().to_string(), pruned(1));
    assert_eq!(
        fresh.header(At::Number(head - 1)).unwrap(),
        exported.source.header(At::Number(head - 1)).unwrap()
    );
    assert_eq!(fresh.logs(&filter(0, head)).unwrap_err().to_string(), pruned(1));
    for at in [At::Number(0), At::Number(head), At::Head] {
        assert_eq!(fresh.block(at).unwrap(), exported.source.block(at).unwrap());
        assert_eq!(fresh.receipts(at).unwrap(), exported.source.receipts(at).unwrap());
    }
    assert_eq!(fresh.logs(&filter(head, head + 1)).unwrap(), []);
    assert_eq!(fresh.block(At::Number(head + 2)).unwrap(), None);
    drop(fresh);
    let files = Files::open(&exported.fresh(), &exported.network.genesis).unwrap();
    assert_eq!(files.verify_blocks(0, |_, _| {}).unwrap(), head + 1);
}

#[test]
fn votes_in_headers_are_counted_on_after_a_snapshot() {
    let network = Network::by_headers();
    let dir = tempdir().unwrap();
    let source = network.open(&dir.path().join("source"));
    let vote = |author: usize, ledger: &Ledger| {
        let attributes = network.attributes(ledger, 0);
        let extra = Extra::decode_exact(&attributes.extra_data).unwrap();
        let vote = Some(Vote { recipient: Address::repeat_byte(5), add: true });
        let attributes = BuildAttributes {
            beneficiary: network.validators[author].address,
            extra_data: Extra { vote, ..extra }.to_bytes(),
            ..attributes
        };
        ledger.build(&attributes, || None, || false).unwrap()
    };
    for author in 0..2 {
        source.commit(network.seal(&vote(author, &source).block, 0, 3)).unwrap();
    }
    for _ in 0..300 {
        network.next(&source, vec![]);
    }
    let file = dir.path().join("snapshot");
    let (head, bytes) = source.export_snapshot(Vec::new(), FRAME_BYTES, |_| {}).unwrap();
    fs::write(&file, bytes).unwrap();
    let fresh = dir.path().join("fresh");
    import(&fresh, &network.genesis, &file, head.hash, |_| {}).unwrap();
    let fresh = Ledger::open(&fresh, network.genesis.clone(), Options::default()).unwrap();
    assert_eq!(fresh.votes().unwrap(), source.votes().unwrap());
    let third = network.seal(&vote(2, &source).block, 0, 3);
    fresh.commit(third).unwrap();
    assert_eq!(fresh.validators().unwrap().len(), 5);
}

#[test]
fn a_file_of_another_block_or_chain_is_refused() {
    let exported = Exported::new(Network::by_contract(), 0, FRAME_BYTES);
    let error = exported.import_with(&exported.file(), B256::repeat_byte(1)).unwrap_err();
    let SnapshotError::Pin { got, want } = error else { panic!("{error}") };
    assert_eq!((got, want), (exported.pin(), B256::repeat_byte(1)));
    exported.assert_nothing_left();
    let other = Network::by_headers();
    let error =
        import(&exported.fresh(), &other.genesis, &exported.file(), exported.pin(), |_| {}).unwrap_err();
    assert!(matches!(error, SnapshotError::Genesis { .. }), "{error}");
    exported.assert_nothing_left();
    fs::write(exported.dir.path().join("other"), b"something else").unwrap();
    let error = exported.import_with(&exported.dir.path().join("other"), exported.pin()).unwrap_err();
    assert!(matches!(error, SnapshotError::Format { .. }), "{error}");
    exported.assert_nothing_left();
}

#[test]
fn every_damaged_byte_and_every_cut_is_found_and_nothing_stays() {
    let exported = Exported::new(Network::by_contract(), 0, 4096);
    let whole = fs::read(exported.file()).unwrap();
    let other = exported.dir.path().join("other");
    for part in 0..40 {
        let place = 8 + (whole.len() - 9) * part / 39;
        let mut damaged = whole.clone();
        damaged[place] ^= 0x40;
        fs::write(&other, &damaged).unwrap();
        let error = exported.import_with(&other, exported.pin()).unwrap_err();
        assert!(
            matches!(error, SnapshotError::Damaged { .. } | SnapshotError::Truncated { .. }),
            "byte {place}: {error}"
        );
        exported.assert_nothing_left();
        fs::write(&other, &whole[..place]).unwrap();
        let error = exported.import_with(&other, exported.pin()).unwrap_err();
        assert!(matches!(error, SnapshotError::Truncated { .. }), "cut at {place}: {error}");
        exported.assert_nothing_left();
    }
    fs::write(&other, [&whole[..], b"more"].concat()).unwrap();
    let error = exported.import_with(&other, exported.pin()).unwrap_err();
    assert!(matches!(error, SnapshotError::Malformed { .. }), "{error}");
    exported.assert_nothing_left();
    assert_eq!(exported.import().unwrap(), 8);
}

/// Where the frames of state begin.
fn state_begins(file: &[u8]) -> usize {
    let mut at = 8;
    while file[at] != 3 {
        let length = u32::from_be_bytes(file[at + 1..at + 5].try_into().unwrap());
        at += 37 + usize::try_from(length).unwrap();
    }
    at
}

#[test]
fn a_well_formed_file_with_another_state_than_the_block_names_is_refused() {
    let ours = Exported::new(Network::by_contract(), 0, FRAME_BYTES);
    let theirs = Exported::new(Network::by_contract(), 1, FRAME_BYTES);
    let (front, back) = (fs::read(ours.file()).unwrap(), fs::read(theirs.file()).unwrap());
    let forged = [&front[..state_begins(&front)], &back[state_begins(&back)..]].concat();
    let other = ours.dir.path().join("other");
    fs::write(&other, forged).unwrap();
    let error = ours.import_with(&other, ours.pin()).unwrap_err();
    let SnapshotError::Root { want, .. } = error else { panic!("{error}") };
    assert_eq!(want, ours.source.head().header.state_root);
    ours.assert_nothing_left();
    assert_eq!(ours.import().unwrap(), 8);
    ours.assert_same(&ours.open());
}

#[test]
fn an_import_cut_off_at_any_report_goes_on_where_it_was() {
    let exported = Exported::new(Network::by_contract(), 0, 512);
    let mut reports = 0;
    import(&exported.fresh(), &exported.network.genesis, &exported.file(), exported.pin(), |_| reports += 1)
        .unwrap();
    assert!(reports >= 3, "{reports}");
    fs::remove_dir_all(exported.fresh()).unwrap();
    for crash in 1..=reports {
        let (mut seen, mut first) = (0, 0);
        let run = catch_unwind(AssertUnwindSafe(|| {
            import(&exported.fresh(), &exported.network.genesis, &exported.file(), exported.pin(), |at| {
                first = at.accounts;
                seen += 1;
                assert!(seen < crash, "cut off");
            })
        }));
        assert!(run.is_err());
        assert!(!exported.fresh().exists(), "no ledger before the end");
        let mut again = None;
        import(&exported.fresh(), &exported.network.genesis, &exported.file(), exported.pin(), |at| {
            again.get_or_insert(at.accounts);
        })
        .unwrap();
        assert!(again.unwrap() >= first, "not from the beginning");
        exported.assert_same(&exported.open());
        fs::remove_dir_all(exported.fresh()).unwrap();
    }
}
