use super::{Conditions, conditions_equal, consortium_worth_writing};
use crate::{
    api::{
        ConsortiumStatus,
        conditions::{ConditionStatus, READY, RECONCILING, STALLED},
    },
    plan::Wait,
};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn progress(waits: &[Wait]) -> Vec<(String, ConditionStatus)> {
    let mut conditions = Conditions::new(&[], Some(3), at(0));
    conditions.progress(waits, "done");
    conditions.made.into_iter().map(|condition| (condition.kind, condition.status)).collect()
}

#[test]
fn ready_reconciling_and_stalled_read_as_kstatus_wants_them() {
    use ConditionStatus::{False, True};
    let table: [(&[Wait], [ConditionStatus; 3]); 3] = [
        (&[], [True, False, False]),
        (&[Wait::passing("A", "a")], [False, True, False]),
        (&[Wait::passing("A", "a"), Wait::stalled("B", "b")], [False, False, True]),
    ];
    for (waits, want) in table {
        let kinds = [READY, RECONCILING, STALLED].map(str::to_owned);
        assert_eq!(progress(waits), kinds.into_iter().zip(want).collect::<Vec<_>>(), "{waits:?}");
    }
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let mut first = Conditions::new(&[], Some(1), at(100));
    first.progress(&[Wait::passing("A", "a")], "");
    let mut second = Conditions::new(&first.made, Some(1), at(200));
    second.progress(&[Wait::passing("B", "b")], "");
    assert_eq!(second.made[0].last_transition_time, "1970-01-01T00:01:40Z");
    let mut third = Conditions::new(&second.made, Some(1), at(300));
    third.progress(&[], "done");
    assert_eq!(third.made[0].last_transition_time, "1970-01-01T00:05:00Z");
    assert_eq!(third.made[2].last_transition_time, "1970-01-01T00:01:40Z", "Stalled has not moved");
}

#[test]
fn equal_conditions_at_other_times_are_equal() {
    let made = |second| {
        let mut conditions = Conditions::new(&[], Some(1), at(second));
        conditions.progress(&[], "done");
        conditions.made
    };
    assert!(conditions_equal(&made(1), &made(2)));
}

#[test]
fn what_is_no_longer_said_goes_and_conditions_of_others_stay_behind_ours() {
    let patch = super::replacing(&json!({ "a": 1, "gone": 2 }), &json!({ "a": 3 }));
    assert_eq!(patch, json!({ "a": 3, "gone": null }));
    let condition = |kind: &str| crate::api::Condition {
        kind: kind.to_owned(),
        status: ConditionStatus::True,
        reason: "R".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: String::new(),
    };
    let before: Vec<_> = ["Audited", READY, "Degraded"].map(condition).into();
    let kinds: Vec<_> =
        super::with_others(&before, vec![condition(READY)]).into_iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [READY, "Audited"], "ours that are no longer made go");
}

#[test]
fn height_alone_is_written_once_a_minute() {
    let status = |height, seconds: i64| ConsortiumStatus {
        height: Some(height),
        observed_at: Some(super::rfc3339(at(seconds))),
        ..ConsortiumStatus::default()
    };
    let before = status(10, 1000);
    assert!(!consortium_worth_writing(&before, &status(20, 1059), at(1059)));
    assert!(consortium_worth_writing(&before, &status(20, 1060), at(1060)));
    assert!(!consortium_worth_writing(&before, &status(10, 2000), at(2000)), "nothing moved");
    let to_come = status(10, 9000);
    assert!(consortium_worth_writing(&to_come, &status(20, 1059), at(1059)), "somebody wrote a time to come");
    let other = ConsortiumStatus { summary: Some("3/4 seats, tolerates 0".to_owned()), ..status(11, 1001) };
    assert!(consortium_worth_writing(&before, &other, at(1001)));
}

#[test]
fn every_type_of_condition_that_is_ours_is_replaced_and_those_of_others_stay() {
    let source = include_str!("../api/conditions.rs");
    let types = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = \""));
    let types: Vec<_> = types.map(|(_, kind)| kind.trim_end_matches("\";")).collect();
    assert!(types.contains(&"Ready") && types.contains(&"Overridden"), "{types:?}");
    for kind in types {
        assert!(super::OURS.contains(&kind), "{kind} would stand twice");
    }
}

#[test]
fn an_object_is_settled_when_all_that_it_needs_is_true_and_no_drain_waits_or_when_a_person_must_act() {
    let condition = |kind: &str, status, reason: &str| crate::api::Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: String::new(),
    };
    let ready = |status| condition(READY, status, "R");
    let both = [READY, "QuorumHealthy"];
    let (healthy, halted) = (
        condition("QuorumHealthy", ConditionStatus::True, "R"),
        condition("QuorumHealthy", ConditionStatus::False, "R"),
    );
    let awaiting = condition("Drainable", ConditionStatus::False, "AwaitingVotes");
    let cases = [
        (vec![ready(ConditionStatus::True)], &both[..1], true),
        (vec![ready(ConditionStatus::False)], &both[..1], false),
        (vec![ready(ConditionStatus::True)], &both[..], false),
        (vec![ready(ConditionStatus::True), healthy.clone()], &both[..], true),
        (vec![ready(ConditionStatus::True), halted.clone()], &both[..], false),
        (vec![ready(ConditionStatus::True), healthy, awaiting], &both[..], false),
        (vec![halted, condition(STALLED, ConditionStatus::True, "R")], &both[..], true),
    ];
    for (conditions, needed, settled) in cases {
        assert_eq!(super::is_settled(&conditions, needed), settled, "{conditions:?} {needed:?}");
    }
}

#[test]
fn a_stalled_object_is_settled_only_while_nothing_that_passes_by_itself_is_waited_for() {
    let stalled = Wait::stalled("VolumeNotExpandable", "the class does not expand");
    let other = Wait::stalled("KeyLost", "a key is gone");
    let turn = Wait::passing("NotOurTurn", "it begins again at block 90");
    // The same word, of another node.
    let same = Wait::passing("VolumeNotExpandable", "looked at again");
    let settled = |waits: &[Wait]| {
        let mut conditions = Conditions::new(&[], Some(1), at(0));
        conditions.progress(waits, "");
        super::is_settled(&conditions.made, &[READY])
    };
    assert!(settled(std::slice::from_ref(&stalled)));
    assert!(settled(&[other, stalled.clone()]));
    assert!(!settled(&[turn.clone(), stalled.clone()]), "its turn would be missed");
    assert!(!settled(&[stalled.clone(), turn.clone()]));
    assert!(!settled(&[stalled.clone(), same]));
    let refused = super::stalled(&[], Some(1), at(0), std::slice::from_ref(&stalled));
    assert!(super::is_settled(&refused, &[READY]), "a refused spec");

    let mut conditions = Conditions::new(&[], Some(1), at(0));
    conditions.progress(&[turn, stalled], "");
    let [_, reconciling, said] = &conditions.made[..] else { panic!("{:?}", conditions.made) };
    assert_eq!((reconciling.kind.as_str(), reconciling.reason.as_str()), (RECONCILING, "NotOurTurn"));
    assert!(reconciling.message.contains("block 90"), "{reconciling:?}");
    assert_eq!(said.reason, "VolumeNotExpandable");
}
