use super::*;
use crate::{Block, store::state::tests::disk::Disk};
use chain::genesis::Genesis;
use std::collections::BTreeMap;

fn genesis() -> Genesis {
    Genesis::ethereum(alloy_genesis::ChainConfig::default(), Header::default(), BTreeMap::new())
}

fn on(disk: &Disk) -> Blocks {
    let database = redb::Builder::new().create_with_backend(disk.clone()).unwrap();
    Blocks::over(BlockStore::over(database, &genesis()).unwrap(), Arc::default()).unwrap()
}

fn block(number: u64) -> Arc<CommittedBlock> {
    Arc::new(CommittedBlock {
        block: Block { header: Header { number, ..Header::default() }, body: BlockBody::default() },
        hash: hash(number),
        transaction_hashes: Arc::default(),
        senders: Arc::default(),
        receipts: Arc::default(),
    })
}

fn hash(number: u64) -> B256 {
    B256::with_last_byte(u8::try_from(number).unwrap())
}

/// Every answer about blocks 1 to `newest` is right.
fn check(blocks: &Blocks, newest: u64) {
    assert_eq!(blocks.head().unwrap(), newest);
    for number in 1..=newest {
        assert_eq!(blocks.number(&hash(number)).unwrap(), Some(number));
        assert_eq!(blocks.hash(number).unwrap(), Some(hash(number)));
        assert_eq!(blocks.header(number).unwrap().unwrap().0.number, number);
        assert!(blocks.body(number).unwrap().is_some());
    }
    assert!(blocks.header(newest + 1).unwrap().is_none());
    for (from, to) in [(1, newest), (1, newest + 5), (newest, newest), (2, newest.saturating_sub(1))] {
        let listed = blocks.headers(from..=to).unwrap().map(|header| header.unwrap().0.number);
        assert_eq!(listed.collect::<Vec<_>>(), (from..=to.min(newest)).collect::<Vec<_>>(), "{from}..={to}");
    }
}

#[test]
fn a_block_is_read_at_once_and_durable_when_it_is_on_disk() {
    let blocks = on(&Disk::default());
    blocks.append(block(1)).unwrap();
    blocks.flush().unwrap();
    let held = blocks.file.hold();
    blocks.append(block(2)).unwrap();
    blocks.append(block(3)).unwrap();
    check(&blocks, 3);
    let durable = blocks.durable();
    assert_eq!([1, 2, 3].map(|number| durable.is(number)), [true, false, false]);
    assert_eq!(blocks.file.head().unwrap(), 1);
    drop(held);
    durable.wait(3).unwrap();
    assert!(durable.is(3));
    assert_eq!(blocks.file.head().unwrap(), 3);
    check(&blocks, 3);
}

#[test]
fn an_append_waits_where_two_blocks_wait_and_a_segment_for_all_of_them() {
    let blocks = on(&Disk::default());
    let held = blocks.file.hold();
    blocks.append(block(1)).unwrap();
    blocks.append(block(2)).unwrap();
    std::thread::scope(|scope| {
        let third = scope.spawn(|| blocks.append(block(3)));
        assert_eq!(blocks.head().unwrap(), 2, "no room before one is on disk");
        drop(held);
        third.join().unwrap().unwrap();
    });
    let next = block(4);
    blocks.append_all([(&next.block.header, &next.block.body, next.hash)]).unwrap();
    assert_eq!(blocks.file.head().unwrap(), 4);
    check(&blocks, 4);
}

#[test]
fn a_disk_that_fails_is_told_to_whoever_waits_and_appends_and_leaves_every_block_readable() {
    let disk = Disk::default();
    let blocks = on(&disk);
    blocks.append(block(1)).unwrap();
    blocks.flush().unwrap();
    disk.stop_after(0);
    blocks.append(block(2)).unwrap();
    let error = blocks.durable().wait(2).unwrap_err();
    assert!(matches!(error, LedgerError::BlockUnwritten { block: 2, .. }), "{error}");
    let error = blocks.append(block(3)).unwrap_err();
    assert!(error.to_string().contains("the disk stopped"), "{error}");
    assert_eq!(blocks.header(2).unwrap().unwrap().1, hash(2));
    assert_eq!(blocks.head().unwrap(), 2);
}

#[test]
fn blocks_that_are_dropped_are_written_first() {
    let disk = Disk::default();
    let blocks = on(&disk);
    let (file, held) = (Arc::clone(&blocks.file), blocks.file.hold());
    blocks.append(block(1)).unwrap();
    blocks.append(block(2)).unwrap();
    drop(held);
    drop(blocks);
    assert_eq!(file.head().unwrap(), 2);
}
