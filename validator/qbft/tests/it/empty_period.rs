//! Waiting for transactions: a proposer with nothing to propose may wait longer than the period, and nobody leaves round 0
//! for it. The wait is no rule of validity, so nodes that disagree about it cannot fork.

use crate::bench::{Bench, DUE, TIMEOUT, block, head, proposal, timeout};
use qbft::{Input, NewHead, TimerKind};

/// Beyond the period of 2 s.
const WAIT: u64 = 8_000;

fn waiting() -> NewHead {
    NewHead { empty_period_ms: 2_000 + WAIT, ..head(0) }
}

#[test]
fn round_0_lasts_until_an_empty_block_is_overdue() {
    let (_, start) = Bench::start_after(3, waiting());
    assert_eq!(start, [format!("timer round r0 +{}", WAIT + TIMEOUT)]);
}

#[test]
fn an_empty_period_below_the_period_means_nothing() {
    let (_, start) = Bench::start_after(3, NewHead { empty_period_ms: 1_999, ..head(0) });
    assert_eq!(start, [format!("timer round r0 +{TIMEOUT}")]);
}

#[test]
fn a_proposal_ends_the_wait_and_the_round_has_its_usual_time_from_then() {
    let (mut bench, _) = Bench::start_after(3, waiting());
    bench.now_ms = DUE + 500;
    bench.verdict = None;
    bench.run(vec![(
        "a block with transactions comes early",
        proposal(1, 0, &block(1, 0)),
        &["timer round r0 +1500", "validate r0"],
    )]);
}

#[test]
fn a_block_is_taken_at_the_period_whatever_the_node_thinks_of_the_empty_period() {
    for empty_period_ms in [0, 2_000 + WAIT, u64::MAX] {
        let (mut bench, _) = Bench::start_after(3, NewHead { empty_period_ms, ..head(0) });
        bench.verdict = None;
        let lines = bench.tell(proposal(1, 0, &block(1, 0)));
        assert_eq!(lines.last().map(String::as_str), Some("validate r0"), "{empty_period_ms}");
    }
}

#[test]
fn a_later_round_does_not_wait_for_transactions() {
    let (mut bench, _) = Bench::start_after(3, waiting());
    bench.now_ms = DUE + WAIT + TIMEOUT;
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(crate::bench::round_change_message(1, 1, None));
    let lines = bench.tell(crate::bench::round_change_message(2, 1, None));
    let expected = format!("timer round r1 +{}", WAIT + TIMEOUT + 2 * TIMEOUT);
    assert!(lines.contains(&expected), "{lines:?}");
}

#[test]
fn transactions_end_the_wait_once_and_the_round_has_its_usual_time_from_then() {
    let (mut bench, _) = Bench::start_after(3, waiting());
    bench.now_ms = DUE + 500;
    assert_eq!(bench.tell(Input::TransactionsWait), ["timer round r0 +1500"]);
    bench.now_ms = DUE + 900;
    assert!(bench.tell(Input::TransactionsWait).is_empty(), "the round is not made longer again");
    bench.verdict = None;
    assert_eq!(bench.tell(proposal(1, 0, &block(1, 0))), ["validate r0"]);
}

#[test]
fn transactions_that_wait_before_the_tick_change_nothing_about_the_tick() {
    let (mut bench, _) = Bench::start_after(3, waiting());
    bench.now_ms = DUE - 400;
    assert_eq!(bench.tell(Input::TransactionsWait), [format!("timer round r0 +{TIMEOUT}")]);
}

#[test]
fn transactions_change_nothing_where_nobody_waits_for_them() {
    let (mut bench, _) = Bench::start(3);
    assert!(bench.tell(Input::TransactionsWait).is_empty());
    bench.tell(timeout(TimerKind::Round, 0));
    assert!(bench.tell(Input::TransactionsWait).is_empty(), "a later round");
    let (mut observer, _) = Bench::start_after(9, waiting());
    assert!(observer.tell(Input::TransactionsWait).is_empty(), "no seat");
}

#[test]
fn a_clock_set_back_does_not_make_a_node_with_transactions_wait_longer_than_it_had_to() {
    let (mut bench, _) = Bench::start_after(3, waiting());
    bench.now_ms = DUE - 900_000;
    let at_ms = bench.now_ms;
    let outputs = bench.instance.step(Input::TransactionsWait, at_ms).unwrap();
    let [qbft::Output::SetTimer { at_ms: until_ms, .. }] = outputs[..] else { panic!("{outputs:?}") };
    // The tick was half a second away when the round was timed.
    assert_eq!(until_ms, at_ms + 500 + TIMEOUT);
}
