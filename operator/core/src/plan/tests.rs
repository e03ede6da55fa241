mod join;
mod pool;
mod regions;
mod vault;

use super::{KeyWanted, SeatMove, consortium, fleet};
use crate::{
    api::{Consortium, Validator, conditions::reasons, consortium::PositionState, validator::Phase},
    build::{FIRST_TEMPLATE, NEWEST_TEMPLATE},
    genesis::{self, StoredGenesis},
    keys::Key,
    names::FleetName,
    observed::{
        AdminObserved, ConsortiumObserved, FleetObserved, FleetSummary, Governance, MemberObserved,
        Neighbour, NodeObserved, PeerNode, PodObserved, SeatObserved, SecretState, StatefulSetObserved,
        StoredKey, VolumeObserved,
    },
    policy::Turn,
    test_support::{HEIGHT, node_status},
    validate::{self, ValidConsortium, ValidFleet},
    votes::{Aim, History, Position},
};
use alloy_primitives::{B256, B512};
use k256::ecdsa::SigningKey;

fn stored(seed: u8) -> StoredKey {
    let key = Key::new(SigningKey::from_slice(&[seed; 32]).expect("a key"));
    StoredKey { key: (&key).into(), journal: Some(B256::repeat_byte(seed)), labelled: true, vault: None }
}

fn valid_consortium() -> ValidConsortium {
    let object: Consortium =
        serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml")).expect("the example");
    validate::consortium(&object).expect("valid")
}

fn valid_fleet(replicas: u32) -> ValidFleet {
    let object: Validator =
        serde_saphyr::from_str(include_str!("../../../../examples/validator.yaml")).expect("the example");
    ValidFleet { replicas, ..validate::fleet(&object).expect("valid") }
}

fn example_genesis() -> StoredGenesis {
    let identities = (1..=4).map(|seed| stored(seed).key.address).collect();
    genesis::make(&valid_consortium(), stored(98).key.address, stored(99).key.address, &identities)
        .expect("made")
}

/// The node of identity `index` in a network of `seats` seats, with the addresses of the seeded keys.
fn status(index: u8, seats: u8, ready: bool) -> chain::status::NodeStatus {
    let mut status = node_status(index, seats, ready);
    status.genesis_hash = example_genesis().hash;
    status.identity.as_mut().expect("identity").address = stored(index).key.address;
    for (seed, seat) in (1..).zip(&mut status.seats) {
        seat.address = stored(seed).key.address;
    }
    status
}

fn summary(replicas: u32, identities: u8) -> FleetSummary {
    FleetSummary {
        name: FleetName("bank-a".to_owned()),
        replicas,
        seats: true,
        deleting: false,
        skip_unseat: false,
        replaces: None,
        identities: (0..)
            .zip(1..=identities)
            .map(|(index, seed)| (index, stored(seed).key.address))
            .collect(),
    }
}

fn network(replicas: u32, identities: u8, seats: u8) -> ConsortiumObserved {
    let seat = |seed| SeatObserved {
        identity: stored(seed).key.address,
        member: 1,
        operator: stored(99).key.address,
    };
    ConsortiumObserved {
        admin: SecretState::Present(stored(98)),
        operator: SecretState::Present(stored(99)),
        genesis: Some(Ok(example_genesis())),
        fleets: vec![summary(replicas, identities)],
        nodes: (1..=identities).map(|index| status(index, seats, true)).collect(),
        governance: Some(Governance {
            height: HEIGHT,
            members: vec![MemberObserved {
                id: 1,
                alias: "bank-a".to_owned(),
                admin: stored(98).key.address,
                operators: vec![stored(99).key.address],
                capacity: 16,
                seats: u16::from(seats),
                ..MemberObserved::default()
            }],
            seats: (1..=seats).map(seat).collect(),
            votes_needed: 1,
            ..Governance::default()
        }),
        ..ConsortiumObserved::default()
    }
}

fn moved(plan: &super::ConsortiumPlan) -> Option<(&'static str, &str)> {
    plan.seat_move.as_ref().map(|wanted| match wanted {
        SeatMove::Seat { node, .. } => ("seat", node.as_str()),
        SeatMove::Replace { node, .. } => ("replace", node.as_str()),
        SeatMove::Unseat { node, .. } => ("unseat", node.as_str()),
        SeatMove::Allow { node, .. } => ("allow", node.as_str()),
        SeatMove::Forget { node, .. } => ("forget", node.as_str()),
    })
}

#[test]
fn accounts_come_first_then_the_genesis_waits_for_every_identity_of_every_fleet() {
    let valid = valid_consortium();
    let mut observed = ConsortiumObserved::default();
    assert_eq!(consortium(&valid, &observed).accounts, ["trade-finance-admin", "trade-finance-operator"]);
    observed.admin = SecretState::Present(stored(98));
    observed.operator = SecretState::Present(stored(99));
    let plan = consortium(&valid, &observed);
    assert_eq!((plan.waits[0].reason, plan.genesis.is_none()), (reasons::WAITING_FOR_FLEETS, true));
    observed.fleets = vec![summary(4, 3)];
    let plan = consortium(&valid, &observed);
    assert_eq!((plan.waits[0].reason, plan.genesis.is_none()), (reasons::WAITING_FOR_IDENTITIES, true));
    assert!(plan.waits[0].message.contains("3 of 4"));
    observed.fleets = vec![summary(4, 4)];
    assert_eq!(consortium(&valid, &observed).genesis, Some(example_genesis()));
}

#[test]
fn an_account_that_a_genesis_names_is_never_made_anew() {
    let mut observed = network(4, 4, 4);
    observed.operator = SecretState::Absent;
    let plan = consortium(&valid_consortium(), &observed);
    assert_eq!(
        (plan.accounts.len(), plan.waits[0].reason, plan.waits[0].stalled),
        (0, reasons::KEY_LOST, true)
    );
}

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
fn positions_are_weighed_with_the_chain_and_wait_for_a_transaction_that_is_on_its_way() {
    let position = Position {
        line: "admit[x]".to_owned(),
        aim: Aim::Admit {
            address: stored(70).key.address,
            alias: chain::governance::Label::new("bank-b").expect("a label"),
            capacity: 0,
            operator: None,
        },
        memo: String::new(),
    };
    let valid = ValidConsortium { positions: vec![position], ..valid_consortium() };
    let mut observed = network(4, 4, 4);
    let state = |observed: &ConsortiumObserved| {
        let plan = consortium(&valid, observed);
        (plan.votes.positions[0].state, plan.votes.moves.len(), plan.waits.len())
    };
    assert_eq!(state(&observed), (PositionState::Unknown, 0, 0), "the account is not read");
    let history = History { complete: true, ..History::default() };
    observed.admin_account = Some(AdminObserved { history, ..AdminObserved::default() });
    assert_eq!(state(&observed), (PositionState::Sending, 1, 0));
    observed.admin_account.as_mut().expect("read").in_flight = true;
    assert_eq!(state(&observed), (PositionState::Sending, 0, 1));
    observed.governance.as_mut().expect("read").members[0].admin = stored(71).key.address;
    assert_eq!(state(&observed), (PositionState::Unknown, 0, 0), "not a member");
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

fn disk(requested: &str, capacity: &str) -> VolumeObserved {
    VolumeObserved {
        requested: requested.to_owned(),
        capacity: Some(capacity.to_owned()),
        bound: true,
        growth: None,
    }
}

fn node(seed: u8, seats: u8) -> NodeObserved {
    NodeObserved {
        identity: SecretState::Present(stored(seed)),
        p2p: SecretState::Present(stored(seed + 20)),
        volume: Some(disk("50Gi", "50Gi")),
        statefulset: Some(StatefulSetObserved {
            image: Some("old:1".to_owned()),
            revision: Some("a".to_owned()),
            ..StatefulSetObserved::default()
        }),
        pod: Some(PodObserved { ready: true, revision: Some("a".to_owned()), ..PodObserved::default() }),
        status: Some(status(seed, seats, true)),
    }
}

fn running(nodes: u8, seats: u8) -> FleetObserved {
    FleetObserved {
        consortium_exists: true,
        genesis: Some(example_genesis()),
        nodes: (0..).zip(1..=nodes).map(|(index, seed)| (index, node(seed, seats))).collect(),
        network: (1..=nodes).map(|seed| status(seed, seats, true)).collect(),
        turn: Some(Turn { place: 0, members: 1 }),
        ..FleetObserved::default()
    }
}

#[test]
fn keys_are_made_for_new_nodes_only_and_never_for_one_whose_disk_is_there() {
    let nodes = (0..2).map(|index| (index, NodeObserved::default())).collect();
    let mut observed = FleetObserved { nodes, ..FleetObserved::default() };
    observed.nodes.get_mut(&1).expect("a node").volume = Some(VolumeObserved::default());
    let valid = valid_fleet(2);
    let plan = fleet(&valid, &observed, "new:1");
    let made: Vec<_> = plan.keys.iter().filter(|key| matches!(key, KeyWanted::Identity(_))).collect();
    assert_eq!(made, [&KeyWanted::Identity(valid.name.node(0))]);
    assert!(plan.waits.iter().any(|wait| wait.reason == reasons::KEY_LOST && wait.stalled));
}

#[test]
fn a_malformed_secret_stalls_the_fleet_and_is_named() {
    let mut observed = running(4, 4);
    observed.nodes.get_mut(&2).expect("a node").identity =
        SecretState::Malformed(crate::keys::SecretError::Key { secret: "bank-a-2-identity".to_owned() });
    let plan = fleet(&valid_fleet(4), &observed, "new:1");
    let wait = plan.waits.iter().find(|wait| wait.stalled).expect("stalled");
    assert!(wait.message.contains("bank-a-2-identity"));
    assert_eq!(plan.nodes[2].phase, Phase::Failed);
}

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
fn a_fleet_keeps_the_image_it_has_had_until_its_spec_names_one() {
    let image = |valid: &ValidFleet, observed: &FleetObserved| {
        fleet(valid, observed, "new:1").objects.expect("objects").image
    };
    let mut valid = valid_fleet(4);
    valid.image = None;
    assert_eq!(image(&valid, &FleetObserved::default()), "new:1");
    assert_eq!(image(&valid, &running(4, 4)), "old:1");
    let recorded = FleetObserved { recorded_image: Some("recorded:1".to_owned()), ..running(4, 4) };
    assert_eq!(image(&valid, &recorded), "recorded:1");
    valid.image = Some("asked:1".to_owned());
    assert_eq!(image(&valid, &recorded), "asked:1");
}

fn outdated(nodes: u8) -> FleetObserved {
    let mut observed = running(nodes, nodes);
    for node in observed.nodes.values_mut() {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    }
    observed
}

fn pod(observed: &mut FleetObserved, index: u32) -> &mut PodObserved {
    observed.nodes.get_mut(&index).and_then(|node| node.pod.as_mut()).expect("a pod")
}

/// What the node of this index says, wherever it is written.
fn says(observed: &mut FleetObserved, index: u32, change: &dyn Fn(&mut chain::status::NodeStatus)) {
    change(observed.nodes.get_mut(&index).and_then(|node| node.status.as_mut()).expect("a status"));
    change(&mut observed.network[index as usize]);
}

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

#[test]
fn stuck_pods_and_full_disks_fail_their_node_by_name_with_a_word_and_a_cure() {
    let mut observed = running(4, 4);
    says(&mut observed, 1, &|status| status.faults.push("vote journal: No space left on device".to_owned()));
    let plan = fleet(&valid_fleet(4), &observed, "new:1");
    let failure = plan.failures.first().expect("a failure");
    assert_eq!((failure.node.as_str(), failure.reason), ("bank-a-1", "DiskFull"));
    assert!(failure.message.contains("spec.storage.size"), "{}", failure.message);
    assert_eq!(plan.nodes[1].phase, Phase::Failed);
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
fn a_journal_is_recorded_once_and_its_replacement_before_it_can_vote() {
    let mut observed = running(1, 1);
    let journals = |observed: &FleetObserved| fleet(&valid_fleet(1), observed, "new:1").journals;
    assert_eq!(journals(&observed), []);
    let node = |observed: &mut FleetObserved, change: &dyn Fn(&mut chain::status::Journal)| {
        let status = observed.nodes.get_mut(&0).and_then(|node| node.status.as_mut()).expect("a status");
        change(&mut status.identity.as_mut().expect("identity").journal);
    };
    let other = B256::repeat_byte(77);
    node(&mut observed, &|journal| {
        journal.id = other;
        journal.sitting_out = Some("until block 120".to_owned());
    });
    assert_eq!(journals(&observed), [("bank-a-0-identity".to_owned(), other)]);
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
    shared.consortium_exists = false;
    assert_eq!(release(&valid, &shared), Some("NoSeats"));
}

#[test]
fn disks_grow_one_after_the_other_a_full_one_first_and_never_shrink() {
    let grow = |observed: &FleetObserved, size: &str| {
        let valid = ValidFleet { storage_size: size.to_owned(), ..valid_fleet(4) };
        let plan = fleet(&valid, observed, "new:1");
        let waits: Vec<_> = plan.waits.iter().map(|wait| wait.reason).collect();
        (plan.grow.map(|grow| (grow.volume, grow.size)), waits)
    };
    let mut observed = running(4, 4);
    let volume = |observed: &mut FleetObserved, index, disk| {
        observed.nodes.get_mut(&index).expect("a node").volume = Some(disk);
    };
    assert_eq!(grow(&observed, "50Gi"), (None, vec![]));
    assert_eq!(grow(&observed, "40Gi"), (None, vec![]), "a disk that somebody grew stays as it is");
    let first = |name: &str| Some((name.to_owned(), "60Gi".to_owned()));
    assert_eq!(grow(&observed, "60Gi"), (first("data-bank-a-0"), vec![reasons::VOLUME_GROWING; 4]));
    says(&mut observed, 2, &|status| status.faults.push("journal: no space left on device".to_owned()));
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-2"));
    volume(&mut observed, 2, disk("60Gi", "50Gi"));
    assert_eq!(grow(&observed, "60Gi").0, None, "it has not grown yet");
    let failed = crate::observed::Growth { failed: true, message: "ControllerResizeError: quota".to_owned() };
    volume(&mut observed, 2, VolumeObserved { growth: Some(failed), ..disk("60Gi", "50Gi") });
    assert_eq!(grow(&observed, "60Gi").1[0], reasons::VOLUME_GROWTH_FAILED);
    volume(&mut observed, 2, disk("60Gi", "61440Mi"));
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-0"));
    volume(&mut observed, 0, VolumeObserved { bound: false, ..disk("50Gi", "50Gi") });
    assert_eq!(grow(&observed, "60Gi").0, first("data-bank-a-1"), "one that is not bound cannot grow yet");
}

#[test]
fn a_fleet_keeps_the_pod_template_it_was_made_by_until_its_spec_is_edited() {
    let template = |valid: &ValidFleet, observed: &FleetObserved| {
        fleet(valid, observed, "new:1").objects.expect("objects").template
    };
    let valid = valid_fleet(4);
    let made = |template: u32, spec: Option<&str>| {
        let mut observed = running(4, 4);
        for node in observed.nodes.values_mut() {
            let set = node.statefulset.as_mut().expect("a set");
            (set.template, set.spec) = (template, spec.map(str::to_owned));
        }
        observed
    };
    assert_eq!(
        template(&valid, &FleetObserved { genesis: None, ..FleetObserved::default() }),
        NEWEST_TEMPLATE
    );
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, Some(&valid.pod_hash))), FIRST_TEMPLATE);
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, None)), FIRST_TEMPLATE, "made before it was recorded");
    assert_eq!(template(&valid, &made(FIRST_TEMPLATE, Some("another spec"))), NEWEST_TEMPLATE);
    let mut begun = made(FIRST_TEMPLATE, Some("another spec"));
    let set = begun.nodes.get_mut(&0).and_then(|node| node.statefulset.as_mut()).expect("a set");
    (set.template, set.spec) = (NEWEST_TEMPLATE, Some(valid.pod_hash.clone()));
    assert_eq!(template(&valid, &begun), NEWEST_TEMPLATE, "an edit that was applied to one node only");
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
