//! Besu's `LocalNodeIsProposerTest` and `LocalNodeNotProposerTest`.

use super::world::{Case, World, for_every_profile, unsealed};
use alloy_primitives::U256;

/// Seat 0 proposes block 1 in round 0; the vectors have what seats 0 to 2 say.
const PREPARE: u8 = 0x13;
const COMMIT: u8 = 0x14;

impl World {
    fn prepare(&self, seat: usize) -> (u8, alloy_primitives::Bytes) {
        self.vectors.of("/round0/prepares", "rlp", PREPARE, self.address(seat))
    }

    fn commit(&self, seat: usize) -> (u8, alloy_primitives::Bytes) {
        self.vectors.of("/round0/commits", "rlp", COMMIT, self.address(seat))
    }

    fn proposal(&self) -> (u8, alloy_primitives::Bytes) {
        (0x12, self.vectors.bytes(&format!("/round0/preprepare/{}", self.case.rlp())))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposer_says_what_the_vectors_say_and_announces_the_block_it_sealed() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 0).await;
        let mut peers = world.connect_all().await;
        assert!(peers.iter_mut().all(|peer| peer.unread_votes().is_empty()), "nothing before the tick");
        world.clock.turn_to(world.due_ms());
        for peer in &mut peers {
            peer.hears("the proposal", &world.proposal()).await;
            peer.hears("the proposer's own prepare", &world.prepare(0)).await;
        }
        peers[0].send(&world.prepare(1));
        peers[1].send(&world.prepare(2));
        for peer in &mut peers {
            peer.hears("the commit", &world.commit(0)).await;
        }
        peers[0].send(&world.commit(1));
        peers[1].send(&world.commit(2));
        for peer in &mut peers {
            let (block, total_difficulty) = peer.hears_block(1).await;
            assert_eq!(total_difficulty, U256::from(2));
            assert_eq!(unsealed(&block), world.vectors.block().header);
            let mut sealers: Vec<_> = (0..3).map(|seat| world.address(seat)).collect();
            sealers.sort_unstable();
            assert_eq!(super::world::sealers(&block.header), (0, sealers));
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_prepares_commits_and_seals_in_the_vectors_bytes() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 1).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        peers[0].send(&world.proposal());
        for peer in &mut peers {
            peer.hears("the prepare", &world.prepare(1)).await;
        }
        peers[0].send(&world.prepare(0));
        peers[1].send(&world.prepare(2));
        for peer in &mut peers {
            peer.hears("the commit", &world.commit(1)).await;
        }
        peers[0].send(&world.commit(0));
        peers[1].send(&world.commit(2));
        let (block, _) = peers[2].hears_block(1).await;
        assert_eq!(unsealed(&block), world.vectors.block().header);
        let sealed: Vec<_> = super::world::sealers(&block.header).1;
        assert_eq!(sealed.len(), 3);
        // Seat 3 was shown everything by the node alone.
        peers[2].hears("the proposal passed on", &world.proposal()).await;
        for vote in [world.prepare(0), world.prepare(2), world.commit(0), world.commit(2)] {
            peers[2].hears("a vote passed on", &vote).await;
        }
        assert_eq!(peers[2].unread_votes(), []);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_before_prepares_and_before_the_proposal_finalise_it_once_it_is_there() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        for (seat, peer) in peers.iter().enumerate() {
            peer.send(&world.commit(seat));
        }
        for seat in 1..3 {
            peers[0].hears("an early commit passed on", &world.commit(seat)).await;
        }
        peers[0].send(&world.proposal());
        let (block, _) = peers[0].hears_block(1).await;
        assert_eq!(
            super::world::sealers(&block.header).1.len(),
            3,
            "the node has not prepared, and so not committed"
        );
        let own = world.voices[3].commit(0, &world.block1());
        assert!(!peers[0].unread_votes().contains(&own));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepare_quorum_without_the_own_vote_is_not_needed_and_two_prepares_are_no_quorum() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        peers[0].send(&world.proposal());
        let prepare =
            world.voices[3].prepare(1, 0, chain::hash::block_hash(&world.vectors.block().header).unwrap());
        peers[1].hears("the prepare", &prepare).await;
        peers[0].send(&world.prepare(0));
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        let commit = world.voices[3].commit(0, &world.block1());
        assert!(!to[0].unread_votes().contains(&commit), "two of four");
        to[0].send(&world.prepare(1));
        from[0].hears("the commit", &commit).await;
        world.end().await;
    })
    .await;
}
