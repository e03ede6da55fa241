//! Each reason to refuse, once.

use crate::bench::{
    Bench, Block, DUE, block, commit, evidenced, head, justified, prepare, prepare_message, prepares,
    proposal, round_change, round_change_message, sealed_commit, seat, timeout,
};
use alloy_primitives::B256;
use qbft::{
    Input, Message, Proposal, Rejected, Signatures, Symbolic, TimerKind, Verified,
    config::MAX_ROUND,
    message::{Justification, Prepare, Prepared, RoundChange},
    reject::{BadBlock, BadJustification, BadRoundChange},
};
use std::sync::Arc;

/// A bench at seat 2, round 0, nothing heard.
fn refuse(input: Input<Block>) -> Rejected {
    let (mut bench, _) = Bench::start(2);
    bench.instance.step(input, DUE).unwrap_err()
}

fn prepare_at(height: u64, round: u32, from: u8) -> Input<Block> {
    let prepare = Prepare { height, round, digest: B256::ZERO };
    Input::Message(Message::Prepare(Verified::symbolic(prepare, seat(from))))
}

#[test]
fn a_message_of_a_decided_height_is_refused() {
    assert_eq!(refuse(prepare_at(0, 0, 1)), Rejected::OldHeight { got: 0, want: 1 });
}

#[test]
fn a_message_too_far_ahead_is_refused() {
    assert_eq!(refuse(prepare_at(12, 0, 1)), Rejected::FarHeight { got: 12, limit: 11 });
}

#[test]
fn an_author_has_a_bounded_share_of_later_heights_and_near_ones_displace_far_ones() {
    let (mut bench, _) = Bench::start(2);
    for height in [3, 4, 5, 6] {
        assert_eq!(bench.tell(prepare_at(height, 0, 1)), [""; 0]);
    }
    assert_eq!(bench.tell(prepare_at(4, 0, 1)), ["rejected duplicate"]);
    assert_eq!(bench.tell(prepare_at(7, 0, 1)), ["rejected backlog"]);
    assert_eq!(bench.tell(prepare_at(2, 0, 1)), [""; 0]);
    assert_eq!(bench.tell(prepare_at(6, 0, 1)), ["rejected backlog"]);
}

#[test]
fn a_vote_of_a_round_that_is_over_or_too_far_ahead_is_refused() {
    let (mut bench, _) = Bench::start(2);
    bench.tell(timeout(TimerKind::Round, 0));
    assert_eq!(bench.instance.step(prepare_at(1, 0, 1), DUE), Err(Rejected::OldRound { got: 0, want: 1 }));
    assert_eq!(
        bench.instance.step(prepare_at(1, 12, 1), DUE),
        Err(Rejected::FarRound { got: 12, limit: 11 })
    );
    assert_eq!(
        bench.instance.step(proposal(1, 0, &block(1, 0)), DUE),
        Err(Rejected::OldRound { got: 0, want: 1 })
    );
    let far = block(1, MAX_ROUND + 1);
    assert_eq!(
        bench.instance.step(proposal(1, MAX_ROUND + 1, &far), DUE),
        Err(Rejected::FarRound { got: MAX_ROUND + 1, limit: MAX_ROUND })
    );
}

#[test]
fn a_round_change_to_no_round_or_beyond_all_rounds_is_refused() {
    for round in [0, MAX_ROUND + 1] {
        let rejected = refuse(round_change_message(1, round, None));
        assert_eq!(rejected, Rejected::FarRound { got: round, limit: MAX_ROUND });
    }
}

#[test]
fn a_round_change_below_the_own_round_or_the_authors_last_one_is_refused() {
    let (mut bench, _) = Bench::start(2);
    bench.tell(round_change_message(1, 3, None));
    let older = bench.instance.step(round_change_message(1, 2, None), DUE);
    assert_eq!(older, Err(Rejected::OldRound { got: 2, want: 3 }));
    bench.tell(round_change_message(3, 3, None));
    assert_eq!(bench.instance.round(), 3);
    let below = bench.instance.step(round_change_message(4, 2, None), DUE);
    assert_eq!(below, Err(Rejected::OldRound { got: 2, want: 3 }));
}

#[test]
fn somebody_without_a_seat_is_refused() {
    assert_eq!(refuse(prepare_at(1, 0, 9)), Rejected::NotValidator { author: seat(9), height: 1 });
}

#[test]
fn a_proposal_out_of_turn_is_refused() {
    let rejected = refuse(proposal(3, 0, &block(3, 0)));
    assert_eq!(rejected, Rejected::NotProposer { got: seat(3), want: seat(1) });
}

#[test]
fn the_same_message_again_is_a_duplicate_and_another_one_an_equivocation() {
    let (first, second) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    let pairs = [
        (proposal(1, 0, &first), proposal(1, 0, &second)),
        (prepare_message(1, &first), prepare_message(1, &second)),
        (commit(1, &first), commit(1, &second)),
        (round_change_message(1, 1, None), round_change_message(1, 1, Some(&first))),
    ];
    for (first, second) in pairs {
        let (mut bench, _) = Bench::start(2);
        bench.tell(first.clone());
        assert_eq!(bench.instance.step(first, DUE), Err(Rejected::Duplicate { author: seat(1) }));
        assert_eq!(bench.instance.step(second, DUE), Err(Rejected::Equivocation { author: seat(1) }));
    }
}

#[test]
fn a_vote_for_another_block_than_the_rounds_is_refused() {
    let (mut bench, _) = Bench::start(2);
    let (first, second) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    bench.tell(proposal(1, 0, &first));
    let wrong = Rejected::WrongDigest { got: second.digest(), want: first.digest() };
    assert_eq!(bench.instance.step(prepare_message(3, &second), DUE), Err(wrong));
    assert_eq!(bench.instance.step(commit(3, &second), DUE), Err(wrong));
}

#[test]
fn a_commit_whose_seal_is_for_another_round_or_by_somebody_else_is_refused() {
    let (mut bench, _) = Bench::start(2);
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    for seal in [Symbolic::sign(seat(3), block.commit_hash(1)), Symbolic::sign(seat(4), block.commit_hash(0))]
    {
        let rejected = bench.instance.step(sealed_commit(3, &block, seal), DUE);
        assert_eq!(rejected, Err(Rejected::BadSeal { author: seat(3) }));
    }
}

#[test]
fn a_block_that_contradicts_its_message_or_the_chain_is_refused() {
    let good = block(1, 0);
    let cases = [
        (
            Block { parent: B256::with_last_byte(7), ..good },
            BadBlock::Parent { got: B256::with_last_byte(7), want: B256::ZERO },
        ),
        (Block { round: 1, ..good }, BadBlock::Round { got: 1, want: 0 }),
        (Block { proposer: seat(3), ..good }, BadBlock::Beneficiary { got: seat(3) }),
        (Block { timestamp: 1_001, ..good }, BadBlock::Early { got: 1_001, earliest_ms: DUE }),
        (Block { timestamp: 1_004, ..good }, BadBlock::Late { got: 1_004, latest_ms: DUE + 1_000 }),
    ];
    for (bad, why) in cases {
        assert_eq!(refuse(proposal(1, 0, &bad)), Rejected::BadBlock(why));
    }
    let payload = qbft::message::ProposalPayload { height: 1, round: 0, block: Block { height: 2, ..good } };
    let proposal = Verified::symbolic(payload, seat(1));
    let message = qbft::message::ProposalMessage { proposal, justification: Justification::default() };
    let rejected = refuse(Input::Message(Message::Proposal(Arc::new(message))));
    assert_eq!(rejected, Rejected::BadBlock(BadBlock::Height { got: 2, want: 1 }));
}

#[test]
fn a_block_within_the_clock_allowance_is_taken() {
    let (mut bench, _) = Bench::start(2);
    assert_eq!(bench.tell(proposal(1, 0, &Block { timestamp: 1_003, ..block(1, 0) }))[0], "validate r0");
}

#[test]
fn a_proposal_must_prove_that_it_may_be_made() {
    let (old, other) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    let fresh = block(2, 1);
    let nil = |from| round_change(from, 1, None);
    let said = |from| round_change(from, 1, Some(&old));
    let again = old.with_round(1);
    let three = [1, 3, 4].map(nil).to_vec();
    let one_prepared = vec![nil(1), said(3), nil(4)];
    let proof = prepares(&[1, 2, 3], &old);
    let far = Verified::symbolic(
        RoundChange { height: 1, round: 1, prepared: Some(Prepared { round: 1, digest: old.digest() }) },
        seat(3),
    );
    let other_height = Verified::symbolic(RoundChange { height: 2, round: 1, prepared: None }, seat(3));
    let cases = [
        (
            "too few",
            fresh,
            three[..2].to_vec(),
            vec![],
            BadJustification::TooFewRoundChanges { got: 2, want: 3 },
        ),
        (
            "twice the same",
            fresh,
            vec![nil(1), nil(3), nil(3)],
            vec![],
            BadJustification::Author { author: seat(3) },
        ),
        (
            "no seat",
            fresh,
            vec![nil(1), nil(3), nil(9)],
            vec![],
            BadJustification::Author { author: seat(9) },
        ),
        (
            "another round",
            fresh,
            vec![nil(1), round_change(3, 2, None), nil(4)],
            vec![],
            BadJustification::WrongRoundChange { height: 1, round: 2 },
        ),
        (
            "another height",
            fresh,
            vec![nil(1), other_height, nil(4)],
            vec![],
            BadJustification::WrongRoundChange { height: 2, round: 1 },
        ),
        (
            "prepared in the round itself",
            again,
            vec![nil(1), far, nil(4)],
            proof.to_vec(),
            BadJustification::PreparedRound { got: 1, below: 1 },
        ),
        (
            "two digests for one round",
            again,
            vec![said(1), round_change(3, 1, Some(&other)), nil(4)],
            proof.to_vec(),
            BadJustification::Contradiction { round: 0 },
        ),
        ("nothing to prove", fresh, three, proof.to_vec(), BadJustification::UnexpectedPrepares),
        (
            "a fresh block although one is prepared",
            fresh,
            one_prepared.clone(),
            proof.to_vec(),
            BadJustification::NotHighestPrepared { got: fresh.with_round(0).digest(), want: old.digest() },
        ),
        (
            "no proof",
            again,
            one_prepared.clone(),
            vec![],
            BadJustification::TooFewPrepares { got: 0, want: 3 },
        ),
        (
            "a PREPARE twice",
            again,
            one_prepared.clone(),
            prepares(&[1, 2, 2], &old).to_vec(),
            BadJustification::Author { author: seat(2) },
        ),
        (
            "a PREPARE for something else",
            again,
            one_prepared,
            vec![prepare(1, &old), prepare(2, &other), prepare(3, &old)],
            BadJustification::WrongPrepare { got: other.digest(), want: old.digest() },
        ),
    ];
    for (what, block, round_changes, prepares, why) in cases {
        let rejected = refuse(justified(2, 1, &block, round_changes, &prepares));
        assert_eq!(rejected, Rejected::BadJustification(why), "{what}");
    }
    let superfluous = refuse(justified(1, 0, &old, vec![nil(1)], &[]));
    assert_eq!(superfluous, Rejected::BadJustification(BadJustification::Superfluous));
}

#[test]
fn a_round_change_must_prove_what_it_claims() {
    let old = block(1, 0);
    let other = Block { content: 1, ..old };
    let foreign = Block { parent: B256::with_last_byte(7), ..old };
    let proof = prepares(&[1, 2, 3], &old);
    let none: Arc<[_]> = Arc::from([]);
    let said = round_change(3, 1, Some(&old));
    let cases = [
        (evidenced(round_change(3, 1, None), Some(old), none.clone()), BadRoundChange::Superfluous),
        (evidenced(round_change(3, 1, None), Some(old), proof.clone()), BadRoundChange::Superfluous),
        (evidenced(said.clone(), None, proof.clone()), BadRoundChange::NoBlock),
        (
            evidenced(round_change(3, 1, Some(&old.with_round(1))), Some(old), proof.clone()),
            BadRoundChange::PreparedRound { got: 1, below: 1 },
        ),
        (
            evidenced(said.clone(), Some(other), proof.clone()),
            BadRoundChange::Block { got: other.digest(), want: old.digest() },
        ),
        (
            evidenced(round_change(3, 1, Some(&foreign)), Some(foreign), prepares(&[1, 2, 3], &foreign)),
            BadRoundChange::Block { got: foreign.digest(), want: foreign.digest() },
        ),
        (
            evidenced(said, Some(old), proof.iter().take(2).cloned().collect()),
            BadRoundChange::Prepares(BadJustification::TooFewPrepares { got: 2, want: 3 }),
        ),
    ];
    for (input, why) in cases {
        assert_eq!(refuse(input), Rejected::BadRoundChange(why));
    }
}

#[test]
fn a_decided_height_takes_nothing_more() {
    let (mut bench, _) = Bench::start(2);
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    for from in [1, 3, 4] {
        bench.tell(commit(from, &block));
    }
    let rejected = bench.instance.step(prepare_message(3, &block), DUE);
    assert_eq!(rejected, Err(Rejected::Decided { height: 1 }));
}

#[test]
fn what_nothing_waits_for_is_stale() {
    let (mut bench, _) = Bench::start(2);
    bench.run(vec![
        ("timer of another round", timeout(TimerKind::Round, 3), &["rejected stale"]),
        (
            "a block nobody asked for",
            Input::Built { height: 1, round: 0, block: block(2, 0) },
            &["rejected stale"],
        ),
        ("no block that nobody asked for", Input::BuildFailed { height: 1, round: 0 }, &["rejected stale"]),
        ("the head again", Input::NewBlock(head(0)), &["rejected stale"]),
        ("an unknown vote", Input::SignFailed { ticket: qbft::Ticket(3) }, &["rejected stale"]),
    ]);
}

#[test]
fn a_signer_with_another_key_is_found_out_before_its_seal_is_sent() {
    let (mut bench, _) = Bench::start(2);
    let block = block(1, 0);
    bench.tell(proposal(1, 0, &block));
    bench.answers = false;
    bench.tell(prepare_message(1, &block));
    assert_eq!(bench.tell(prepare_message(3, &block)), ["persist commit r0"]);
    let ticket = qbft::Ticket(2);
    for seal in [None, Some(Symbolic::sign(seat(3), block.commit_hash(0)))] {
        bench.tell(Input::Persisted { ticket });
        let signatures = Signatures { message: Symbolic::sign(seat(2), B256::ZERO), seal };
        let rejected = bench.instance.step(Input::Signed { ticket, signatures }, DUE);
        let expected = if seal.is_none() {
            Rejected::WrongSigner { identity: seat(2) }
        } else {
            Rejected::Stale { what: "signature" }
        };
        assert_eq!(rejected, Err(expected));
    }
    assert_eq!(bench.sent.len(), 1, "only the PREPARE went out");
}

#[test]
fn prepares_left_over_from_the_last_height_cost_no_round_change_its_voice_and_are_never_passed_on() {
    let (mut bench, _) = Bench::start(2);
    let last = Block { height: 0, ..block(1, 0) };
    bench.tell(timeout(TimerKind::Round, 0));
    // By seats 1, 3 and 9, the last of which has since left the set.
    let leftover = prepares(&[1, 3, 9], &last);
    bench.tell(evidenced(round_change(3, 1, None), None, leftover.clone()));
    bench.tell(evidenced(round_change(4, 1, None), None, leftover));
    let build = Input::Built { height: 1, round: 1, block: block(2, 1) };
    bench.tell(build);
    let proposals = bench.sent.iter().filter_map(|message| match message {
        Message::Proposal(message) => Some(&message.justification),
        _ => None,
    });
    let justifications: Vec<&Justification> = proposals.collect();
    assert_eq!(justifications.len(), 1, "{:?}", bench.sent);
    assert_eq!((justifications[0].round_changes.len(), justifications[0].prepares.len()), (3, 0));
}
