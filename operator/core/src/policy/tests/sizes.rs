//! All sizes up to 20 and all live sets: which seats are live matters only by their number and by whether ours is among
//! them, which the sets of up to 9 seats, looked at one by one, confirm.

use super::*;
use crate::api::consortium::Region;

const MOST: u8 = 20;

/// Every number of live seats, with ours (the first) among them and not.
fn every_number(total: u8) -> impl Iterator<Item = Hearing> {
    let with = move |live: u8| hearing(total, live);
    let without = move |live: u8| {
        let seats = (2..=live.saturating_add(1)).map(address).collect::<BTreeSet<_>>();
        Hearing { live: seats.clone(), present: seats, ..hearing(total, 0) }
    };
    (1..=total).map(with).chain((0..total).map(without))
}

/// Every live set.
fn every_set(total: u8) -> impl Iterator<Item = Hearing> {
    (0..1_u32 << total).map(move |set| {
        let seats: BTreeSet<_> =
            (0..total).filter(|seat| set >> seat & 1 == 1).map(|seat| address(seat + 1)).collect();
        Hearing { live: seats.clone(), present: seats, ..hearing(total, 0) }
    })
}

fn leaves_quorum(hearing: &Hearing, seats: usize) -> bool {
    let left = hearing.present.iter().filter(|seat| **seat != address(1)).count();
    left >= quorum(seats)
}

fn check(hearing: &Hearing) {
    let total = hearing.total();
    let ours = hearing.live.contains(&address(1));
    let verdict = may_restart(&restarting(hearing, 1));
    let wanted = !ours || leaves_quorum(hearing, total) || (hearing.needs_all() && hearing.healthy());
    assert_eq!(verdict.is_ok(), wanted, "restart: {verdict:?} {hearing:?}");
    let evict = may_evict(&Evicting { hearing, settling: &BTreeSet::new(), broken: &[] });
    let spare = hearing.present.len() > quorum(total) || hearing.needs_all();
    assert_eq!(evict.is_ok(), spare, "evict: {evict:?} {hearing:?}");
    let leaving = may_leave(&Leaving { node: "n", identity: address(1), hearing, turn: ALONE });
    let wanted = total > 1 && hearing.healthy() && leaves_quorum(hearing, total - 1);
    assert_eq!(leaving.is_ok(), wanted, "leave: {leaving:?} {hearing:?}");
    let ready = node_status(100, 1, true);
    let joining = Joining {
        node: "n",
        fence: None,
        status: Some(&ready),
        hearing,
        member: Some(&member()),
        operator: address(99),
        height: HEIGHT,
    };
    let verdict = may_seat(&joining);
    let wanted = hearing.healthy() && hearing.present.len() + 1 >= quorum(total + 1);
    assert_eq!(verdict.is_ok(), wanted, "join: {verdict:?} {hearing:?}");
}

#[test]
fn no_policy_breaks_the_quorum_or_refuses_what_keeps_it_for_any_number_of_live_seats_of_up_to_20() {
    for total in 1..=MOST {
        every_number(total).for_each(|hearing| check(&hearing));
    }
}

#[test]
fn nor_for_any_live_set_of_up_to_9_seats() {
    for total in 1..=9 {
        every_set(total).for_each(|hearing| check(&hearing));
    }
}

#[test]
fn a_seat_that_is_live_but_was_not_heard_lately_is_not_counted_on() {
    for total in 3..=MOST {
        for live in 0..=total {
            for missing in 0..=live {
                let present = (1..=live - missing).map(address).collect();
                let hearing = Hearing { present, ..hearing(total, live) };
                let counted = hearing.live.contains(&address(1));
                if counted && may_restart(&restarting(&hearing, 1)).is_ok() {
                    let stays = hearing.present.len().saturating_sub(1);
                    assert!(
                        stays >= quorum(usize::from(total)),
                        "{total} seats, {live} live, {missing} missing"
                    );
                }
            }
        }
    }
}

#[test]
fn at_every_height_at_most_one_member_may_begin_and_each_may_within_one_round() {
    for members in 2..=8_u64 {
        let turns: Vec<_> = (0..members).map(|place| Turn { place, members }).collect();
        for height in 0..3 * TURN_BLOCKS * members {
            let open = turns.iter().filter(|turn| turn.is_open(height)).count();
            assert!(open <= 1, "{members} members at {height}");
            for turn in &turns {
                let next = turn.next(height);
                assert!(turn.is_open(next) && next > height && next - height <= TURN_BLOCKS * members);
            }
        }
    }
}

fn listed(admin: u8) -> crate::api::consortium::MemberSeats {
    crate::api::consortium::MemberSeats {
        alias: format!("bank-{admin}"),
        admin: address(admin).to_string(),
        capacity: 4,
        seats: 1,
        live: 1,
    }
}

#[test]
fn a_turn_is_read_from_the_members_in_on_chain_order() {
    let members: Vec<_> = [7, 3, 5].map(listed).into();
    assert_eq!(Turn::among(&members, address(3), None), Some(Turn { place: 1, members: 3 }));
    assert_eq!(Turn::among(&members, address(4), None), None, "no member yet, or no longer");
    assert_eq!(Turn::among(&[], address(3), None), None);
}

#[test]
fn clusters_of_one_member_share_its_turns_and_no_two_of_anybody_have_one_at_once() {
    for members in 1..=3_u8 {
        let listed: Vec<_> = (1..=members).map(listed).collect();
        for of in 2..=3 {
            let clusters = (1..=of).map(|place| Region { place, of });
            let ours: Vec<_> =
                clusters.filter_map(|region| Turn::among(&listed, address(1), Some(region))).collect();
            assert_eq!(ours.len(), usize::try_from(of).expect("few"));
            let others = (2..=members).filter_map(|other| Turn::among(&listed, address(other), None));
            let all: Vec<_> = ours.iter().copied().chain(others).collect();
            let last = ours.iter().map(|turn| turn.next(0) + TURN_BLOCKS).max().unwrap_or_default();
            for height in 0..=last {
                assert!(all.iter().filter(|turn| turn.is_open(height)).count() <= 1, "block {height}");
            }
            assert!(ours.iter().all(|turn| (0..=last).any(|height| turn.is_open(height))));
        }
    }
}
