//! What one validator can make another one keep.

use crate::bench::{Bench, Block, block, evidenced, head, prepares, seat, timeout};
use alloy_primitives::B256;
use qbft::{
    Input, Message, Proposal, Symbolic, TimerKind, Verified,
    message::{Commit, Justification, Prepare, Prepared, ProposalMessage, ProposalPayload, RoundChange},
};
use std::sync::Arc;

/// Everything seat 3 can say of `height` and `round`, each time with another digest.
fn babble(height: u64, round: u32, salt: u16) -> Vec<Input<Block>> {
    let digest = B256::left_padding_from(&salt.to_be_bytes());
    let seal = Symbolic::sign(seat(3), digest);
    let made = Block { height, parent: head(height - 1).hash, ..block(3, round) };
    let payload = ProposalPayload { height, round, block: made };
    let proposal = Verified::symbolic(payload, seat(3));
    let old = Block { height, ..block(1, 0) };
    let claim = Some(Prepared { round: 0, digest: old.digest() });
    let wants = Verified::symbolic(RoundChange { height, round, prepared: claim }, seat(3));
    vec![
        Input::Message(Message::Prepare(Verified::symbolic(Prepare { height, round, digest }, seat(3)))),
        Input::Message(Message::Commit(Verified::symbolic(Commit { height, round, digest, seal }, seat(3)))),
        Input::Message(Message::Proposal(Arc::new(ProposalMessage {
            proposal,
            justification: Justification::default(),
        }))),
        evidenced(wants, Some(old), prepares(&[1, 2, 3], &old)),
    ]
}

/// Models charon#524, pantheon#873, besu#10897 and GHSA-23rh-rrqg-wq82 (besu#11102): messages of heights and rounds to
/// come were kept without bound, so one validator could fill the memory of all.
#[test]
fn what_one_validator_makes_another_keep_does_not_grow_with_what_it_says() {
    let (mut bench, _) = Bench::start(2);
    let mut sizes = vec![];
    for salt in 0..4u16 {
        for height in 1..=14 {
            for round in (0..40u32).chain([1_000, 1_000_000, u32::MAX]) {
                for input in babble(height, round + u32::from(salt).min(u32::MAX - round), salt) {
                    bench.tell(input);
                }
            }
        }
        bench.tell(timeout(TimerKind::Round, bench.instance.round()));
        // The state as text: what is kept is in it.
        sizes.push(format!("{:?}", bench.instance).len());
    }
    assert!(sizes[0] < 256 * 1024, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < sizes[0] + sizes[0] / 2), "it grows: {sizes:?}");
}
