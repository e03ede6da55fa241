//! Blocks with two digests: a Besu proposer above round 0 in a network that votes by the digest without a round.

use crate::bench::{Block, DUE, block, head, seat};
use alloy_primitives::{Address, B256};
use chain::{Seal, hash::ProposalRound};
use qbft::{
    Config, Input, Instance, Message, Output, Proposal, Recovered, Rejected, Signatures, Symbolic, Unsigned,
    Verdict, Verified,
    message::{
        Commit, Justification, Prepare, Prepared, ProposalMessage, ProposalPayload, RoundChange,
        RoundChangeMessage,
    },
};
use std::sync::Arc;

/// A block whose digest hides the round it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zero(Block);

impl Proposal for Zero {
    type Auth = Symbolic;
    fn height(&self) -> u64 {
        self.0.height
    }
    fn parent(&self) -> B256 {
        self.0.parent
    }
    fn proposer(&self) -> Address {
        self.0.proposer
    }
    fn timestamp(&self) -> u64 {
        self.0.timestamp
    }
    fn round(&self) -> u32 {
        self.0.round
    }
    fn digest(&self) -> B256 {
        self.0.commit_hash(0)
    }
    fn with_round(&self, round: u32) -> Self {
        Self(self.0.with_round(round))
    }
    fn commit_hash(&self, round: u32) -> B256 {
        self.0.commit_hash(round)
    }
}

/// The digest by which Besu names it.
fn besu(block: Zero) -> B256 {
    block.0.digest()
}

fn prepare(from: u8, round: u32, digest: B256) -> Verified<Prepare> {
    Verified::symbolic(Prepare { height: 1, round, digest }, seat(from))
}

fn prepares(from: &[u8], round: u32, digest: B256) -> Arc<[Verified<Prepare>]> {
    from.iter().map(|from| prepare(*from, round, digest)).collect()
}

fn commit(from: u8, round: u32, digest: B256, block: Zero) -> Input<Zero> {
    let seal = Symbolic::sign(seat(from), block.commit_hash(round));
    let commit = Commit { height: 1, round, digest, seal };
    Input::Message(Message::Commit(Verified::symbolic(commit, seat(from))))
}

fn round_change(from: u8, round: u32, prepared: Option<(u32, B256)>) -> Verified<RoundChange> {
    let prepared = prepared.map(|(round, digest)| Prepared { round, digest });
    Verified::symbolic(RoundChange { height: 1, round, prepared }, seat(from))
}

fn proposal(
    from: u8,
    round: u32,
    block: Zero,
    round_changes: Vec<Verified<RoundChange>>,
    prepares: Arc<[Verified<Prepare>]>,
) -> Input<Zero> {
    let proposal = Verified::symbolic(ProposalPayload { height: 1, round, block }, seat(from));
    let justification = Justification { round_changes, prepares };
    Input::Message(Message::Proposal(Arc::new(ProposalMessage { proposal, justification })))
}

fn start(mixed_digests: bool) -> Instance<Zero> {
    let config = Config { proposal_round: ProposalRound::Zero, mixed_digests, ..Config::new(Some(seat(3))) };
    Instance::new(config, head(0), Recovered::default(), DUE).0
}

/// Steps, and answers what this node itself is to make durable, sign and find valid.
fn tell(instance: &mut Instance<Zero>, input: Input<Zero>) -> Result<Vec<Output<Zero>>, Rejected> {
    let mut wanted = Vec::new();
    for output in instance.step(input, DUE)? {
        let answer = match &output {
            Output::Persist { ticket, .. } => Some(Input::Persisted { ticket: *ticket }),
            Output::Sign { ticket, unsigned } => {
                let seal = match unsigned {
                    Unsigned::Commit { commit_hash, .. } => Some(Symbolic::sign(seat(3), *commit_hash)),
                    _ => None,
                };
                let signatures = Signatures { message: Symbolic::sign(seat(3), B256::ZERO), seal };
                Some(Input::Signed { ticket: *ticket, signatures })
            }
            Output::Validate { height, round, digest, .. } => Some(Input::Validated {
                height: *height,
                round: *round,
                digest: *digest,
                verdict: Verdict::Valid,
            }),
            _ => None,
        };
        wanted.push(output);
        if let Some(answer) = answer {
            wanted.extend(tell(instance, answer)?);
        }
    }
    Ok(wanted)
}

fn sent(outputs: &[Output<Zero>]) -> Vec<&Message<Zero>> {
    let broadcasts = outputs.iter().filter_map(|output| match output {
        Output::Broadcast { message, .. } => Some(message),
        _ => None,
    });
    broadcasts.collect()
}

/// Besu's block of round 1, whose turn is seat 2's, accepted and prepared by this node.
fn proposed(instance: &mut Instance<Zero>) -> Zero {
    let block = Zero(block(2, 1));
    let round_changes = [1, 2, 4].map(|from| round_change(from, 1, None)).into();
    let outputs = tell(instance, proposal(2, 1, block, round_changes, Arc::from([]))).unwrap();
    let prepared = sent(&outputs).into_iter().find_map(|message| match message {
        Message::Prepare(prepare) => Some(prepare.payload().digest),
        _ => None,
    });
    assert_eq!(prepared, Some(block.digest()), "votes of ours hide the round");
    assert_ne!(block.digest(), besu(block));
    block
}

fn vote(instance: &mut Instance<Zero>, from: u8, digest: B256) -> Result<Vec<Output<Zero>>, Rejected> {
    tell(instance, Input::Message(Message::Prepare(prepare(from, 1, digest))))
}

#[test]
fn prepares_lock_by_one_digest_and_commits_by_either_finalise_seals_of_one_preimage() {
    let mut instance = start(true);
    let block = proposed(&mut instance);
    assert!(vote(&mut instance, 2, besu(block)).unwrap().is_empty(), "counted");
    let mixed = vote(&mut instance, 1, block.digest()).unwrap();
    assert!(mixed.is_empty(), "a quorum of both together is no certificate: {mixed:?}");
    let again = vote(&mut instance, 2, block.digest()).unwrap_err();
    assert_eq!(again.label(), "equivocation", "one vote per author, whatever digest it names");
    let outputs = vote(&mut instance, 4, block.digest()).unwrap();
    let [Message::Commit(own)] = sent(&outputs)[..] else { panic!("a commit in {outputs:?}") };
    assert_eq!(own.payload().digest, block.digest());

    tell(&mut instance, commit(2, 1, besu(block), block)).unwrap();
    let outputs = tell(&mut instance, commit(1, 1, block.digest(), block)).unwrap();
    let [Output::Finalise { block: decided, round: 1, seals }] = &outputs[..] else {
        panic!("final, not {outputs:?}")
    };
    assert_eq!(*decided, block);
    let authors: Vec<Seal> = [3, 2, 1].map(|from| Symbolic::sign(seat(from), block.commit_hash(1))).into();
    assert_eq!(*seals, authors, "every seal is over the header with the round of the commit");
}

#[test]
fn a_quorum_by_the_other_digest_locks_too_and_the_lock_is_shown_as_it_was_certified() {
    let mut instance = start(true);
    let block = proposed(&mut instance);
    for from in [1, 2] {
        assert!(vote(&mut instance, from, besu(block)).unwrap().is_empty());
    }
    let outputs = vote(&mut instance, 4, besu(block)).unwrap();
    let [Message::Commit(own)] = sent(&outputs)[..] else { panic!("a commit in {outputs:?}") };
    assert_eq!(own.payload().digest, besu(block));
    let timer = qbft::Timer { kind: qbft::TimerKind::Round, height: 1, round: 1 };
    let outputs = tell(&mut instance, Input::Timeout(timer)).unwrap();
    let [Message::RoundChange(own)] = sent(&outputs)[..] else { panic!("a round change in {outputs:?}") };
    let claim = Prepared { round: 1, digest: besu(block) };
    assert_eq!(own.round_change.payload().prepared, Some(claim));
    assert!(own.prepares.iter().all(|part| part.payload().digest == besu(block)));
    assert_eq!(own.prepares.len(), 3);
}

#[test]
fn a_seal_over_another_round_does_not_count_by_either_digest() {
    let mut instance = start(true);
    let block = proposed(&mut instance);
    let seal = Symbolic::sign(seat(2), block.commit_hash(0));
    let commit = Commit { height: 1, round: 1, digest: besu(block), seal };
    let input = Input::Message(Message::Commit(Verified::symbolic(commit, seat(2))));
    assert_eq!(tell(&mut instance, input).unwrap_err().label(), "bad_seal");
}

#[test]
fn where_digests_are_not_mixed_neither_such_a_block_nor_such_a_vote_is_taken() {
    let mut instance = start(false);
    let block = Zero(block(2, 1));
    let round_changes: Vec<_> = [1, 2, 4].map(|from| round_change(from, 1, None)).into();
    let refused = tell(&mut instance, proposal(2, 1, block, round_changes.clone(), Arc::from([])));
    assert!(matches!(refused, Err(Rejected::BadBlock(_))), "{refused:?}");
    let plain = block.with_round(0);
    tell(&mut instance, proposal(2, 1, plain, round_changes, Arc::from([]))).unwrap();
    assert_eq!(vote(&mut instance, 4, besu(block)).unwrap_err().label(), "wrong_digest");
}

/// Seat 3's turn is round 2; seat 4 proposes in round 3.
fn again(content: u8, claims: [Option<(u32, B256)>; 3], prepared: Arc<[Verified<Prepare>]>) -> Input<Zero> {
    let block = Zero(Block { content, ..block(2, 0) });
    let round_changes = claims.iter().zip([1, 2, 4]).map(|(claim, from)| round_change(from, 3, *claim));
    proposal(4, 3, block, round_changes.collect(), prepared)
}

#[test]
fn claims_by_either_digest_justify_the_same_content_and_no_other() {
    let prepared = Zero(block(2, 1));
    let (ours, theirs) = (prepared.digest(), besu(prepared));
    let claims = [Some((1, ours)), Some((1, theirs)), None];
    for digest in [ours, theirs] {
        let input = again(0, claims, prepares(&[1, 2, 4], 1, digest));
        assert!(tell(&mut start(true), input).is_ok());
    }
    let other = again(1, claims, prepares(&[1, 2, 4], 1, ours));
    assert!(matches!(tell(&mut start(true), other), Err(Rejected::BadJustification(_))));
    let halves: Arc<[_]> =
        [prepare(1, 1, ours), prepare(2, 1, ours), prepare(4, 1, theirs)].into_iter().collect();
    let input = again(0, claims, halves.clone());
    assert!(matches!(tell(&mut start(true), input), Err(Rejected::BadJustification(_))));
    assert!(tell(&mut start(false), again(0, claims, prepares(&[1, 2, 4], 1, ours))).is_err());

    let claim = |prepares| {
        let round_change = round_change(1, 2, Some((1, theirs)));
        let message = RoundChangeMessage { round_change, block: Some(prepared), prepares };
        Input::Message(Message::RoundChange(Arc::new(message)))
    };
    assert!(tell(&mut start(true), claim(prepares(&[1, 2, 4], 1, theirs))).is_ok());
    assert!(tell(&mut start(true), claim(halves)).is_err());
    assert!(tell(&mut start(false), claim(prepares(&[1, 2, 4], 1, theirs))).is_err());
}
