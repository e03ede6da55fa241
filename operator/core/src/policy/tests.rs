use super::{Joining, Leaving, Restarting, may_leave, may_restart, may_seat};
use crate::{
    liveness::Hearing,
    observed::MemberObserved,
    test_support::{address, hearing, node_status},
};
use chain::quorum::quorum;

fn reason(verdict: super::Verdict) -> &'static str {
    verdict.map_or_else(|refusal| refusal.reason, |()| "")
}

fn member() -> MemberObserved {
    MemberObserved {
        id: 1,
        alias: "bank-a".to_owned(),
        admin: address(99),
        capacity: 6,
        seats: 4,
        next_seat_block: 0,
    }
}

#[test]
fn a_seat_is_given_only_to_a_synced_node_of_a_healthy_network_within_the_contracts_limits() {
    let ready = node_status(5, 4, true);
    let syncing = node_status(5, 4, false);
    let mut no_proof = ready.clone();
    no_proof.identity.as_mut().expect("identity").seat_proof = None;
    let full = MemberObserved { seats: 6, ..member() };
    let waits = MemberObserved { next_seat_block: 130, ..member() };
    let (all, three, two) = (hearing(4, 4), hearing(4, 3), hearing(4, 2));
    let cases = [
        ("a synced node with a proof", Some(&ready), &all, Some(member()), ""),
        ("a node that does not answer", None, &all, Some(member()), "NodeNotReachable"),
        ("a node that is not synced", Some(&syncing), &all, Some(member()), "NodeNotSynced"),
        ("a halted network", Some(&ready), &two, Some(member()), "QuorumLost"),
        ("Q(5) = 4 is reached by 3 live and the new one", Some(&ready), &three, Some(member()), ""),
        ("not a member", Some(&ready), &all, None, "NotMember"),
        ("no capacity", Some(&ready), &all, Some(full), "CapacityReached"),
        ("too soon", Some(&ready), &all, Some(waits), "SeatTooSoon"),
        ("no proof yet", Some(&no_proof), &all, Some(member()), "NoSeatProof"),
    ];
    for (what, status, hearing, member, want) in cases {
        let joining = Joining { node: "bank-a-4", status, hearing, member: member.as_ref(), height: 100 };
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
        let leaving = Leaving { node: "bank-a-0", identity: address(index), hearing: &hearing };
        assert_eq!(reason(may_leave(&leaving)), want, "{what}");
    }
}

#[test]
fn leaving_never_breaks_quorum_for_any_size_and_any_number_of_live_seats() {
    for total in 2..=40_u8 {
        for live in 0..=total {
            let hearing = hearing(total, live);
            let leaving = Leaving { node: "n", identity: address(1), hearing: &hearing };
            if may_leave(&leaving).is_ok() {
                let left = usize::from(live) - usize::from(hearing.live.contains(&address(1)));
                assert!(left >= quorum(usize::from(total) - 1), "N = {total}, live = {live}");
            }
        }
    }
}

#[test]
fn a_refusal_carries_the_arithmetic() {
    let hearing = hearing(6, 4);
    let leaving = Leaving { node: "bank-a-5", identity: address(1), hearing: &hearing };
    let message = may_leave(&leaving).expect_err("refused").message;
    assert!(
        message.contains("5 seats") && message.contains("quorum of 4") && message.contains("3 are heard"),
        "{message}"
    );
}

#[test]
fn a_node_restarts_only_alone_and_only_if_the_others_are_a_quorum() {
    let restart = |hearing: &Hearing, index: u8, other_down| {
        let node = Restarting {
            node: "bank-a-0",
            identity: Some(address(index)),
            other_down,
            hearing: Some(hearing),
        };
        reason(may_restart(&node))
    };
    assert_eq!(restart(&hearing(4, 4), 1, None), "");
    assert_eq!(restart(&hearing(4, 4), 1, Some("bank-a-1")), "AnotherNodeDown");
    assert_eq!(restart(&hearing(4, 3), 1, None), "WouldLoseQuorum");
    assert_eq!(restart(&hearing(4, 3), 4, None), "", "a seat that is not heard anyway");
    assert_eq!(
        restart(&hearing(2, 2), 1, None),
        "",
        "Q = N: every restart is a pause, and is done one at a time"
    );
    assert_eq!(restart(&hearing(1, 1), 1, None), "");
}
