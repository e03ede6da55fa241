//! What a restart with the journal does, and does not do.

use crate::bench::{
    Bench, Block, block, commit, justified, prepare_message, prepares, proposal, round_change,
    round_change_message, seat, timeout,
};
use qbft::{Config, Footprint, Input, Message, Proposal, Record, TimerKind};

/// A former run of `seat 4` that took these inputs; its journal and what it sent.
fn former(inputs: Vec<Input<Block>>) -> (Vec<Record<Block>>, Vec<Message<Block>>) {
    let (mut bench, _) = Bench::start(4);
    for input in inputs {
        bench.tell(input);
    }
    (bench.journal, bench.sent)
}

fn config() -> Config {
    Config::new(Some(seat(4)))
}

#[test]
fn what_was_sent_is_sent_again_unchanged() {
    let old = block(1, 0);
    let (journal, before) =
        former(vec![proposal(1, 0, &old), prepare_message(1, &old), prepare_message(2, &old)]);
    let (bench, start) = Bench::restart(config(), journal);
    assert_eq!(
        start,
        [
            "sign prepare r0",
            "sign commit r0",
            "timer round r0 +1000",
            "resend prepare r0",
            "resend commit r0",
        ]
    );
    assert_eq!(bench.sent, before);
}

#[test]
fn after_a_prepare_no_other_block_of_that_round_is_prepared() {
    let (old, other) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    let (journal, _) = former(vec![proposal(1, 0, &old)]);
    let (mut bench, _) = Bench::restart(config(), journal);
    assert_eq!(bench.tell(proposal(1, 0, &other)), ["validate r0"], "executed, not voted for");
}

#[test]
fn a_committed_block_is_still_known_and_locked() {
    let old = block(1, 0);
    let (journal, _) = former(vec![proposal(1, 0, &old), prepare_message(1, &old), prepare_message(2, &old)]);
    let (mut bench, _) = Bench::restart(config(), journal.clone());
    bench.tell(commit(1, &old));
    assert_eq!(bench.tell(commit(2, &old)), ["finalise r0 seals=3"], "COMMITs decide without the proposal");

    let (mut bench, _) = Bench::restart(config(), journal);
    bench.tell(timeout(TimerKind::Round, 0));
    let Some(Message::RoundChange(message)) = bench.sent.last() else { panic!("a round change was sent") };
    assert_eq!(message.round_change.payload().prepared.map(|prepared| prepared.digest), Some(old.digest()));
    assert_eq!((message.block, message.prepares.len()), (Some(old), 3));
}

#[test]
fn the_highest_round_goes_on_with_the_lock_from_below_it() {
    let old = block(1, 0);
    let (journal, before) = former(vec![
        proposal(1, 0, &old),
        prepare_message(1, &old),
        prepare_message(2, &old),
        timeout(TimerKind::Round, 0),
    ]);
    let (mut bench, start) = Bench::restart(config(), journal);
    assert_eq!(start, ["sign round_change r1", "round 1", "timer resend r1 +500", "resend round_change r1",]);
    assert_eq!(bench.sent.first(), before.last());
    assert_eq!(bench.tell(proposal(1, 0, &old)), ["rejected old_round"]);
    bench.tell(round_change_message(1, 1, None));
    assert_eq!(bench.tell(round_change_message(2, 1, None)), ["timer round r1 +1000"]);
}

#[test]
fn a_round_whose_round_change_is_not_known_any_more_is_left_by_time_with_its_lock() {
    let old = block(2, 1);
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    let (mut journal, _) = former(vec![
        justified(2, 1, &old, proofs, &prepares(&[], &old)),
        prepare_message(1, &old),
        prepare_message(2, &old),
    ]);
    let phases = |journal: &[Record<Block>]| -> Vec<_> {
        journal.iter().map(|record| (record.phase().label(), record.round())).collect()
    };
    assert_eq!(phases(&journal), [("round_change", 1), ("prepare", 1), ("commit", 1)]);
    let (_, start) = Bench::restart(config(), journal.clone());
    assert!(
        !start.iter().any(|line| line.starts_with("timer round")),
        "a quorum for the round ends it: {start:?}"
    );
    // As one that takes an identity over may know it.
    journal.remove(0);
    let (mut bench, start) = Bench::restart(config(), journal);
    assert!(start.contains(&"timer round r1 +500".to_string()), "{start:?}");
    assert_eq!(phases(&bench.journal), [], "what it said in round 1 is not said in other words");
    bench.tell(timeout(TimerKind::Round, 1));
    let Some(Message::RoundChange(message)) = bench.sent.last() else { panic!("a round change was sent") };
    let payload = message.round_change.payload();
    assert_eq!((payload.round, payload.prepared.map(|lock| lock.digest)), (2, Some(old.digest())));
}

#[test]
fn a_round_entered_by_its_proposal_has_its_round_change_in_the_journal() {
    let old = block(2, 1);
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    let (journal, _) = former(vec![justified(2, 1, &old, proofs, &prepares(&[], &old))]);
    let phases: Vec<_> = journal.iter().map(|record| (record.phase().label(), record.round())).collect();
    assert_eq!(phases, [("round_change", 1), ("prepare", 1)]);
}

#[test]
fn a_proposer_does_not_propose_a_second_block_for_its_turn() {
    let (mut bench, _) = Bench::start(1);
    bench.tell(Input::Built { height: 1, round: 0, block: block(1, 0) });
    bench.tell(timeout(TimerKind::BlockDue, 0));
    let (again, start) = Bench::restart(Config::new(Some(seat(1))), bench.journal);
    assert!(!start.iter().any(|line| line.starts_with("build")), "{start:?}");
    assert_eq!(again.sent, bench.sent);
}

#[test]
fn a_head_behind_the_journal_is_followed_without_a_vote() {
    let ahead = qbft::message::Prepare { height: 3, round: 0, digest: block(1, 0).digest() };
    let (mut bench, start) = Bench::restart(config(), vec![Record::Prepare(ahead)]);
    assert_eq!(start, [""; 0]);
    assert_eq!(bench.tell(proposal(1, 0, &block(1, 0))), ["validate r0"]);
    assert_eq!(bench.tell(Input::VoteFrom { height: 0 }), [""; 0], "nor can it be told to");
    bench.tell(Input::NewBlock(crate::bench::head(1)));
    bench.now_ms = 1_006_000;
    let lines = bench.tell(Input::NewBlock(crate::bench::head(2)));
    assert_eq!(lines[0], "sign prepare r0", "at its height the vote is sent again: {lines:?}");
}

#[test]
fn records_of_older_heights_mean_nothing() {
    let (journal, _) = former(vec![proposal(1, 0, &block(1, 0))]);
    let (mut bench, _) = Bench::restart(config(), journal);
    bench.tell(Input::NewBlock(crate::bench::head(1)));
    assert_eq!((bench.instance.height(), bench.instance.round()), (2, 0));
}

#[test]
fn a_height_of_many_rounds_is_taken_up_again_within_the_bounds_of_a_run() {
    let (journal, _) = former((0..40).map(|round| timeout(TimerKind::Round, round)).collect());
    assert_eq!(journal.len(), 40);
    let (bench, start) = Bench::restart(config(), journal);
    assert_eq!(start[..2], ["sign round_change r40", "round 40"]);
    let (kept, bound) = (bench.instance.footprint(), Footprint::bound(4));
    assert!(kept.is_within(&bound), "{kept:?} {bound:?}");
}
