//! A height without trouble, at the proposer and beside it.

use crate::bench::{
    Bench, Block, PREPARE_R0, block, commit, head, prepare_message, proposal, round_change_message,
    sealed_commit, seat, timeout,
};
use qbft::{Config, Input, Symbolic, TimerKind, Verdict};

#[test]
fn the_proposer_builds_ahead_proposes_at_the_tick_and_finalises_on_a_quorum_of_commits() {
    let (mut bench, start) = Bench::start(1);
    assert_eq!(start, ["timer round r0 +1000", "timer due r0 +0", "build r0 t=1002 due=1002000"]);
    let block = block(1, 0);
    bench.run(vec![
        (
            "the block is built before its tick, and its slot taken",
            Input::Built { height: 1, round: 0, block },
            &["persist proposal r0", "sign proposal r0", "hold proposal r0"],
        ),
        (
            "the tick: own proposal, and own PREPARE like everybody",
            timeout(TimerKind::BlockDue, 0),
            &["send proposal r0", "validate r0", "persist prepare r0", "sign prepare r0", "send prepare r0"],
        ),
        ("second PREPARE", prepare_message(2, &block), &[]),
        (
            "quorum of PREPAREs",
            prepare_message(3, &block),
            &["persist commit r0", "sign commit r0", "send commit r0"],
        ),
        ("a PREPARE too many", prepare_message(4, &block), &[]),
        ("second COMMIT", commit(2, &block), &[]),
        ("quorum of COMMITs", commit(4, &block), &["finalise r0 seals=3"]),
        ("late COMMIT", commit(3, &block), &["rejected decided"]),
        ("the round timer means nothing now", timeout(TimerKind::Round, 0), &["rejected stale"]),
        (
            "next height; the turn is computed from the head",
            Input::NewBlock(head(1)),
            &["timer round r0 +3000", "timer due r0 +2000", "build r0 t=1004 due=1004000"],
        ),
    ]);
    assert_eq!((bench.instance.height(), bench.instance.round()), (2, 0));
}

#[test]
fn a_proposal_is_sent_at_its_tick_however_long_signing_takes_and_not_once_its_round_is_over() {
    let (mut bench, _) = Bench::start(1);
    (bench.answers, bench.verdict) = (false, None);
    let made = Input::Built { height: 1, round: 0, block: block(1, 0) };
    assert_eq!(bench.tell(made), ["persist proposal r0"]);
    assert_eq!(bench.tell(timeout(TimerKind::BlockDue, 0)), [""; 0], "nothing to send yet");
    bench.answers = true;
    let persisted = Input::Persisted { ticket: qbft::Ticket(1) };
    assert_eq!(bench.tell(persisted), ["sign proposal r0", "send proposal r0", "validate r0"]);

    let (mut bench, _) = Bench::start(1);
    bench.tell(Input::Built { height: 1, round: 0, block: block(1, 0) });
    bench.tell(round_change_message(2, 1, None));
    bench.tell(round_change_message(3, 1, None));
    assert_eq!(bench.tell(timeout(TimerKind::BlockDue, 0)), ["rejected stale"]);
    assert!(bench.sent.iter().all(|message| message.phase() != qbft::Phase::Proposal), "{:?}", bench.sent);
}

#[test]
fn a_block_built_late_is_proposed_as_soon_as_it_is_there() {
    let (mut bench, _) = Bench::start(1);
    bench.verdict = None;
    bench.run(vec![
        ("tick without a block", timeout(TimerKind::BlockDue, 0), &[]),
        (
            "now",
            Input::Built { height: 1, round: 0, block: block(1, 0) },
            &["persist proposal r0", "sign proposal r0", "send proposal r0", "validate r0"],
        ),
        ("built twice", Input::Built { height: 1, round: 0, block: block(1, 0) }, &["rejected stale"]),
    ]);
}

#[test]
fn a_validator_beside_the_proposer_prepares_only_what_was_executed() {
    let (mut bench, start) = Bench::start(2);
    assert_eq!(start, ["timer round r0 +1000"]);
    bench.verdict = None;
    let block = block(1, 0);
    let digest = qbft::Proposal::digest(&block);
    bench.run(vec![
        ("checked, but not executed", proposal(1, 0, &block), &["validate r0"]),
        ("executed", Input::Validated { height: 1, round: 0, digest, verdict: Verdict::Valid }, &PREPARE_R0),
        (
            "again",
            Input::Validated { height: 1, round: 0, digest, verdict: Verdict::Valid },
            &["rejected stale"],
        ),
        ("one", prepare_message(1, &block), &[]),
        ("quorum", prepare_message(3, &block), &["persist commit r0", "sign commit r0", "send commit r0"]),
    ]);
}

#[test]
fn votes_that_overtake_the_proposal_count_once_it_is_valid() {
    let (mut bench, _) = Bench::start(2);
    let (block, other) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    bench.run(vec![
        ("PREPARE first", prepare_message(3, &block), &[]),
        ("PREPARE for something else", prepare_message(4, &other), &[]),
        ("COMMITs first", commit(1, &block), &[]),
        (
            "a COMMIT whose seal cannot be checked yet",
            sealed_commit(3, &block, Symbolic::sign(seat(3), block.parent)),
            &[],
        ),
        (
            "the proposal; seal and digest that do not fit are dropped",
            proposal(1, 0, &block),
            &["validate r0", "persist prepare r0", "sign prepare r0", "send prepare r0"],
        ),
        ("its author may still send a true one", commit(3, &block), &[]),
        (
            "a quorum of COMMITs finalises though this node has not prepared",
            commit(4, &block),
            &["finalise r0 seals=3"],
        ),
    ]);
}

#[test]
fn an_invalid_block_gets_no_vote_and_its_author_is_named() {
    let (mut bench, _) = Bench::start(2);
    bench.verdict = Some(Verdict::Invalid);
    let block = block(1, 0);
    bench.run(vec![
        ("refused by execution", proposal(1, 0, &block), &["validate r0", "rejected invalid_block"]),
        ("even a quorum does not finalise it here", commit(1, &block), &[]),
        ("", commit(3, &block), &[]),
        ("", commit(4, &block), &[]),
    ]);
}

#[test]
fn a_node_that_cannot_execute_abstains() {
    let (mut bench, _) = Bench::start(2);
    bench.verdict = Some(Verdict::Unknown);
    bench.run(vec![("no verdict", proposal(1, 0, &block(1, 0)), &["validate r0"])]);
}

#[test]
fn an_observer_and_a_node_sitting_out_finalise_and_sign_nothing() {
    let sitting_out = Config { votes_from: u64::MAX, ..Config::new(Some(seat(2))) };
    for config in [Config::new(None), sitting_out] {
        let (mut bench, start) = Bench::restart(config, vec![]);
        assert_eq!(start, [""; 0]);
        let block = block(1, 0);
        bench.run(vec![
            ("follows", proposal(1, 0, &block), &["validate r0"]),
            ("", commit(1, &block), &[]),
            ("", commit(3, &block), &[]),
            ("finalises", commit(4, &block), &["finalise r0 seals=3"]),
        ]);
    }
}

#[test]
fn a_node_that_sat_out_votes_from_the_height_it_is_told() {
    let config = Config { votes_from: u64::MAX, ..Config::new(Some(seat(2))) };
    let (mut bench, _) = Bench::restart(config, vec![]);
    bench.run(vec![
        ("from the next height", Input::VoteFrom { height: 2 }, &[]),
        ("not yet", proposal(1, 0, &block(1, 0)), &["validate r0"]),
        ("now", Input::NewBlock(head(1)), &["timer round r0 +3000"]),
    ]);
}

#[test]
fn a_sole_validator_decides_alone() {
    let (mut bench, _) = Bench::start(1);
    let alone = qbft::NewHead { validators: [seat(1)].into(), ..head(1) };
    bench.now_ms = 1_004_000;
    assert_eq!(
        bench.tell(Input::NewBlock(alone)),
        ["timer round r0 +3000", "timer due r0 +2000", "build r0 t=1004 due=1004000",]
    );
    let block = Block { height: 2, parent: head(1).hash, timestamp: 1_004, ..block(1, 0) };
    bench.tell(Input::Built { height: 2, round: 0, block });
    let timer = qbft::Timer { kind: TimerKind::BlockDue, height: 2, round: 0 };
    let lines = bench.tell(Input::Timeout(timer));
    assert_eq!(lines.last().map(String::as_str), Some("finalise r0 seals=1"));
}

#[test]
fn nothing_is_signed_before_it_is_durable_and_nothing_sent_before_it_is_signed() {
    let (mut bench, _) = Bench::start(2);
    bench.answers = false;
    let block = block(1, 0);
    assert_eq!(bench.tell(proposal(1, 0, &block)), ["validate r0", "persist prepare r0"]);
    let ticket = qbft::Ticket(1);
    let signatures = bench.signatures(&qbft::Unsigned::Prepare(*crate::bench::prepare(2, &block).payload()));
    bench.run(vec![
        ("signed without being durable", Input::Signed { ticket, signatures }, &["rejected stale"]),
        ("durable", Input::Persisted { ticket }, &["sign prepare r0"]),
        ("durable twice", Input::Persisted { ticket }, &["rejected stale"]),
        ("two others", prepare_message(1, &block), &[]),
        ("do not make a quorum with an own vote that is not signed", prepare_message(3, &block), &[]),
        ("signed", Input::Signed { ticket, signatures }, &["send prepare r0", "persist commit r0"]),
        ("of an unknown vote", Input::Signed { ticket: qbft::Ticket(9), signatures }, &["rejected stale"]),
    ]);
}
