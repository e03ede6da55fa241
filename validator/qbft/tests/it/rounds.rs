//! Leaving a round, and what is carried over.

use crate::bench::{
    Bench, Block, DUE, block, commit, justified, prepare_message, prepares, proposal, round_change,
    round_change_message, timeout,
};
use qbft::{Input, Message, Proposal, TimerKind, config::round_timeout_ms};

const TO_R1: [&str; 5] = [
    "round 1",
    "persist round_change r1",
    "timer resend r1 +1000",
    "sign round_change r1",
    "send round_change r1",
];

#[test]
fn a_round_that_runs_out_is_left_and_the_next_ones_timer_waits_for_a_quorum() {
    let (mut bench, _) = Bench::start(3);
    bench.run(vec![
        ("round 0 runs out", timeout(TimerKind::Round, 0), &TO_R1),
        (
            "nobody answers: sent again, no timer",
            timeout(TimerKind::Resend, 1),
            &["resend round_change r1", "timer resend r1 +1000"],
        ),
        ("one answers", round_change_message(1, 1, None), &[]),
        (
            "a quorum, own one included, but not of this very round: the timer runs, briefly",
            round_change_message(4, 2, None),
            &["timer round r1 +333"],
        ),
        (
            "a quorum of this round, its proposer among them: there may be a proposal, so doubled",
            round_change_message(2, 1, None),
            &["timer round r1 +2000"],
        ),
    ]);
}

#[test]
fn a_day_without_quorum_costs_no_rounds() {
    let (mut bench, _) = Bench::start(3);
    bench.tell(timeout(TimerKind::Round, 0));
    for _ in 0..86_400 {
        bench.now_ms += 1_000;
        let lines = bench.tell(timeout(TimerKind::Resend, 1));
        assert_eq!(lines[0], "resend round_change r1");
    }
    assert_eq!(bench.instance.round(), 1);
}

#[test]
fn f_plus_one_round_changes_pull_a_node_to_the_smallest_of_their_rounds() {
    let (mut bench, _) = Bench::start(4);
    bench.run(vec![
        ("one alone may be lying", round_change_message(1, 7, None), &[]),
        (
            "two are not both",
            round_change_message(3, 5, None),
            &[
                "round 5",
                "persist round_change r5",
                "timer resend r5 +1000",
                "sign round_change r5",
                "send round_change r5",
                "timer round r5 +333",
            ],
        ),
    ]);
}

#[test]
fn the_proposer_of_the_new_round_makes_a_fresh_block_when_nothing_was_prepared() {
    let (mut bench, _) = Bench::start(2);
    bench.now_ms = DUE + 1_000;
    bench.tell(timeout(TimerKind::Round, 0));
    bench.run(vec![
        ("one", round_change_message(1, 1, None), &[]),
        (
            "quorum: at once, and no earlier than period and clock allow",
            round_change_message(3, 1, None),
            &["timer round r1 +3000", "build r1 t=1003 due=1003000"],
        ),
        ("another one does not ask twice", round_change_message(4, 1, None), &[]),
        (
            "built",
            Input::Built { height: 1, round: 1, block: block(2, 1) },
            &[
                "persist proposal r1",
                "sign proposal r1",
                "send proposal r1",
                "timer round r1 +3000",
                "validate r1",
                "persist prepare r1",
                "sign prepare r1",
                "send prepare r1",
            ],
        ),
    ]);
    let Some(Message::Proposal(message)) = bench.sent.iter().find(|message| message.phase().code() == 0x12)
    else {
        panic!("a proposal was sent");
    };
    assert_eq!(message.justification.round_changes.len(), 4);
}

#[test]
fn the_proposer_of_the_new_round_takes_the_block_prepared_in_the_highest_round() {
    let (mut bench, _) = Bench::start(3);
    let (older, newer) = (block(1, 0), Block { content: 1, ..block(2, 1) });
    bench.tell(round_change_message(1, 2, Some(&older)));
    // f + 1 are in round 2: the own ROUND-CHANGE makes the quorum, and it is this node's turn.
    let lines = bench.tell(round_change_message(2, 2, Some(&newer)));
    assert!(lines.contains(&"send proposal r2".to_owned()), "{lines:?}");
    let sent = bench.sent.iter().find_map(|message| match message {
        Message::Proposal(message) => Some(message.proposal.payload().block),
        _ => None,
    });
    assert_eq!(sent, Some(newer.with_round(2)), "content and beneficiary stay, the round is rewritten");
}

#[test]
fn a_justified_proposal_of_a_later_round_is_followed_and_its_own_round_change_sent() {
    let (mut bench, _) = Bench::start(4);
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    assert_eq!(
        bench.tell(justified(2, 1, &block(2, 1), proofs, &[])),
        [
            "round 1",
            "persist round_change r1",
            "timer resend r1 +1000",
            "timer round r1 +2000",
            "validate r1",
            "sign round_change r1",
            "send round_change r1",
            "persist prepare r1",
            "sign prepare r1",
            "send prepare r1",
        ]
    );
}

#[test]
fn a_prepared_block_is_carried_through_two_round_changes() {
    let (mut bench, _) = Bench::start(4);
    let old = block(1, 0);
    bench.tell(proposal(1, 0, &old));
    bench.tell(prepare_message(1, &old));
    bench.tell(prepare_message(3, &old));
    // Nothing was heard of seat 2, whose turn round 1 is: it is passed over.
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(round_change_message(1, 2, None));
    bench.tell(round_change_message(3, 2, None));
    bench.tell(timeout(TimerKind::Round, 2));
    let claims: Vec<_> = bench
        .sent
        .iter()
        .filter_map(|message| match message {
            Message::RoundChange(message) => {
                let payload = message.round_change.payload();
                Some((
                    payload.round,
                    payload.prepared.map(|prepared| prepared.digest),
                    message.block,
                    message.prepares.len(),
                ))
            }
            _ => None,
        })
        .collect();
    let digest = Some(old.digest());
    assert_eq!(claims, [(2, digest, Some(old), 3), (3, digest, Some(old), 3)]);
}

#[test]
fn a_block_prepared_above_round_0_can_be_proposed_again() {
    let (mut bench, _) = Bench::start(4);
    let old = block(2, 1);
    let proofs = vec![round_change(1, 2, None), round_change(2, 2, Some(&old)), round_change(3, 2, None)];
    let input = justified(3, 2, &old.with_round(2), proofs, &prepares(&[1, 2, 3], &old));
    assert!(bench.tell(input).contains(&"send prepare r2".to_owned()));
}

#[test]
fn a_commit_quorum_that_races_the_round_timer_finalises_in_its_own_round() {
    let (mut bench, _) = Bench::start(4);
    let old = block(1, 0);
    bench.tell(proposal(1, 0, &old));
    bench.run(vec![
        ("first COMMIT in time", commit(1, &old), &[]),
        ("the timer wins", timeout(TimerKind::Round, 0), &TO_R1),
        ("PREPAREs of the round left count no more", prepare_message(1, &old), &["rejected old_round"]),
        ("COMMITs do", commit(2, &old), &[]),
        ("and decide", commit(3, &old), &["finalise r0 seals=3"]),
    ]);
}

#[test]
fn a_block_executed_after_its_round_gets_no_prepare_but_may_be_finalised() {
    let (mut bench, _) = Bench::start(4);
    bench.verdict = None;
    let old = block(1, 0);
    bench.tell(proposal(1, 0, &old));
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 2, 3] {
        bench.tell(commit(from, &old));
    }
    let verdict = qbft::Verdict::Valid;
    let late = Input::Validated { height: 1, round: 0, digest: old.digest(), verdict };
    assert_eq!(bench.tell(late), ["finalise r0 seals=3"]);
}

#[test]
fn votes_of_a_round_soon_to_come_are_kept_for_it() {
    let (mut bench, _) = Bench::start(4);
    let next = block(2, 1);
    bench.tell(prepare_message(1, &next));
    bench.tell(prepare_message(2, &next));
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    let lines = bench.tell(justified(2, 1, &next, proofs, &[]));
    assert_eq!(lines.last().map(String::as_str), Some("send commit r1"), "own PREPARE completes the quorum");
}

#[test]
fn f_plus_one_validators_ahead_are_a_hint_to_sync_given_once() {
    let (mut bench, _) = Bench::start(4);
    let later = |height| Block { height, ..block(1, 0) };
    bench.run(vec![
        ("one may be lying", prepare_message(1, &later(40)), &["rejected far_height"]),
        ("one of two is there", prepare_message(2, &later(30)), &["behind 30"]),
        ("known", commit(2, &later(30)), &["rejected far_height"]),
        ("a third", prepare_message(3, &later(35)), &["behind 35"]),
    ]);
}

#[test]
fn a_node_behind_takes_up_the_messages_it_kept_when_the_parent_arrives() {
    let (mut bench, _) = Bench::start(4);
    let next = Block { height: 2, parent: crate::bench::head(1).hash, timestamp: 1_004, ..block(1, 0) };
    bench.tell(proposal(1, 0, &next));
    bench.tell(prepare_message(1, &next));
    bench.now_ms = 1_004_000;
    let lines = bench.tell(Input::NewBlock(crate::bench::head(1)));
    assert_eq!(
        lines,
        ["timer round r0 +3000", "validate r0", "persist prepare r0", "sign prepare r0", "send prepare r0",]
    );
}

#[test]
fn a_vote_the_signer_failed_on_is_tried_again_with_the_next_resend() {
    let (mut bench, _) = Bench::start(3);
    bench.answers = false;
    bench.run(vec![
        (
            "out",
            timeout(TimerKind::Round, 0),
            &["round 1", "persist round_change r1", "timer resend r1 +1000"],
        ),
        ("durable", Input::Persisted { ticket: qbft::Ticket(1) }, &["sign round_change r1"]),
        ("signer down", Input::SignFailed { ticket: qbft::Ticket(1) }, &[]),
        ("again", timeout(TimerKind::Resend, 1), &["sign round_change r1", "timer resend r1 +1000"]),
    ]);
}

#[test]
fn timeouts_double_up_to_a_minute_whatever_the_round() {
    let timeouts: Vec<_> = [0, 1, 5, 6, 63, 64, u32::MAX].map(|round| round_timeout_ms(1_000, round)).into();
    assert_eq!(timeouts, [1_000, 2_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    assert_eq!(round_timeout_ms(90_000, 3), 90_000);
}
