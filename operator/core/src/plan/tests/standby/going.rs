//! Which spares and nodes may stop, and who keeps what they held.

use super::{
    FenceRole, NodeStatus, SECOND, SPARE, back, change, fenced, restarted, running, settled, spare_says,
    stopped, taken_over, view, with_spares,
};
use crate::{
    api::conditions::reasons,
    names::{FIRST_SPARE, SKIP_UNSEAT},
    observed::{FleetObserved, NodeObserved, Trouble},
    plan::{fleet, tests::summary},
    validate::ValidFleet,
};

const THIRD: u32 = FIRST_SPARE + 2;
const FOURTH: u32 = FIRST_SPARE + 3;

fn down(node: &mut NodeObserved) {
    node.status = None;
    node.pod.as_mut().expect("a pod").ready = false;
}

/// The node of `index` is down, and a spare votes for it.
fn votes_for(mut observed: FleetObserved, spare: u32, index: u8) -> FleetObserved {
    change(&mut observed, u32::from(index), down);
    change(&mut observed, spare, |node| {
        let name = format!("bank-a-standby-{}", spare - FIRST_SPARE);
        spare_says(node.status.as_mut().expect("a status"), &name, Some(index + 1));
    });
    observed
}

fn status(observed: &mut FleetObserved, index: u32, with: impl FnOnce(&mut NodeStatus)) {
    change(observed, index, |node| with(node.status.as_mut().expect("a status")));
}

#[test]
fn a_node_that_is_down_stops_at_once_whoever_stands_by_for_its_identity() {
    let valid = fenced(3, 1);
    let up = with_spares(running(4, 3), 1);
    assert!(stopped(&valid, &up).is_empty(), "it would hand its identity over");
    let mut dead = up.clone();
    change(&mut dead, 3, down);
    assert_eq!(stopped(&valid, &dead), [3]);
    let mut gone = up.clone();
    change(&mut gone, 3, |node| (node.pod, node.status) = (None, None));
    assert_eq!(stopped(&valid, &gone), [3]);
    let mut seated = with_spares(running(4, 4), 1);
    change(&mut seated, 3, down);
    assert!(stopped(&valid, &seated).is_empty(), "its seat first");
}

#[test]
fn a_pod_that_stays_on_a_lost_kubernetes_node_takes_no_eviction_once_it_is_not_wanted() {
    let fleet = summary(3, 4);
    assert!(fleet.counts(0, false) && fleet.counts(0, true), "one that is wanted comes again");
    assert!(fleet.counts(3, false), "it may be counted for one that votes");
    assert!(!fleet.counts(3, true));
    let observer = crate::observed::FleetSummary { seats: false, ..summary(3, 4) };
    assert!(!observer.counts(0, false));
}

#[test]
fn spares_that_vote_stop_each_for_a_successor_of_its_own() {
    let two_vote = votes_for(votes_for(settled(4), THIRD, 0), FOURTH, 1);
    assert_eq!(stopped(&fenced(4, 2), &two_vote), [THIRD, FOURTH], "two are free");
    assert_eq!(stopped(&fenced(4, 1), &two_vote), [SECOND, THIRD], "one is, which takes over one");
    assert_eq!(stopped(&fenced(4, 0), &two_vote), [SPARE, SECOND], "none is");
    let one_back = back(two_vote.clone(), 0);
    assert_eq!(stopped(&fenced(4, 0), &one_back), [SPARE, SECOND, THIRD], "a node takes over its own");
    assert_eq!(stopped(&fenced(4, 1), &one_back), [SECOND, THIRD, FOURTH]);
    let mut needed = votes_for(settled(2), SECOND, 0);
    assert_eq!(stopped(&fenced(4, 1), &needed), [SECOND]);
    change(&mut needed, 2, down);
    assert!(stopped(&fenced(4, 1), &needed).is_empty(), "the free one is about to vote for another node");
    let mut keyless = votes_for(settled(2), SECOND, 0);
    status(&mut keyless, SPARE, |status| status.standby_for[0].signer_ready = false);
    assert!(stopped(&fenced(4, 1), &keyless).is_empty());
}

#[test]
fn what_an_ending_spare_gives_up_is_seen_with_another_before_the_next_one_stops() {
    let mut ending = votes_for(settled(3), SECOND, 0);
    change(&mut ending, THIRD, |node| node.statefulset = None);
    assert!(stopped(&fenced(4, 1), &ending).is_empty(), "its pod is told to end any moment");
    let mut told = votes_for(settled(3), SECOND, 0);
    change(&mut told, THIRD, |node| {
        node.statefulset = None;
        node.pod.as_mut().expect("a pod").terminating = true;
    });
    assert!(stopped(&fenced(4, 1), &told).is_empty());
    assert_eq!(stopped(&fenced(4, 1), &back(told.clone(), 0)), [SECOND], "its node is back");
    change(&mut told, THIRD, |node| {
        let message = "deleted, and not gone".to_owned();
        let trouble = Trouble { reason: Some("NodeLost"), message, cure: "", since: None };
        node.pod.as_mut().expect("a pod").trouble = Some(trouble);
    });
    assert_eq!(stopped(&fenced(4, 1), &told), [SECOND], "that one may stay for ever");
}

#[test]
fn a_spare_that_does_not_say_what_it_votes_for_is_kept_until_it_does_or_a_person_lets_it_go() {
    let mut observed = settled(2);
    change(&mut observed, SECOND, |node| node.status = None);
    let valid = fenced(4, 1);
    let plan = fleet(&valid, &observed, "new:1");
    let wait = plan.waits.iter().find(|wait| wait.reason == reasons::NO_NODE_ANSWERS).expect("told");
    assert!(wait.message.contains("bank-a-standby-1") && wait.message.contains(SKIP_UNSEAT), "{wait:?}");
    assert_eq!(plan.stop, []);
    assert_eq!(stopped(&ValidFleet { skip_unseat: true, ..valid.clone() }, &observed), [SECOND]);
    let mut elsewhere = valid.clone();
    elsewhere.fence.as_mut().expect("a fence").preferred = false;
    assert!(stopped(&elsewhere, &observed).is_empty(), "nor where the identities are another cluster's");
    change(&mut observed, SECOND, down);
    assert_eq!(stopped(&valid, &observed), [SECOND], "it is down, and nobody saw it vote");
}

#[test]
fn who_could_take_over_restarts_only_once_the_spare_that_stops_is_gone() {
    let valid = fenced(4, 0);
    let mut observed = back(taken_over(settled(1), 0), 0);
    change(&mut observed, 0, |node| {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
        let identity = node.status.as_mut().and_then(|status| status.identity.as_mut()).expect("one");
        identity.fence = Some(view(FenceRole::Standby, "bank-a-standby-0", 2));
    });
    assert_eq!(stopped(&valid, &observed), [SPARE]);
    assert_eq!(restarted(&valid, &observed), (None, vec![reasons::RESTARTING]));
    change(&mut observed, SPARE, |node| {
        node.statefulset = None;
        node.pod.as_mut().expect("a pod").terminating = true;
    });
    assert_eq!(restarted(&valid, &observed), (None, vec![reasons::RESTARTING]));
    observed.nodes.remove(&SPARE);
    assert_eq!(restarted(&valid, &observed).0, Some(0));
}
