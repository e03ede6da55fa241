//! Besu's `SpuriousBehaviourTest`.

use super::{
    peer::Heard,
    voice::proposed,
    world::{Case, World, for_every_profile},
};
use alloy_primitives::{B256, Bytes};
use ledger::{Block, BlockBody};
use qbft::Proposal as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_what_is_no_message_is_dropped_and_the_others_are_served() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        peers[0].send(&(0x13, Bytes::from_static(&[0xc3, 1, 2, 3])));
        peers[0].wait("goodbye", |heard| matches!(heard, Heard::Goodbye(_)).then_some(())).await;
        let (from, to) = peers.split_at_mut(2);
        world.barrier((1, &from[1]), &mut to[0], 9).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_seal_is_for_another_round_does_not_count_and_a_good_one_then_does() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let block = world.block1();
        peers[0].send(&world.voices[0].proposal(0, &block, vec![], vec![]));
        peers[1].hears("the prepare", &world.voices[3].prepare(1, 0, block.digest())).await;
        peers[0].send(&world.voices[0].sealed_commit(0, &block, block.commit_hash(1)));
        for seat in [1, 2] {
            peers[seat].send(&world.voices[seat].commit(0, &block));
            peers[0].hears("a good commit passed on", &world.voices[seat].commit(0, &block)).await;
        }
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        assert!(!to[0].unread.iter().any(|heard| matches!(heard, Heard::NewBlock(..))));
        from[0].send(&world.voices[0].commit(0, &block));
        to[0].hears_block(1).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_proposal_of_one_round_and_votes_for_it_are_not_taken() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms() + 1000);
        let first = world.block1();
        let later =
            alloy_consensus::Header { timestamp: first.timestamp() + 1, ..first.block().header.clone() };
        let second = proposed(Block { header: later, body: BlockBody::default() }, case.rules());
        peers[0].send(&world.voices[0].proposal(0, &first, vec![], vec![]));
        peers[1].hears("the prepare", &world.voices[3].prepare(1, 0, first.digest())).await;
        let rival = world.voices[0].proposal(0, &second, vec![], vec![]);
        peers[0].send(&rival);
        for (seat, peer) in peers.iter().enumerate() {
            peer.send(&world.voices[seat].prepare(1, 0, second.digest()));
        }
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        world.barrier((1, &to[0]), &mut from[0], 9).await;
        let votes = to[0].unread_votes();
        assert!(!votes.contains(&rival) && !votes.iter().any(|(code, _)| *code == 0x14), "{votes:?}");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_out_of_turn_with_a_wrong_parent_or_a_bad_state_root_is_not_prepared() {
    for_every_profile(|case: Case| async move {
        for wrong in ["turn", "parent", "state", "vote"] {
            let world = World::start(case, 3).await;
            let mut peers = world.connect_all().await;
            world.clock.turn_to(world.due_ms());
            let mut header = world.vectors.block().header;
            match wrong {
                "parent" => header.parent_hash = B256::repeat_byte(1),
                "state" => header.state_root = B256::repeat_byte(1),
                "vote" => header.extra_data = chain::Extra::unsealed(0).to_bytes(),
                _ => {}
            }
            let block = proposed(Block { header, body: BlockBody::default() }, case.rules());
            let author = usize::from(wrong == "turn");
            peers[author].send(&world.voices[author].proposal(0, &block, vec![], vec![]));
            // With the round over it would have been prepared, had it been going to be.
            let (from, to) = peers.split_at_mut(2);
            world.barrier((0, &from[0]), &mut to[0], 9).await;
            world.clock.turn_to(world.due_ms() + super::world::TIMEOUT_MS);
            to[0].hears("the round change", &world.voices[3].round_change(1, 1)).await;
            let own = world.voices[3].prepare(1, 0, block.digest());
            assert!(!to[0].unread_votes().contains(&own), "{wrong}");
            world.end().await;
        }
    })
    .await;
}
