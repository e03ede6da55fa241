//! Emergency re-seat: who may decide it, what it does to the contract, and what it can never do.

use crate::network::{CHAIN_ID, Key, Network, operator, seal_by};
use alloy_primitives::Address;
use chain::{
    Extra,
    governance::GOVERNANCE,
    hash::block_hash,
    reseat::{NamedSeat, RECOVERY_VERSION, RecoveryRecord, ReseatError},
    signature::seal_from,
};
use ledger::{At, Block, CommitError, InvalidBlock, Ledger, RecordRefused};
use tempfile::{TempDir, tempdir};

/// Four seats of three members, two of which are lost, and a new identity.
struct Halted {
    network: Network,
    admins: [Key; 3],
    new: Key,
    ledger: Ledger,
    dir: TempDir,
}

fn admins() -> [Key; 3] {
    let mut admins = ["admin 0", "admin 1", "admin 2"].map(Key::new);
    admins.sort_by_key(|key| key.address);
    admins
}

fn halted() -> Halted {
    let (admins, dir) = (admins(), tempdir().unwrap());
    let network = Network::of_three(&admins);
    let ledger = network.open(dir.path());
    network.next(&ledger, vec![]);
    network.next(&ledger, vec![network.users[0].transfer(0, Address::ZERO, 1)]);
    Halted { network, admins, new: Key::new("new"), ledger, dir }
}

impl Halted {
    /// Validators 0 and 1 stay, a new one of the third member joins them.
    fn record(&self, signers: &[usize]) -> RecoveryRecord {
        let head = self.ledger.head();
        let kept = |i: usize| (self.network.validators[i].address, operator(0));
        let mut seats: Vec<_> = [kept(0), kept(1), (self.new.address, operator(2))]
            .map(|(identity, operator)| NamedSeat { identity, operator })
            .into();
        seats.sort_unstable();
        let record = RecoveryRecord {
            version: RECOVERY_VERSION,
            chain_id: CHAIN_ID,
            governance: GOVERNANCE,
            height: head.number + 1,
            parent_hash: head.hash,
            attempt: 1,
            seats,
            signatures: vec![],
        };
        self.signed(record, signers)
    }

    fn signed(&self, record: RecoveryRecord, signers: &[usize]) -> RecoveryRecord {
        let seals = signers.iter().map(|i| seal_from(&self.admins[*i].sign(record.digest())));
        RecoveryRecord { signatures: seals.collect(), ..record }
    }

    /// A block of the set that the ledger votes with, unsealed.
    fn built(&self, on: &Ledger) -> Block {
        let reseat = on.adopted().map(|adopted| adopted.record.reseat());
        let mut attributes = self.network.attributes(on, 0);
        attributes.extra_data = Extra { reseat, ..Extra::unsealed(0) }.to_bytes();
        Block::clone(&on.build(&attributes, || None, || false).unwrap().block)
    }

    /// The block that carries the record, sealed by the new set.
    fn reseated(&self) -> Block {
        let keys = [&self.network.validators[0], &self.network.validators[1], &self.new];
        seal_by(&self.built(&self.ledger), 2_000_000, &keys[..2])
    }
}

fn blocks(ledger: &Ledger) -> Vec<Block> {
    (1..=ledger.head().number).map(|number| ledger.block(At::Number(number)).unwrap().unwrap()).collect()
}

fn sync(ledger: &Ledger, blocks: &[Block]) -> Result<(), CommitError> {
    let hashed = blocks.iter().map(|block| (block_hash(&block.header).unwrap(), block.clone())).collect();
    let mut waiting = ledger.prepare(hashed).map_err(|error| error.source)?.into();
    if let Some(refused) = ledger.commit_segment(&mut waiting).refused {
        return Err(refused.source);
    }
    assert!(waiting.is_empty());
    Ok(())
}

#[test]
fn seats_that_a_majority_of_admins_names_decide_the_next_block_and_hold_their_seats_after_it() {
    let halted = halted();
    let (ledger, record) = (&halted.ledger, halted.record(&[0, 2]));
    let want: Vec<Address> = record.seats.iter().map(|seat| seat.identity).collect();
    assert!(ledger.adopt(&record).unwrap());
    assert!(!ledger.adopt(&record).unwrap(), "taken up once");
    assert_eq!(ledger.validators().unwrap(), want);

    ledger.commit(halted.reseated()).unwrap();
    assert_eq!(ledger.validators().unwrap(), want);
    assert!(ledger.carries(&record).unwrap());
    let seats = ledger.seats().unwrap();
    let of = |identity: Address| seats.iter().find(|seat| seat.identity == identity).unwrap();
    assert_eq!(seats.len(), 3);
    let (kept, new) = (of(halted.network.validators[0].address), of(halted.new.address));
    assert_eq!((kept.member, kept.seatedAt, kept.operator), (1, 0, operator(0)));
    assert_eq!((new.member, new.seatedAt, new.operator), (3, record.height, operator(2)));
    let held: Vec<_> = ledger.members().unwrap().iter().map(|m| (m.seats, m.nextSeatBlock)).collect();
    let next = record.height + 1;
    assert_eq!(
        held,
        [(2, next), (0, next), (1, next)],
        "the first 30 blocks of a chain are everybody's batch"
    );

    // The set goes on by itself, as one that the contract made.
    let block = seal_by(&halted.built(ledger), 0, &[&halted.network.validators[1], &halted.new]);
    ledger.commit(block).unwrap();
}

#[test]
fn a_node_that_took_a_record_up_and_one_that_did_not_are_ready_for_different_proposals() {
    let halted = halted();
    let without = halted.built(&halted.ledger);
    halted.ledger.adopt(&halted.record(&[0, 1])).unwrap();
    let with = halted.built(&halted.ledger);
    let refused = halted.ledger.validate(&without).unwrap_err();
    assert!(matches!(refused, InvalidBlock::OtherSet { carries_record: false }), "{refused}");
    halted.ledger.validate(&with).unwrap();

    let (dir, other) = (tempdir().unwrap(), &halted.network);
    let other = other.open(dir.path());
    sync(&other, &blocks(&halted.ledger)).unwrap();
    other.validate(&without).unwrap();
    let refused = other.validate(&with).unwrap_err();
    assert!(matches!(refused, InvalidBlock::OtherSet { carries_record: true }), "{refused}");
}

#[test]
fn seals_on_a_record_say_nothing_of_blocks_before_it() {
    let halted = halted();
    let strangers = ["stranger 0", "stranger 1", "stranger 2"].map(Key::new);
    let mut shown = blocks(&halted.ledger);
    for block in &mut shown {
        *block = seal_by(block, 0, &strangers.iter().collect::<Vec<_>>());
    }
    halted.ledger.adopt(&halted.record(&[0, 1])).unwrap();
    let old: Vec<&Key> = halted.network.validators[..3].iter().collect();
    shown.push(seal_by(&halted.built(&halted.ledger), 2_000_000, &old));
    let headers: Vec<_> = shown.into_iter().map(|block| block.header).collect();
    let dir = tempdir().unwrap();
    let refused = halted.network.open(dir.path()).vouch(&headers).unwrap_err();
    assert!(matches!(refused, CommitError::Uncertified { from: 1, to: 2 }), "{refused}");
}

#[test]
fn what_was_final_stays_final_and_the_old_votes_of_survivors_finalise_nothing() {
    let halted = halted();
    let old = halted.built(&halted.ledger);
    let record = halted.record(&[0, 1, 2]);
    halted.ledger.adopt(&record).unwrap();
    // Two of the old seats would be a quorum of the new ones.
    let few = halted.ledger.commit(halted.network.seal(&old, 0, 2)).unwrap_err();
    assert!(matches!(few, CommitError::Seals { got: 2, want: 3, .. }), "{few}");
    // A quorum of the old ones decided: the chain is there, and the record is late.
    halted.ledger.commit(halted.network.seal(&old, 0, 3)).unwrap();
    assert!(halted.ledger.adopted().is_none());
    let late = halted.ledger.adopt(&record).unwrap_err();
    assert!(matches!(late, RecordRefused::Decided { height: 3, head: 3 }), "{late}");
}

#[test]
fn a_record_without_a_majority_of_admins_or_with_anything_else_amiss_is_refused() {
    let halted = halted();
    let refused = |record: &RecoveryRecord| match halted.ledger.adopt(record).unwrap_err() {
        RecordRefused::Block(InvalidBlock::Reseat(error)) => error,
        other => panic!("{other}"),
    };
    let few = ReseatError::Majority { got: 1, want: 2, members: 3 };
    assert_eq!(refused(&halted.record(&[1])), few);
    let twice = refused(&halted.record(&[1, 1]));
    assert_eq!(twice, ReseatError::SignatureOrder(halted.admins[1].address));
    assert!(matches!(refused(&halted.record(&[1, 0])), ReseatError::SignatureOrder(_)));

    let good = halted.record(&[0, 1]);
    let later = RecoveryRecord { attempt: 2, ..good.clone() };
    assert!(matches!(refused(&later), ReseatError::NotAdmin(_)), "signatures are of another record");
    let amiss = |change: &dyn Fn(&mut Vec<NamedSeat>)| {
        let mut record = good.clone();
        change(&mut record.seats);
        refused(&halted.signed(record, &[0, 1]))
    };
    assert_eq!(amiss(&|seats| seats.clear()), ReseatError::Seats { got: 0 });
    assert!(matches!(amiss(&|seats| seats.reverse()), ReseatError::Order(_)));
    assert!(matches!(amiss(&|seats| seats[1] = seats[0]), ReseatError::Order(_)));
    assert!(matches!(amiss(&|seats| seats[0].operator = Address::ZERO), ReseatError::Operator { .. }));
    assert!(matches!(amiss(&|seats| seats[0].identity = Address::ZERO), ReseatError::Identity(_)));
    let admin = halted.admins[0].address;
    let seat = NamedSeat { identity: admin, operator: operator(0) };
    assert_eq!(amiss(&|seats| *seats = vec![seat]), ReseatError::Identity(admin));

    let version = RecoveryRecord { version: 7, ..good.clone() };
    assert!(matches!(halted.ledger.adopt(&version), Err(RecordRefused::Version { got: 7 })));
    let chain = RecoveryRecord { chain_id: 1, ..good.clone() };
    assert!(matches!(halted.ledger.adopt(&chain), Err(RecordRefused::Chain { got: 1, .. })));
    let early = RecoveryRecord { height: 4, ..good.clone() };
    assert!(matches!(halted.ledger.adopt(&early), Err(RecordRefused::NotYet { height: 4, head: 2 })));
    let elsewhere = RecoveryRecord { parent_hash: halted.network.genesis.hash, ..good };
    assert!(matches!(halted.ledger.adopt(&elsewhere), Err(RecordRefused::Parent { .. })));
}

#[test]
fn a_second_record_takes_the_place_of_the_first_only_with_a_higher_attempt() {
    let halted = halted();
    let first = halted.record(&[0, 1]);
    halted.ledger.adopt(&first).unwrap();
    let mut fewer = first.clone();
    fewer.seats.pop();
    let refused = halted.ledger.adopt(&halted.signed(fewer.clone(), &[0, 1])).unwrap_err();
    assert!(matches!(refused, RecordRefused::Attempt { got: 1, have: 1 }), "{refused}");
    let second = halted.signed(RecoveryRecord { attempt: 2, ..fewer }, &[0, 1]);
    assert!(halted.ledger.adopt(&second).unwrap());
    assert_eq!(halted.ledger.adopted().unwrap().record, second);
    assert!(matches!(halted.ledger.adopt(&first), Err(RecordRefused::Attempt { got: 1, have: 2 })));
}

#[test]
fn who_syncs_later_reads_the_record_off_the_chain_and_who_starts_again_still_has_it() {
    let halted = halted();
    halted.ledger.adopt(&halted.record(&[1, 2])).unwrap();
    halted.ledger.commit(halted.reseated()).unwrap();
    let after = seal_by(&halted.built(&halted.ledger), 0, &[&halted.network.validators[0], &halted.new]);
    halted.ledger.commit(after).unwrap();
    let all = blocks(&halted.ledger);

    let dir = tempdir().unwrap();
    let joiner = halted.network.open(dir.path());
    sync(&joiner, &all).unwrap();
    assert_eq!(joiner.head().hash, halted.ledger.head().hash);
    assert_eq!(joiner.seats().unwrap(), halted.ledger.seats().unwrap());

    let Halted { network, ledger, dir, .. } = halted;
    let (head, seats) = (ledger.head().hash, ledger.seats().unwrap());
    drop(ledger);
    let again = network.open(dir.path());
    assert_eq!((again.head().hash, again.seats().unwrap()), (head, seats));
}

#[test]
fn a_chain_that_nobody_sealed_is_not_certified_by_a_record_on_top_of_it() {
    let halted = halted();
    halted.ledger.adopt(&halted.record(&[1, 2])).unwrap();
    halted.ledger.commit(halted.reseated()).unwrap();
    let mut all = blocks(&halted.ledger);
    // Seals of the right number over something else: within a set only the last block's are looked at.
    let stranger = Key::new("stranger");
    all[1] = seal_by(&all[1], 0, &[&stranger, &stranger, &stranger]);
    let dir = tempdir().unwrap();
    let joiner = halted.network.open(dir.path());
    let refused = sync(&joiner, &all).unwrap_err();
    assert!(matches!(refused, CommitError::ForeignSeal(who) if who == stranger.address), "{refused}");
}
