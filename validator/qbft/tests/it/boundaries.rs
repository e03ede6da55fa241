//! The last value that is still taken, and the first one that is not.

use crate::bench::{
    Bench, Block, DUE, block, commit, evidenced, head, justified, prepare_message, prepares, proposal,
    round_change, round_change_message, sealed_commit, seat, timeout,
};
use alloy_primitives::B256;
use qbft::{
    Footprint, Input, Message, NewHead, Record, Rejected, Signed, Symbolic, TimerKind, Unverified, Verified,
    message::{Commit, Prepare, Prepared, ProposalPayload, RoundChange},
    reject::{BadBlock, BadJustification, BadRoundChange},
};

fn prepare_at(height: u64, round: u32, from: u8) -> Input<Block> {
    let prepare = Prepare { height, round, digest: B256::ZERO };
    Input::Message(Message::Prepare(Verified::symbolic(prepare, seat(from))))
}

fn commit_at(height: u64, round: u32, from: u8) -> Input<Block> {
    let commit = Commit { height, round, digest: B256::ZERO, seal: chain::Seal::ZERO };
    Input::Message(Message::Commit(Verified::symbolic(commit, seat(from))))
}

const KEPT: [&str; 0] = [];

#[test]
fn an_authors_place_is_the_highest_height_it_ever_spoke_of() {
    let (mut bench, _) = Bench::start(4);
    bench.run(vec![
        ("one ahead", prepare_at(40, 0, 1), &["rejected far_height"]),
        ("f + 1 of them reach 30", prepare_at(30, 0, 2), &["behind 30"]),
        ("an old message does not move its author back", prepare_at(20, 0, 1), &["rejected far_height"]),
        ("nor is the hint given for a third one below", prepare_at(25, 0, 3), &["rejected far_height"]),
        ("nor for one that is just there", prepare_at(30, 0, 3), &["rejected far_height"]),
        ("a newer one moves it on", prepare_at(50, 0, 2), &["behind 40"]),
        ("", prepare_at(35, 0, 3), &["rejected far_height"]),
    ]);
}

#[test]
fn the_share_of_later_heights_is_per_author_and_phase() {
    let (mut bench, _) = Bench::start(2);
    for height in [3, 4, 5, 6] {
        assert_eq!(bench.tell(prepare_at(height, 0, 1)), KEPT);
    }
    assert_eq!(bench.tell(commit_at(7, 0, 1)), KEPT, "another phase");
    assert_eq!(bench.tell(prepare_at(7, 0, 1)), ["rejected backlog"]);
    assert_eq!(bench.tell(prepare_at(11, 0, 3)), ["behind 7"], "another author, and the last height kept");
    assert_eq!(bench.tell(prepare_at(11, 0, 3)), ["rejected duplicate"]);
}

#[test]
fn of_one_height_the_farther_round_is_displaced() {
    let (mut bench, _) = Bench::start(2);
    for round in [2, 5, 3, 4] {
        assert_eq!(bench.tell(prepare_at(3, round, 1)), KEPT);
    }
    bench.run(vec![
        ("farther", prepare_at(3, 6, 1), &["rejected backlog"]),
        ("nearer", prepare_at(3, 1, 1), &[]),
        ("the farthest is gone", prepare_at(3, 5, 1), &["rejected backlog"]),
        ("the others are not", prepare_at(3, 2, 1), &["rejected duplicate"]),
        ("", prepare_at(3, 4, 1), &["rejected duplicate"]),
    ]);
}

#[test]
fn what_is_kept_for_later_heights_waits_for_its_own_and_is_dropped_when_that_is_over() {
    let (mut bench, _) = Bench::start(2);
    let third = Block { height: 3, parent: head(2).hash, timestamp: 1_006, ..block(1, 0) };
    bench.now_ms = 1_006_000;
    bench.tell(proposal(1, 0, &third));
    for height in [2, 3, 4, 5] {
        bench.tell(prepare_at(height, 0, 1));
    }
    bench.tell(Input::NewBlock(head(1)));
    let lines = bench.tell(Input::NewBlock(head(2)));
    assert!(lines.contains(&"validate r0".to_owned()), "kept over two blocks: {lines:?}");
    bench.tell(Input::NewBlock(head(8)));
    for height in [10, 11, 12, 13] {
        assert_eq!(bench.tell(prepare_at(height, 0, 1)), KEPT, "the share is free again");
    }
    assert_eq!(bench.tell(prepare_at(14, 0, 1)), ["rejected backlog"]);
}

#[test]
fn an_instance_tells_its_height_round_set_and_whether_it_has_decided() {
    let (mut bench, _) = Bench::start(2);
    assert_eq!(bench.instance.validators(), [1, 2, 3, 4].map(seat), "ascending, however they came");
    assert_eq!(bench.instance.voter(), Some(seat(2)));
    assert!(!bench.instance.is_decided());
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    for from in [1, 3, 4] {
        bench.tell(commit(from, &block));
    }
    assert!(bench.instance.is_decided());
    bench.tell(Input::NewBlock(head(1)));
    assert!(!bench.instance.is_decided());
}

#[test]
fn commits_count_up_to_eight_rounds_back_and_no_further() {
    for (rounds, is_late) in [(8, false), (9, true)] {
        let (mut bench, _) = Bench::start(4);
        let old = block(1, 0);
        bench.tell(proposal(1, 0, &old));
        bench.tell(commit(1, &old));
        bench.tell(commit(2, &old));
        for round in 0..rounds {
            bench.tell(timeout(TimerKind::Round, round));
        }
        let expected: &[&str] = if is_late { &["rejected old_round"] } else { &["finalise r0 seals=3"] };
        assert_eq!(bench.tell(commit(3, &old)), expected, "{rounds} rounds later");
    }
}

#[test]
fn votes_count_up_to_ten_rounds_ahead_and_no_further() {
    let (mut bench, _) = Bench::start(4);
    bench.run(vec![
        ("PREPARE in reach", prepare_at(1, 10, 1), &[]),
        ("PREPARE out of reach", prepare_at(1, 11, 1), &["rejected far_round"]),
        ("COMMIT in reach", commit_at(1, 10, 1), &[]),
        ("COMMIT out of reach", commit_at(1, 11, 1), &["rejected far_round"]),
    ]);
}

#[test]
fn a_hundred_rounds_leave_no_more_behind_than_ten() {
    let (mut bench, _) = Bench::start(3);
    let mut sizes = vec![];
    for round in 0..100 {
        let next = Block { content: 7, ..block(1, round) };
        for from in [1, 2, 4] {
            bench.tell(prepare_message(from, &next));
            bench.tell(commit(from, &next));
        }
        bench.tell(timeout(TimerKind::Round, round));
        bench.sent.clear();
        sizes.push(format!("{:?}", bench.instance).len());
    }
    assert!(sizes[99] < sizes[12] + 1_000, "{} bytes, then {}", sizes[12], sizes[99]);
}

#[test]
fn a_built_block_is_taken_once_for_the_height_and_round_it_was_asked_for() {
    let (mut bench, _) = Bench::start(1);
    let made = |height, round| Input::Built { height, round, block: block(1, 0) };
    bench.run(vec![
        ("another height", made(2, 0), &["rejected stale"]),
        ("another round", made(1, 1), &["rejected stale"]),
        ("the one asked for", made(1, 0), &["persist proposal r0", "sign proposal r0", "hold proposal r0"]),
        ("a second one", made(1, 0), &["rejected stale"]),
        ("nor is there none any more", Input::BuildFailed { height: 1, round: 0 }, &["rejected stale"]),
    ]);
    let (mut bench, _) = Bench::start(1);
    bench.run(vec![
        ("no block: the round runs out", Input::BuildFailed { height: 1, round: 0 }, &[]),
        ("tick", timeout(TimerKind::BlockDue, 0), &[]),
    ]);
    let (mut bench, _) = Bench::start(2);
    bench.tell(timeout(TimerKind::Round, 0));
    bench.tell(round_change_message(1, 1, None));
    bench.tell(round_change_message(3, 1, None));
    let failed = |round| Input::BuildFailed { height: 1, round };
    bench.run(vec![
        ("another round than the one asked for", failed(0), &["rejected stale"]),
        ("the one asked for", failed(1), &[]),
    ]);
    let (mut bench, _) = Bench::start(1);
    bench.verdict = Some(qbft::Verdict::Valid);
    let other = Block { content: 1, ..block(1, 0) };
    bench.tell(proposal(1, 0, &other));
    for from in [2, 3, 4] {
        bench.tell(commit(from, &other));
    }
    assert_eq!(bench.finalised.len(), 1, "a former run of this node proposed it");
    assert_eq!(bench.tell(made(1, 0)), ["rejected stale"], "decided meanwhile");
}

#[test]
fn a_verdict_counts_once_for_the_height_round_and_block_it_was_asked_for() {
    let (mut bench, _) = Bench::start(2);
    bench.verdict = None;
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    let verdict =
        |height, round, digest| Input::Validated { height, round, digest, verdict: qbft::Verdict::Valid };
    let digest = qbft::Proposal::digest(&block);
    bench.run(vec![
        ("another height", verdict(2, 0, digest), &["rejected stale"]),
        ("another round", verdict(1, 1, digest), &["rejected stale"]),
        ("another block", verdict(1, 0, B256::ZERO), &["rejected stale"]),
        ("this one", verdict(1, 0, digest), &["persist prepare r0", "sign prepare r0", "send prepare r0"]),
        ("again", verdict(1, 0, digest), &["rejected stale"]),
    ]);
    for from in [1, 3, 4] {
        bench.tell(commit(from, &block));
    }
    assert_eq!(bench.finalised.len(), 1);
    assert_eq!(bench.tell(verdict(1, 0, digest)), ["rejected stale"], "decided");
}

#[test]
fn the_highest_round_is_reached_and_not_left() {
    let (mut bench, _) = Bench::start(4);
    let last = qbft::config::MAX_ROUND;
    bench.tell(round_change_message(1, last, None));
    let lines = bench.tell(round_change_message(3, last, None));
    assert_eq!(lines[0], format!("round {last}"));
    let far = block(3, last);
    assert_eq!(bench.tell(proposal(3, last, &far)), ["rejected not_proposer"], "a turn like any other");
    assert_eq!(bench.tell(timeout(TimerKind::Round, last)), ["rejected far_round"]);
    assert_eq!(bench.instance.round(), last);
}

#[test]
fn a_timer_of_another_height_or_of_a_node_that_may_not_vote_is_stale() {
    let (mut bench, _) = Bench::start(1);
    let of_height_2 = Input::Timeout(qbft::Timer { kind: TimerKind::BlockDue, height: 2, round: 0 });
    assert_eq!(bench.tell(of_height_2), ["rejected stale"]);
    bench.tell(Input::VoteFrom { height: 2 });
    for kind in [TimerKind::BlockDue, TimerKind::Round, TimerKind::Resend] {
        assert_eq!(bench.tell(timeout(kind, 0)), ["rejected stale"], "{kind:?}");
    }
    assert_eq!(bench.journal, []);
}

#[test]
fn who_may_vote_again_takes_part_in_the_round_it_followed() {
    let observer = || {
        let config = qbft::Config { votes_from: u64::MAX, ..qbft::Config::new(Some(seat(4))) };
        Bench::restart(config, vec![]).0
    };
    let mut bench = observer();
    let old = block(1, 0);
    bench.tell(proposal(1, 0, &old));
    for from in [1, 2, 3] {
        bench.tell(commit(from, &old));
    }
    assert_eq!(bench.finalised.len(), 1);
    assert_eq!(bench.tell(Input::VoteFrom { height: 0 }), KEPT, "the height is decided");

    // It has seen a quorum prepare in round 1: its ROUND-CHANGE for round 1 may not say so, and so is not sent. Others may wait for it.
    let mut bench = observer();
    let next = block(2, 1);
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    assert_eq!(bench.tell(justified(2, 1, &next, proofs, &[])), ["round 1", "validate r1"]);
    for from in [1, 2, 3] {
        bench.tell(prepare_message(from, &next));
    }
    let timers = ["timer round r1 +2000", "timer resend r1 +1000"];
    assert_eq!(bench.tell(Input::VoteFrom { height: 0 }), timers);
    bench.tell(timeout(TimerKind::Resend, 1));
    assert_eq!(bench.journal, []);
    for from in [1, 2] {
        bench.tell(round_change_message(from, 2, None));
    }
    let Some(Message::RoundChange(message)) = bench.sent.last() else { panic!("a round change was sent") };
    assert_eq!(message.round_change.payload().prepared.map(|prepared| prepared.round), Some(1));
}

#[test]
fn what_was_locked_last_is_the_lock_whatever_the_order_of_the_journal() {
    let (mut bench, _) = Bench::start(4);
    let (old, new) = (block(1, 0), Block { content: 2, ..block(2, 1) });
    bench.tell(proposal(1, 0, &old));
    bench.tell(prepare_message(1, &old));
    bench.tell(prepare_message(2, &old));
    bench.tell(timeout(TimerKind::Round, 0));
    // A quorum that did not lock: seats 1, 2 and 3.
    let proofs = [1, 2, 3].map(|from| round_change(from, 1, None)).to_vec();
    bench.tell(justified(2, 1, &new, proofs, &[]));
    bench.tell(prepare_message(1, &new));
    bench.tell(prepare_message(2, &new));
    let mut journal = bench.journal;
    for _ in 0..2 {
        journal.reverse();
        let config = qbft::Config::new(Some(seat(4)));
        let (mut again, _) = Bench::restart(config, journal.clone());
        again.tell(timeout(TimerKind::Round, 1));
        let Some(Message::RoundChange(message)) = again.sent.last() else { panic!("a round change") };
        let claim = message.round_change.payload().prepared.map(|prepared| (prepared.round, prepared.digest));
        assert_eq!(claim, Some((1, qbft::Proposal::digest(&new))));
    }
}

#[test]
fn a_proposer_that_knows_its_block_only_from_the_lock_makes_no_other_one() {
    let (mut bench, _) = Bench::start(1);
    bench.tell(Input::Built { height: 1, round: 0, block: block(1, 0) });
    bench.tell(timeout(TimerKind::BlockDue, 0));
    bench.tell(prepare_message(2, &block(1, 0)));
    bench.tell(prepare_message(3, &block(1, 0)));
    let commits: Vec<_> =
        bench.journal.into_iter().filter(|record| record.phase() == qbft::Phase::Commit).collect();
    assert_eq!(commits.len(), 1);
    let (_, start) = Bench::restart(qbft::Config::new(Some(seat(1))), commits);
    assert!(!start.iter().any(|line| line.starts_with("build") || line.contains("due")), "{start:?}");
}

#[test]
fn a_node_that_may_not_vote_signs_nothing_of_its_journal() {
    let (mut bench, _) = Bench::start(4);
    bench.tell(proposal(1, 0, &block(1, 0)));
    assert_eq!(bench.journal.len(), 1);
    let config = qbft::Config { votes_from: 2, ..qbft::Config::new(Some(seat(4))) };
    let (_, start) = Bench::restart(config, bench.journal);
    assert_eq!(start, KEPT);
}

/// Of two claims the one of the higher round binds, whoever comes first.
#[test]
fn a_proposal_takes_the_block_of_the_highest_claim_in_any_order() {
    let (low, high) = (block(1, 0), Block { content: 1, ..block(2, 1) });
    let claims = [round_change(1, 2, Some(&low)), round_change(2, 2, Some(&high)), round_change(4, 2, None)];
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]] {
        let proofs = || order.map(|index: usize| claims[index].clone()).to_vec();
        for (taken, proven) in [(high, true), (low, false)] {
            let (mut bench, _) = Bench::start(4);
            let again = Block { round: 2, ..taken };
            let lines = bench.tell(justified(3, 2, &again, proofs(), &prepares(&[1, 2, 3], &taken)));
            assert_eq!(lines.contains(&"send prepare r2".to_owned()), proven, "{order:?}: {lines:?}");
        }
    }
}

#[test]
fn a_head_says_which_validators_there_are_and_an_empty_set_has_no_turn() {
    let (mut bench, _) = Bench::start(2);
    bench.tell(Input::NewBlock(NewHead { validators: [].into(), ..head(1) }));
    assert_eq!((bench.instance.proposer(0), bench.instance.voter()), (None, None));
    assert_eq!(bench.tell(prepare_at(2, 0, 2)), ["rejected not_validator"]);
    assert_eq!(bench.now_ms, DUE);
}

#[test]
fn a_vote_that_becomes_durable_after_its_round_was_left_is_still_sent() {
    let (mut bench, _) = Bench::start(4);
    let old = block(1, 0);
    bench.tell(proposal(1, 0, &old));
    bench.answers = false;
    bench.tell(prepare_message(1, &old));
    assert_eq!(bench.tell(prepare_message(2, &old)), ["persist commit r0"]);
    bench.tell(timeout(TimerKind::Round, 0));
    // The ROUND-CHANGE says what was locked, so the COMMIT contradicts nothing.
    bench.answers = true;
    let lines = bench.tell(Input::Persisted { ticket: qbft::Ticket(2) });
    assert_eq!(lines, ["sign commit r0", "send commit r0"]);
}

#[test]
fn only_what_no_honest_author_could_cause_counts_as_misbehaviour() {
    let author = seat(1);
    let bad_block = |why| Rejected::BadBlock(why);
    let misbehaviour = [
        Rejected::Equivocation { author },
        Rejected::NotProposer { got: author, want: seat(2) },
        Rejected::BadSeal { author },
        Rejected::BadJustification(BadJustification::Superfluous),
        Rejected::BadRoundChange(BadRoundChange::NoBlock),
        Rejected::InvalidBlock { author, digest: B256::ZERO },
        bad_block(BadBlock::Early { got: 1, earliest_ms: 2_000 }),
        bad_block(BadBlock::Round { got: 1, want: 0 }),
    ];
    let honest = [
        bad_block(BadBlock::Late { got: 2, latest_ms: 1_000 }),
        Rejected::OldHeight { got: 1, want: 2 },
        Rejected::FarHeight { got: 99, limit: 12 },
        Rejected::Backlog { author },
        Rejected::OldRound { got: 0, want: 1 },
        Rejected::FarRound { got: 99, limit: 10 },
        Rejected::Decided { height: 1 },
        Rejected::NotValidator { author, height: 1 },
        Rejected::Duplicate { author },
        Rejected::WrongDigest { got: B256::ZERO, want: B256::ZERO },
        Rejected::Stale { what: "timer" },
        Rejected::WrongSigner { identity: author },
    ];
    assert!(misbehaviour.iter().all(Rejected::is_misbehaviour));
    assert!(!honest.iter().any(Rejected::is_misbehaviour));
}

#[test]
fn an_early_commit_must_fit_the_proposal_by_digest_and_by_seal() {
    let block = block(1, 0);
    let other = Block { content: 1, ..block };
    let [own_seal, other_seal] = [block, other].map(|block| {
        let hash = qbft::Proposal::commit_hash(&block, 0);
        Symbolic::sign(seat(3), hash)
    });
    for (named, seal) in [(&other, own_seal), (&block, other_seal)] {
        let (mut bench, _) = Bench::start(2);
        bench.tell(sealed_commit(3, named, seal));
        bench.tell(commit(1, &block));
        bench.tell(proposal(1, 0, &block));
        assert_eq!(bench.tell(commit(4, &block)), KEPT, "two fit");
        assert_eq!(
            bench.tell(commit(3, &block)),
            ["finalise r0 seals=3"],
            "and the third may be said rightly"
        );
    }
}

#[test]
fn a_claimed_block_is_of_this_height_and_carries_the_round_it_was_prepared_in() {
    let good = block(1, 0);
    let cases = [
        ("another height", Block { height: 2, ..good }, 0),
        ("another round than claimed", Block { round: 1, ..good }, 0),
        ("another round than claimed", good, 1),
    ];
    for (what, claimed, round) in cases {
        let digest = qbft::Proposal::digest(&claimed);
        let prepare = |from| Verified::symbolic(Prepare { height: 1, round, digest }, seat(from));
        let payload = RoundChange { height: 1, round: 2, prepared: Some(Prepared { round, digest }) };
        let input = evidenced(
            Verified::symbolic(payload, seat(3)),
            Some(claimed),
            [1, 2, 3].into_iter().map(prepare).collect(),
        );
        let (mut bench, _) = Bench::start(2);
        let rejected = bench.instance.step(input, DUE).unwrap_err();
        let expected = BadRoundChange::Block { got: digest, want: digest };
        assert_eq!(rejected, Rejected::BadRoundChange(expected), "{what}");
    }
}

/// What a decoder cannot know of a block is added to every block there is, in messages and in records.
#[test]
fn every_block_of_a_message_and_of_a_record_is_put_through() {
    let old = block(1, 0);
    let marked = |block: Block| Block { content: 9, ..block };
    let signed = Signed {
        payload: ProposalPayload { height: 1, round: 0, block: old },
        signing_hash: B256::ZERO,
        signature: chain::Seal::ZERO,
    };
    let message = Unverified::Proposal { proposal: signed, round_changes: vec![], prepares: vec![] };
    let Unverified::Proposal { proposal, .. } = message.with_blocks(marked) else { panic!("a proposal") };
    assert_eq!(proposal.payload, ProposalPayload { height: 1, round: 0, block: marked(old) });
    let signed = Signed {
        payload: RoundChange { height: 1, round: 1, prepared: None },
        signing_hash: B256::ZERO,
        signature: chain::Seal::ZERO,
    };
    let message = Unverified::RoundChange { round_change: signed, block: Some(old), prepares: vec![] };
    let Unverified::RoundChange { block: put, .. } = message.with_blocks(marked) else { panic!() };
    assert_eq!(put, Some(marked(old)));

    let (mut bench, _) = Bench::start(1);
    bench.tell(Input::Built { height: 1, round: 0, block: old });
    bench.tell(timeout(TimerKind::BlockDue, 0));
    bench.tell(prepare_message(2, &old));
    bench.tell(prepare_message(3, &old));
    bench.tell(timeout(TimerKind::Round, 0));
    let blocks: Vec<_> = bench
        .journal
        .into_iter()
        .filter_map(|record| match record.with_blocks(marked) {
            Record::Proposal { payload, .. } => Some(payload.block),
            Record::Prepare(_) => None,
            Record::Commit { certificate, .. } => Some(certificate.block),
            Record::RoundChange { certificate, .. } => certificate.map(|certificate| certificate.block),
        })
        .collect();
    assert_eq!(blocks, [marked(old); 3]);
}

/// Peers of the own kind understand it best, whichever ROUND-CHANGE came first.
#[test]
fn of_two_certificates_of_one_block_the_proposer_takes_the_one_by_its_own_digest() {
    let old = block(2, 1);
    let named = [qbft::Proposal::digest(&old), qbft::Proposal::commit_hash(&old, 0)];
    let claim = |from: u8, digest: B256| {
        let prepare = Prepare { height: 1, round: 1, digest };
        let payload = RoundChange { height: 1, round: 2, prepared: Some(Prepared { round: 1, digest }) };
        let prepares = [1, 2, 4].map(|voter| Verified::symbolic(prepare, seat(voter)));
        evidenced(Verified::symbolic(payload, seat(from)), Some(old), prepares.into())
    };
    for order in [[0, 1], [1, 0]] {
        let config = qbft::Config { mixed_digests: true, ..qbft::Config::new(Some(seat(3))) };
        let (mut bench, _) = Bench::restart(config, vec![]);
        bench.tell(claim(1, named[order[0]]));
        bench.tell(claim(2, named[order[1]]));
        let proposed = bench.sent.iter().find_map(|message| match message {
            Message::Proposal(message) => Some(message.justification.prepares.clone()),
            _ => None,
        });
        let digests: Vec<_> =
            proposed.expect("a proposal").iter().map(|prepare| prepare.payload().digest).collect();
        assert_eq!(digests, [named[0]; 3], "{order:?}");
    }
}

#[test]
fn a_footprint_counts_what_is_kept_and_knows_its_bound() {
    let (mut bench, _) = Bench::start(2);
    assert_eq!(bench.instance.footprint(), Footprint::default());
    bench.tell(proposal(1, 0, &block(1, 0)));
    bench.tell(commit(1, &block(1, 0)));
    bench.tell(round_change_message(4, 3, None));
    bench.tell(prepare_at(3, 0, 1));
    bench.tell(prepare_at(4, 0, 1));
    bench.tell(prepare_at(5, 0, 3));
    let kept = Footprint { rounds: 1, votes: 2, round_changes: 1, own: 1, future: 3, authors: 2 };
    assert_eq!((bench.instance.footprint(), kept.total()), (kept, 10));

    assert!(kept.is_within(&kept) && kept.is_within(&Footprint::bound(4)));
    let one_less = [
        Footprint { rounds: 0, ..kept },
        Footprint { votes: 1, ..kept },
        Footprint { round_changes: 0, ..kept },
        Footprint { own: 0, ..kept },
        Footprint { future: 2, ..kept },
        Footprint { authors: 1, ..kept },
    ];
    assert!(!one_less.iter().any(|bound| kept.is_within(bound)));
}

#[test]
fn a_proposer_above_round_0_that_knows_its_block_only_from_the_lock_makes_no_other_one() {
    let (mut bench, _) = Bench::start(2);
    bench.tell(timeout(TimerKind::Round, 0));
    for from in [1, 3] {
        bench.tell(round_change_message(from, 1, None));
    }
    let made = block(2, 1);
    bench.tell(Input::Built { height: 1, round: 1, block: made });
    for from in [1, 3] {
        bench.tell(prepare_message(from, &made));
    }
    let is_kept =
        |record: &Record<Block>| matches!(record.phase(), qbft::Phase::Commit | qbft::Phase::RoundChange);
    let journal: Vec<_> = bench.journal.into_iter().filter(is_kept).collect();
    assert_eq!(journal.len(), 2);
    let (mut again, _) = Bench::restart(qbft::Config::new(Some(seat(2))), journal);
    let mut lines = again.tell(round_change_message(1, 1, None));
    lines.extend(again.tell(round_change_message(3, 1, None)));
    assert!(!lines.iter().any(|line| line.starts_with("build") || line.contains("proposal")), "{lines:?}");
}

#[test]
fn a_proposal_that_comes_late_in_round_0_does_not_lengthen_it() {
    let (mut bench, _) = Bench::start(2);
    bench.now_ms = DUE + 500;
    bench.verdict = None;
    assert_eq!(bench.tell(proposal(1, 0, &block(1, 0))), ["validate r0"]);
}
