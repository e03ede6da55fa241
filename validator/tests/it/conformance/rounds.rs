//! Besu's `RoundChangeTest`.

use super::world::{CASES, Case, TIMEOUT_MS, World, for_every_profile};
use alloy_primitives::{B256, Bytes};
use chain::client::ClientProfile;
use qbft::{Proposal as _, Unverified};
use validator::driver::ProposedBlock;

const PROPOSAL: u8 = 0x12;
const ROUND_CHANGE: u8 = 0x15;

impl World {
    pub(super) fn round_change(&self, section: &str, seat: usize) -> (u8, Bytes) {
        self.vectors.of(
            &format!("/{section}/round_changes"),
            self.case.rlp(),
            ROUND_CHANGE,
            self.address(seat),
        )
    }
}

/// The signed part of a proposal, and the authors of the ROUND-CHANGEs that justify it.
fn parts(bytes: &Bytes) -> (Bytes, Vec<Bytes>, Vec<Bytes>) {
    let item = |buf: &mut &[u8]| {
        let start = *buf;
        let header = alloy_rlp::Header::decode(buf).unwrap();
        *buf = &buf[header.payload_length..];
        Bytes::copy_from_slice(&start[..start.len() - buf.len()])
    };
    let list = |bytes: &Bytes| {
        let mut body = alloy_rlp::Header::decode_bytes(&mut &bytes[..], true).unwrap();
        let mut items: Vec<Bytes> =
            std::iter::from_fn(|| (!body.is_empty()).then(|| item(&mut body))).collect();
        items.sort_unstable();
        items
    };
    let mut body = alloy_rlp::Header::decode_bytes(&mut &bytes[..], true).unwrap();
    let signed = item(&mut body);
    let mut justification = alloy_rlp::Header::decode_bytes(&mut body, true).unwrap();
    let (round_changes, prepares) = (item(&mut justification), item(&mut justification));
    (signed, list(&round_changes), list(&prepares))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_runs_out_is_left_with_the_vectors_round_change() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 1).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms() + TIMEOUT_MS);
        for peer in &mut peers {
            peer.hears("the round change", &world.round_change("round1_not_prepared", 1)).await;
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_block_goes_into_the_round_change_in_the_vectors_bytes() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 1).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let prepare = |seat| world.vectors.of("/round0/prepares", "rlp", 0x13, world.address(seat));
        peers[0].send(&prepare(0));
        peers[1].hears("an early prepare passed on", &prepare(0)).await;
        peers[0].send(&(PROPOSAL, world.vectors.bytes(&format!("/round0/preprepare/{}", case.rlp()))));
        peers[1].hears("the prepare", &prepare(1)).await;
        peers[1].send(&prepare(2));
        let commit = world.vectors.of("/round0/commits", "rlp", 0x14, world.address(1));
        peers[1].hears("the commit", &commit).await;
        world.clock.turn_to(world.due_ms() + TIMEOUT_MS);
        for peer in &mut peers {
            peer.hears("the lock", &world.round_change("round1_prepared_in_round0", 1)).await;
        }
        world.end().await;
    })
    .await;
}

/// Seat 1 is the proposer of round 1. The proposal's signed part is the vectors', and it is justified by the three
/// ROUND-CHANGEs, in the order in which they came.
async fn proposes_again(case: Case, section: &str, expected: &Bytes) {
    let world = World::start(case, 1).await;
    let mut peers = world.connect_all().await;
    world.clock.turn_to(world.due_ms());
    peers[0].send(&world.round_change(section, 0));
    peers[1].send(&world.round_change(section, 2));
    // f + 1 of them: the node goes along.
    peers[2].hears("the own round change", &world.round_change("round1_not_prepared", 1)).await;
    let proposal = peers[2]
        .wait("the proposal", |heard| match heard {
            super::peer::Heard::Consensus(PROPOSAL, bytes) => Some(bytes.clone()),
            _ => None,
        })
        .await;
    let (signed, round_changes, prepares) = parts(&proposal);
    let (want_signed, mut want_round_changes, want_prepares) = parts(expected);
    assert_eq!(signed, want_signed, "{case:?} {section}");
    assert_eq!(prepares, want_prepares);
    // In the vectors the node itself has prepared too; here it only hears of it.
    let own = world.voices[1].signed_round_change(1, 1, None);
    let decoded = qbft::wire::decode::<ProposedBlock>(PROPOSAL, &proposal).unwrap();
    let Unverified::Proposal { round_changes: parsed, .. } = decoded else { panic!("a proposal") };
    assert!(parsed.contains(&own), "{parsed:?}");
    want_round_changes.retain(|part| round_changes.contains(part));
    assert!(want_round_changes.len() >= 2 && round_changes.len() == 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proposer_of_round_1_proposes_a_fresh_block_in_the_vectors_bytes() {
    for_every_profile(|case: Case| async move {
        let vectors = super::world::Vectors::load();
        let pointer = format!("/round1_not_prepared/preprepare_{}/{}", case.style(), case.rlp());
        proposes_again(case, "round1_not_prepared", &vectors.bytes(&pointer)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proposer_of_round_1_proposes_the_prepared_block_again_in_the_vectors_bytes() {
    for_every_profile(|case: Case| async move {
        let style = match case.profile {
            ClientProfile::GoQuorum => "goquorum_style",
            ClientProfile::Besu24 => "besu_ge_24_12_style",
            // The vectors have no four-item bytes of it.
            _ => return,
        };
        let vectors = super::world::Vectors::load();
        let pointer = format!("/round1_prepared_in_round0/preprepare_{style}/rlp_legacy");
        proposes_again(case, "round1_prepared_in_round0", &vectors.bytes(&pointer)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_plus_one_for_later_rounds_take_the_node_to_the_smallest_of_them_and_one_alone_does_not() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        peers[0].send(&world.voices[0].round_change(1, 7));
        peers[1].hears("one alone passed on", &world.voices[0].round_change(1, 7)).await;
        let own = |round| world.voices[3].round_change(1, round);
        assert!(!peers[1].unread_votes().contains(&own(7)));
        peers[1].send(&world.voices[1].round_change(1, 5));
        for peer in &mut peers {
            peer.hears("the jump", &own(5)).await;
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_round_change_is_sent_again_while_its_round_lasts() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 1).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms() + TIMEOUT_MS);
        let own = world.round_change("round1_not_prepared", 1);
        peers[0].hears("the round change", &own).await;
        for second in 1..4 {
            world.clock.turn_to(world.due_ms() + TIMEOUT_MS + second * 1000);
            peers[0].hears("the same again", &own).await;
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_silent_validators_every_round_ends_by_its_own_timer_as_theirs_do() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, 3).await;
        // Nobody but this one is there, and it says nothing.
        let mut peer = world.connect(0).await;
        let own = |round| world.voices[3].round_change(1, round);
        let mut end_ms = world.due_ms() + TIMEOUT_MS;
        world.clock.turn_to(end_ms);
        peer.hears("the round change of round 1", &own(1)).await;
        for round in 1..4 {
            end_ms += TIMEOUT_MS << round;
            world.clock.turn_to(end_ms - 1);
            // What is sent again in this millisecond: a timer that had run out would have run out before it.
            peer.hears("the same again", &own(round)).await;
            assert!(!peer.unread_votes().contains(&own(round + 1)), "{case:?} round {round}");
            world.clock.turn_to(end_ms);
            peer.hears("the next round change", &own(round + 1)).await;
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goquorums_round_changes_with_prepares_of_the_last_height_count_and_three_of_four_decide() {
    let case = CASES[0];
    assert_eq!(case.profile, ClientProfile::GoQuorum);
    // Seat 1 proposes round 1; seat 3 is dead.
    let world = World::start(case, 1).await;
    let (mut zero, mut two) = (world.connect(0).await, world.connect(2).await);
    world.clock.turn_to(world.due_ms());
    let last = B256::repeat_byte(0x1a);
    let leftover: Vec<_> = [0, 2, 3].map(|seat| world.voices[seat].signed_prepare(0, 0, last)).into();
    for (seat, peer) in [(0, &zero), (2, &two)] {
        peer.send(&world.voices[seat].burdened_round_change(1, 1, leftover.clone()));
    }
    two.hears("the own round change", &world.voices[1].round_change(1, 1)).await;
    let proposal = two
        .wait("the proposal", |heard| match heard {
            super::peer::Heard::Consensus(PROPOSAL, bytes) => Some(bytes.clone()),
            _ => None,
        })
        .await;
    let decoded = qbft::wire::decode::<ProposedBlock>(PROPOSAL, &proposal).unwrap();
    let Unverified::Proposal { proposal, round_changes, prepares } = decoded else { panic!("a proposal") };
    assert_eq!((proposal.payload.round, round_changes.len(), prepares.len()), (1, 3, 0));
    let block = proposal.payload.block.under(case.rules().proposal_round);
    for (seat, peer) in [(0, &zero), (2, &two)] {
        peer.send(&world.voices[seat].prepare(1, 1, block.digest()));
        peer.send(&world.voices[seat].commit(1, &block));
    }
    let (sealed, _) = zero.hears_block(1).await;
    assert_eq!(super::world::sealers(&sealed.header).0, 1);
    world.end().await;
}
