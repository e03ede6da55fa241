//! Rounds and their timers.

use crate::net::Net;
use qbft::{Message, Record, config::MAX_TIMEOUT_MS, message::RoundChange};

const HOUR_MS: u64 = 3_600_000;

/// Models quorum#1681, quorum#1692 and celo#706: validators so many rounds apart that, each waiting out its own doubled
/// timer, they are never in one round together. Here each one's journal says it was last in another round, further
/// away than votes are kept for.
#[test]
fn validators_far_apart_in_rounds_meet_within_seconds() {
    let mut net = Net::of_four();
    for (seat, round) in [(1, 40), (2, 25), (3, 12), (4, 1)] {
        net.stop(seat);
        let payload = RoundChange { height: 1, round, prepared: None };
        net.write_journal(seat, vec![Record::RoundChange { payload, certificate: None }]);
    }
    for seat in 1..=4 {
        net.start(seat);
    }
    net.run(10_000, |net| net.have(&[1, 2, 3, 4], 1)).expect("they meet");
    net.assert_no_fork();
}

/// Models polygon-edge#261, besu-docs#611 and quorum#1681 (a timer of 327,680 s): after hours of failing rounds the timer
/// that stands between a healed network and its next block was hours long. Here proposals are lost for 8,400 s
/// while all else gets through, the worst case for the rounds: doubled without bound, a timer of 8,192 s has just been
/// started then, and the proposer it waits for is dead.
#[test]
fn after_hours_of_failing_rounds_the_next_block_is_a_minute_away() {
    let mut net = Net::of_four();
    net.loses = |_, _, message| matches!(message, Message::Proposal(_));
    assert_eq!(net.run(8_400_000, |net| net.have(&[1], 1)), None, "nothing can be decided");
    net.loses = |_, _, _| false;
    let dead = u8::try_from(net.round(1) % 4 + 1).unwrap();
    net.stop(dead);
    let alive = |net: &Net| (1..=4).all(|seat| seat == dead || net.have(&[seat], 1));
    net.run(MAX_TIMEOUT_MS + 2_000, alive).expect("one timer at most");
    net.assert_no_fork();
}

/// Models casper-node#4945: the validators that are left count up rounds while there is no quorum, and who comes back
/// finds them far ahead with long timers. Without a quorum nobody leaves the round that waits for one.
#[test]
fn an_outage_of_hours_costs_no_rounds() {
    let mut net = Net::of_four();
    net.stop(3);
    net.stop(4);
    assert_eq!(net.run(2 * HOUR_MS, |net| net.have(&[1], 1)), None, "two of four decide nothing");
    assert!([1, 2].iter().all(|seat| net.round(*seat) <= 1), "{} and {}", net.round(1), net.round(2));
    net.start(3);
    net.run(10_000, |net| net.have(&[1, 2, 3], 1)).expect("three are a quorum");
    net.assert_no_fork();
}
