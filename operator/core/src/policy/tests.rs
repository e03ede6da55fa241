use super::{
    Evicting, Joining, Leaving, Other, Restarting, TURN_BLOCKS, Turn, may_evict, may_leave, may_restart,
    may_seat,
};
use crate::{
    liveness::Hearing,
    names::{FleetName, NodeName},
    observed::MemberObserved,
    test_support::{HEIGHT, address, hearing, node_status},
};
use alloy_primitives::Address;
use chain::quorum::quorum;
use std::collections::BTreeSet;

mod sizes;
mod turns;

fn reason(verdict: super::Verdict) -> &'static str {
    verdict.map_or_else(|refusal| refusal.reason, |()| "")
}

fn member() -> MemberObserved {
    MemberObserved {
        id: 1,
        alias: "bank-a".to_owned(),
        admin: address(98),
        operators: vec![address(99)],
        capacity: 6,
        seats: 4,
        ..MemberObserved::default()
    }
}

/// The only member of its network: it is always its turn.
const ALONE: Option<Turn> = Some(Turn { place: 0, members: 1 });

fn restarting(hearing: &Hearing, index: u8) -> Restarting<'_> {
    Restarting {
        node: "bank-a-0",
        identity: Some(address(index)),
        other: None,
        hearing: Some(hearing),
        turn: ALONE,
        ignore_quorum: false,
    }
}

#[test]
fn a_seat_is_given_only_to_a_synced_node_of_a_healthy_network_within_the_contracts_limits() {
    let ready = node_status(5, 4, true);
    let syncing = node_status(5, 4, false);
    let mut no_proof = ready.clone();
    no_proof.identity.as_mut().expect("identity").seat_proof = None;
    let full = MemberObserved { seats: 6, ..member() };
    let unnamed = MemberObserved { operators: vec![address(97)], ..member() };
    let waits = MemberObserved { next_seat_block: 130, ..member() };
    let (all, three, two) = (hearing(4, 4), hearing(4, 3), hearing(4, 2));
    let cases = [
        ("a synced node with a proof", Some(&ready), &all, Some(member()), ""),
        ("a node that does not answer", None, &all, Some(member()), "NodeNotReachable"),
        ("a node that is not synced", Some(&syncing), &all, Some(member()), "NodeNotSynced"),
        ("a halted network", Some(&ready), &two, Some(member()), "QuorumLost"),
        ("Q(5) = 4 is reached by 3 live and the new one", Some(&ready), &three, Some(member()), ""),
        ("not a member", Some(&ready), &all, None, "NotMember"),
        ("operator account not named", Some(&ready), &all, Some(unnamed), "OperatorUnknown"),
        ("no capacity", Some(&ready), &all, Some(full), "CapacityReached"),
        ("too soon", Some(&ready), &all, Some(waits), "SeatTooSoon"),
        ("no proof yet", Some(&no_proof), &all, Some(member()), "NoSeatProof"),
    ];
    for (what, status, hearing, member, want) in cases {
        let joining = Joining {
            node: "bank-a-4",
            fence: None,
            status,
            hearing,
            member: member.as_ref(),
            operator: address(99),
            height: 100,
        };
        assert_eq!(reason(may_seat(&joining)), want, "{what}");
    }
}

#[test]
fn a_seat_is_given_up_only_while_the_rest_keeps_quorum() {
    let cases = [
        ("4 of 4 live", hearing(4, 4), 4, ""),
        ("a dead one leaves: 3 of 3 stay", hearing(4, 3), 4, ""),
        ("a live one leaves: 2 of 3 stay, Q(3) = 2", hearing(4, 3), 1, ""),
        ("halted", hearing(4, 2), 1, "QuorumLost"),
        ("5 seats, 4 live, a live one leaves: 3 of 4, Q(4) = 3", hearing(5, 4), 1, ""),
        ("6 seats, 4 live, a live one leaves: 3 of 5, Q(5) = 4", hearing(6, 4), 1, "WouldLoseQuorum"),
        ("the last seat", hearing(1, 1), 1, "LastSeat"),
    ];
    for (what, hearing, index, want) in cases {
        let leaving = Leaving { node: "bank-a-0", identity: address(index), hearing: &hearing, turn: ALONE };
        assert_eq!(reason(may_leave(&leaving)), want, "{what}");
    }
}

#[test]
fn a_seat_that_votes_is_given_up_in_its_members_turn_and_a_dead_one_at_any_time() {
    let hearing = hearing(7, 6);
    let turn = |place| Some(Turn { place, members: 2 });
    let cases = [
        ("another member's turn", 1, turn(0), "NotOurTurn"),
        ("a turn that is not known", 1, None, "TurnUnknown"),
        ("our turn", 1, turn(1), ""),
        ("a dead seat in another member's turn", 7, turn(0), ""),
    ];
    for (what, index, turn, want) in cases {
        let leaving = Leaving { node: "bank-a-0", identity: address(index), hearing: &hearing, turn };
        assert_eq!(reason(may_leave(&leaving)), want, "{what}");
    }
}

#[test]
fn a_broken_pod_takes_the_place_of_the_one_that_may_be_down_unless_enough_others_vote() {
    let none = BTreeSet::new();
    let name = |index| (FleetName("bank-a".to_owned()).node(index), "ImagePullFailed");
    let evict = |hearing: &Hearing, broken: &[(NodeName, &'static str)]| {
        may_evict(&Evicting { hearing, settling: &none, broken })
    };
    assert_eq!(reason(evict(&hearing(7, 7), &[])), "");
    let refused = evict(&hearing(7, 6), &[name(6)]).expect_err("mended, it would let two others go");
    assert_eq!(refused.reason, "AnotherNodeDown");
    assert!(
        refused.message.contains("bank-a-6") && refused.message.contains("ImagePullFailed"),
        "{refused:?}"
    );
    assert_eq!(reason(evict(&hearing(10, 9), &[name(9)])), "", "two may go: 7 of 10 are a quorum");
    assert_eq!(reason(evict(&hearing(10, 8), &[name(8), name(9)])), "AnotherNodeDown");
    assert_eq!(reason(evict(&hearing(2, 1), &[name(1)])), "", "Q = N: it is a pause in any case");
}

#[test]
fn a_refusal_carries_the_arithmetic() {
    let hearing = hearing(6, 4);
    let leaving = Leaving { node: "bank-a-5", identity: address(1), hearing: &hearing, turn: ALONE };
    let message = may_leave(&leaving).expect_err("refused").message;
    assert!(
        message.contains("5 seats") && message.contains("quorum of 4") && message.contains("3 vote now"),
        "{message}"
    );
}

#[test]
fn a_node_restarts_only_alone_in_its_members_turn_and_only_if_the_others_are_a_quorum() {
    let (four, three, two, pair, one) =
        (hearing(4, 4), hearing(4, 3), hearing(4, 2), hearing(2, 2), hearing(1, 1));
    let other_turn = Some(Turn { place: 0, members: 2 });
    let our_turn = Some(Turn { place: 1, members: 2 });
    assert_eq!(HEIGHT, 100, "block 100 is in the second of two members' turns");
    let cases = [
        ("4 of 4 vote", restarting(&four, 1), ""),
        (
            "another pod is down",
            Restarting { other: Some(Other::Down("bank-a-1")), ..restarting(&four, 1) },
            "AnotherNodeDown",
        ),
        (
            "another pod is up and does not vote yet",
            Restarting { other: Some(Other::NotVoting("bank-a-1")), ..restarting(&four, 1) },
            "AwaitingVotes",
        ),
        ("3 of 4 vote", restarting(&three, 1), "WouldLoseQuorum"),
        ("3 of 4 vote, this one does not", restarting(&three, 4), ""),
        ("halted", restarting(&two, 1), "QuorumLost"),
        ("Q = N: every restart is a pause", restarting(&pair, 1), ""),
        ("the only seat", restarting(&one, 1), ""),
        ("nobody answers", Restarting { hearing: None, ..restarting(&four, 1) }, "NoNodeAnswers"),
        (
            "nobody answers an observer",
            Restarting { hearing: None, identity: None, ..restarting(&four, 1) },
            "",
        ),
        ("an observer of a halted network", Restarting { identity: None, ..restarting(&two, 1) }, ""),
        ("our turn", Restarting { turn: our_turn, ..restarting(&four, 1) }, ""),
        ("another member's turn", Restarting { turn: other_turn, ..restarting(&four, 1) }, "NotOurTurn"),
        ("a turn that is not known", Restarting { turn: None, ..restarting(&four, 1) }, "TurnUnknown"),
        ("a seat nobody hears needs no turn", Restarting { turn: other_turn, ..restarting(&three, 4) }, ""),
    ];
    for (what, restarting, want) in cases {
        assert_eq!(reason(may_restart(&restarting)), want, "{what}");
    }
}

#[test]
fn the_annotation_overrides_what_concerns_votes_and_never_lets_two_pods_go() {
    let two = hearing(4, 2);
    let ignoring =
        |restarting: Restarting<'_>| reason(may_restart(&Restarting { ignore_quorum: true, ..restarting }));
    assert_eq!(ignoring(restarting(&two, 1)), "");
    assert_eq!(ignoring(Restarting { hearing: None, turn: None, ..restarting(&two, 1) }), "");
    assert_eq!(ignoring(Restarting { other: Some(Other::NotVoting("bank-a-1")), ..restarting(&two, 1) }), "");
    assert_eq!(
        ignoring(Restarting { other: Some(Other::Down("bank-a-1")), ..restarting(&two, 1) }),
        "AnotherNodeDown"
    );
}

#[test]
fn every_refusal_of_a_restart_for_the_sake_of_votes_names_the_override() {
    let (three, two) = (hearing(4, 3), hearing(4, 2));
    let refused = [
        restarting(&three, 1),
        restarting(&two, 1),
        Restarting { hearing: None, ..restarting(&three, 1) },
        Restarting { turn: None, ..restarting(&hearing(4, 4), 1) },
    ]
    .map(|restarting| may_restart(&restarting).expect_err("refused").message);
    for message in refused {
        assert!(message.contains("quorate.dev/ignore-quorum=true"), "{message}");
    }
    let message = may_restart(&restarting(&three, 1)).expect_err("refused").message;
    assert!(message.contains("3 of 4 seats vote now and 3 are needed"), "{message}");
}

#[test]
fn a_drain_may_stop_a_node_only_while_a_quorum_votes_without_it_and_none_of_ours_is_settling() {
    let (none, one) = (BTreeSet::new(), BTreeSet::from([address(2)]));
    let evict = |hearing: &Hearing, settling: &BTreeSet<Address>| {
        reason(may_evict(&Evicting { hearing, settling, broken: &[] }))
    };
    assert_eq!(evict(&hearing(4, 4), &none), "");
    assert_eq!(evict(&hearing(4, 3), &none), "WouldLoseQuorum");
    assert_eq!(evict(&hearing(7, 7), &one), "AwaitingVotes");
    assert_eq!(evict(&hearing(7, 6), &none), "");
    assert_eq!(evict(&hearing(7, 5), &none), "WouldLoseQuorum");
    assert_eq!(evict(&hearing(2, 2), &none), "", "Q = N: a drain is a pause, as every restart is");
}
