//! Besu's `GossipTest`, and who must not be sent anything.

use super::{
    peer::Heard,
    voice::Voice,
    world::{Case, World, for_every_profile},
};
use alloy_primitives::B256;
use devp2p::{NodeKey, eth::message::Query};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_is_passed_on_once_as_received_to_everybody_but_its_sender() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        // In both encodings: what a network sends is its choice, what is passed on is what came.
        let legacy =
            world.vectors.of("/round1_not_prepared/round_changes", "rlp_legacy", 0x15, world.address(0));
        let four =
            world.vectors.of("/round1_not_prepared/round_changes", "rlp_besu26", 0x15, world.address(1));
        let prepare = world.vectors.of("/round0/prepares", "rlp", 0x13, world.address(2));
        for (author, message) in [(2, &prepare), (0, &legacy), (1, &four)] {
            // Not from its author: validators need not all be connected to each other.
            let sender = (author + 1) % 3;
            peers[sender].send(message);
            for (place, peer) in peers.iter_mut().enumerate() {
                if place != sender {
                    peer.hears("the message passed on", message).await;
                }
            }
        }
        for peer in &peers {
            peer.send(&prepare);
        }
        let own = world.voices[3].round_change(1, 1);
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        world.barrier((1, &to[0]), &mut from[0], 9).await;
        let sent_back =
            |votes: Vec<_>| votes.iter().any(|vote| *vote == legacy || *vote == four || *vote == prepare);
        assert!(!sent_back(from[0].unread_votes()) && !sent_back(to[0].unread_votes()));
        to[1].hears("the jump that both round changes ask for", &own).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_seat_is_sent_no_consensus_message_and_keeps_its_connection() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 0).await;
        let mut peers = world.connect_all().await;
        let mut bystander =
            world.connect_as(NodeKey::random(), case.eth, super::peer::Shown::default()).await;
        world.clock.turn_to(world.due_ms());
        let prepare = world.vectors.of("/round0/prepares", "rlp", 0x13, world.address(0));
        for peer in &mut peers {
            peer.hears("the prepare", &prepare).await;
        }
        bystander.send_query(7, &Query::Bodies(vec![]));
        bystander.wait("an answer", |heard| matches!(heard, Heard::Answer(7, _)).then_some(())).await;
        assert_eq!(bystander.unread_votes(), []);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_of_strangers_are_not_passed_on() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let stranger = Voice::new(B256::repeat_byte(0x55), case.rules());
        peers[0].send(&stranger.prepare(1, 0, B256::repeat_byte(1)));
        peers[0].send(&stranger.round_change(1, 1));
        peers[0].send(&stranger.commit(0, &world.block1()));
        let (from, to) = peers.split_at_mut(1);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        assert_eq!(to[0].unread_votes(), []);
        world.end().await;
    })
    .await;
}
