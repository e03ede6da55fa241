use super::{Hearing, PRESENT_BLOCKS, SETTLES_WITHIN_MS, settling, silent, unheard, voter};
use crate::test_support::{HEIGHT, NOW_MS, address, node_status};
use std::collections::BTreeSet;

#[test]
fn a_seat_is_live_within_2n_blocks_and_within_the_longer_of_2n_periods_and_15_s() {
    let hear = |height: u64, at_ms: u64| {
        let mut node = node_status(1, 4, true);
        node.seats[3].height = height;
        node.seats[3].at_ms = at_ms;
        let hearing = Hearing::from_nodes(&[node], 2).expect("seats");
        hearing.live.contains(&address(4))
    };
    assert!(hear(HEIGHT, NOW_MS));
    assert!(hear(HEIGHT - 8, NOW_MS), "2N blocks are 8");
    assert!(!hear(HEIGHT - 9, NOW_MS));
    assert!(hear(HEIGHT, NOW_MS - 16_000), "2N periods are 16 s");
    assert!(!hear(HEIGHT, NOW_MS - 16_001));
    assert!(!hear(0, 0), "never heard");
}

#[test]
fn a_new_network_is_starting_until_it_is_heard_or_its_nodes_have_had_time_or_2n_blocks_are_made() {
    let starting = |height: u64, age_ms: u64, heard: usize| {
        let mut node = node_status(1, 4, true);
        node.head.number = height;
        node.started_ms = NOW_MS - age_ms;
        node.seats.iter_mut().skip(heard).for_each(|seat| seat.at_ms = 0);
        Hearing::from_nodes(&[node], 2).expect("seats").starting()
    };
    assert!(starting(0, 60_000, 0), "no block yet: nothing is lost");
    assert!(starting(3, 1_000, 0));
    assert!(starting(7, 16_000, 2), "2N periods are 16 s");
    assert!(!starting(7, 16_001, 2), "time enough to be heard");
    assert!(!starting(8, 1_000, 0), "2N blocks are 8");
    assert!(!starting(3, 1_000, 3), "a quorum is heard");
}

#[test]
fn one_node_that_hears_a_seat_is_enough_and_the_newest_set_counts() {
    let mut old = node_status(1, 3, true);
    old.head.number = HEIGHT - 1;
    let mut deaf = node_status(2, 4, true);
    deaf.seats.iter_mut().for_each(|seat| seat.at_ms = 0);
    let hearing = Hearing::from_nodes(&[old, deaf], 2).expect("seats");
    assert_eq!((hearing.total(), hearing.live.len(), hearing.quorum()), (4, 3, 3));
    assert!(hearing.healthy());
    assert_eq!(Hearing::from_nodes(&[], 2), None);
}

#[test]
fn a_seat_that_missed_more_than_four_blocks_is_live_but_not_counted_on() {
    let hear = |behind: u64| {
        let mut node = node_status(1, 4, true);
        node.seats[3].height = HEIGHT - behind;
        let hearing = Hearing::from_nodes(&[node], 2).expect("seats");
        (hearing.live.len(), hearing.present.len())
    };
    assert_eq!(hear(PRESENT_BLOCKS), (4, 4));
    assert_eq!(hear(PRESENT_BLOCKS + 1), (4, 3));
    assert_eq!(hear(9), (3, 3));
}

#[test]
fn a_node_votes_again_once_another_has_heard_it_since_it_started_whatever_their_clocks_say() {
    let votes = |uptime: u64, age: u64, skew: i64| {
        let mut node = node_status(1, 4, true);
        node.started_ms = NOW_MS - uptime;
        let mut other = node_status(2, 4, true);
        other.now_ms = NOW_MS.saturating_add_signed(skew);
        other.seats[0].at_ms = other.now_ms - age;
        voter(&node, &[node.clone(), other]) == Some(address(1))
    };
    assert!(!votes(3_000, 4_000, 0), "what was heard is from before it started");
    assert!(!votes(3_000, 1_500, 0), "or may be: the documents are read within 2 s");
    assert!(votes(5_000, 1_500, 0));
    assert!(votes(5_000, 1_500, 3_600_000) && votes(5_000, 1_500, -3_600_000), "clocks an hour apart");
    assert!(!votes(3_000, 4_000, 3_600_000) && !votes(3_000, 4_000, -3_600_000));
}

#[test]
fn a_node_that_says_it_votes_is_believed_only_where_nobody_else_can_be_asked() {
    let mut node = node_status(1, 4, true);
    node.started_ms = NOW_MS - 1_000;
    assert_eq!(voter(&node, std::slice::from_ref(&node)), Some(address(1)));
    assert_eq!(voter(&node, &[node.clone(), node_status(2, 4, true)]), None);
    node.identity.as_mut().expect("identity").voting = false;
    assert_eq!(voter(&node, std::slice::from_ref(&node)), None);
}

#[test]
fn a_restarted_node_is_settling_and_one_that_sits_out_or_is_broken_is_only_silent() {
    let own: BTreeSet<_> = (1..=4).map(address).collect();
    let nodes = |change: &dyn Fn(&mut chain::status::NodeStatus)| {
        let mut nodes: Vec<_> = (1..=4).map(|index| node_status(index, 4, true)).collect();
        change(&mut nodes[0]);
        let hearing = Hearing::from_nodes(&nodes, 2).expect("seats");
        let count = |set: BTreeSet<_>| set.len();
        (count(silent(&own, &hearing, &nodes)), count(settling(&own, &hearing, &nodes)))
    };
    assert_eq!(nodes(&|_| {}), (0, 0));
    assert_eq!(nodes(&|node| node.started_ms = NOW_MS), (1, 1));
    assert_eq!(nodes(&|node| node.ready = false), (1, 0));
    let sits_out = |node: &mut chain::status::NodeStatus| {
        let identity = node.identity.as_mut().expect("identity");
        identity.voting = false;
        identity.journal.sitting_out = Some("until block 120".to_owned());
    };
    assert_eq!(nodes(&sits_out), (1, 0));
    assert_eq!(
        nodes(&|node| {
            node.started_ms = NOW_MS;
            node.faults.push("disk".to_owned());
        }),
        (1, 0)
    );
}

#[test]
fn a_node_that_is_well_and_never_heard_settles_for_minutes_only_and_only_where_blocks_are_made() {
    let own: BTreeSet<_> = (1..=4).map(address).collect();
    let judged = |up_ms: u64, heard: u8| {
        let mut nodes: Vec<_> = (1..=4).map(|index| node_status(index, 4, true)).collect();
        nodes[0].started_ms = NOW_MS - up_ms;
        // Nobody has ever heard the first, nor those above `heard`.
        for seat in nodes.iter_mut().flat_map(|node| &mut node.seats) {
            if seat.address == address(1) || seat.address > address(heard) {
                (seat.at_ms, seat.height) = (0, 0);
            }
        }
        let hearing = Hearing::from_nodes(&nodes, 2).expect("seats");
        let first = |set: BTreeSet<_>| set.contains(&address(1));
        (first(settling(&own, &hearing, &nodes)), first(unheard(&own, &hearing, &nodes)))
    };
    assert_eq!(judged(SETTLES_WITHIN_MS, 4), (true, false));
    assert_eq!(judged(SETTLES_WITHIN_MS + 1, 4), (false, true));
    assert_eq!(judged(SETTLES_WITHIN_MS + 1, 3), (true, false), "a halted network hears nobody");
}
