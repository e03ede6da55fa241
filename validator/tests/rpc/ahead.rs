//! Running a block before it is proposed: two nodes, of which one says what it will propose.

use crate::chain_of_one::{CONTRACT, Chain, Key, set};
use alloy_primitives::{Address, B256, TxKind};
use chain::status::Consensus;
use devp2p::{PeerId, own::preview::Preview};
use ledger::{Block, CommittedBlock};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use validator::driver::{Ahead, DriverHandle, DriverView, Runner};

struct Two {
    _dirs: [tempfile::TempDir; 2],
    follower: Chain,
    /// What the other one proposed.
    block: Arc<CommittedBlock>,
}

/// The same transactions wait at both, but for the last; one has put all of them into a block.
async fn two(missing: usize) -> Two {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [proposer, follower] = [0, 1].map(|number: usize| Chain::open(dirs[number].path()));
    let user = Key::new("user");
    let contract = TxKind::Call(user.address.create(0));
    let calls = (1..20).map(|nonce| user.dynamic(nonce, contract, set(nonce)));
    let all: Vec<_> = [user.dynamic(0, TxKind::Create, CONTRACT)].into_iter().chain(calls).collect();
    for (number, raw) in all.iter().enumerate() {
        proposer.submit(raw.clone()).await;
        if number < all.len() - missing {
            follower.submit(raw.clone()).await;
        }
    }
    let block = proposer.next();
    assert_eq!(block.transaction_hashes.len(), all.len());
    Two { _dirs: dirs, follower, block }
}

impl Two {
    fn preview(&self) -> Preview {
        let header = &self.block.block.header;
        let place = (header.number, header.parent_hash);
        let extra = header.extra_data.clone();
        let unsealed =
            chain::Extra { seals: vec![], ..chain::Extra::decode_exact(&extra).unwrap() }.to_bytes();
        Preview::of(place, header.timestamp, header.beneficiary, unsealed, B256::repeat_byte(5))
            .naming(&self.block.transaction_hashes)
    }

    /// The same in three parts.
    fn parts(&self) -> [Preview; 3] {
        let (whole, hashes) = (self.preview(), &self.block.transaction_hashes);
        [
            whole.part(0, &hashes[..7], true),
            whole.part(7, &hashes[7..], true),
            whole.part(hashes.len(), &[], false),
        ]
    }

    /// The follower is told in parts, while it is somebody's turn.
    async fn told(&self, parts: impl IntoIterator<Item = Preview>, turn_of: Address) {
        let consensus = Some(Consensus { height: 1, round: 0, proposer: turn_of });
        let view = DriverView { consensus, period_ms: 60_000, ..DriverView::default() };
        let driver = DriverHandle { view: watch::channel(Arc::new(view)).1, heartbeat: Arc::default() };
        let Chain { ledger, pool, .. } = &self.follower;
        let runner = Runner { ledger: ledger.clone(), pool: pool.clone(), driver, ahead: Ahead::default() };
        let (offers, told) = mpsc::channel(8);
        for part in parts {
            offers.send((PeerId::ZERO, part)).await.unwrap();
        }
        drop(offers);
        runner.run(told, CancellationToken::new()).await;
    }

    /// Whether the follower finds the proposal valid, and ran nothing for that.
    fn was_run(&self) -> bool {
        let Block { header, body } = &self.block.block;
        let before = self.follower.ledger.spent().root;
        self.follower.ledger.validate(&Block { header: header.clone(), body: body.clone() }).unwrap();
        self.follower.ledger.spent().root == before
    }

    fn proposer(&self) -> Address {
        self.block.block.header.beneficiary
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_was_told_of_is_not_run_again() {
    let two = two(0).await;
    two.told([two.preview()], two.proposer()).await;
    assert!(two.was_run());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_what_is_not_here_or_of_whose_turn_it_is_not_is_left_alone_and_the_proposal_is_run() {
    let one_missing = two(1).await;
    one_missing.told([one_missing.preview()], one_missing.proposer()).await;
    assert!(!one_missing.was_run());
    let of_another = two(0).await;
    of_another.told([of_another.preview()], Address::repeat_byte(1)).await;
    assert!(!of_another.was_run());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_preview_costs_time_and_decides_nothing() {
    let two = two(0).await;
    let hashes = two.block.transaction_hashes.iter().take(3).copied().collect::<Vec<_>>();
    two.told([two.preview().naming(&hashes)], two.proposer()).await;
    assert!(!two.was_run(), "another block was run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_was_told_of_in_parts_is_not_run_again() {
    let two = two(0).await;
    two.told(two.parts(), two.proposer()).await;
    assert!(two.was_run());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_without_one_between_them_or_without_an_end_are_left_and_the_proposal_is_run() {
    let gap = two(0).await;
    let [first, _, last] = gap.parts();
    gap.told([first, last], gap.proposer()).await;
    assert!(!gap.was_run());
    let endless = two(0).await;
    let [first, second, _] = endless.parts();
    endless.told([first, second], endless.proposer()).await;
    assert!(!endless.was_run());
}
