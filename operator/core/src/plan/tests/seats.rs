//! Seats given, given up and kept, one at a time, and what a drain may take meanwhile.

use super::{moved, network, stored, valid_consortium};
use crate::{
    api::conditions::reasons,
    names::FleetName,
    observed::{ConsortiumObserved, PeerNode},
    plan::consortium,
    policy::Turn,
};
use alloy_primitives::B512;

#[test]
fn one_seat_moves_at_a_time_joins_before_leaves_and_highest_index_first() {
    let valid = valid_consortium();
    assert_eq!(moved(&consortium(&valid, &network(4, 4, 4))), None);
    assert_eq!(moved(&consortium(&valid, &network(5, 5, 4))), Some(("seat", "bank-a-4")));
    assert_eq!(moved(&consortium(&valid, &network(3, 5, 5))), Some(("unseat", "bank-a-4")));
    let mut busy = network(5, 5, 4);
    busy.in_flight = true;
    let plan = consortium(&valid, &busy);
    assert_eq!((moved(&plan), plan.waits[0].reason), (None, reasons::MOVING_SEATS));
}

#[test]
fn nodes_are_let_peer_after_all_seats_and_only_former_ones_of_this_namespace_are_taken_off_the_list() {
    let peer = |index| PeerNode {
        name: FleetName("bank-a".to_owned()).node(index),
        node_id: B512::repeat_byte(u8::try_from(index).expect("few") + 1),
        outside: None,
    };
    let valid = valid_consortium();
    let mut observed = network(4, 4, 4);
    observed.peers = (0..4).map(peer).collect();
    assert_eq!(moved(&consortium(&valid, &observed)), None, "the list is not read");
    let ids = |from: u32, to: u32| Some((from..to).map(|index| peer(index).node_id).collect());
    observed.allowed = ids(0, 3);
    assert_eq!(moved(&consortium(&valid, &observed)), Some(("allow", "bank-a-3")));
    assert!(consortium(&valid, &observed).waits.is_empty(), "Ready does not wait for it");
    observed.allowed = ids(0, 9);
    assert_eq!(moved(&consortium(&valid, &observed)), None, "other clusters' nodes stay");
    observed.former = vec![peer(7)];
    assert_eq!(moved(&consortium(&valid, &observed)), Some(("forget", "bank-a-7")));
    observed.in_flight = true;
    assert_eq!(moved(&consortium(&valid, &observed)), None);
    let full = (100..132).map(|index| B512::repeat_byte(u8::try_from(index).expect("few"))).collect();
    let full = ConsortiumObserved { in_flight: false, allowed: Some(full), ..observed };
    assert_eq!(moved(&consortium(&valid, &full)), None, "no room");
    let mut growing = network(5, 5, 4);
    (growing.peers, growing.allowed) = (vec![peer(4)], ids(0, 0));
    assert_eq!(moved(&consortium(&valid, &growing)), Some(("seat", "bank-a-4")), "seats come first");
}

#[test]
fn an_operator_account_that_is_not_registered_seats_nobody() {
    let mut observed = network(5, 5, 4);
    observed.governance.as_mut().expect("governance").members[0].operators.clear();
    let plan = consortium(&valid_consortium(), &observed);
    assert_eq!((moved(&plan), plan.waits[0].reason), (None, reasons::OPERATOR_UNKNOWN));
}

#[test]
fn a_seat_that_another_operator_account_owns_is_left_alone() {
    let mut observed = network(3, 4, 4);
    let seats = &mut observed.governance.as_mut().expect("governance").seats;
    seats[3].operator = stored(50).key.address;
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), None);
}

#[test]
fn a_deleted_fleet_gives_its_seats_up_unless_it_is_the_whole_network() {
    let mut observed = network(4, 4, 4);
    observed.fleets[0].deleting = true;
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), None, "the whole network");
    observed.fleets[0].identities.remove(&0);
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), Some(("unseat", "bank-a-3")));
    observed.fleets[0].skip_unseat = true;
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), None, "the user lets it go");
}

#[test]
fn so_many_nodes_must_stay_up_that_one_eviction_is_left_or_none() {
    let valid = valid_consortium();
    let least = |observed: &ConsortiumObserved| {
        let plan = consortium(&valid, observed);
        (plan.min_available, plan.evictable.map(|verdict| verdict.is_ok()))
    };
    let mut observed = network(4, 4, 4);
    assert_eq!(least(&observed), (3, Some(true)));
    observed.fleets[0].replicas = 3;
    assert_eq!(least(&observed), (3, Some(true)), "the fourth still holds its seat");
    let mut unseated = ConsortiumObserved { running: 4, ..network(3, 4, 3) };
    assert_eq!(least(&unseated), (3, Some(true)), "it still runs, and may not be counted for one that votes");
    unseated.running = 3;
    assert_eq!(least(&unseated), (2, Some(true)));
    for status in &mut observed.nodes {
        status.seats[0].at_ms = 0;
    }
    assert_eq!(least(&observed), (4, Some(false)), "3 of 4 vote: none may go");
    observed.nodes.clear();
    assert_eq!(least(&observed).1, None, "nobody answers: the budget stays as it is");
}

#[test]
fn a_consortium_that_is_being_deleted_gives_seats_up_and_makes_nothing() {
    let valid = valid_consortium();
    let deleted = |observed| ConsortiumObserved { deleting: Some(vec!["bank-a".to_owned()]), ..observed };
    let mut observed = deleted(network(4, 5, 5));
    observed.fleets[0].deleting = true;
    observed.fleets[0].identities.remove(&0);
    let plan = consortium(&valid, &observed);
    assert_eq!(moved(&plan), Some(("unseat", "bank-a-4")));
    let remain = plan.waits.iter().find(|wait| wait.reason == reasons::FLEETS_REMAIN).expect("told");
    assert!(remain.message.contains("bank-a") && remain.message.contains("quorate.dev/fleets"), "{remain:?}");
    assert!(plan.evictable.is_some(), "drains are kept in bounds");
    let growing = consortium(&valid, &deleted(network(5, 5, 4)));
    assert_eq!(moved(&growing), None, "nobody is seated");
    let empty = consortium(&valid, &ConsortiumObserved { deleting: Some(Vec::new()), ..Default::default() });
    assert!(empty.accounts.is_empty() && empty.genesis.is_none() && !empty.publish, "{empty:?}");
}

#[test]
fn two_members_do_not_give_up_seats_at_once_that_each_alone_may() {
    let mut observed = network(6, 7, 7);
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), Some(("unseat", "bank-a-6")));
    observed.turn = Some(Turn { place: 0, members: 2 });
    let plan = consortium(&valid_consortium(), &observed);
    assert_eq!((moved(&plan), plan.waits[0].reason), (None, "NotOurTurn"));
}

#[test]
fn a_broken_node_is_left_out_of_the_budget_where_enough_others_vote() {
    let valid = valid_consortium();
    let least = |seats: u8, broken: u32| {
        let name = |index| (FleetName("bank-a".to_owned()).node(index), "CrashLoop");
        let mut observed = network(seats.into(), seats, seats);
        observed.broken = (u32::from(seats) - broken..u32::from(seats)).map(name).collect();
        observed.nodes.truncate((u32::from(seats) - broken) as usize);
        for (index, _) in &observed.broken {
            for status in &mut observed.nodes {
                status.seats[index.index as usize].at_ms = 0;
            }
        }
        let plan = consortium(&valid, &observed);
        (plan.min_available, plan.evictable.map(|verdict| verdict.map_err(|refusal| refusal.reason)))
    };
    assert_eq!(least(10, 0), (9, Some(Ok(()))));
    assert_eq!(least(10, 1), (8, Some(Ok(()))), "nine run, and one of them may go");
    assert_eq!(least(7, 1), (7, Some(Err("AnotherNodeDown"))));
}
