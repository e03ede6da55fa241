//! Identities that can move: records, Leases, spares, who holds what, and what a stop of which node costs.

mod going;
mod troubles;

use super::{moved, network, outdated, pod, running, says, stored, valid_consortium, valid_fleet};
use crate::{
    api::{
        conditions::reasons,
        validator::{Phase, Role},
    },
    build::{self, FleetInputs},
    names::FIRST_SPARE,
    observed::{FleetObserved, LeaseState, NodeObserved, SecretState, StatefulSetObserved},
    plan::{FleetPlan, KeyWanted, consortium, fleet},
    validate::{FenceStore, FleetFence, ValidFleet},
};
use chain::status::{Fence, FenceRole, NodeStatus, Standby};

const SPARE: u32 = FIRST_SPARE;
const SECOND: u32 = FIRST_SPARE + 1;

fn fenced(replicas: u32, standbys: u32) -> ValidFleet {
    let fence =
        FleetFence { store: FenceStore::Leases, lease_ms: 6_000, site: "bank-a".to_owned(), preferred: true };
    ValidFleet { standbys, fence: Some(fence), namespace: "bank-a".to_owned(), ..valid_fleet(replicas) }
}

fn view(role: FenceRole, holder: &str, epoch: u64) -> Fence {
    let holder = Some(format!("bank-a/{holder}"));
    Fence { role, holder, epoch, recorded: true, reason: None, message: None }
}

/// The spare says that it stands by for the first four identities, or holds one of them.
fn spare_says(status: &mut NodeStatus, name: &str, holds: Option<u8>) {
    status.identity = None;
    let standby_for = (1..=4).map(|seed| {
        let own = format!("bank-a-{}", seed - 1);
        let fence = match holds {
            Some(held) if held == seed => view(FenceRole::Holder, name, 2),
            _ => view(FenceRole::Standby, &own, 1),
        };
        Standby { address: stored(seed).key.address, signer_ready: true, fence }
    });
    status.standby_for = standby_for.collect();
    if let Some(held) = holds {
        let mut identity = super::status(held, 4, true).identity.expect("an identity");
        identity.fence = Some(view(FenceRole::Holder, name, 2));
        status.identity = Some(identity);
    }
}

/// Four nodes that hold their own identities, on record, and so many spares that stand by for all of them.
fn settled(standbys: u32) -> FleetObserved {
    with_spares(running(4, 4), standbys)
}

fn with_spares(mut observed: FleetObserved, standbys: u32) -> FleetObserved {
    for (index, node) in &mut observed.nodes {
        record(node);
        let name = format!("bank-a-{index}");
        let fence = Some(view(FenceRole::Holder, &name, 1));
        node.status.as_mut().and_then(|status| status.identity.as_mut()).expect("an identity").fence = fence;
    }
    for number in 0..standbys {
        let mut spare = observed.nodes[&0].clone();
        spare.identity = SecretState::Absent;
        spare_says(spare.status.as_mut().expect("a status"), &format!("bank-a-standby-{number}"), None);
        observed.nodes.insert(FIRST_SPARE + number, spare);
    }
    heard(&mut observed);
    observed
}

fn record(node: &mut NodeObserved) {
    if let SecretState::Present(stored) = &mut node.identity {
        stored.recorded = true;
    }
}

/// The network says what the fleet's nodes say.
fn heard(observed: &mut FleetObserved) {
    observed.network = observed.nodes.values().filter_map(|node| node.status.clone()).collect();
}

fn change(observed: &mut FleetObserved, index: u32, change: impl FnOnce(&mut NodeObserved)) {
    change(observed.nodes.get_mut(&index).expect("a node"));
    heard(observed);
}

/// The node of `index` is gone, and the first spare votes for it.
fn taken_over(mut observed: FleetObserved, index: u8) -> FleetObserved {
    change(&mut observed, u32::from(index), |node| {
        node.status = None;
        node.pod.as_mut().expect("a pod").ready = false;
    });
    change(&mut observed, SPARE, |node| {
        spare_says(node.status.as_mut().expect("a status"), "bank-a-standby-0", Some(index + 1));
    });
    observed
}

/// It is back, and its spare still holds what is its own.
fn back(mut observed: FleetObserved, index: u8) -> FleetObserved {
    change(&mut observed, u32::from(index), |node| {
        let mut status = super::status(index + 1, 4, true);
        let identity = status.identity.as_mut().expect("an identity");
        identity.voting = false;
        identity.fence = Some(view(FenceRole::Standby, "bank-a-standby-0", 2));
        node.status = Some(status);
        node.pod.as_mut().expect("a pod").ready = true;
    });
    observed
}

fn inputs(valid: &ValidFleet, observed: &FleetObserved) -> FleetInputs {
    fleet(valid, observed, "new:1").objects.expect("objects")
}

fn made(inputs: &FleetInputs) -> Vec<u32> {
    inputs.nodes.iter().map(|node| node.index).collect()
}

fn phase(plan: &FleetPlan, name: &str) -> (Phase, Option<String>, Option<String>) {
    let node = plan.nodes.iter().find(|node| node.name == name).expect("a node");
    (node.phase, node.holds.clone(), node.held_by.clone())
}

#[test]
fn a_fleet_without_a_fence_has_no_lease_no_role_and_says_nothing_of_one_to_its_nodes() {
    let inputs = inputs(&valid_fleet(4), &running(4, 4));
    assert!(inputs.leases.is_empty());
    assert!(inputs.nodes.iter().all(|node| {
        let identity = node.config.identity.as_ref().expect("an identity");
        identity.fence.is_none() && node.config.standby_for.is_empty()
    }));
    let built = build::fleet(&valid_fleet(4), &inputs).expect("rendered");
    assert!(built.fence_role.is_none());
}

#[test]
fn a_lease_is_made_where_there_is_none_and_never_again_once_there_was_a_record() {
    let valid = fenced(4, 1);
    let made = |lease, recorded| {
        let mut observed = running(4, 4);
        for node in observed.nodes.values_mut() {
            node.lease = lease;
            if recorded {
                record(node);
            }
        }
        fleet(&valid, &observed, "new:1").leases.len()
    };
    assert_eq!(made(LeaseState::Absent, false), 4);
    assert_eq!(made(LeaseState::Empty, false), 0);
    assert_eq!(made(LeaseState::Recorded, false), 0);
    assert_eq!(made(LeaseState::Absent, true), 0, "one that is lost stays lost: nobody may begin anew");
    assert_eq!(made(LeaseState::Unasked, true), 0);
}

#[test]
fn nodes_may_write_the_leases_of_their_own_identities_by_name_and_no_other() {
    let valid = fenced(2, 1);
    let mut observed = settled(1);
    observed.nodes.retain(|index, _| *index < 2 || *index >= FIRST_SPARE);
    let built = build::fleet(&valid, &inputs(&valid, &observed)).expect("rendered");
    let (role, binding) = built.fence_role.expect("a role");
    let rules = role.rules.expect("rules");
    let names: Vec<_> = (0..2)
        .map(|index| valid.name.node(index).lease(observed.nodes[&index].address().expect("one")))
        .collect();
    assert_eq!((rules.len(), rules[0].resource_names.as_ref()), (1, Some(&names)));
    assert_eq!(rules[0].verbs, ["get", "patch"]);
    assert_eq!(binding.subjects.expect("a subject")[0].name, valid.name.0);
}

#[test]
fn a_first_record_is_asked_for_until_there_was_one_however_that_is_known_and_then_it_is_remembered() {
    let valid = fenced(4, 0);
    let asked = |observed: &FleetObserved| {
        let plan = fleet(&valid, observed, "new:1");
        let inputs = plan.objects.expect("objects");
        let identity = inputs.nodes[1].config.identity.clone().expect("an identity");
        (identity.fence.expect("a fence").initialise, plan.records.len())
    };
    let fresh = running(4, 4);
    assert_eq!(asked(&fresh), (true, 0));
    let mut lease = fresh.clone();
    change(&mut lease, 1, |node| node.lease = LeaseState::Recorded);
    assert_eq!(asked(&lease), (false, 1), "a Secret that was restored from before");
    let mut said = fresh.clone();
    change(&mut said, 1, |node| {
        let status = node.status.as_mut().expect("a status");
        status.identity.as_mut().expect("one").fence = Some(view(FenceRole::Holder, "bank-a-1", 1));
    });
    assert_eq!(asked(&said), (false, 1));
    let mut remembered = fresh;
    change(&mut remembered, 1, record);
    change(&mut remembered, 1, |node| node.status = None);
    assert_eq!(asked(&remembered), (false, 0), "whatever the nodes say or do not say");
}

#[test]
fn whether_a_first_record_is_to_be_made_restarts_nobody() {
    let valid = fenced(4, 0);
    let template = |observed: &FleetObserved| {
        let built = build::fleet(&valid, &inputs(&valid, observed)).expect("rendered");
        built.statefulsets[0].spec.template.clone()
    };
    assert_eq!(template(&running(4, 4)), template(&settled(0)));
}

#[test]
fn spares_come_once_every_seated_identity_has_its_record_or_a_node_that_cannot_make_it() {
    let valid = fenced(4, 2);
    let mut observed = settled(0);
    for index in [SPARE, SECOND] {
        let p2p = SecretState::Present(stored(60));
        observed.nodes.insert(index, NodeObserved { p2p, ..NodeObserved::default() });
    }
    let all = vec![0, 1, 2, 3, SPARE, SECOND];
    assert_eq!(made(&inputs(&valid, &observed)), all);
    let unrecord = |node: &mut NodeObserved| {
        let SecretState::Present(stored) = &mut node.identity else { panic!("a key") };
        stored.recorded = false;
        node.status.as_mut().and_then(|status| status.identity.as_mut()).expect("one").fence = None;
    };
    let mut waiting = observed.clone();
    change(&mut waiting, 2, unrecord);
    let plan = fleet(&valid, &waiting, "new:1");
    assert_eq!(made(plan.objects.as_ref().expect("objects")), [0, 1, 2, 3]);
    let spare = plan.nodes.iter().find(|node| node.name == "bank-a-standby-0").expect("a spare");
    assert_eq!(spare.phase, Phase::Provisioning);
    assert!(spare.reason.as_ref().is_some_and(|why| why.contains("bank-a-2")), "{:?}", spare.reason);
    let mut broken = waiting.clone();
    change(&mut broken, 2, |node| node.status.as_mut().expect("one").faults.push("no space left".to_owned()));
    let inputs = inputs(&valid, &broken);
    assert_eq!(made(&inputs), all, "a node that cannot go on keeps no spare waiting");
    assert_eq!(inputs.nodes[4].standby_for.len(), 3, "nobody stands by for what has no record");
    let mut running = settled(2);
    change(&mut running, 2, unrecord);
    for index in [SPARE, SECOND] {
        change(&mut running, index, |node| node.status = None);
    }
    let inputs = |observed: &FleetObserved| fleet(&valid, observed, "new:1").objects.expect("objects");
    assert_eq!(made(&inputs(&running)), all, "they stay");
    let nobody = FleetObserved { network: Vec::new(), ..waiting };
    assert_eq!(made(&inputs(&nobody)), [0, 1, 2, 3], "who is seated is not known");
}

#[test]
fn a_spare_has_a_p2p_key_a_disk_and_every_identity_to_stand_by_for_but_none_of_its_own() {
    let valid = fenced(4, 1);
    let mut fresh = settled(0);
    fresh.nodes.insert(SPARE, NodeObserved::default());
    let plan = fleet(&valid, &fresh, "new:1");
    assert_eq!(plan.keys, [KeyWanted::P2p(valid.name.node(SPARE))]);
    let inputs = inputs(&valid, &settled(1));
    assert!(inputs.volumes.contains(&SPARE));
    let spare = inputs.nodes.last().expect("a spare");
    assert!(spare.config.identity.is_none());
    assert_eq!(spare.config.check_standby_for(), Ok(()), "the node takes it");
    let first = &spare.config.standby_for[0];
    let fence = first.fence.as_ref().expect("a fence");
    assert_eq!(fence.holder, "bank-a/bank-a-standby-0");
    let own = inputs.nodes[0].config.identity.as_ref().expect("an identity");
    assert_eq!(own.fence.as_ref().expect("a fence").store, fence.store, "one record for both");
    assert!(own.fence.as_ref().is_some_and(|fence| fence.preferred));
}

#[test]
fn journals_come_from_the_nodes_that_identities_belong_to() {
    let observed = taken_over(settled(1), 0);
    assert_eq!(fleet(&fenced(4, 1), &observed, "new:1").journals, []);
}

#[test]
fn who_holds_what_is_told_of_both_and_a_seat_that_a_spare_votes_for_is_not_silent() {
    let valid = fenced(4, 1);
    let named = |name: &str| Some(name.to_owned());
    let plan = fleet(&valid, &settled(1), "new:1");
    assert_eq!(phase(&plan, "bank-a-standby-0"), (Phase::Standby, None, None));
    assert_eq!((phase(&plan, "bank-a-0"), plan.waits.len()), ((Phase::Validating, None, None), 0));
    let plan = fleet(&valid, &taken_over(settled(1), 0), "new:1");
    assert_eq!(phase(&plan, "bank-a-standby-0"), (Phase::Validating, named("bank-a-0"), None));
    assert_eq!(phase(&plan, "bank-a-0"), (Phase::Provisioning, None, named("bank-a-standby-0")));
    let plan = fleet(&valid, &back(taken_over(settled(1), 0), 0), "new:1");
    assert_eq!(phase(&plan, "bank-a-0"), (Phase::Standby, None, named("bank-a-standby-0")));
    assert_eq!(plan.failures, [], "it votes for nothing, and another does");
}

#[test]
fn what_is_wrong_with_a_fence_fails_the_node_with_a_word_and_what_to_do() {
    for (word, reason) in [
        ("record_missing", reasons::FENCE_RECORD_MISSING),
        ("record_unreadable", reasons::FENCE_RECORD_UNREADABLE),
        ("record_foreign", reasons::FENCE_RECORD_FOREIGN),
        ("record_set_back", reasons::FENCE_RECORD_SET_BACK),
        ("journal_ahead", reasons::FENCE_JOURNAL_AHEAD),
        ("store_away", reasons::FENCE_STORE_AWAY),
        ("twin", reasons::FENCE_TWIN),
        ("of_a_later_node", reasons::FENCE_TROUBLED),
    ] {
        let trouble = |fence: &mut Fence| {
            fence.role = FenceRole::Stopped;
            (fence.reason, fence.message) = (Some(word.to_owned()), Some("so it is".to_owned()));
        };
        let mut observed = settled(1);
        change(&mut observed, 1, |node| {
            let identity = node.status.as_mut().and_then(|status| status.identity.as_mut()).expect("one");
            trouble(identity.fence.as_mut().expect("a fence"));
        });
        change(&mut observed, SPARE, |node| {
            trouble(&mut node.status.as_mut().expect("a status").standby_for[2].fence);
        });
        let plan = fleet(&fenced(4, 1), &observed, "new:1");
        let told: Vec<_> = plan.failures.iter().map(|failed| (failed.node.as_str(), failed.reason)).collect();
        assert_eq!(told, [("bank-a-1", reason), ("bank-a-standby-0", reason)]);
        let said = match word {
            "record_set_back" => "the store shows an older record",
            "journal_ahead" => "its vote journal has later votes",
            _ => "so it is",
        };
        assert!(plan.failures[0].message.starts_with(said), "{:?}", plan.failures[0]);
        assert!(plan.failures[1].message.starts_with(&format!("identity of bank-a-2: {said}")));
    }
}

#[test]
fn nodes_of_a_fleet_that_was_fenced_are_not_configured_without_the_fence() {
    let valid = valid_fleet(4);
    let mut observed = running(4, 4);
    change(&mut observed, 2, record);
    let plan = fleet(&valid, &observed, "new:1");
    let wait = plan.waits.iter().find(|wait| wait.stalled).expect("stalled");
    assert_eq!(wait.reason, reasons::FENCE_GONE);
    assert!(wait.message.contains("bank-a-2-identity"), "{}", wait.message);
    assert_eq!(made(&plan.objects.expect("objects")), [0, 1, 3]);
}

fn restarted(valid: &ValidFleet, observed: &FleetObserved) -> (Option<u32>, Vec<&'static str>) {
    let plan = fleet(valid, observed, "new:1");
    let waits = plan.waits.iter().map(|wait| wait.reason).collect();
    (plan.restart.map(|restart| restart.node.index), waits)
}

#[test]
fn spares_restart_first_then_one_node_after_the_other_each_with_its_identity_back() {
    let valid = fenced(4, 1);
    let mut observed = with_spares(outdated(4), 1);
    assert_eq!(restarted(&valid, &observed).0, Some(SPARE), "what does not start is found without a vote");
    pod(&mut observed, SPARE).revision = Some("b".to_owned());
    assert_eq!(restarted(&valid, &observed).0, Some(0));
    pod(&mut observed, 0).revision = Some("b".to_owned());
    let gone = taken_over(observed, 0);
    assert_eq!(restarted(&valid, &gone), (None, vec!["AnotherNodeDown"; 3]));
    let back = back(gone, 0);
    assert_eq!(restarted(&valid, &back), (None, vec!["AwaitingVotes"; 3]), "its spare votes for it still");
}

#[test]
fn nodes_are_fenced_one_after_the_other_though_spares_are_wanted_that_wait_for_it() {
    let mut observed = outdated(4);
    observed.nodes.insert(SPARE, NodeObserved::default());
    assert_eq!(restarted(&fenced(4, 1), &observed).0, Some(0));
    change(&mut observed, SPARE, |node| node.statefulset = Some(StatefulSetObserved::default()));
    assert_eq!(restarted(&fenced(4, 1), &observed).0, None, "one that was made is waited for");
}

#[test]
fn a_spare_that_votes_is_restarted_only_once_the_node_has_its_identity_back() {
    let valid = fenced(4, 1);
    let mut observed = taken_over(settled(1), 0);
    change(&mut observed, SPARE, |node| {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    });
    assert_eq!(restarted(&valid, &observed).0, None, "its node is down");
    let observed = back(observed, 0);
    assert_eq!(restarted(&valid, &observed), (None, vec!["AwaitingVotes"]));
    let mut returned = settled(1);
    change(&mut returned, SPARE, |node| {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    });
    assert_eq!(restarted(&valid, &returned).0, Some(SPARE));
}

#[test]
fn a_node_whose_identity_a_spare_holds_restarts_without_costing_a_vote() {
    let valid = fenced(4, 1);
    let mut observed = back(taken_over(settled(1), 0), 0);
    observed.turn = None;
    change(&mut observed, 0, |node| {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    });
    assert_eq!(restarted(&valid, &observed).0, Some(0), "nobody's turn is needed for what nobody misses");
}

fn stopped(valid: &ValidFleet, observed: &FleetObserved) -> Vec<u32> {
    fleet(valid, observed, "new:1").stop.into_iter().map(|node| node.index).collect()
}

#[test]
fn spares_go_when_they_are_not_wanted_and_one_that_votes_once_somebody_can_take_over() {
    assert_eq!(stopped(&fenced(4, 0), &settled(2)), [SPARE, SECOND]);
    assert_eq!(inputs(&fenced(4, 0), &settled(0)).leases.len(), 4, "the fence stays");
    let votes = taken_over(settled(2), 0);
    assert_eq!(stopped(&fenced(4, 0), &votes), [SECOND], "nobody else is ready");
    assert_eq!(stopped(&ValidFleet { skip_unseat: true, ..fenced(4, 0) }, &votes), [SPARE, SECOND]);
    assert_eq!(stopped(&fenced(4, 0), &back(votes.clone(), 0)), [SPARE, SECOND]);
    let mut other = settled(2);
    change(&mut other, 0, |node| node.status = None);
    change(&mut other, SECOND, |node| {
        spare_says(node.status.as_mut().expect("a status"), "bank-a-standby-1", Some(1));
    });
    assert_eq!(
        stopped(&fenced(4, 1), &other),
        [SECOND],
        "the first one stands by for what the second gives up"
    );
    change(&mut other, SPARE, |node| node.status.as_mut().expect("a status").ready = false);
    assert!(stopped(&fenced(4, 1), &other).is_empty(), "it could not take over now");
}

#[test]
fn a_retired_identity_leaves_the_spares_before_its_node_stops() {
    let valid = fenced(3, 1);
    let mut observed = with_spares(running(4, 3), 1);
    let inputs = inputs(&valid, &observed);
    let spare = inputs.nodes.last().expect("a spare");
    assert_eq!(spare.config.standby_for.len(), 3, "its file names it no more");
    let plan = fleet(&valid, &observed, "new:1");
    assert_eq!(plan.stop, [], "the process does still");
    assert!(plan.waits.iter().any(|wait| wait.message.contains("bank-a-standby-0")), "{:?}", plan.waits);
    change(&mut observed, SPARE, |node| {
        node.status.as_mut().expect("a status").standby_for.truncate(3);
    });
    assert_eq!(stopped(&valid, &observed), [3]);
}

#[test]
fn a_fleet_that_stands_by_for_another_cluster_makes_no_record_moves_no_seat_and_goes_at_once() {
    let mut valid = fenced(4, 0);
    valid.fence.as_mut().expect("a fence").preferred = false;
    let mut observed = running(4, 4);
    for index in 0..4 {
        says(&mut observed, index, &|status| {
            let identity = status.identity.as_mut().expect("an identity");
            identity.voting = false;
            let holder = Some(format!("east/bank-a-{index}"));
            identity.fence = Some(Fence { holder, recorded: false, ..view(FenceRole::Standby, "", 1) });
        });
    }
    let plan = fleet(&valid, &observed, "new:1");
    let fences = |plan: &FleetPlan| {
        let nodes = plan.objects.as_ref().expect("objects").nodes.iter();
        let fences = nodes.map(|node| node.config.identity.as_ref().and_then(|id| id.fence.clone()));
        fences.map(|fence| fence.expect("a fence")).collect::<Vec<_>>()
    };
    assert!(fences(&plan).iter().all(|fence| !fence.preferred && !fence.initialise));
    assert_eq!(phase(&plan, "bank-a-0"), (Phase::Standby, None, Some("east/bank-a-0".to_owned())));
    let mut old = observed.clone();
    old.turn = None;
    for node in old.nodes.values_mut() {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    }
    assert_eq!(restarted(&valid, &old).0, Some(0), "the seats vote elsewhere, and none is silent");
    let going = fleet(&ValidFleet { deleting: true, ..valid }, &observed, "new:1");
    assert_eq!(going.release.map(|release| release.reason), Some("SeatsAreOthers"));
    let settled = |stands_by| {
        let mut elsewhere = network(4, 4, 4);
        elsewhere.fleets[0].stands_by = stands_by;
        for status in &mut elsewhere.nodes {
            status.identity.as_mut().expect("an identity").voting = false;
        }
        consortium(&valid_consortium(), &elsewhere).evictable.expect("known").is_ok()
    };
    assert_eq!((settled(false), settled(true)), (false, true), "drains wait for votes of this cluster only");
    let seats = |stands_by, replicas, seats| {
        let mut observed = network(replicas, 5, seats);
        observed.fleets[0].stands_by = stands_by;
        moved(&consortium(&valid_consortium(), &observed)).map(|(what, _)| what)
    };
    assert_eq!((seats(false, 5, 4), seats(true, 5, 4)), (Some("seat"), None));
    assert_eq!((seats(false, 4, 5), seats(true, 4, 5)), (Some("unseat"), None));
}

#[test]
fn the_disruption_budget_counts_the_spares_that_were_made() {
    let valid = valid_consortium();
    let mut observed = network(4, 4, 4);
    observed.fleets[0].standbys = 2;
    assert_eq!(consortium(&valid, &observed).min_available, 3, "none is made yet, and restarts go on");
    observed.spares = 2;
    assert_eq!(consortium(&valid, &observed).min_available, 5);
}

#[test]
fn a_proof_is_taken_from_the_node_that_has_one_whoever_else_speaks_of_the_identity() {
    let mut observed = network(5, 5, 4);
    let mut spare = observed.nodes[4].clone();
    spare.identity.as_mut().expect("an identity").seat_proof = None;
    observed.nodes.insert(0, spare.clone());
    observed.nodes.push(spare);
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), Some(("seat", "bank-a-4")));
}

#[test]
fn observers_have_no_spares_to_wait_for() {
    let valid = ValidFleet { role: Role::Observer, ..valid_fleet(2) };
    assert_eq!(valid.indices().collect::<Vec<_>>(), [0, 1]);
}
