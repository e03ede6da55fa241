//! What a fence that grants nothing keeps from being done, and what is told of it.

use super::{
    FenceRole, NodeObserved, SPARE, SecretState, change, fenced, inputs, settled, spare_says, stored, view,
};
use crate::{
    api::{conditions::reasons, validator::Phase},
    build,
    keys::SecretError,
    observed::{ConsortiumObserved, FleetObserved},
    plan::{
        FleetPlan, consortium, fleet,
        tests::{moved, network, running, summary, valid_consortium},
    },
};
use chain::status::{Fence, NodeStatus};

fn troubled(role: FenceRole, word: &str) -> Fence {
    Fence { reason: Some(word.to_owned()), message: Some("so it is".to_owned()), ..view(role, "bank-a-4", 1) }
}

/// The fifth node waits for a seat, with an identity that can move.
fn joins(fence: Option<Fence>) -> ConsortiumObserved {
    let mut observed = network(5, 5, 4);
    observed.nodes[4].identity.as_mut().expect("an identity").fence = fence;
    observed
}

/// A spare of it says that it holds the identity.
fn with_spare(mut observed: ConsortiumObserved, ready: bool) -> ConsortiumObserved {
    let mut spare = observed.nodes[4].clone();
    spare.ready = ready;
    let identity = spare.identity.as_mut().expect("an identity");
    identity.fence = Some(view(FenceRole::Holder, "bank-a-standby-0", 2));
    identity.seat_proof = None;
    observed.nodes.push(spare);
    observed
}

#[test]
fn a_seat_is_given_only_to_an_identity_that_a_ready_node_holds_without_trouble() {
    let nobody = Fence { holder: None, ..view(FenceRole::Standby, "", 0) };
    let stands_by = || Some(view(FenceRole::Standby, "bank-a-standby-0", 2));
    for (what, observed, refused) in [
        ("it cannot move", joins(None), None),
        ("it holds it", joins(Some(view(FenceRole::Holder, "bank-a-4", 1))), None),
        ("its store is away", joins(Some(troubled(FenceRole::Holder, "store_away"))), Some("store_away")),
        ("nobody holds it", joins(Some(nobody)), Some("no node holds")),
        (
            "its record was set back",
            joins(Some(troubled(FenceRole::Stopped, "record_set_back"))),
            Some("record_set_back"),
        ),
        ("somebody unknown holds it", joins(stands_by()), Some("bank-a/bank-a-standby-0")),
        ("its spare holds it", with_spare(joins(stands_by()), true), None),
        ("its spare holds it and is behind", with_spare(joins(stands_by()), false), Some("standby-0")),
    ] {
        let plan = consortium(&valid_consortium(), &observed);
        let Some(words) = refused else {
            assert_eq!(moved(&plan), Some(("seat", "bank-a-4")), "{what}");
            continue;
        };
        let told = plan.waits.iter().find(|wait| wait.reason == "IdentityNotHeld").expect(what);
        assert!(moved(&plan).is_none() && told.message.contains(words), "{what}: {}", told.message);
    }
}

#[test]
fn a_seat_is_not_taken_over_by_an_identity_that_nobody_holds() {
    let takes_over = |fence: Fence| {
        let mut observed = joins(Some(fence));
        // The fifth identity is another fleet's first one, which replaces the first fleet.
        let identity = observed.fleets[0].identities.remove(&4).expect("the fifth");
        observed.fleets[0].replicas = 4;
        let mut new = summary(1, 0);
        let old = std::mem::replace(&mut new.name.0, "bank-b".to_owned());
        (new.replaces, new.identities) = (Some(crate::names::FleetName(old)), [(0, identity)].into());
        observed.fleets.push(new);
        moved(&consortium(&valid_consortium(), &observed)).map(|(what, _)| what)
    };
    assert_eq!(takes_over(view(FenceRole::Holder, "bank-b-0", 1)), Some("replace"));
    assert_eq!(takes_over(troubled(FenceRole::Stopped, "record_foreign")), None);
}

fn told(observed: &FleetObserved) -> FleetPlan {
    fleet(&fenced(4, 1), observed, "new:1")
}

fn own(node: &mut NodeObserved, change: impl FnOnce(&mut NodeStatus, &mut Option<Fence>)) {
    let status = node.status.as_mut().expect("a status");
    let mut fence = status.identity.as_mut().expect("an identity").fence.take();
    change(status, &mut fence);
    status.identity.as_mut().expect("an identity").fence = fence;
}

#[test]
fn a_fence_that_stops_is_told_by_its_own_word_though_the_node_reports_a_fault_too() {
    let mut observed = settled(1);
    change(&mut observed, 1, |node| {
        own(node, |status, fence| {
            *fence = Some(troubled(FenceRole::Stopped, "record_foreign"));
            status.faults.push("fence of 0x1: so it is".to_owned());
        });
    });
    let failures = told(&observed).failures;
    assert_eq!(
        failures.iter().map(|failure| failure.reason).collect::<Vec<_>>(),
        [reasons::FENCE_RECORD_FOREIGN]
    );
    change(&mut observed, 1, |node| {
        own(node, |_, fence| *fence = Some(view(FenceRole::Holder, "bank-a-1", 1)));
    });
    assert_eq!(told(&observed).failures[0].reason, reasons::NODE_FAILED, "a fault of its own");
}

#[test]
fn numbers_that_move_in_a_fences_message_are_not_told_again_and_again() {
    for word in ["record_set_back", "journal_ahead"] {
        let at = |revision: u64| {
            let mut observed = settled(1);
            change(&mut observed, 1, |node| {
                own(node, |_, fence| {
                    let message = Some(format!("revision {revision} after 99"));
                    *fence = Some(Fence { message, ..troubled(FenceRole::Stopped, word) });
                });
            });
            told(&observed)
        };
        let (first, second) = (at(7), at(8));
        assert_eq!((&first.failures, &first.nodes), (&second.failures, &second.nodes), "{word}");
    }
}

#[test]
fn a_nodes_own_last_process_is_no_twin_while_the_node_catches_up() {
    let mut observed = settled(1);
    change(&mut observed, 1, |node| {
        own(node, |status, fence| {
            (status.ready, status.not_ready_reason) = (false, Some("9 blocks behind".to_owned()));
            *fence = Some(troubled(FenceRole::Standby, "twin"));
        });
    });
    let plan = told(&observed);
    assert_eq!((plan.failures.len(), plan.nodes[1].phase), (0, Phase::Syncing));
    change(&mut observed, 1, |node| node.status.as_mut().expect("a status").ready = true);
    assert_eq!(told(&observed).failures[0].reason, reasons::FENCE_TWIN);
    change(&mut observed, 1, |node| {
        own(node, |status, fence| {
            status.ready = false;
            *fence = Some(troubled(FenceRole::Standby, "store_away"));
        });
    });
    assert_eq!(told(&observed).failures[0].reason, reasons::FENCE_STORE_AWAY, "that is none of it");
}

#[test]
fn a_right_stays_as_it_was_given_while_an_identity_is_not_read_whose_node_may_vote() {
    let valid = fenced(4, 1);
    let malformed = SecretState::Malformed(SecretError::Missing { secret: "bank-a-2-identity".to_owned() });
    let named = |observed: &FleetObserved| {
        let inputs = inputs(&valid, observed);
        let role = build::fleet(&valid, &inputs).expect("rendered").fence_role;
        role.map(|(role, _)| role.rules.expect("rules")[0].resource_names.as_ref().map_or(0, Vec::len))
    };
    assert_eq!(named(&settled(1)), Some(4));
    for unread in [SecretState::Absent, malformed] {
        let without = |mut observed: FleetObserved| {
            change(&mut observed, 2, |node| node.identity = unread.clone());
            observed
        };
        assert_eq!(named(&without(settled(1))), None, "{unread:?}: the Role is not applied");
        let mut stopped = without(settled(1));
        change(&mut stopped, 2, |node| node.statefulset = None);
        assert_eq!(named(&stopped), Some(3), "{unread:?}: it runs nowhere");
        assert_eq!(named(&without(running(4, 4))), Some(3), "{unread:?}: nobody has voted by such a right");
    }
}

#[test]
fn a_spare_carries_the_seat_that_it_says_it_votes_for_whether_or_not_that_key_is_read() {
    let mut observed = settled(1);
    change(&mut observed, SPARE, |node| {
        spare_says(node.status.as_mut().expect("a status"), "bank-a-standby-0", Some(1));
    });
    change(&mut observed, 0, |node| (node.identity, node.status) = (SecretState::Absent, None));
    let plan = fleet(&fenced(4, 0), &observed, "new:1");
    assert_eq!(plan.stop, []);
    let address = stored(1).key.address.to_string();
    let wait = plan.waits.iter().find(|wait| wait.message.contains(&address));
    assert_eq!(wait.map(|wait| wait.reason), Some(reasons::LEAVING), "{:?}", plan.waits);
}
