//! Another set decides the present height: what it takes over from the set before, which is nothing.

use crate::bench::{
    Bench, Block, DUE, block, commit, head, justified, prepare_message, prepares, proposal, round_change,
    round_change_message, seat, timeout,
};
use qbft::{
    Config, Input, Message, NewHead, Proposal as _, Record, Rejected, TimerKind,
    config::MAX_ROUND,
    reject::{BadJustification, BadRoundChange},
};

/// First round of the second set.
const FIRST: u32 = 2 * MAX_ROUND;
const ASKS: &str = "send round_change r2000000";

/// Seats 1, 2 and 4 decide what 1 to 4 were to decide.
fn reseated() -> NewHead {
    NewHead { validators: [1, 2, 4].map(seat).into(), first_round: FIRST, ..head(0) }
}

/// Seat 4, which holds a lock on the block of round 0.
fn locked() -> (Bench, Block) {
    let (mut bench, _) = Bench::start(4);
    let old = block(1, 0);
    for input in [proposal(1, 0, &old), prepare_message(1, &old), prepare_message(2, &old)] {
        bench.tell(input);
    }
    (bench, old)
}

fn last_round_change(bench: &Bench) -> qbft::message::RoundChange {
    match bench.sent.last() {
        Some(Message::RoundChange(message)) => *message.round_change.payload(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_seat_of_both_sets_asks_for_the_new_sets_first_round_without_its_lock() {
    let (mut bench, old) = locked();
    let lines = bench.tell(Input::Reseated(reseated()));
    assert_eq!(lines.last().map(String::as_str), Some(ASKS), "{lines:?}");
    assert_eq!(last_round_change(&bench).prepared, None);
    assert_eq!((bench.instance.height(), bench.instance.round()), (1, FIRST));

    // Two old COMMITs beside its own were a quorum of the new set, and its lock a quorum's.
    for said_before in [commit(1, &old), commit(2, &old), prepare_message(1, &old), proposal(1, 0, &old)] {
        assert_eq!(bench.tell(said_before), ["rejected old_round"]);
    }
    assert_eq!(bench.tell(round_change_message(1, 5, None)), ["rejected old_round"]);
    assert!(bench.finalised.is_empty());
}

#[test]
fn a_certificate_of_the_old_set_locks_nobody_of_the_new_one() {
    let (mut bench, old) = locked();
    bench.tell(Input::Reseated(reseated()));
    let other = BadRoundChange::OtherSet { got: 0, least: FIRST };
    let refused = bench.instance.step(round_change_message(1, FIRST, Some(&old)), DUE).unwrap_err();
    assert_eq!(refused, Rejected::BadRoundChange(other));
    // Nor does it as the justification of a proposal.
    let author = bench.instance.proposer(FIRST + 1).unwrap().0[19];
    let again = Block { round: FIRST + 1, ..old };
    let claims = [1, 2].map(|from| round_change(from, FIRST + 1, Some(&old))).to_vec();
    let proposed = justified(author, FIRST + 1, &again, claims, &prepares(&[1, 2], &old));
    let other = BadJustification::OtherSet { got: 0, least: FIRST };
    assert_eq!(bench.instance.step(proposed, DUE).unwrap_err(), Rejected::BadJustification(other));
}

#[test]
fn the_new_set_decides_by_its_own_quorum() {
    let (mut bench, _) = locked();
    bench.tell(Input::Reseated(reseated()));
    let author = bench.instance.proposer(FIRST).unwrap().0[19];
    let fresh = Block { content: 7, ..block(author, FIRST) };
    let proofs = [1, 2].map(|from| round_change(from, FIRST, None)).to_vec();
    let lines = match author {
        4 => {
            bench.tell(round_change_message(1, FIRST, None));
            bench.tell(Input::Built { height: 1, round: FIRST, block: fresh })
        }
        _ => bench.tell(justified(author, FIRST, &fresh, proofs, &[])),
    };
    assert!(lines.contains(&"send prepare r2000000".to_string()), "{lines:?}");
    let lines = bench.tell(prepare_message(1, &fresh));
    assert!(lines.contains(&"send commit r2000000".to_string()), "{lines:?}");
    assert_eq!(bench.tell(commit(1, &fresh)), ["finalise r2000000 seals=2"]);
}

#[test]
fn a_node_that_has_not_heard_of_the_new_set_is_not_pulled_into_its_rounds() {
    let (mut bench, _) = Bench::start(4);
    for from in [1, 2, 3] {
        assert_eq!(bench.tell(round_change_message(from, FIRST, None)), ["rejected far_round"]);
    }
    assert_eq!(bench.instance.round(), 0);
}

#[test]
fn a_set_is_left_only_for_one_with_higher_rounds_at_the_same_head_before_the_height_is_decided() {
    let (mut bench, old) = locked();
    let same_rounds = NewHead { first_round: 0, ..reseated() };
    let other_head = NewHead { hash: seat(9).into_word(), ..reseated() };
    let other_height = NewHead { number: 1, ..reseated() };
    for refused in [same_rounds, other_head, other_height] {
        assert_eq!(bench.tell(Input::Reseated(refused)), ["rejected stale"]);
    }
    bench.tell(commit(1, &old));
    bench.tell(commit(2, &old));
    assert_eq!(bench.finalised.len(), 1);
    assert_eq!(bench.tell(Input::Reseated(reseated())), ["rejected stale"], "decided is decided");
}

#[test]
fn what_was_asked_for_the_old_set_and_answered_late_is_not_said_any_more() {
    let (mut bench, _) = Bench::start(4);
    bench.answers = false;
    let old = block(1, 0);
    assert_eq!(bench.tell(proposal(1, 0, &old)), ["validate r0", "persist prepare r0"]);
    bench.tell(Input::Reseated(reseated()));
    let late = Input::Persisted { ticket: qbft::Ticket(1) };
    assert_eq!(bench.tell(late), ["rejected stale"]);
}

#[test]
fn votes_for_a_set_that_is_not_known_yet_wait_for_it_and_none_is_cast_before() {
    // A former run of seat 1 that locked in the first round of the second set.
    let (mut former, _) = Bench::start_after(1, reseated());
    let author = former.instance.proposer(FIRST).unwrap().0[19];
    assert_ne!(author, 1);
    let fresh = block(author, FIRST);
    let proofs = [2, 4].map(|from| round_change(from, FIRST, None)).to_vec();
    former.tell(justified(author, FIRST, &fresh, proofs, &[]));
    former.tell(prepare_message(2, &fresh));
    let phases: Vec<_> = former.journal.iter().map(|record| record.phase().label()).collect();
    assert_eq!(phases, ["round_change", "prepare", "commit"]);

    let (mut bench, start) = Bench::restart(Config::new(Some(seat(1))), former.journal);
    assert_eq!((start, bench.instance.round()), (vec![], 0));
    let proposed = proposal(2, 0, &block(2, 0));
    assert_eq!(bench.tell(proposed), ["rejected not_proposer"], "it is its own turn, and it is silent");
    assert_eq!(bench.tell(Input::VoteFrom { height: 1 }), [""; 0]);
    let lines = bench.tell(Input::Reseated(reseated()));
    assert!(lines.contains(&"resend commit r2000000".to_string()), "{lines:?}");
    bench.tell(timeout(TimerKind::Round, FIRST));
    assert_eq!(last_round_change(&bench).prepared.map(|lock| lock.digest), Some(fresh.digest()));
}

#[test]
fn after_a_restart_votes_for_the_old_set_bind_nobody_and_those_for_the_new_one_are_said_again() {
    let (mut bench, _) = locked();
    let config = Config::new(Some(seat(4)));
    let (again, start) = Bench::restart_after(config.clone(), reseated(), bench.journal.clone());
    assert!(start.contains(&ASKS.to_string()), "{start:?}");
    assert_eq!(last_round_change(&again).prepared, None);

    bench.tell(Input::Reseated(reseated()));
    bench.tell(timeout(TimerKind::Resend, FIRST));
    let news: Vec<Record<Block>> = bench.journal.clone();
    let (again, start) = Bench::restart_after(config, reseated(), news);
    assert_eq!(start[0], "sign round_change r2000000", "{start:?}");
    assert_eq!(again.journal.len(), 0, "nothing is cast twice");
}
