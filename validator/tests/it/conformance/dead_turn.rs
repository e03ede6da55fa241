//! A dead validator's turn above round 0, beside clients that enter every round: the node enters it with them (ADR 15).

use super::{
    voice::proposed,
    world::{Case, TIMEOUT_MS, World, for_every_profile},
};
use alloy_consensus::Header;
use chain::{
    client::ClientProfile,
    hash::{ProposalRound, with_round_and_seals},
};
use ledger::{Block, BlockBody};
use qbft::Proposal as _;
use validator::driver::ProposedBlock;

/// The node; seat 0 proposes round 0, seat 1 is dead in its turn of round 1, seat 2 proposes round 2.
const OWN: usize = 3;

impl World {
    /// A fresh block of round 2.
    fn block_of_round_2(&self) -> ProposedBlock {
        let header = Header { beneficiary: self.address(2), ..self.vectors.block().header };
        let round = match self.case.rules().proposal_round {
            ProposalRound::Real => 2,
            ProposalRound::Zero => 0,
        };
        let header = with_round_and_seals(&header, round, vec![]).unwrap();
        proposed(Block { header, body: BlockBody::default() }, self.case.rules())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_seats_turn_is_entered_with_the_others_and_left_with_them_and_the_height_is_decided() {
    for_every_profile(|case: Case| async move {
        let world = World::start(case, OWN).await;
        let (mut zero, mut two) = (world.connect(0).await, world.connect(2).await);
        world.clock.turn_to(world.due_ms());
        // Both are heard at this height, seat 1 is not.
        world.barrier((0, &zero), &mut two, 9).await;
        world.barrier((2, &two), &mut zero, 9).await;

        let first_end_ms = world.due_ms() + TIMEOUT_MS;
        world.clock.turn_to(first_end_ms);
        let own = |round| world.voices[OWN].round_change(1, round);
        zero.hears("the round change to the dead seat's turn", &own(1)).await;
        // The others' timers end too.
        zero.send(&world.voices[0].round_change(1, 1));
        two.send(&world.voices[2].round_change(1, 1));
        world.barrier((0, &zero), &mut two, 8).await;
        world.barrier((2, &two), &mut zero, 8).await;

        // Round 1 lasts as long for the node as for them, although its proposer is not among those who ask for it. GoQuorum's
        // last one sees f + 1 above it and comes at once; Besu's comes by its own timer, a little later.
        let second_end_ms = first_end_ms + 2 * TIMEOUT_MS;
        world.clock.turn_to(second_end_ms - 1);
        world.barrier((0, &zero), &mut two, 10).await;
        assert!(!two.unread_votes().contains(&own(2)), "{case:?}");
        world.clock.turn_to(second_end_ms);
        two.hears("the round change past it", &own(2)).await;
        zero.send(&world.voices[0].round_change(1, 2));
        two.hears("round 2 passed on", &world.voices[0].round_change(1, 2)).await;
        if case.profile != ClientProfile::GoQuorum {
            world.clock.turn_to(second_end_ms + 900);
        }
        two.send(&world.voices[2].round_change(1, 2));
        let round_changes = [0, 2, OWN].map(|seat| world.voices[seat].signed_round_change(1, 2, None));
        let block = world.block_of_round_2();
        two.send(&world.voices[2].proposal(2, &block, round_changes.into(), vec![]));
        zero.hears("the prepare of round 2", &world.voices[OWN].prepare(1, 2, block.digest())).await;
        for (seat, peer) in [(0, &zero), (2, &two)] {
            peer.send(&world.voices[seat].prepare(1, 2, block.digest()));
            peer.send(&world.voices[seat].commit(2, &block));
        }
        let (sealed, _) = zero.hears_block(1).await;
        assert_eq!(super::world::sealers(&sealed.header).0, 2, "{case:?}");
        // It was never above round 2: the others had to follow it nowhere.
        let votes = zero.unread_votes();
        assert!(![3, 4].iter().any(|round| votes.contains(&own(*round))), "{case:?}");
        world.end().await;
    })
    .await;
}
