//! How long rounds last, and whose turn is passed over (ADR 15).

use crate::bench::{
    Bench, TIMEOUT, block, head, justified, prepare_message, round_change, round_change_message, timeout,
};
use qbft::{
    Input, Pace, TimerKind,
    config::{grace_ms, round_timeout_ms},
};

/// The line that sets the round timer, if one of them does; it counts from the beginning of the test.
fn timer(lines: &[String]) -> Option<String> {
    lines.iter().rfind(|line| line.starts_with("timer round")).cloned()
}

/// A node of seat 4 in round 1, where everybody but seat 1 is, whose turn round 0 was.
fn in_round_1() -> Bench {
    let (mut bench, _) = Bench::start(4);
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(round_change_message(2, 1, None));
    let lines = bench.tell(round_change_message(3, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +2000"));
    bench
}

#[test]
fn a_round_whose_proposer_is_not_heard_lasts_a_third_of_the_timeout() {
    let (mut bench, _) = Bench::start(4);
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(round_change_message(1, 1, None));
    let lines = bench.tell(round_change_message(3, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +333"));
    bench.now_ms += 100;
    let late = bench.tell(round_change_message(2, 1, None));
    assert_eq!(timer(&late).as_deref(), Some("timer round r1 +2000"), "it was only late");
}

#[test]
fn the_turn_of_who_is_silent_since_the_last_height_is_passed_over() {
    let (mut bench, _) = Bench::start(4);
    let decided = block(1, 0);
    for from in [1, 3] {
        bench.tell(prepare_message(from, &decided));
    }
    // Head 1 has no proposer: round 0 of height 2 is seat 1's turn, round 1 the turn of seat 2, which nobody heard.
    bench.now_ms += 100;
    bench.tell(Input::NewBlock(head(1)));
    let lines = bench.tell(Input::Timeout(qbft::Timer { kind: TimerKind::Round, height: 2, round: 0 }));
    assert_eq!(lines[0], "round 2");
}

#[test]
fn the_turn_of_who_asked_for_no_round_is_passed_over_while_a_quorum_asks_for_each() {
    let mut bench = in_round_1();
    for round in [2, 3] {
        assert_eq!(bench.tell(timeout(TimerKind::Round, round - 1))[0], format!("round {round}"));
        for seat in [2, 3] {
            bench.tell(round_change_message(seat, round, None));
        }
    }
    // Round 4 is the turn of seat 1, who is not yet missed but has asked for nothing.
    assert_eq!(bench.tell(timeout(TimerKind::Round, 3))[0], "round 5");
}

#[test]
fn without_a_quorum_in_sight_nobody_is_passed_over() {
    let (mut bench, _) = Bench::start(4);
    bench.tell(prepare_message(3, &block(1, 0)));
    assert_eq!(bench.tell(timeout(TimerKind::Round, 0))[0], "round 1");
}

#[test]
fn timeouts_double_while_a_quorum_is_there() {
    let mut bench = in_round_1();
    for (round, timeout_ms) in [(2, 4_000), (3, 8_000)] {
        bench.tell(timeout(TimerKind::Round, round - 1));
        bench.tell(round_change_message(2, round, None));
        let lines = bench.tell(round_change_message(3, round, None));
        assert_eq!(timer(&lines), Some(format!("timer round r{round} +{timeout_ms}")));
    }
}

#[test]
fn timeouts_start_at_the_shortest_again_after_a_quorum_was_missed() {
    let mut bench = in_round_1();
    bench.tell(timeout(TimerKind::Round, 1));
    // Seats 2 and 3 re-send for a while, so their silence afterwards means that they are gone.
    for _ in 0..5 {
        bench.now_ms += 1_000;
        for seat in [2, 3] {
            assert_eq!(bench.tell(round_change_message(seat, 1, None)), ["rejected old_round"]);
        }
        bench.tell(timeout(TimerKind::Resend, 2));
    }
    let grown = [2, 3].map(|seat| timer(&bench.tell(round_change_message(seat, 2, None))));
    assert_eq!(grown[1].as_deref(), Some("timer round r2 +9000"), "they were there all the time");
    for _ in 0..4 {
        bench.now_ms += 1_000;
        for seat in [2, 3] {
            assert_eq!(bench.tell(round_change_message(seat, 2, None)), ["rejected duplicate"]);
        }
        bench.tell(timeout(TimerKind::Resend, 2));
    }
    bench.tell(timeout(TimerKind::Round, 2));
    for _ in 0..4 {
        bench.now_ms += 1_000;
        bench.tell(timeout(TimerKind::Resend, 3));
    }
    bench.tell(round_change_message(2, 3, None));
    let lines = bench.tell(round_change_message(3, 3, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r3 +14000"));
}

#[test]
fn nobody_is_missed_for_having_said_nothing_before_round_0_failed() {
    let (mut bench, _) = Bench::start(4);
    bench.now_ms += 4_000;
    bench.tell(timeout(TimerKind::Round, 0));
    bench.now_ms += 1_000;
    bench.tell(timeout(TimerKind::Resend, 1));
    bench.tell(round_change_message(2, 1, None));
    let lines = bench.tell(round_change_message(3, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +7000"), "the timeout has doubled once");
}

#[test]
fn a_proposal_gives_the_votes_on_it_the_whole_timeout() {
    let mut bench = in_round_1();
    bench.now_ms += 1_900;
    let proofs = [2, 3, 4].map(|from| round_change(from, 1, None)).to_vec();
    let lines = bench.tell(justified(2, 1, &block(2, 1), proofs, &[]));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +3900"));
}

#[test]
fn the_grace_is_a_third_of_the_base_and_grows_with_the_timeout() {
    assert_eq!(
        [0, 1, 2, 3, 99].map(|failures| grace_ms(TIMEOUT, failures, Some(60_000))),
        [333, 333, 666, 1_333, 10_000]
    );
    for failures in 0..10 {
        assert!(grace_ms(1_500, failures, Some(60_000)) < round_timeout_ms(1_500, failures));
    }
}

#[test]
fn a_node_told_to_enter_every_round_passes_nobody_over() {
    let mut bench = Bench::start(4).0;
    bench.instance = qbft::Instance::new(
        qbft::Config {
            pace: Pace::Quorum { passes_over: false },
            ..qbft::Config::new(Some(crate::bench::seat(4)))
        },
        head(0),
        qbft::Recovered::default(),
        bench.now_ms,
    )
    .0;
    for from in [1, 3] {
        bench.tell(prepare_message(from, &block(1, 0)));
    }
    assert_eq!(bench.tell(timeout(TimerKind::Round, 0))[0], "round 1");
}

/// Seat 4 among clients of the family.
fn classic() -> Bench {
    let config = qbft::Config {
        pace: Pace::Classic,
        timeout_cap_ms: None,
        ..qbft::Config::new(Some(crate::bench::seat(4)))
    };
    Bench::restart(config, vec![]).0
}

#[test]
fn at_the_classic_pace_every_round_is_timed_from_its_entry_and_doubles_with_its_number_alone() {
    let mut bench = classic();
    for (round, timeout_ms) in [(1, 2_000), (2, 4_000), (3, 8_000)] {
        let lines = bench.tell(timeout(TimerKind::Round, round - 1));
        assert_eq!(lines[0], format!("round {round}"), "nobody is heard and no turn passed over");
        let until_ms = bench.now_ms - crate::bench::DUE + timeout_ms;
        assert_eq!(timer(&lines), Some(format!("timer round r{round} +{until_ms}")));
        // Nobody was heard for longer than it takes to miss a quorum.
        bench.now_ms += timeout_ms;
        assert_eq!(timer(&bench.tell(timeout(TimerKind::Resend, round))), None);
    }
}

#[test]
fn at_the_classic_pace_nothing_that_is_heard_moves_the_end_of_a_round() {
    let mut bench = classic();
    bench.tell(timeout(TimerKind::Round, 0));
    bench.now_ms += 500;
    // A quorum, its proposer not among them, then the proposer, and last a proposal.
    for from in [1, 3, 2] {
        assert_eq!(timer(&bench.tell(round_change_message(from, 1, None))), None, "seat {from}");
    }
    let proofs = [2, 3, 4].map(|from| round_change(from, 1, None)).to_vec();
    let lines = bench.tell(justified(2, 1, &block(2, 1), proofs, &[]));
    assert_eq!(timer(&lines), None);
    assert!(lines.contains(&"validate r1".to_string()), "{lines:?}");
}

#[test]
fn at_the_classic_pace_the_turn_of_who_is_silent_is_not_passed_over() {
    let mut bench = classic();
    for from in [1, 3] {
        bench.tell(prepare_message(from, &block(1, 0)));
    }
    bench.now_ms += 100;
    bench.tell(Input::NewBlock(head(1)));
    let lines = bench.tell(Input::Timeout(qbft::Timer { kind: TimerKind::Round, height: 2, round: 0 }));
    assert_eq!(lines[0], "round 1");
}

#[test]
fn at_the_classic_pace_a_round_taken_up_after_a_restart_is_timed_at_once() {
    let mut bench = classic();
    for round in [0, 1] {
        bench.tell(timeout(TimerKind::Round, round));
    }
    let config = qbft::Config { pace: Pace::Classic, ..qbft::Config::new(Some(crate::bench::seat(4))) };
    let (_, lines) = Bench::restart(config, bench.journal);
    // It starts half a second before the block of round 0 is due.
    assert_eq!(timer(&lines).as_deref(), Some("timer round r2 +3500"), "{lines:?}");
}

#[test]
fn a_clock_set_back_an_hour_gives_a_round_no_more_than_its_length() {
    let (mut bench, _) = Bench::start(4);
    let hour_ms = 3_600_000;
    bench.now_ms += hour_ms;
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 3] {
        bench.tell(round_change_message(from, 1, None));
    }
    bench.now_ms -= hour_ms;
    let lines = bench.tell(round_change_message(2, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +2000"));
}

#[test]
fn a_clock_set_forward_an_hour_ends_no_round_that_has_just_got_its_time() {
    let (mut bench, _) = Bench::start(4);
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 3] {
        bench.tell(round_change_message(from, 1, None));
    }
    bench.now_ms += 3_600_000;
    let lines = bench.tell(round_change_message(2, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +3602000"));
}

#[test]
fn who_is_late_by_exactly_the_grace_still_gives_the_round_its_whole_time_from_the_quorum_on() {
    let (mut bench, _) = Bench::start(4);
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 3] {
        bench.tell(round_change_message(from, 1, None));
    }
    bench.now_ms += 333;
    let lines = bench.tell(round_change_message(2, 1, None));
    assert_eq!(timer(&lines).as_deref(), Some("timer round r1 +2000"));
}
