//! Validator sets that change.

use crate::{
    bench::{Bench, Block, DUE, block, evidenced, head, prepare, prepare_message, proposal, seat},
    net::Net,
};
use chain::{
    Vote,
    profile::Family,
    voting::{Cast, VoteTally},
};
use qbft::{
    Input, Message, NewHead, Proposal, ProposerRule, Verified,
    message::{Justification, Prepared, ProposalMessage, ProposalPayload, RoundChange},
    proposer::proposer,
};
use std::sync::Arc;

/// Seats 1, 2, 3 and 5: seat 4 has left for height 2, seat 5 has come.
fn head_without_four() -> NewHead {
    NewHead { validators: [1, 2, 3, 5].map(seat).into(), ..head(1) }
}

/// A block of height 2.
fn next(proposer: u8, round: u32) -> Block {
    Block { height: 2, parent: head(1).hash, timestamp: 1_004, ..block(proposer, round) }
}

fn wants(from: u8, prepared: Option<&Block>) -> Verified<RoundChange> {
    let prepared = prepared.map(|block| Prepared { round: block.round, digest: block.digest() });
    Verified::symbolic(RoundChange { height: 2, round: 1, prepared }, seat(from))
}

fn proposed(from: u8, block: Block, round_changes: Vec<Verified<RoundChange>>) -> Input<Block> {
    let proposal = Verified::symbolic(ProposalPayload { height: 2, round: 1, block }, seat(from));
    let justification = Justification { round_changes, prepares: Arc::from([]) };
    Input::Message(Message::Proposal(Arc::new(ProposalMessage { proposal, justification })))
}

/// A bench at height 2, of which seat 4 is no validator any more.
fn at_height_2(seat: u8) -> Bench {
    let (mut bench, _) = Bench::start(seat);
    bench.now_ms = DUE + 2_000;
    bench.tell(Input::NewBlock(head_without_four()));
    bench
}

/// Models the split that Besu's and GoQuorum's sources leave (`qbft-facts` §3.2): when the proposer of the last block, or
/// whose turn is next, has left the set, the two disagree on who is to propose. One rule is the network's, and every
/// node keeps to it.
#[test]
fn the_turn_passes_over_a_removed_validator_by_the_networks_rule() {
    let cases = [
        ("next one removed", [1, 3, 4, 5], 1, 3, 3),
        ("last proposer removed", [1, 3, 4, 5], 2, 3, 3),
        ("last proposer removed, another rule", [1, 2, 3, 5], 4, 5, 2),
        ("last proposer removed, the turn wraps", [1, 2, 3, 4], 5, 1, 2),
    ];
    for (what, set, last, besu, goquorum) in cases {
        let set = set.map(seat);
        assert_eq!(proposer(ProposerRule::Besu, &set, seat(last), 0), Some(seat(besu)), "{what}");
        assert_eq!(proposer(ProposerRule::GoQuorum, &set, seat(last), 0), Some(seat(goquorum)), "{what}");
    }

    let mut net = Net::new(&[1, 2, 3, 4, 5], |height| {
        [1, 2, 3, 4, 5].into_iter().filter(|seat| height < 2 || *seat != 2).collect()
    });
    net.run(30_000, |net| net.have(&[1, 3, 4, 5], 6)).expect("six blocks");
    assert!(net.chain(1).iter().all(|(_, round)| *round == 0), "no turn was wasted on the one removed");
    net.assert_no_fork();
}

/// Models besu#2901 and the transitions that GoQuorum applies a block late (`qbft-facts` §4.2): at a boundary the set of
/// the height before was used for the height after it. A vote kept from before the boundary counts only if its author
/// is still there behind it.
#[test]
fn behind_a_boundary_only_the_new_set_counts() {
    let (mut bench, _) = Bench::start(2);
    let block = next(1, 0);
    bench.tell(proposal(1, 0, &block));
    bench.tell(prepare_message(1, &block));
    bench.tell(prepare_message(4, &block));
    bench.now_ms = DUE + 2_000;
    let lines = bench.tell(Input::NewBlock(head_without_four()));
    assert!(lines.contains(&"send prepare r0".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"send commit r0".to_owned()), "seat 4 has left: {lines:?}");
    let lines = bench.tell(prepare_message(5, &block));
    assert!(lines.contains(&"send commit r0".to_owned()), "seat 5 has come: {lines:?}");
}

/// Models what besu#1771 lists to be checked, and GoQuorum does not (`qbft-facts` §3.7): that whoever stands in a
/// justification is a validator of that height.
#[test]
fn a_justification_by_members_of_another_set_is_none() {
    let fresh = next(2, 1);
    for stranger in [4, 9] {
        let proof = vec![wants(1, None), wants(3, None), wants(stranger, None)];
        let mut other = at_height_2(3);
        other.tell(proposed(2, fresh, proof));
        assert_eq!((other.instance.round(), other.sent.len()), (0, 0), "stranger {stranger}");
    }

    // A certificate with a PREPARE of the one who left.
    let (mut bench, old) = (at_height_2(2), next(1, 0));
    let prepares: Arc<[_]> = [1, 3, 4].iter().map(|from| prepare(*from, &old)).collect();
    bench.tell(evidenced(wants(1, Some(&old)), Some(old), prepares));
    bench.tell(evidenced(wants(3, None), None, Arc::from([])));
    assert_eq!((bench.instance.round(), bench.sent.len()), (0, 0), "one voice is left");
}

/// Models besu#9870: at an epoch the votes to add were cleared and those to drop were not, so that nodes of two versions,
/// and a node that synced from the epoch block, had different sets.
#[test]
fn no_vote_outlives_its_epoch_whichever_way_it_goes() {
    for family in [Family::Quorate, Family::Besu, Family::GoQuorum] {
        for (recipient, add) in [(4, false), (5, true)] {
            let vote = Some(Vote { recipient: seat(recipient), add });
            let before = [1, 2, 3, 4].map(seat);
            let mut tally = VoteTally::new(family, &before);
            for (block, author) in [(8, 1), (9, 2)] {
                tally.apply(&Cast { block, author: seat(author), vote, is_epoch: false });
            }
            tally.apply(&Cast { block: 10, author: seat(1), vote: None, is_epoch: true });
            tally.apply(&Cast { block: 11, author: seat(3), vote, is_epoch: false });
            assert_eq!(tally.validators(), before, "{family:?}: the third voice is the first of its epoch");
            for (block, author) in [(12, 1), (13, 2)] {
                tally.apply(&Cast { block, author: seat(author), vote, is_epoch: false });
            }
            let is_in = tally.validators().contains(&seat(recipient));
            assert_eq!(is_in, add, "{family:?}: three of four in one epoch decide");
        }
    }
}
