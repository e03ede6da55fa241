//! Besu's `FutureHeightTest`, `FutureRoundTest` and `ReceivedFutureProposalTest`.

use super::{
    voice::proposed,
    world::{Case, World, for_every_profile},
};
use alloy_primitives::B256;
use chain::hash::block_hash;
use ledger::{Block, BlockBody};
use qbft::Proposal as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_next_height_are_kept_and_answered_when_the_block_before_comes_over_eth() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        let first = world.block1();
        let second = world.next_block(&first.block().header);
        assert_eq!(second.proposer(), world.address(1));
        world.clock.turn_to(second.timestamp() * 1000);
        peers[1].send(&world.voices[1].proposal(0, &second, vec![], vec![]));
        peers[0].send(&world.voices[0].prepare(2, 0, second.digest()));
        peers[1].send(&world.voices[1].prepare(2, 0, second.digest()));
        let (from, to) = peers.split_at_mut(2);
        world.barrier((0, &from[0]), &mut to[0], 9).await;
        let own = world.voices[3].prepare(2, 0, second.digest());
        assert!(!to[0].unread_votes().contains(&own));

        to[0].send_block(&world.sealed(&first, 0));
        to[0].hears("the prepare of height 2", &own).await;
        to[0].hears("the commit of height 2", &world.voices[3].commit(0, &second)).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hears_f_plus_one_at_a_later_height_asks_for_the_blocks_before_it() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let blocks = world.chain(3);
        let key = devp2p::NodeKey::random();
        let shows = super::world::shown(vec![]);
        let mut archive = world.connect_as(key, case.eth, shows.clone()).await;
        let peers = world.connect_all().await;
        *shows.lock() = blocks.clone();
        world.clock.turn_to(world.due_ms());
        for (seat, peer) in peers.iter().enumerate().take(2) {
            peer.send(&world.voices[seat].prepare(4, 0, B256::repeat_byte(4)));
        }
        let header = world.has(&mut archive, 3).await;
        let hash = block_hash(&header).unwrap();
        assert_eq!(hash, block_hash(&blocks[2].header).unwrap());
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_justified_proposal_of_round_1_is_followed_in_the_encoding_of_its_client() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 2).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let pointer = format!("/round1_not_prepared/preprepare_{}/{}", case.style(), case.rlp());
        peers[1].send(&(0x12, world.vectors.bytes(&pointer)));
        let digest = match case.style() {
            "goquorum_style" => {
                world.vectors.at("/round1_not_prepared/fresh_block_goquorum_style/digest_goquorum")
            }
            _ => world.vectors.at("/round1_not_prepared/fresh_block_besu_ge_24_12_style/digest_besu"),
        };
        let digest: B256 = digest.as_str().unwrap().parse().unwrap();
        peers[0].hears("the own round change", &world.round_change("round1_not_prepared", 2)).await;
        peers[0].hears("the prepare of round 1", &world.voices[2].prepare(1, 1, digest)).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_of_round_1_without_its_round_changes_is_neither_followed_nor_passed_on() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 2).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let pointer = format!(
            "/round1_not_prepared/fresh_block_{}/header_rlp",
            match case.style() {
                "goquorum_style" => "goquorum_style",
                _ => "besu_ge_24_12_style",
            }
        );
        let header = world.vectors.header(&pointer);
        let block = proposed(Block { header, body: BlockBody::default() }, case.rules());
        let two = [0, 3].map(|seat: usize| world.voices[seat].signed_round_change(1, 1, None));
        let unjustified = world.voices[1].proposal(1, &block, two.into(), vec![]);
        peers[1].send(&unjustified);
        let (from, to) = peers.split_at_mut(2);
        world.barrier((1, &from[1]), &mut to[0], 9).await;
        assert_eq!(to[0].unread_votes(), []);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_of_a_later_round_are_kept_until_it_is_entered() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 2).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let pointer = format!("/round1_not_prepared/preprepare_{}/{}", case.style(), case.rlp());
        let proposal = (0x12, world.vectors.bytes(&pointer));
        let header = world.vectors.header(match case.style() {
            "goquorum_style" => "/round1_not_prepared/fresh_block_goquorum_style/header_rlp",
            _ => "/round1_not_prepared/fresh_block_besu_ge_24_12_style/header_rlp",
        });
        let block = proposed(Block { header, body: BlockBody::default() }, case.rules());
        for (peer, seat) in peers.iter().zip([0, 1]) {
            peer.send(&world.voices[seat].prepare(1, 1, block.digest()));
            peer.send(&world.voices[seat].commit(1, &block));
        }
        for seat in [0, 1] {
            peers[2].hears("an early vote passed on", &world.voices[seat].commit(1, &block)).await;
        }
        peers[1].send(&proposal);
        peers[2].hears("the prepare", &world.voices[2].prepare(1, 1, block.digest())).await;
        peers[2].hears("the commit", &world.voices[2].commit(1, &block)).await;
        let (sealed, _) = peers[2].hears_block(1).await;
        assert_eq!(super::world::sealers(&sealed.header).0, 1, "sealed with the round it was committed in");
        world.end().await;
    })
    .await;
}
