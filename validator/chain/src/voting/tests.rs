use super::*;
use alloc::vec;

fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn tally(family: Family, size: u8) -> VoteTally {
    let all: Vec<_> = (1..=size).rev().map(address).collect();
    VoteTally::new(family, &all)
}

fn cast(tally: &mut VoteTally, author: u8, vote: Option<(u8, bool)>, is_epoch: bool) {
    let vote = vote.map(|(recipient, add)| Vote { recipient: address(recipient), add });
    tally.apply(&Cast { block: 1, author: address(author), vote, is_epoch });
}

#[test]
fn the_set_is_sorted_and_names_each_validator_once_however_it_was_given() {
    let tally = VoteTally::new(Family::Besu, &[address(3), address(1), address(3)]);
    assert_eq!(tally.validators(), [address(1), address(3)]);
}

#[test]
fn a_vote_in_an_epoch_block_counts_in_goquorum_and_is_discarded_in_besu() {
    for (family, validators) in [(Family::Besu, 1), (Family::Quorate, 1), (Family::GoQuorum, 2)] {
        let mut tally = tally(family, 1);
        cast(&mut tally, 1, Some((9, true)), true);
        assert_eq!(tally.validators().len(), validators, "{family:?}");
    }
}

#[test]
fn an_epoch_block_clears_votes_to_add_and_votes_to_drop() {
    for family in [Family::Besu, Family::GoQuorum] {
        let mut tally = tally(family, 4);
        cast(&mut tally, 1, Some((9, true)), false);
        cast(&mut tally, 1, Some((4, false)), false);
        assert_eq!(tally.ballots().count(), 2);
        cast(&mut tally, 2, None, true);
        assert_eq!(tally.ballots().count(), 0, "{family:?}");
    }
}

#[test]
fn votes_of_a_removed_validator_no_longer_count() {
    for family in [Family::Besu, Family::GoQuorum] {
        let mut tally = tally(family, 3);
        cast(&mut tally, 3, Some((9, true)), false);
        cast(&mut tally, 1, Some((3, false)), false);
        cast(&mut tally, 2, Some((3, false)), false);
        assert_eq!(tally.validators(), [address(1), address(2)]);
        cast(&mut tally, 1, Some((9, true)), false);
        assert_eq!(tally.validators().len(), 2, "{family:?}: one of two is no majority");
        cast(&mut tally, 2, Some((9, true)), false);
        assert_eq!(tally.validators().len(), 3, "{family:?}");
    }
}

#[test]
fn votes_for_what_is_so_already_clear_pending_ones_in_besu_only() {
    for (family, pending) in [(Family::Besu, 0), (Family::GoQuorum, 1)] {
        let mut tally = tally(family, 3);
        cast(&mut tally, 3, Some((1, false)), false);
        cast(&mut tally, 1, Some((1, true)), false);
        cast(&mut tally, 2, Some((1, true)), false);
        assert_eq!(tally.ballots().count(), pending, "{family:?}");
    }
}

#[test]
fn a_block_without_a_vote_changes_nothing() {
    for family in [Family::Besu, Family::GoQuorum] {
        let mut tally = tally(family, 4);
        cast(&mut tally, 1, Some((9, true)), false);
        let before = tally.clone();
        cast(&mut tally, 1, None, false);
        assert_eq!(tally, before, "{family:?}");
    }
}

#[test]
fn the_next_vote_goes_round_what_is_still_open() {
    let mut tally = tally(Family::Besu, 3);
    let wanted: BTreeMap<_, _> =
        [(address(2), true), (address(3), false), (address(8), true), (address(9), false)].into();
    let choose = |tally: &VoteTally, turn| tally.choose(address(1), &wanted, turn).map(|vote| vote.recipient);
    let turns: Vec<_> = (0..4).map(|turn| choose(&tally, turn)).collect();
    assert_eq!(turns, [3, 8, 3, 8].map(|byte| Some(address(byte))));
    cast(&mut tally, 1, Some((3, false)), false);
    assert_eq!(choose(&tally, 0), Some(address(8)));
    cast(&mut tally, 1, Some((8, true)), false);
    assert_eq!(choose(&tally, 0), None);
    // A changed mind is worth a vote again.
    assert!(tally.choose(address(1), &[(address(8), false)].into(), 7).is_some());
    assert_eq!(tally.choose(address(1), &BTreeMap::new(), 0), None);
    assert_eq!(vec![address(1)], tally.validators()[..1]);
}
