//! A second member joins by what the first one publishes, read over https from the server that ships, with a private authority.

mod publisher;

use crate::{seats, world};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use operator_core::api::{Condition, Consortium, conditions::ConditionStatus};
use operator_trials::{
    fake_network::{FakeNetwork, Founder},
    world::World,
};
pub(crate) use publisher::document;
use publisher::{Publisher, of_founder};
use serde_json::{Value, json};

/// A joiner that trusts this hash and reads these sources.
pub(crate) async fn joiner(world: &World, genesis_hash: &str, sources: Value) {
    let manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "trade-finance" },
        "spec": {
            "member": { "alias": "bank-b", "admin": { "secret": {} }, "operator": { "secret": {} } },
            "join": { "genesisHash": genesis_hash, "networkInfo": sources },
        },
    });
    world.apply(&manifest).await.expect("accepted");
}

/// A ConfigMap that its user made.
async fn config_map(world: &World, name: &str, key: &str, text: &str) {
    let map: ConfigMap =
        serde_json::from_value(json!({ "metadata": { "name": name }, "data": { key: text } })).expect("one");
    world.api::<ConfigMap>().create(&PostParams::default(), &map).await.expect("created");
}

fn condition<'a>(object: &'a Consortium, kind: &str) -> Option<&'a Condition> {
    object.status.as_ref()?.conditions.iter().find(|condition| condition.kind == kind)
}

/// Waits until a condition stands so, and returns its message.
pub(crate) async fn says(world: &World, kind: &str, status: ConditionStatus, reason: &str) -> String {
    world
        .until(&format!("{kind} {status:?} {reason}"), || async {
            let object = world.consortium().await;
            let found = condition(&object, kind)?;
            (found.status == status && found.reason == reason).then(|| found.message.clone())
        })
        .await
}

fn from_url(publisher: &Publisher) -> Value {
    json!([{ "url": publisher.url, "caBundle": { "configMapRef": { "name": "bank-a-ca" } } }])
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_member_joins_by_url_syncs_waits_for_the_others_and_is_then_seated_within_its_capacity() {
    let (founder, _network) = seats::live("join-a", 41).await;
    let (info, seats) = of_founder(&founder).await;
    let publisher = Publisher::start(&serde_json::to_string(&info).expect("JSON"));
    let mut world = world("join-b").await;
    world.start();
    config_map(&world, "bank-a-ca", "ca.crt", &publisher.authority).await;
    joiner(&world, &info.genesis_hash.to_string(), from_url(&publisher)).await;
    world.example("validator.yaml").await;
    seats::wait_for_sets(&world, 4).await;
    says(&world, "NetworkInfoCurrent", ConditionStatus::True, "SourcesRead").await;
    let object = world.consortium().await;
    let status = object.status.clone().expect("a status");
    assert_eq!(status.genesis_hash, Some(info.genesis_hash.to_string()));
    assert!(status.member.is_some(), "what the others need is there first");
    assert_eq!(status.network_info, None, "nobody would believe it yet");
    let config = world.api::<ConfigMap>().get("bank-a-0-config").await.expect("the configuration");
    let config = &config.data.expect("data")["node.json"];
    for enode in &info.bootnodes {
        assert!(config.contains(&enode.to_string()), "{enode} is dialled: {config}");
    }
    let mut network = FakeNetwork::new(&world, 42).await;
    network.state.lock().expect("lock").founder =
        Some(Founder { admin: seats.admin, operator: info.publisher, seats: seats.seats });
    network.kubelet(&world, false).await;
    let told = says(&world, "Joined", ConditionStatus::False, "NotMember").await;
    assert!(told.contains("bank-a") && told.contains(&status.member.expect("accounts").address), "{told}");
    says(&world, "Ready", ConditionStatus::True, "Settled").await;
    assert!(network.state.lock().expect("lock").seats.is_empty(), "no seat without a vote");
    network.state.lock().expect("lock").admitted = true;
    says(&world, "Joined", ConditionStatus::True, "Member").await;
    seats::validating(&world, 4).await;
    world.until("its own network info", || async { world.consortium().await.status?.network_info }).await;
    let own = document(&world).await;
    assert_eq!(own.genesis_hash, info.genesis_hash);
    own.verify().expect("signed by its own operator account");
    network.state.lock().expect("lock").admitted = false;
    network.state.lock().expect("lock").seats.clear();
    says(&world, "Joined", ConditionStatus::False, "Expelled").await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn another_genesis_stalls_with_both_hashes_and_a_source_that_answers_later_ends_the_wait() {
    let info = publisher::of_example();
    let text = serde_json::to_string(&info).expect("JSON");
    let mut world = world("join-pin").await;
    world.start();
    let wanted = format!("0x{}", "11".repeat(32));
    joiner(&world, &wanted, json!([{ "configMapRef": { "name": "from-bank-a" } }])).await;
    let told = says(&world, "Ready", ConditionStatus::False, "SourceUnreachable").await;
    assert!(told.contains("ConfigMap from-bank-a"), "{told}");
    config_map(&world, "from-bank-a", "network-info.json", &text).await;
    let told = says(&world, "Stalled", ConditionStatus::True, "GenesisMismatch").await;
    assert!(told.contains(&wanted) && told.contains(&info.genesis_hash.to_string()), "{told}");
    let genesis = world.api::<ConfigMap>().get_opt("trade-finance-genesis").await.expect("read");
    assert!(genesis.is_none(), "a genesis that is not trusted is not stored");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn what_is_not_signed_well_is_too_long_is_redirected_or_is_vouched_for_by_nobody_is_not_read() {
    let info = publisher::of_example();
    let mut forged = info.clone();
    forged.bootnodes[0].host = "evil.example".to_owned();
    let long = " ".repeat((512 << 10) + 1);
    let servers = publisher::Strange::start(vec![
        ("forged", 200, serde_json::to_string(&forged).expect("JSON")),
        ("long", 200, long),
        ("moved", 302, String::new()),
    ])
    .await;
    let honest = Publisher::start(&serde_json::to_string(&info).expect("JSON"));
    let mut world = world("join-bad").await;
    world.start();
    config_map(&world, "bank-a-ca", "ca.crt", &servers.authority).await;
    let source = |path: &str| json!({ "url": format!("{}/{path}", servers.url), "caBundle": { "configMapRef": { "name": "bank-a-ca" } } });
    let sources = json!([source("forged"), source("long"), source("moved"), { "url": honest.url }]);
    joiner(&world, &info.genesis_hash.to_string(), sources).await;
    let told = says(&world, "NetworkInfoCurrent", ConditionStatus::False, "SourceRefused").await;
    for words in ["its signature is of", "longer than 524288 bytes", "redirects are not followed", "caBundle"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    says(&world, "Ready", ConditionStatus::False, "SourceUnreachable").await;
    // One good source among bad ones is enough.
    let honest_ca = "honest-ca";
    config_map(&world, honest_ca, "ca.crt", &honest.authority).await;
    let good = json!({ "url": honest.url, "caBundle": { "configMapRef": { "name": honest_ca } } });
    joiner(&world, &info.genesis_hash.to_string(), json!([source("forged"), good])).await;
    world
        .until("the genesis", || async {
            world
                .consortium()
                .await
                .status?
                .genesis_hash
                .filter(|hash| *hash == info.genesis_hash.to_string())
        })
        .await;
    says(&world, "NetworkInfoCurrent", ConditionStatus::False, "SourceRefused").await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn what_was_learned_outlives_the_publisher_and_the_operator() {
    let info = publisher::of_example();
    let publisher = Publisher::start(&serde_json::to_string(&info).expect("JSON"));
    let mut world = world("join-away").await;
    world.start();
    config_map(&world, "bank-a-ca", "ca.crt", &publisher.authority).await;
    joiner(&world, &info.genesis_hash.to_string(), from_url(&publisher)).await;
    world.until("the genesis", || async { world.consortium().await.status?.genesis_hash }).await;
    drop(publisher);
    world.kill();
    world.start();
    world.example("validator.yaml").await;
    seats::wait_for_sets(&world, 4).await;
    let config = world.api::<ConfigMap>().get("bank-a-0-config").await.expect("the configuration");
    let enode = info.bootnodes[0].to_string();
    assert!(config.data.expect("data")["node.json"].contains(&enode), "{enode} is dialled");
    says(&world, "NetworkInfoCurrent", ConditionStatus::False, "SourceUnreachable").await;
}

async fn exists<K>(world: &World) -> Option<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = world.api();
    api.get_opt("trade-finance-network-info").await.ok()?
}

async fn publish(world: &World, publish: Value) {
    let patch = json!({ "spec": { "publish": publish } });
    let api = world.api::<Consortium>();
    api.patch("trade-finance", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("accepted");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn the_web_server_comes_and_goes_with_the_spec_and_its_edits_are_put_back() {
    let mut world = world("publish").await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    seats::wait_for_sets(&world, 4).await;
    publish(&world, json!({ "networkInfo": { "service": { "tls": { "secretName": "own-tls" } } } })).await;
    let service = world.until("the Service", || exists::<Service>(&world)).await;
    assert_eq!(json!(service.spec)["ports"][0]["port"], 443);
    let deployment = world.until("the Deployment", || exists::<Deployment>(&world)).await;
    let pod = json!(deployment.spec.template.spec);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["containers"][0]["image"], "default.example/operator:1");
    assert_eq!(pod["volumes"][1]["secret"]["secretName"], "own-tls");
    let edit = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "network-info", "image": "other" }] } } } });
    let deployments = world.api::<Deployment>();
    deployments
        .patch("trade-finance-network-info", &PatchParams::default(), &Patch::Strategic(&edit))
        .await
        .expect("edited");
    world
        .until("the image put back", || async {
            let pod = json!(exists::<Deployment>(&world).await?.spec.template.spec);
            (pod["containers"][0]["image"] == "default.example/operator:1").then_some(())
        })
        .await;
    publish(&world, Value::Null).await;
    world
        .until("everything of it gone", || async {
            let gone = exists::<Service>(&world).await.is_none()
                && exists::<Deployment>(&world).await.is_none()
                && exists::<ServiceAccount>(&world).await.is_none()
                && exists::<NetworkPolicy>(&world).await.is_none();
            gone.then_some(())
        })
        .await;
    assert!(exists::<ConfigMap>(&world).await.is_some(), "the document itself stays");
    let sets = world.api::<StatefulSet>().list(&kube::api::ListParams::default()).await.expect("sets");
    assert_eq!(sets.items.len(), 4);
    world.api::<Secret>().get("trade-finance-operator").await.expect("the key stays");
}
