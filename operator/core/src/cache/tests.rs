use super::{Body, Cache, Kind, Mark, NetworkKey, ObjectKey, ObjectKind, Source, Standing, Wakes};
use crate::{
    api::{Consortium, ConsortiumStatus, Validator, ValidatorStatus},
    names::{FLEET, MANAGER, NETWORK, NODE},
    queue::Urgency,
};
use alloy_primitives::Address;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use std::sync::Arc;

const INTENT: u64 = 0xfeed;

const fn watched(_: Mark) -> Source {
    Source::Watched
}

fn metadata(name: &str, version: u64, more: &Value) -> ObjectMeta {
    let mut metadata = json!({
        "name": name, "namespace": "bank-a", "resourceVersion": version.to_string(), "uid": name,
        "labels": { NETWORK: "trade-finance", FLEET: "bank-a", NODE: "bank-a-0" },
        "annotations": { "quorate.dev/applied": format!("{INTENT:016x}") },
        "managedFields": [{
            "manager": MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:10Z", "fieldsV1": { "f:data": {} },
        }],
    });
    for (key, value) in more.as_object().expect("an object") {
        metadata[key] = value.clone();
    }
    serde_json::from_value(metadata).expect("metadata")
}

fn fleet(name: &str, version: u64, generation: i64) -> Validator {
    let mut fleet: Validator =
        serde_saphyr::from_str(include_str!("../../../../examples/validator.yaml")).expect("the example");
    fleet.metadata.name = Some(name.to_owned());
    fleet.metadata.generation = Some(generation);
    fleet.metadata.resource_version = Some(version.to_string());
    fleet
}

fn kept(cache: &Cache, name: &str) -> Option<Validator> {
    cache.fleet("bank-a", name).map(|fleet| fleet.object().expect("reads back"))
}

fn network() -> NetworkKey {
    NetworkKey { namespace: "bank-a".into(), name: "trade-finance".into() }
}

fn key(kind: ObjectKind, name: &str) -> ObjectKey {
    ObjectKey { kind, namespace: "bank-a".into(), name: name.into() }
}

/// Two fleets of one network, nothing else.
fn cache() -> Cache {
    let (mut cache, mut wakes) = (Cache::default(), Wakes::default());
    let mut consortium: Consortium =
        serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml")).expect("the example");
    consortium.metadata.resource_version = Some("1".to_owned());
    cache.put_consortium(Arc::new(consortium), &mut wakes);
    cache.put_fleet(&fleet("bank-a", 1, 1), &mut wakes);
    cache.put_fleet(&fleet("bank-b", 1, 1), &mut wakes);
    cache
}

fn put(cache: &mut Cache, kind: Kind, metadata: &ObjectMeta, source: fn(Mark) -> Source) -> Wakes {
    let asked = cache.mark(kind, "bank-a");
    answer(cache, kind, metadata, source(asked))
}

fn answer(cache: &mut Cache, kind: Kind, metadata: &ObjectMeta, source: Source) -> Wakes {
    let mut wakes = Wakes::default();
    let body = if kind == Kind::Secret { Body::secret(metadata) } else { Body::Unread };
    cache.put_child(kind, metadata, body, source, &mut wakes);
    wakes
}

fn stands(cache: &Cache) -> Standing {
    cache.standing(Kind::ConfigMap, "bank-a", "config", INTENT)
}

#[test]
fn a_status_that_somebody_else_wrote_wakes_its_object_and_our_own_wakes_nobody() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    let with = |version, summary: &str| {
        let mut fleet = fleet("bank-a", version, 1);
        fleet.status.get_or_insert_default().summary = Some(summary.to_owned());
        fleet
    };
    assert!(cache.answered_fleet(&with(2, "4/4 validating"), &mut wakes));
    cache.put_fleet(&with(2, "4/4 validating"), &mut wakes);
    assert_eq!(wakes, Wakes::default(), "our own, answered and then told");
    cache.put_fleet(&with(3, "all is well"), &mut wakes);
    assert_eq!(wakes.objects, [(key(ObjectKind::Validator, "bank-a"), Urgency::Changed)]);
    let mut consortium = Consortium::clone(cache.consortium("bank-a", "trade-finance").expect("kept"));
    consortium.metadata.resource_version = Some("4".to_owned());
    consortium.status.get_or_insert_default().height = Some(-1);
    let mut wakes = Wakes::default();
    cache.put_consortium(Arc::new(consortium), &mut wakes);
    assert_eq!(wakes.objects, [(key(ObjectKind::Consortium, "trade-finance"), Urgency::Changed)]);
}

#[test]
fn a_status_that_the_watch_tells_before_our_write_is_answered_wakes_nobody() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Settled", "message": "", "lastTransitionTime": "2026-01-01T00:00:00.123456789Z",
    });
    let status = |summary: &str| -> ValidatorStatus {
        serde_json::from_value(json!({ "conditions": [condition], "summary": summary })).expect("a status")
    };
    let with = |version, summary: &str| -> Validator {
        let fleet = Validator { status: Some(status(summary)), ..fleet("bank-a", version, 1) };
        serde_json::from_value(serde_json::to_value(fleet).expect("JSON")).expect("as the watch tells it")
    };
    let ours = key(ObjectKind::Validator, "bank-a");
    cache.writing(ours.clone(), &status("4/4 validating"));
    cache.put_fleet(&with(2, "4/4 validating"), &mut wakes);
    assert!(cache.answered_fleet(&with(2, "4/4 validating"), &mut wakes));
    cache.written(&ours);
    assert_eq!(wakes, Wakes::default(), "told, then answered");
    cache.put_fleet(&with(3, "all is well"), &mut wakes);
    assert_eq!(wakes.objects.len(), 1, "somebody else's");
    cache.writing(ours.clone(), &status("4/4 validating"));
    cache.put_fleet(&with(4, "none of ours"), &mut wakes);
    assert_eq!(wakes.objects.len(), 2, "somebody else's, while ours is under way");
    cache.written(&ours);
    cache.put_fleet(&with(5, "4/4 validating"), &mut wakes);
    assert_eq!(wakes.objects.len(), 3, "nobody is writing it now");
}

#[test]
fn metadata_that_moves_alone_wakes_nobody_and_a_new_generation_wakes_its_object_and_its_consortium() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    cache.put_fleet(&fleet("bank-a", 2, 1), &mut wakes);
    assert_eq!(wakes, Wakes::default());
    cache.put_fleet(&fleet("bank-a", 3, 2), &mut wakes);
    let expected = [
        (key(ObjectKind::Validator, "bank-a"), Urgency::Edited),
        (key(ObjectKind::Consortium, "trade-finance"), Urgency::Related),
    ];
    assert_eq!(wakes.objects, expected);
    cache.put_fleet(&fleet("bank-a", 2, 1), &mut Wakes::default());
    assert_eq!(kept(&cache, "bank-a").expect("kept").metadata.generation, Some(2), "an old event");
}

#[test]
fn an_edit_of_a_consortium_wakes_its_fleets_and_its_status_does_not() {
    let mut cache = cache();
    let mut put = |version: u64, generation: i64, height: i64| {
        let mut consortium: Consortium =
            serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml"))
                .expect("the example");
        consortium.metadata.resource_version = Some(version.to_string());
        consortium.metadata.generation = Some(generation);
        consortium.status = Some(ConsortiumStatus { height: Some(height), ..ConsortiumStatus::default() });
        let mut wakes = Wakes::default();
        cache.put_consortium(Arc::new(consortium), &mut wakes);
        wakes.objects.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    put(2, 1, 7);
    let own = key(ObjectKind::Consortium, "trade-finance");
    assert_eq!(put(3, 1, 8), std::slice::from_ref(&own));
    let fleets = ["bank-a", "bank-b"].map(|name| key(ObjectKind::Validator, name));
    assert_eq!(put(4, 2, 8), [&[own], fleets.as_slice()].concat());
}

#[test]
fn the_answer_to_a_write_does_not_bring_back_what_the_watch_has_told_is_gone() {
    let mut cache = cache();
    let last = fleet("bank-b", 2, 1);
    assert!(cache.answered_fleet(&last, &mut Wakes::default()));
    let known = kept(&cache, "bank-b").expect("kept");
    assert_eq!(known.metadata.resource_version.as_deref(), Some("2"), "an answer is known at once");
    cache.remove_fleet("bank-a", "bank-b", &mut Wakes::default());
    assert!(!cache.answered_fleet(&fleet("bank-b", 3, 1), &mut Wakes::default()));
    assert!(kept(&cache, "bank-b").is_none(), "the finalizer's removal was answered late");
    let mut again = last;
    again.metadata.uid = Some("another".to_owned());
    cache.put_fleet(&again, &mut Wakes::default());
    assert!(!cache.answered_fleet(&fleet("bank-b", 4, 1), &mut Wakes::default()));
    let known = kept(&cache, "bank-b").expect("the new one");
    assert_eq!(known.metadata.uid.as_deref(), Some("another"), "nor does it stand for its successor");
}

#[test]
fn the_answer_to_an_apply_does_not_bring_back_a_child_that_the_watch_has_told_is_gone() {
    let mut cache = cache();
    let child = |version: u64| metadata("bank-a-3", version, &serde_json::json!({}));
    put(&mut cache, Kind::StatefulSet, &child(5), watched);
    cache.remove_child(Kind::StatefulSet, "bank-a", "bank-a-3", 7, &mut Wakes::default());
    put(&mut cache, Kind::StatefulSet, &child(6), Source::Verified);
    assert!(cache.child(Kind::StatefulSet, "bank-a", "bank-a-3").is_none(), "applied at 6, collected at 7");
    put(&mut cache, Kind::StatefulSet, &child(8), Source::Verified);
    assert!(cache.child(Kind::StatefulSet, "bank-a", "bank-a-3").is_some(), "made anew");
}

#[test]
fn what_we_wrote_ourselves_is_no_news_when_the_watch_tells_it() {
    let mut cache = cache();
    assert_eq!(stands(&cache), Standing::Absent);
    let written = metadata("config", 7, &json!({}));
    assert_eq!(put(&mut cache, Kind::ConfigMap, &written, Source::Verified).objects.len(), 1);
    assert_eq!(put(&mut cache, Kind::ConfigMap, &written, watched), Wakes::default());
    let older = metadata("config", 6, &json!({ "annotations": {} }));
    assert_eq!(put(&mut cache, Kind::ConfigMap, &older, watched), Wakes::default());
    assert_eq!(stands(&cache), Standing::AsApplied);
    assert_eq!(cache.standing(Kind::ConfigMap, "bank-a", "config", 1), Standing::Differs);
}

#[test]
fn an_edit_makes_a_child_unsure_until_it_is_read_and_a_restart_trusts_what_we_wrote_last() {
    let mut cache = cache();
    put(&mut cache, Kind::ConfigMap, &metadata("config", 7, &json!({})), watched);
    assert_eq!(stands(&cache), Standing::AsApplied, "nobody wrote after us");
    let ours = json!({
        "manager": MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:10Z", "fieldsV1": { "f:data": {} },
    });
    let theirs = json!({
        "manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T00:00:20Z",
        "fieldsV1": { "f:metadata": { "f:annotations": { "f:note": {} } } },
    });
    let edited =
        |version| metadata("config", version, &json!({ "managedFields": [ours.clone(), theirs.clone()] }));
    let wakes = put(&mut cache, Kind::ConfigMap, &edited(8), watched);
    assert_eq!(wakes.objects, [(key(ObjectKind::Validator, "bank-a"), Urgency::Changed)]);
    assert_eq!(stands(&cache), Standing::Unsure);
    put(&mut cache, Kind::ConfigMap, &edited(8), Source::Verified);
    assert_eq!(stands(&cache), Standing::AsApplied, "what they added is theirs");
    put(&mut cache, Kind::ConfigMap, &edited(9), watched);
    assert_eq!(stands(&cache), Standing::AsApplied, "seen before");
    let removed = json!({ "managedFields": [{
        "manager": MANAGER, "operation": "Apply", "time": "2026-01-01T00:00:10Z", "fieldsV1": {},
    }] });
    put(&mut cache, Kind::ConfigMap, &metadata("config", 10, &removed), watched);
    assert_eq!(stands(&cache), Standing::Unsure, "a field of ours was removed, and nobody owns its absence");
}

fn names(cache: &Cache) -> Vec<String> {
    cache.children_of(Kind::ConfigMap, &network()).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_list_that_lacks_a_child_removes_it_and_its_fleet_hears_of_it() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    for name in ["config", "gone"] {
        put(&mut cache, Kind::ConfigMap, &metadata(name, 7, &json!({})), watched);
    }
    cache.begin(Kind::ConfigMap, None);
    put(&mut cache, Kind::ConfigMap, &metadata("config", 7, &json!({})), watched);
    cache.complete(Kind::ConfigMap, None, &mut wakes);
    assert_eq!(names(&cache), ["config"]);
    assert!(wakes.objects.contains(&(key(ObjectKind::Validator, "bank-a"), Urgency::Changed)));
}

#[test]
fn an_answer_older_than_a_list_does_not_bring_back_what_the_list_lacks() {
    let (mut cache, at) = (cache(), |version| metadata("config", version, &json!({})));
    put(&mut cache, Kind::ConfigMap, &at(7), watched);
    let before = cache.mark(Kind::ConfigMap, "bank-a");
    // Written at 8 and deleted; the list is of 10, and the answers come while it is told and after it.
    cache.begin(Kind::ConfigMap, None);
    let during = cache.mark(Kind::ConfigMap, "bank-a");
    answer(&mut cache, Kind::ConfigMap, &at(8), Source::Verified(before));
    put(&mut cache, Kind::ConfigMap, &metadata("another", 6, &json!({})), watched);
    put(&mut cache, Kind::ConfigMap, &metadata("made-meanwhile", 9, &json!({})), Source::Verified);
    cache.complete(Kind::ConfigMap, None, &mut Wakes::default());
    assert_eq!(names(&cache), ["another"]);
    for source in [Source::Verified(before), Source::Read(before), Source::Verified(during)] {
        answer(&mut cache, Kind::ConfigMap, &at(8), source);
        assert_eq!(names(&cache), ["another"], "{source:?}");
    }
    put(&mut cache, Kind::ConfigMap, &at(11), Source::Verified);
    assert_eq!(names(&cache), ["another", "config"], "asked for after the list");
    let scoped = cache.mark(Kind::ConfigMap, "bank-b");
    assert!(scoped > before, "a list of all namespaces is of each");
}

#[test]
fn a_list_of_one_namespace_says_nothing_of_another() {
    let mut cache = cache();
    put(&mut cache, Kind::ConfigMap, &metadata("config", 7, &json!({})), watched);
    cache.begin(Kind::ConfigMap, Some("bank-b"));
    let marks = ["bank-a", "bank-b"].map(|namespace| cache.mark(Kind::ConfigMap, namespace));
    cache.complete(Kind::ConfigMap, Some("bank-b"), &mut Wakes::default());
    assert_eq!(names(&cache), ["config"]);
    assert_eq!(cache.mark(Kind::ConfigMap, "bank-a"), marks[0]);
    assert!(cache.mark(Kind::ConfigMap, "bank-b") > marks[1]);
}

#[test]
fn a_kept_fleet_reads_back_as_it_was_and_tells_what_others_ask_of_it() {
    let mut cache = cache();
    let mut whole = fleet("bank-c", 9, 3);
    whole.spec.replicas = 3;
    whole.metadata.labels = Some([("team".to_owned(), "payments".to_owned())].into());
    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Settled", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    whole.status = serde_json::from_value(json!({ "conditions": [condition] })).expect("a status");
    cache.put_fleet(&whole, &mut Wakes::default());
    assert_eq!(kept(&cache, "bank-c"), Some(whole.clone()));
    let known = cache.fleet("bank-a", "bank-c").expect("kept");
    assert!(
        known.settled && known.shape.as_ref().is_some_and(|shape| shape.replicas == 3 && !shape.deleting)
    );
    whole.spec.replicas = 0;
    whole.metadata.resource_version = Some("10".to_owned());
    cache.put_fleet(&whole, &mut Wakes::default());
    assert_eq!(cache.fleet("bank-a", "bank-c").expect("kept").shape, None, "a spec that is refused");
}

#[test]
fn a_new_key_concerns_the_whole_network_and_its_journal_only_its_fleet() {
    let mut cache = cache();
    let annotated =
        |version, annotations: Value| metadata("key", version, &json!({ "annotations": annotations }));
    let address = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";
    let made = annotated(7, json!({ "quorate.dev/address": address }));
    let wakes = put(&mut cache, Kind::Secret, &made, Source::Verified);
    assert!(wakes.objects.contains(&(key(ObjectKind::Validator, "bank-b"), Urgency::Related)), "{wakes:?}");
    assert!(wakes.objects.contains(&(key(ObjectKind::Consortium, "trade-finance"), Urgency::Related)));
    let journal = format!("0x{}", "07".repeat(32));
    let recorded = annotated(8, json!({ "quorate.dev/address": address, "quorate.dev/journal-id": journal }));
    let wakes = put(&mut cache, Kind::Secret, &recorded, Source::Verified);
    assert_eq!(wakes.objects, [(key(ObjectKind::Validator, "bank-a"), Urgency::Changed)]);
}

#[test]
fn a_network_is_forgotten_with_the_last_object_that_names_it() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    cache.remove_consortium("bank-a", "trade-finance", &mut wakes);
    assert_eq!(cache.networks().collect::<Vec<_>>(), [network()], "fleets name it");
    for name in ["bank-a", "bank-b"] {
        cache.remove_fleet("bank-a", name, &mut wakes);
    }
    assert_eq!((cache.networks().count(), cache.objects().count()), (0, 0));
    assert_eq!(wakes.gone.len(), 3);
}

#[test]
fn a_fleet_that_a_later_list_does_not_have_is_gone_and_one_that_came_since_stays() {
    let (mut cache, mut wakes) = (cache(), Wakes::default());
    cache.put_fleet(&fleet("later", 9, 1), &mut wakes);
    let before = cache.fleets_of(&network()).count();
    let listed = std::collections::HashSet::from(["bank-a".to_owned()]);
    cache.retain_fleets(&network(), &listed, 8, &mut wakes);
    assert_eq!(before, 3);
    let left: Vec<_> = cache.fleets_of(&network()).map(|(name, _)| name.to_string()).collect();
    assert_eq!(left, ["bank-a", "later"]);
    assert_eq!(wakes.gone, [key(ObjectKind::Validator, "bank-b")]);
}

#[test]
fn a_stuck_transaction_is_not_waited_for_until_it_is_offered_anew() {
    let (mut cache, account) = (cache(), Address::repeat_byte(7));
    let mut waits = |nonce, height| cache.is_waiting(&network(), account, (nonce, true), height);
    assert!(waits(3, 100) && waits(3, 120));
    assert!(!waits(3, 121) && !waits(3, 122), "also at the second look of the pass that offers it");
    cache.offered(&network(), account);
    let mut waits = |nonce, waits, height| cache.is_waiting(&network(), account, (nonce, waits), height);
    assert!(waits(3, true, 122) && waits(3, true, 142) && !waits(3, true, 143));
    assert!(waits(4, true, 143) && !waits(4, false, 143), "the one after it");
}

#[test]
fn an_eviction_that_a_budget_counts_is_news_for_its_consortium_and_what_it_allows_is_none() {
    let mut cache = cache();
    let mut told = |version, status: &Value| {
        let labels = json!({ "labels": { NETWORK: "trade-finance" } });
        let metadata = metadata("trade-finance-validators", version, &labels);
        let budget =
            serde_json::from_value(json!({ "metadata": metadata, "status": status })).expect("a budget");
        let mut wakes = Wakes::default();
        let kind = Kind::PodDisruptionBudget;
        cache.put_child(kind, &metadata, Body::budget(&budget), Source::Watched, &mut wakes);
        let counted = cache.child(kind, "bank-a", "trade-finance-validators").and_then(super::Child::budget);
        (wakes.objects, counted.is_some())
    };
    let status = |allowed: i32, disrupted: Value| {
        json!({
            "currentHealthy": 4, "desiredHealthy": 3, "disruptionsAllowed": allowed, "expectedPods": 4,
            "disruptedPods": disrupted,
        })
    };
    told(1, &status(0, json!({})));
    assert_eq!(told(2, &status(1, json!({}))), (vec![], false), "nobody is gone");
    let consortium = (key(ObjectKind::Consortium, "trade-finance"), Urgency::Changed);
    let counted = status(0, json!({ "bank-a-0-0": "2026-01-01T00:00:00Z" }));
    assert_eq!(told(3, &counted), (vec![consortium.clone()], true));
    assert_eq!(told(4, &status(1, json!({}))), (vec![consortium], false), "it is forgotten");
}
