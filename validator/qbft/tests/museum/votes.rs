//! Counting: who said it, about what, and how often.

use crate::{
    bench::{
        Bench, Block, DUE, block, commit, evidenced, head, prepare_message, prepares, proposal, round_change,
        round_change_message, sealed_commit, seat, timeout,
    },
    net::Net,
};
use qbft::{
    Authenticator, Input, Message, NewHead, Phase, Proposal, Symbolic, TimerKind, Verified,
    message::{RoundChange, RoundChangeMessage},
};
use std::sync::Arc;

/// The phases of what was sent.
fn phases(bench: &Bench) -> Vec<Phase> {
    bench.sent.iter().map(Message::phase).collect()
}

/// Models besu#1736 (fixed by besu#1671): messages were counted, not their authors, so one validator that repeats itself
/// could make a quorum.
#[test]
fn a_prepare_said_three_times_is_one_prepare() {
    let (mut bench, _) = Bench::start(2);
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    for _ in 0..3 {
        bench.tell(prepare_message(1, &block));
    }
    assert_eq!(phases(&bench), [Phase::Prepare], "two of four have prepared: nothing to commit to");
    bench.tell(prepare_message(3, &block));
    assert_eq!(phases(&bench), [Phase::Prepare, Phase::Commit]);
}

/// Models besu#1736 and besu#2449: certificates whose PREPAREs were of fewer authors than their number. GoQuorum takes
/// them to this day (`qbft-facts` §3.6).
#[test]
fn a_certificate_of_repeated_prepares_makes_nobody_propose_its_block() {
    let (mut bench, _) = Bench::start(2);
    let (lie, fresh) = (block(1, 0), block(2, 1));
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(round_change_message(1, 1, None));
    bench.tell(evidenced(round_change(3, 1, Some(&lie)), Some(lie), prepares(&[1, 3, 3], &lie)));
    bench.tell(round_change_message(4, 1, None));
    bench.tell(Input::Built { height: 1, round: 1, block: fresh });
    let proposed: Vec<_> = bench
        .sent
        .iter()
        .filter_map(|message| match message {
            Message::Proposal(message) => Some(message.proposal.payload().block),
            _ => None,
        })
        .collect();
    assert_eq!(proposed, [fresh], "nobody has prepared anything");
}

/// Models the jump on f + 1 that besu#1822 asks for and besu#7838 adds as an option: the two ways to get it wrong are to
/// count one author's ROUND-CHANGEs for several rounds as several voices, and to propose on f + 1 instead of a quorum.
#[test]
fn f_plus_one_voices_move_a_node_and_only_a_quorum_lets_it_propose() {
    let (mut bench, _) = Bench::start(3);
    let seven: Arc<[_]> = (1..=7).map(seat).collect();
    bench.tell(Input::NewBlock(NewHead { validators: seven, ..head(1) }));
    let wants = |from, round| {
        let round_change = Verified::symbolic(RoundChange { height: 2, round, prepared: None }, seat(from));
        let message = RoundChangeMessage { round_change, block: None, prepares: Arc::from([]) };
        Input::Message(Message::RoundChange(Arc::new(message)))
    };
    for round in [2, 3, 4, 5] {
        bench.tell(wants(1, round));
    }
    assert_eq!(bench.instance.round(), 0, "one validator, however often it speaks, is one voice");
    bench.tell(wants(2, 9));
    assert_eq!(bench.instance.round(), 0, "f of seven are two");
    let lines = bench.tell(wants(4, 2));
    assert_eq!(bench.instance.round(), 2, "the smallest round that they want");
    assert!(lines.contains(&"send round_change r2".to_owned()), "who is pulled along says so: {lines:?}");
    let asks = |lines: &[String]| lines.iter().any(|line| line.starts_with("build"));
    for from in [5, 6] {
        assert!(!asks(&bench.tell(wants(from, 2))), "{from}: four of five");
    }
    assert!(asks(&bench.tell(wants(7, 2))), "a quorum for the very round whose turn it is");
}

/// Models pantheon#827 and what GoQuorum leaves open (`qbft-facts` §3.8: on receipt it checks a COMMIT's digest alone):
/// one seal, copied by others into their COMMITs, was counted once for each of them.
#[test]
fn a_seal_copied_into_three_commits_is_one_seal() {
    for early in [true, false] {
        let (mut bench, _) = Bench::start(2);
        let block = block(1, 0);
        let seal = Symbolic::sign(seat(1), block.commit_hash(0));
        let mut inputs = vec![
            commit(1, &block),
            sealed_commit(3, &block, seal),
            sealed_commit(4, &block, seal),
            proposal(1, 0, &block),
        ];
        inputs.rotate_right(usize::from(!early));
        for input in inputs {
            bench.tell(input);
        }
        assert_eq!(bench.finalised, [], "early {early}: one validator has committed");
        bench.tell(commit(3, &block));
        bench.tell(commit(4, &block));
        let (_, _, seals) = bench.finalised.first().expect("three have committed");
        let mut authors: Vec<_> =
            seals.iter().map(|seal| Symbolic::recover(block.commit_hash(0), seal).unwrap()).collect();
        authors.sort_unstable();
        assert_eq!(authors, [1, 3, 4].map(seat), "early {early}");
    }
}

/// Models celo#523 and kaia#962 (COMMITs that name one digest and seal another) and quorum#1491 (COMMITs for a block that
/// is not the one at hand): COMMITs heard for an older block must not decide a newer one.
#[test]
fn commits_for_an_old_digest_decide_no_other_block() {
    let (mut bench, _) = Bench::start(2);
    let (old, new) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    for from in [1, 3, 4] {
        bench.tell(commit(from, &old));
    }
    bench.tell(proposal(1, 0, &new));
    assert_eq!(bench.finalised, [], "nobody has committed to this one");
    for from in [1, 3, 4] {
        bench.tell(commit(from, &new));
    }
    assert_eq!(bench.finalised.len(), 1, "and the stale ones do not stand in the way of true ones");
}

/// Models quorum#1630 (fixed by quorum#1669): with an empty-block period the delayed empty block and the early one with a
/// transaction were both proposed for a height, and the chain forked. In one round they are two blocks, whatever a
/// node thinks of the period: a validator votes for one of them, and an honest proposer sends but one.
#[test]
fn of_a_delayed_empty_block_and_an_early_full_one_a_round_takes_one() {
    let (full, empty) = (Block { content: 1, ..block(1, 0) }, Block { timestamp: 1_003, ..block(1, 0) });
    for pair in [[full, empty], [empty, full]] {
        let (mut bench, _) = Bench::start(2);
        for block in &pair {
            bench.tell(proposal(1, 0, block));
        }
        for from in [3, 4] {
            for block in &pair {
                bench.tell(prepare_message(from, block));
                bench.tell(commit(from, block));
            }
        }
        let voted: Vec<_> = bench
            .journal
            .iter()
            .filter(|record| record.phase() == Phase::Prepare)
            .map(qbft::Record::digest)
            .collect();
        assert_eq!(voted, [pair[0].digest()], "the first one, once");
        let decided: Vec<_> = bench.finalised.iter().map(|(block, ..)| *block).collect();
        assert_eq!(decided, [pair[0]]);
    }

    let (mut proposer, _) = Bench::start(1);
    proposer.tell(Input::Built { height: 1, round: 0, block: empty });
    proposer.now_ms = DUE + 1_000;
    proposer.tell(timeout(TimerKind::BlockDue, 0));
    proposer.tell(Input::Built { height: 1, round: 0, block: full });
    proposer.tell(timeout(TimerKind::BlockDue, 0));
    let proposed = proposer.journal.iter().filter(|record| record.phase() == Phase::Proposal);
    assert_eq!(proposed.map(qbft::Record::digest).collect::<Vec<_>>(), [empty.digest()]);
}

/// Models quorum#1630 too: there some validators waited out the empty-block period and some did not. How long to wait is a
/// proposer's own affair: whoever waits takes the block of who does not, and the other way round.
#[test]
fn who_waits_for_transactions_takes_the_block_of_who_does_not() {
    let waiting = NewHead { empty_period_ms: 10_000, ..head(0) };
    for (node, view) in [("waits", waiting), ("does not", head(0))] {
        for (now_ms, timestamp) in [(DUE, 1_002), (DUE + 8_000, 1_010)] {
            let (mut bench, _) = Bench::start_after(2, view.clone());
            bench.now_ms = now_ms;
            bench.tell(proposal(1, 0, &Block { timestamp, ..block(1, 0) }));
            assert_eq!(phases(&bench), [Phase::Prepare], "one that {node}, timestamp {timestamp}");
        }
    }

    let mut net = Net::of_waiting_four(|seat| if seat <= 2 { 10_000 } else { 0 });
    net.run(120_000, |net| net.have(&[1, 2, 3, 4], 8)).expect("each of them has proposed");
    net.assert_no_fork();
    net.assert_no_double_vote();
}
