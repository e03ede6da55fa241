//! Which pod restarts, and when.

use super::{outdated, pod, says, stored, valid_fleet};
use crate::{
    api::validator::Phase,
    names::FleetName,
    observed::{FleetObserved, Neighbour, PodObserved, SecretState},
    plan::fleet,
    validate::ValidFleet,
};

fn restarted(observed: &FleetObserved) -> (Option<(u32, bool)>, Vec<&'static str>) {
    let plan = fleet(&valid_fleet(4), observed, "new:1");
    let restart = plan.restart.map(|restart| (restart.node.index, restart.forced));
    (restart, plan.waits.iter().map(|wait| wait.reason).collect())
}

#[test]
fn outdated_pods_restart_one_at_a_time_and_the_next_only_once_the_one_before_votes_again() {
    let mut observed = outdated(4);
    assert_eq!(restarted(&observed).0, Some((0, false)), "evicted, since it is up");
    pod(&mut observed, 0).ready = false;
    pod(&mut observed, 0).revision = Some("b".to_owned());
    says(&mut observed, 0, &|status| status.ready = false);
    assert_eq!(restarted(&observed), (None, vec!["AnotherNodeDown"; 3]), "its pod comes up");
    pod(&mut observed, 0).ready = true;
    says(&mut observed, 0, &|status| {
        status.ready = true;
        status.started_ms = status.now_ms;
    });
    assert_eq!(restarted(&observed), (None, vec!["AwaitingVotes"; 3]), "it is at the tip and not heard yet");
    says(&mut observed, 0, &|status| status.started_ms -= 60_000);
    assert_eq!(restarted(&observed).0, Some((1, false)));
}

#[test]
fn a_broken_pod_is_first_in_line_and_deleted_past_the_budget_once_nobody_hears_its_seat() {
    let mut observed = outdated(4);
    pod(&mut observed, 2).ready = false;
    says(&mut observed, 2, &|status| status.ready = false);
    assert_eq!(restarted(&observed).0, Some((2, false)), "not ready, but its votes are heard: as any other");
    for status in &mut observed.network {
        status.seats[2].height -= 9;
    }
    assert_eq!(restarted(&observed).0, Some((2, true)));
    says(&mut observed, 2, &|status| status.ready = true);
    assert_eq!(
        restarted(&observed).0,
        Some((2, false)),
        "it says that it will vote, and its pod does not show it yet"
    );
    says(&mut observed, 2, &|status| status.ready = false);
    pod(&mut observed, 2).terminating = true;
    assert_eq!(restarted(&observed), (None, vec!["AnotherNodeDown"; 3]));
}

#[test]
fn a_fleet_waits_for_nodes_of_the_members_other_fleets_that_hold_seats_or_are_just_stopping() {
    let neighbour = |seat: Option<u8>, pod: PodObserved| Neighbour {
        name: FleetName("bank-b".to_owned()).node(0),
        address: seat.map(|seed| stored(seed).key.address),
        pod: Some(pod),
    };
    let restarted = |neighbour: Neighbour| {
        let observed = FleetObserved { neighbours: vec![neighbour], ..outdated(4) };
        restarted(&observed).0.map(|(index, _)| index)
    };
    let up = PodObserved { ready: true, ..PodObserved::default() };
    let (down, stopping) = (PodObserved::default(), PodObserved { terminating: true, ..up.clone() });
    assert_eq!(restarted(neighbour(Some(60), up)), Some(0));
    assert_eq!(restarted(neighbour(Some(60), down.clone())), None);
    assert_eq!(restarted(neighbour(None, down)), Some(0), "an observer that is broken keeps nobody waiting");
    assert_eq!(restarted(neighbour(None, stopping)), None);
}

#[test]
fn where_every_seat_is_needed_the_pause_is_announced_and_an_override_is_named_with_what_it_overrides() {
    let mut valid = valid_fleet(2);
    let restart = |valid: &ValidFleet, observed: &FleetObserved| {
        let plan = fleet(valid, observed, "new:1");
        plan.restart.map(|restart| (restart.forced, restart.note.map(|note| (note.reason, note.message))))
    };
    let (forced, note) = restart(&valid, &outdated(2)).expect("a restart");
    let (reason, message) = note.expect("an announcement");
    assert_eq!((forced, reason), (false, "NetworkPauses"));
    assert!(message.contains("bank-a-0") && message.contains("2 seats"), "{message}");
    let mut halted = FleetObserved { turn: None, ..outdated(4) };
    for status in &mut halted.network {
        status.seats[2].at_ms = 0;
        status.seats[3].at_ms = 0;
    }
    valid.replicas = 4;
    assert_eq!(restart(&valid, &halted).map(|(forced, _)| forced), None);
    valid.ignore_quorum = true;
    let (forced, note) = restart(&valid, &halted).expect("a restart");
    let (reason, message) = note.expect("a note");
    assert_eq!((forced, reason), (true, "QuorumIgnored"));
    assert!(
        message.contains("quorate.dev/ignore-quorum=true") && message.contains("AwaitingVotes"),
        "{message}"
    );
}

#[test]
fn observers_restart_one_at_a_time_without_asking_for_turn_or_quorum() {
    let valid = ValidFleet { role: crate::api::validator::Role::Observer, ..valid_fleet(2) };
    let mut observed = outdated(2);
    observed.turn = None;
    observed.network.clear();
    for node in observed.nodes.values_mut() {
        node.identity = SecretState::Absent;
        node.status.as_mut().expect("a status").identity = None;
    }
    let plan = fleet(&valid, &observed, "new:1");
    assert_eq!(plan.restart.map(|restart| restart.node.index), Some(0));
    assert!(plan.nodes.iter().all(|node| node.phase == Phase::Observing));
    pod(&mut observed, 1).ready = false;
    assert_eq!(
        fleet(&valid, &observed, "new:1").restart.map(|restart| restart.node.index),
        Some(1),
        "broken first"
    );
}
