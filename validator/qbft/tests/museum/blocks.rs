//! Blocks: nothing is voted for that was not executed on its own parent.

use crate::bench::{
    Bench, Block, block, commit, head, justified, prepare_message, prepares, proposal, round_change,
};
use alloy_primitives::B256;
use qbft::{Input, Proposal, Verdict};

/// Models pantheon#583, celo#256 and GoQuorum, which prepares without executing (`qbft-facts` §3.7): that a quorum has
/// prepared a block does not make it valid here.
#[test]
fn a_prepared_block_is_executed_before_it_is_voted_for_again() {
    for verdict in [None, Some(Verdict::Invalid), Some(Verdict::Unknown)] {
        let (mut bench, _) = Bench::start(4);
        bench.verdict = verdict;
        let old = block(1, 0);
        let again = old.with_round(1);
        let proof = vec![round_change(1, 1, None), round_change(2, 1, Some(&old)), round_change(3, 1, None)];
        let lines = bench.tell(justified(2, 1, &again, proof, &prepares(&[1, 2, 3], &old)));
        assert!(lines.contains(&"validate r1".to_owned()), "{verdict:?}: {lines:?}");
        for from in [1, 2, 3] {
            bench.tell(prepare_message(from, &again));
            bench.tell(commit(from, &again));
        }
        let voted = bench.sent.iter().any(|message| message.phase().label() != "round_change");
        assert!(!voted, "{verdict:?}: voted for what was not found valid");
        assert_eq!(bench.finalised, [], "{verdict:?}");
    }
}

/// Models pantheon#576 and the backlogs of the family: a proposal that overtakes its parent was dropped, and as nobody
/// sends it twice its round was lost; or it was taken on whatever head there was.
#[test]
fn a_proposal_whose_parent_is_not_here_yet_waits_for_it() {
    let (mut bench, _) = Bench::start(4);
    let next = Block { height: 2, parent: head(1).hash, timestamp: 1_004, ..block(1, 0) };
    let orphan = Block { parent: B256::with_last_byte(9), ..next };
    bench.now_ms = 1_004_000;
    assert_eq!(bench.tell(proposal(1, 0, &next)), [""; 0]);
    bench.tell(prepare_message(2, &next));
    bench.tell(prepare_message(3, &next));
    assert_eq!(bench.sent.len(), 0, "nothing is said of a block on a parent that is not here");
    bench.tell(Input::NewBlock(head(1)));
    let phases: Vec<_> = bench.sent.iter().map(|message| message.phase().label()).collect();
    assert_eq!(phases, ["prepare", "commit"], "the parent is here: nothing has to be sent again");

    let (mut bench, _) = Bench::start(4);
    bench.now_ms = 1_004_000;
    bench.tell(proposal(1, 0, &orphan));
    bench.tell(Input::NewBlock(head(1)));
    assert_eq!(bench.sent.len(), 0, "a block on another parent gets no vote");
}
