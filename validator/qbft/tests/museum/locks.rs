//! The lock: who committed to a block may not forget it, and must say so.

use crate::{
    bench::{Bench, Block, block, commit, prepare_message, proposal, round_change_message, timeout},
    net::Net,
};
use qbft::{Input, Message, Phase, Proposal, TimerKind};

/// What the node has sent since it was asked last.
fn take(bench: &mut Bench) -> Vec<Message<Block>> {
    std::mem::take(&mut bench.sent)
}

fn hear(bench: &mut Bench, messages: &[Message<Block>]) {
    for message in messages {
        bench.tell(Input::Message(message.clone()));
    }
}

fn content(bench: &Bench) -> Option<Block> {
    bench.finalised.first().map(|(block, ..)| block.with_round(0))
}

/// Models besu#1734: what a round still brought after its timer had run out was acted on, and two honest validators
/// added different blocks. Seat 3 lies; seat 2 has told round 1 that it prepared nothing, so it may not commit in
/// round 0 any more.
#[test]
fn who_left_a_round_without_a_lock_does_not_commit_in_it_later() {
    let [(mut one, _), (mut two, _), (mut four, _)] = [1, 2, 4].map(Bench::start);
    let first = block(1, 0);
    one.tell(Input::Built { height: 1, round: 0, block: first });
    one.tell(timeout(TimerKind::BlockDue, 0));
    let from_one = take(&mut one);
    hear(&mut two, &from_one);
    two.tell(timeout(TimerKind::Round, 0));
    // The PREPARE that completes the quorum comes after the timer.
    two.tell(prepare_message(3, &first));
    let from_two = take(&mut two);
    hear(&mut one, &from_two);
    one.tell(prepare_message(3, &first));
    one.tell(commit(3, &first));

    four.tell(timeout(TimerKind::Round, 0));
    hear(&mut two, &take(&mut four));
    hear(&mut four, &from_two);
    // Seat 3 denies what it prepared.
    two.tell(round_change_message(3, 1, None));
    let second = Block { content: 2, ..block(2, 1) };
    two.tell(Input::Built { height: 1, round: 1, block: second });
    hear(&mut four, &take(&mut two));
    for node in [&mut two, &mut four] {
        node.tell(prepare_message(3, &second));
    }
    hear(&mut two, &take(&mut four));
    hear(&mut four, &take(&mut two));
    two.tell(commit(3, &second));
    four.tell(commit(3, &second));

    let decided: Vec<_> = [&one, &two, &four].into_iter().filter_map(content).collect();
    assert!(!decided.is_empty(), "the second round decides");
    assert!(decided.iter().all(|block| *block == decided[0]), "fork: {decided:?}");
}

/// Models besu#1575, the other half of besu#1734: the timer that fires between a decision and the import of its block led
/// to a ROUND-CHANGE, and to votes in a round that had no right to be.
#[test]
fn a_round_timer_that_fires_after_the_decision_changes_nothing() {
    let (mut bench, _) = Bench::start(2);
    let first = block(1, 0);
    bench.tell(proposal(1, 0, &first));
    for from in [1, 3, 4] {
        bench.tell(commit(from, &first));
    }
    assert_eq!(bench.finalised.len(), 1);
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 3, 4] {
        bench.tell(round_change_message(from, 1, None));
    }
    bench.tell(Input::Built { height: 1, round: 1, block: block(2, 1) });
    assert_eq!(bench.sent.iter().map(Message::phase).collect::<Vec<_>>(), [Phase::Prepare]);
    assert_eq!((bench.instance.round(), bench.finalised.len()), (0, 1));
}

/// Everybody prepares block 1 in round 0; seat 1 alone hears the COMMITs, finalises it and is not heard of again.
fn decided_at_one_alone() -> Net {
    let mut net = Net::of_four();
    net.loses = |_, to, message| matches!(message, Message::Commit(_)) && to != 1;
    net.run(2_000, |net| net.have(&[1], 1)).expect("seat 1 decides");
    net
}

/// Models quorum#305 and what celo#589 asked after: a lock carried by the first ROUND-CHANGE only is lost when that round
/// fails too. Here the proposal of round 1 is lost.
#[test]
fn a_lock_survives_two_round_changes() {
    let mut net = decided_at_one_alone();
    net.loses = |from, to, message| {
        let of_round_1 = matches!(message, Message::Proposal(_)) && message.round() == 1;
        from == 1 || to == 1 || of_round_1
    };
    net.run(60_000, |net| net.have(&[2, 3, 4], 1)).expect("the other three decide");
    net.assert_no_fork();
    net.assert_no_double_vote();
}

/// Models tendermint#44, and every client of the family: none keeps its lock on disk (`qbft-facts` §3.10), so validators
/// that restart after a COMMIT vote for another block.
#[test]
fn a_lock_survives_a_restart() {
    let mut net = decided_at_one_alone();
    net.loses = |from, to, _| from == 1 || to == 1;
    for seat in [2, 3, 4] {
        net.stop(seat);
    }
    for seat in [2, 3, 4] {
        net.start(seat);
    }
    net.run(60_000, |net| net.have(&[2, 3, 4], 1)).expect("the other three decide");
    net.assert_no_fork();
    net.assert_no_double_vote();
}

/// Models besu#7875: a block prepared above round 0 was compared with its digest of another round, so every later
/// proposal of it was refused, and the height never ended.
#[test]
fn a_block_prepared_above_round_0_is_proposed_again_and_decided() {
    let mut net = Net::of_four();
    net.loses = |_, _, message| match message {
        Message::Proposal(_) => message.round() == 0,
        Message::Commit(_) => message.round() == 1,
        _ => false,
    };
    net.run(30_000, |net| net.have(&[1, 2, 3, 4], 1)).expect("decided, in round 2 or soon after");
    for seat in 1..=4 {
        let (block, round) = net.chain(seat)[0];
        assert_eq!((block.content, round), (2, 2), "seat {seat}: what seat 2 made in round 1, by round 2");
    }
    assert!(net.signed(4).iter().any(|(_, round, phase, _)| (*round, *phase) == (1, Phase::Commit)));
}
