//! A node without a seat syncs from what GoQuorum and Besu serve, and serves what they ask for.

use super::{
    peer::{Heard, Peer},
    world::{CASES, Case, Plan, World, for_every_profile, shown, within},
};
use alloy_consensus::Header;
use chain::{
    Extra,
    hash::{block_hash, with_round_and_seals},
};
use devp2p::{
    Block, BlockId, NodeKey,
    eth::{
        HeadersQuery, Reply,
        message::{Query, encode_new_block_hashes, id},
    },
};

/// More than two requests of headers and three of bodies.
const LENGTH: u64 = 410;

fn by(origin: BlockId) -> Query {
    Query::Headers(HeadersQuery { origin, amount: 1, skip: 0, reverse: false })
}

async fn ask(peer: &mut Peer, request: u64, query: &Query) -> Vec<Header> {
    peer.send_query(request, query);
    peer.wait("headers", |heard| match heard {
        Heard::Answer(got, Reply::Headers(headers)) if *got == request => Some(headers.clone()),
        _ => None,
    })
    .await
}

/// A block with another one's seals.
fn forged(block: &Block, other: &Block) -> Block {
    let foreign = Extra::decode_exact(&other.header.extra_data).unwrap().seals;
    let header = with_round_and_seals(&block.header, 0, foreign).unwrap();
    Block { header, body: block.body.clone() }
}

impl World {
    /// Asks until the node has the block; time passes meanwhile.
    pub(super) async fn has(&self, peer: &mut Peer, number: u64) -> Header {
        let asking = async {
            for request in 1.. {
                self.clock.turn_to(self.clock.now_ms() + 20);
                if let [header] = &ask(peer, request, &by(BlockId::Number(number))).await[..] {
                    return header.clone();
                }
            }
            unreachable!("the requests do not end")
        };
        within(&format!("block {number}"), asking).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_fetches_a_chain_checks_its_seals_and_follows_announcements_of_both_kinds() {
    for_every_profile(|case: Case| async move {
        let world = World::make(Plan::new(case, 4)).await;
        let mut chain = world.chain(LENGTH + 2);
        let later = chain.split_off(usize::try_from(LENGTH).unwrap());
        let shows = shown(chain.clone());
        let mut archive = world.connect_as(NodeKey::random(), case.eth, shows.clone()).await;
        let mut other = world.connect_as(NodeKey::random(), case.eth, shown(vec![])).await;
        let head = world.has(&mut archive, LENGTH).await;
        assert_eq!(head, chain.last().unwrap().header, "round and seals as they came");

        // The head is readable a moment before the node takes the block after it: then the announcement is made again.
        let passed_on = async {
            for request in 1.. {
                archive.send_block(&later[0]);
                ask(&mut archive, request, &by(BlockId::Number(0))).await;
                ask(&mut other, request, &by(BlockId::Number(0))).await;
                let announced = |heard: &Heard| matches!(heard, Heard::NewBlock(..));
                if other.unread.iter().any(announced) {
                    return;
                }
            }
        };
        within("the announcement", passed_on).await;
        assert_eq!(other.hears_block(LENGTH + 1).await.0, later[0]);
        shows.lock().extend(later.clone());
        let hash = block_hash(&later[1].header).unwrap();
        archive.send_eth(id::NEW_BLOCK_HASHES, &encode_new_block_hashes(&[(hash, LENGTH + 2)]));
        assert_eq!(world.has(&mut archive, LENGTH + 2).await, later[1].header);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_chain_no_quorum_sealed_is_dropped_and_nothing_of_it_stays() {
    for_every_profile(|case: Case| async move {
        let world = World::make(Plan::new(case, 4)).await;
        let sealed = world.chain(LENGTH);
        // Every block has its successor's seals, and the last one the first's.
        let mut made_up = sealed.clone();
        for (index, block) in made_up.iter_mut().enumerate() {
            *block = forged(block, &sealed[(index + 1) % sealed.len()]);
        }
        let mut liar = world.connect_as(NodeKey::random(), case.eth, shown(made_up)).await;
        let dropped = |heard: &Heard| matches!(heard, Heard::Goodbye(_) | Heard::Closed).then_some(());
        liar.wait("to be dropped", dropped).await;
        let mut other = world.connect_as(NodeKey::random(), case.eth, shown(vec![])).await;
        assert_eq!(ask(&mut other, 1, &by(BlockId::Number(1))).await, []);
        let mut archive = world.connect_as(NodeKey::random(), case.eth, shown(sealed.clone())).await;
        assert_eq!(world.has(&mut archive, LENGTH).await, sealed.last().unwrap().header);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_passes_false_seals_of_final_blocks_on_is_believed_by_a_later_blocks_and_stays() {
    for_every_profile(|case: Case| async move {
        let world = World::make(Plan::new(case, 4)).await;
        let sealed = world.chain(LENGTH);
        let (last, before) = sealed.split_last().unwrap();
        // What a node has that fetched these from a liar: nobody checks them but the last of each segment.
        let mut chain: Vec<_> =
            before.iter().zip(&sealed[1..]).map(|(block, next)| forged(block, next)).collect();
        chain.push(last.clone());
        // Few headers at once end a segment in the midst of them.
        let mut victim = world.connect_by(NodeKey::random(), case.eth, shown(chain), (0, 100)).await;
        assert_eq!(world.has(&mut victim, LENGTH).await, last.header);
        assert!(!victim.unread.iter().any(|heard| matches!(heard, Heard::Goodbye(_) | Heard::Closed)));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_leaves_three_questions_unanswered_is_asked_a_fourth_time_and_never_dropped() {
    let case = CASES[4];
    let world = World::make(Plan::new(case, 4)).await;
    let chain = world.chain(5);
    let mut late = world.connect_deaf(NodeKey::random(), case.eth, shown(chain.clone()), 3).await;
    assert_eq!(world.has(&mut late, 5).await, chain[4].header);
    let asked = late.unread.iter().filter(|heard| matches!(heard, Heard::Asked(_))).count();
    assert!(asked >= 4, "{asked}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_peer_does_not_answer_another_is_asked_and_both_stay() {
    let case = CASES[4];
    let world = World::make(Plan::new(case, 4)).await;
    let chain = world.chain(5);
    let mut deaf = world.connect_deaf(NodeKey::random(), case.eth, shown(chain.clone()), u32::MAX).await;
    let asked = |heard: &Heard| matches!(heard, Heard::Asked(_)).then_some(());
    deaf.wait("a question", asked).await;
    let mut archive = world.connect_as(NodeKey::random(), case.eth, shown(chain.clone())).await;
    assert_eq!(world.has(&mut archive, 5).await, chain[4].header);
    // A peer that is being dropped gets no answers.
    assert_eq!(ask(&mut deaf, 1, &by(BlockId::Number(5))).await, [chain[4].header.clone()]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_the_head_it_was_told_of_right_after_status_gets_it() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 0).await;
        let mut peer = world.connect(1).await;
        // Besu's chain head tracker: by hash; GoQuorum's downloader: by number, and backwards.
        let genesis = [world.genesis.header.clone()];
        assert_eq!(ask(&mut peer, 1, &by(BlockId::Hash(world.genesis.hash))).await, genesis);
        assert_eq!(ask(&mut peer, 2, &by(BlockId::Number(0))).await, genesis);
        let unknown = by(BlockId::Hash(alloy_primitives::B256::repeat_byte(3)));
        assert_eq!(ask(&mut peer, 3, &unknown).await, []);
        let back = HeadersQuery { origin: BlockId::Number(0), amount: 192, skip: 15, reverse: true };
        assert_eq!(ask(&mut peer, 4, &Query::Headers(back)).await, genesis);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_block_with_too_few_seals_is_not_imported_and_its_server_is_dropped() {
    for_every_profile(|case: Case| async move {
        let world = World::make(Plan::new(case, 4)).await;
        let mut chain = world.chain(3);
        let extra = chain::Extra::decode_exact(&chain[2].header.extra_data).unwrap();
        let seals = extra.seals[..2].to_vec();
        // GoQuorum itself would import this one: two of four are more than f.
        chain[2].header = chain::hash::with_round_and_seals(&chain[2].header, 0, seals).unwrap();
        let mut bad = world.connect_as(NodeKey::random(), case.eth, shown(chain.clone())).await;
        bad.wait("goodbye", |heard| matches!(heard, Heard::Goodbye(_)).then_some(())).await;
        let mut good = world.connect_as(NodeKey::random(), case.eth, shown(vec![])).await;
        assert_eq!(world.has(&mut good, 2).await, chain[1].header);
        assert_eq!(ask(&mut good, 0, &by(BlockId::Number(3))).await, []);
        world.end().await;
    })
    .await;
}
