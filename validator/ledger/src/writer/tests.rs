use super::*;
use crate::{
    HeadInfo, Receipt,
    store::{
        layer::Layer,
        queue::{Bounds, is_full},
        state::{
            StateHead,
            tests::{BLOCKS, OPTIONS, check_view, disk::Disk, layer, transaction},
        },
    },
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;
use std::sync::OnceLock;

const BOUNDS: Bounds = Bounds { blocks: 4, bytes: usize::MAX };

/// A state with its writer, and the head before any block.
struct Node {
    state: State,
    head: SharedHead,
    writer: Writer,
    root: B256,
}

impl Node {
    fn on(disk: &Disk) -> Self {
        let state = State::over(disk.store().unwrap(), BOUNDS).unwrap();
        let head = head_of(0, state.view());
        let head = Arc::new(RwLock::new(Arc::new(head)));
        let tries = Arc::new(Tries::within(0));
        let writer = Writer::start(
            &state,
            Arc::clone(&head),
            (Arc::default(), tries, crate::store::tail::Durable::default()),
            OPTIONS,
        )
        .unwrap();
        Self { state, head, writer, root: EMPTY_ROOT_HASH }
    }

    /// Adds a block as a commit does.
    fn add(&mut self, block: u64) -> Result<(), LedgerError> {
        let layer: Layer = layer(&self.head.read().view, block, self.root)?;
        self.root = layer.head().unwrap().root;
        self.state.room()?;
        let mut head = self.head.write();
        *head = Arc::new(head_of(block, self.state.queue.add(layer)));
        Ok(())
    }

    /// Every answer about the blocks up to the newest is right.
    fn check(&self, newest: u64) {
        let head = Arc::clone(&self.head.read());
        let number = head.info.number;
        assert_eq!(number, newest);
        let oldest = self.state.oldest().unwrap().max(number.saturating_sub(OPTIONS.history_blocks));
        check_view(&head.view, oldest, &StateHead { number, hash: B256::ZERO, root: self.root });
        for block in 0..=newest {
            let (hash, sender) = transaction(block);
            assert_eq!(self.state.transaction(&hash).unwrap(), Some((block, 0)));
            assert_eq!(self.state.senders(block).unwrap(), Some(vec![sender]));
            let receipts = self.state.receipts(block).unwrap().unwrap();
            assert_eq!(receipts.iter().map(Receipt::cumulative_gas_used).collect::<Vec<_>>(), [block]);
        }
        assert_eq!(self.state.transaction(&transaction(newest + 1).0).unwrap(), None);
        assert_eq!(self.state.receipts(newest + 1).unwrap(), None);
    }
}

fn head_of(number: u64, view: crate::store::view::StateView) -> Head {
    let info = HeadInfo { number, hash: B256::ZERO, header: Arc::new(Header::default()) };
    Head { info, view, next: OnceLock::new(), tally: OnceLock::new(), sealed: None }
}

#[test]
fn blocks_that_wait_are_read_as_if_they_were_written_until_there_is_no_room_and_then_written_together() {
    let mut node = Node::on(&Disk::default());
    let busy = node.state.file.database.begin_write().unwrap();
    for block in 0..4 {
        node.add(block).unwrap();
        node.check(block);
    }
    assert_eq!(node.state.unwritten(), 4);
    assert!(is_full(&node.state.queue.layers(), BOUNDS), "a commit would wait");
    busy.abort().unwrap();
    for block in 4..=BLOCKS {
        node.add(block).unwrap();
        node.check(block);
    }
    node.state.flush().unwrap();
    assert_eq!(node.state.unwritten(), 0);
    assert_eq!(node.state.file.head().unwrap().unwrap().number, BLOCKS);
    node.check(BLOCKS);
}

#[test]
fn a_view_taken_before_a_write_stays_what_it_was() {
    let mut node = Node::on(&Disk::default());
    let busy = node.state.file.database.begin_write().unwrap();
    node.add(0).unwrap();
    node.add(1).unwrap();
    let (before, root) = (node.head.read().view.clone(), node.root);
    busy.abort().unwrap();
    for block in 2..=BLOCKS {
        node.add(block).unwrap();
    }
    node.state.flush().unwrap();
    check_view(&before, 0, &StateHead { number: 1, hash: B256::ZERO, root });
}

#[test]
fn a_disk_that_fails_stops_commits_with_the_reason_and_leaves_every_block_readable() {
    let disk = Disk::default();
    let mut node = Node::on(&disk);
    node.add(0).unwrap();
    node.state.flush().unwrap();
    let busy = node.state.file.database.begin_write().unwrap();
    for block in 1..=3 {
        node.add(block).unwrap();
    }
    disk.stop_after(0);
    drop(busy);
    let error = node.state.flush().unwrap_err();
    // What needs no sync may have gone into the cache before.
    assert!(matches!(error, LedgerError::Unwritten { block: 1..=3, .. }), "{error}");
    let error = node.add(4).unwrap_err();
    assert!(error.to_string().contains("the disk stopped"), "{error}");
    assert!((1..=3).contains(&node.state.unwritten()));
    assert_eq!(node.state.senders(3).unwrap(), Some(vec![transaction(3).1]));
    assert_eq!(node.head.read().info.number, 3);
    drop(node.writer);
}

#[test]
fn a_writer_that_is_dropped_writes_what_waits_first() {
    let mut node = Node::on(&Disk::default());
    for block in 0..3 {
        node.add(block).unwrap();
    }
    drop(node.writer);
    assert_eq!(node.state.file.head().unwrap().unwrap().number, 2);
    assert_eq!(node.state.unwritten(), 0);
}
