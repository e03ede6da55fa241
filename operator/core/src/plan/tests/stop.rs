//! Nodes that stop for good, and fleets that are let go.

use super::{running, says, stored, valid_fleet};
use crate::{
    api::{conditions::reasons, validator::Phase},
    observed::{FleetObserved, SecretState},
    plan::fleet,
    validate::ValidFleet,
};
use alloy_primitives::B256;

#[test]
fn a_node_above_replicas_stops_only_once_its_identity_is_out_of_the_set() {
    let valid = valid_fleet(4);
    let plan = fleet(&valid, &running(5, 5), "new:1");
    assert_eq!(
        (plan.stop.len(), plan.waits[0].reason, plan.nodes[4].phase),
        (0, reasons::LEAVING, Phase::Leaving)
    );
    assert_eq!(plan.objects.expect("objects").nodes.len(), 5, "it is kept running until then");
    let plan = fleet(&valid, &running(5, 4), "new:1");
    assert_eq!(plan.stop, [valid.name.node(4)]);
    let mut silent = running(5, 5);
    silent.network.clear();
    assert_eq!(fleet(&valid, &silent, "new:1").stop, [], "nobody can say that it holds no seat");
}

#[test]
fn a_stopped_node_that_is_configured_again_is_unconfigured_and_one_that_is_wanted_is_not() {
    let valid = valid_fleet(4);
    let configured = vec![valid.name.node(3), valid.name.node(4)];
    let plan = fleet(&valid, &FleetObserved { configured, ..running(3, 3) }, "new:1");
    assert_eq!((plan.unconfigure, plan.stop), (vec![valid.name.node(4)], vec![]));
}

#[test]
fn a_scale_down_that_would_cost_the_quorum_is_refused_with_the_arithmetic_in_the_fleets_own_condition() {
    let mut observed = running(6, 6);
    for silent in [4, 5] {
        for status in &mut observed.network {
            status.seats[silent].at_ms = 0;
        }
    }
    says(&mut observed, 5, &|status| status.identity.as_mut().expect("identity").voting = true);
    let plan = fleet(&valid_fleet(1), &observed, "new:1");
    let refused: Vec<_> = plan.waits.iter().filter(|wait| wait.reason == "WouldLoseQuorum").collect();
    assert_eq!(plan.stop, []);
    assert!(
        refused[0].message.contains("bank-a-1")
            && refused[0].message.contains("5 seats and a quorum of 4, of which 3 vote"),
        "{refused:?}"
    );
    assert!(
        plan.waits.iter().any(|wait| wait.reason == reasons::LEAVING),
        "the dead ones may go: {:?}",
        plan.waits
    );
}

#[test]
fn nothing_is_made_for_a_fleet_that_is_being_deleted_and_it_is_let_go_when_its_seats_are() {
    let valid = ValidFleet { deleting: true, ..valid_fleet(2) };
    let release = |valid: &ValidFleet, observed: &FleetObserved| {
        let plan = fleet(valid, observed, "new:1");
        assert!(plan.objects.is_none() && plan.keys.is_empty() && plan.stop.is_empty());
        plan.release.map(|release| release.reason)
    };
    let mut shared = running(2, 4);
    assert_eq!(release(&valid, &shared), None, "two of four seats are given up first");
    assert_eq!(release(&ValidFleet { skip_unseat: true, ..valid.clone() }, &shared), Some("SeatsKept"));
    assert_eq!(release(&valid, &running(2, 2)), Some("NetworkStops"));
    assert_eq!(release(&valid, &running(2, 0)), None, "an empty set is no answer");
    shared.network.clear();
    assert_eq!(release(&valid, &shared), None, "nobody answers");
    shared.member = Some(false);
    assert_eq!(release(&valid, &shared), Some("NoSeats"), "who is no member has none");
    shared.genesis = None;
    assert_eq!(release(&valid, &shared), Some("NoSeats"), "nobody has ever voted");
}

/// A fleet of two nodes, of which `seated` hold a seat, in a network of four seats.
fn going(seated: u8) -> FleetObserved {
    let mut observed = running(2, 4);
    for (index, node) in &mut observed.nodes {
        if *index >= u32::from(seated) {
            node.identity = SecretState::Present(stored(60 + u8::try_from(*index).expect("few")));
        }
    }
    observed
}

fn held_back(observed: &FleetObserved) -> Option<&'static str> {
    let valid = ValidFleet { deleting: true, ..valid_fleet(2) };
    let plan = fleet(&valid, observed, "new:1");
    assert_eq!(plan.release.is_none(), !plan.waits.is_empty(), "{:?}", plan.waits);
    plan.waits.first().map(|wait| wait.reason)
}

#[test]
fn a_fleet_is_let_go_by_the_word_of_a_caught_up_node_and_not_while_a_seat_may_be_on_its_way() {
    assert_eq!(held_back(&going(0)), None);
    assert_eq!(held_back(&going(1)), Some(reasons::LEAVING));
    for moving in [None, Some(true)] {
        let under_way = FleetObserved { moving, ..going(0) };
        assert_eq!(held_back(&under_way), Some(reasons::MOVING_SEATS), "{moving:?}");
    }
    let mut behind = going(0);
    behind.network.iter_mut().for_each(|status| status.ready = false);
    assert_eq!(held_back(&behind), Some(reasons::NO_NODE_ANSWERS), "an old set is no proof");
    let mut strange = going(0);
    strange.network.iter_mut().for_each(|status| status.genesis_hash = B256::repeat_byte(7));
    assert_eq!(held_back(&strange), Some(reasons::NO_NODE_ANSWERS), "another chain's set");
}

#[test]
fn without_its_consortium_a_fleet_is_let_go_only_if_no_seat_is_left_behind() {
    let orphan = |observed| FleetObserved { consortium_exists: false, moving: None, ..observed };
    assert_eq!(held_back(&orphan(going(1))), Some(reasons::CONSORTIUM_MISSING));
    assert_eq!(held_back(&orphan(going(0))), None);
    assert_eq!(held_back(&orphan(running(2, 2))), None, "the whole network goes");
}

#[test]
fn a_node_above_replicas_is_not_stopped_by_the_word_of_one_that_knows_an_older_set() {
    let valid = valid_fleet(4);
    let mut behind = running(5, 4);
    behind.network.iter_mut().for_each(|status| status.ready = false);
    let plan = fleet(&valid, &behind, "new:1");
    assert_eq!(plan.stop, []);
    assert!(plan.waits.iter().any(|wait| wait.reason == reasons::NO_NODE_ANSWERS), "{:?}", plan.waits);
}
