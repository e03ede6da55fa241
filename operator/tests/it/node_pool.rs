//! Pools that the operator makes, on a real API server with Azure Service Operator's schema; its controller is played here.

use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use operator_core::api::{
    Condition, Validator,
    conditions::{ConditionStatus, NODE_POOL_READY, READY, STALLED},
};
use operator_trials::{
    azure_service_operator::{NEWEST, Pool, install},
    fake_network::FakeNetwork,
    world::{World, delete_and_wait},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const OLD: &str = "v1api20250801";

fn fleet(change: impl FnOnce(&mut Value)) -> Value {
    let mut manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bank-a" },
        "spec": {
            "consortiumRef": { "name": "trade-finance" },
            "replicas": 4,
            "nodePool": {
                "name": "validators", "manage": "ASO",
                "aso": { "owner": { "name": "aks" }, "vmSize": "Standard_D4s_v5" },
            },
        },
    });
    change(&mut manifest["spec"]);
    manifest
}

/// A network and a fleet that makes its pool, with Azure Service Operator installed.
async fn applied(test: &str, change: impl FnOnce(&mut Value)) -> World {
    let mut world = world(test).await;
    install(&world, &[OLD, NEWEST]).await;
    world.start();
    world.example("consortium.yaml").await;
    world.apply(&fleet(change)).await.expect("accepted");
    world
}

async fn edit(world: &World, spec: Value) {
    let patch = json!({ "spec": spec });
    let edited =
        world.api::<Validator>().patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await;
    edited.expect("edited");
}

async fn condition(world: &World, kind: &str, wanted: impl Fn(&Condition) -> bool) -> Condition {
    world
        .until(&format!("condition {kind}"), || async {
            let conditions = world.fleet().await.status?.conditions;
            conditions.into_iter().find(|condition| condition.kind == kind && wanted(condition))
        })
        .await
}

async fn stalled(world: &World, reason: &str) -> Condition {
    condition(world, STALLED, |c| c.status == ConditionStatus::True && c.reason == reason).await;
    condition(world, NODE_POOL_READY, |c| c.status == ConditionStatus::False && c.reason == reason).await
}

async fn ready(world: &World, kind: &str) {
    condition(world, kind, |condition| condition.status == ConditionStatus::True).await;
}

async fn sets(world: &World, count: usize) {
    let sets = world.api::<StatefulSet>();
    world
        .until(&format!("{count} StatefulSets"), || async {
            (sets.list(&ListParams::default()).await.ok()?.items.len() == count).then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_pool_grows_with_its_fleets_at_once_shrinks_step_by_step_and_outlives_them() {
    let world = applied("pool", |_| {}).await;
    let pool = Pool::of(&world);
    pool.until("count", 4).await;
    let made = pool.get().await.expect("the pool");
    assert_eq!(made.annotations()["serviceoperator.azure.com/reconcile-policy"], "detach-on-delete");
    assert!(made.owner_references().is_empty(), "it outlives the fleet");
    assert_eq!(pool.applied_by().await.as_deref(), Some("containerservice.azure.com/v20260501"));
    let mut network = FakeNetwork::new(&world, 31).await;
    sets(&world, 4).await;
    network.kubelet(&world, true).await;
    pool.done(4).await;
    ready(&world, NODE_POOL_READY).await;
    ready(&world, READY).await;
    world.replicas(5).await;
    pool.until("count", 5).await;
    pool.done(5).await;
    let mut readers = fleet(|spec| {
        (spec["role"], spec["replicas"]) = (json!("Observer"), json!(2));
        spec["nodePool"] = json!({ "name": "validators" });
    });
    readers["metadata"]["name"] = json!("readers");
    world.apply(&readers).await.expect("accepted");
    pool.until("count", 7).await;
    pool.done(7).await;
    world.replicas(4).await;
    pool.until("count", 6).await;
    pool.done(6).await;
    delete_and_wait::<Validator>(&world, "readers").await;
    pool.until("count", 5).await;
    world.two_more_passes().await;
    assert_eq!(pool.spec("count").await, 5, "one node at a time, and the last step is not done");
    pool.done(5).await;
    pool.until("count", 4).await;
    delete_and_wait::<Validator>(&world, "bank-a").await;
    let left = pool.get().await.expect("the pool stays");
    assert_eq!((left.metadata.deletion_timestamp, &left.data["spec"]["count"]), (None, &json!(4)));
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn the_autoscaler_is_told_a_count_once_and_never_again() {
    let autoscaled = json!({ "nodePool": { "aso": { "autoscaling": { "maxCount": 9 } } } });
    let world = applied("autoscaled", |_| {}).await;
    let pool = Pool::of(&world);
    pool.until("count", 4).await;
    edit(&world, autoscaled).await;
    pool.until("minCount", 4).await;
    assert_eq!((pool.spec("count").await, pool.spec("maxCount").await), (json!(4), json!(9)), "the seed");
    pool.done(6).await;
    pool.until("count", Value::Null).await;
    pool.done(8).await;
    ready(&world, NODE_POOL_READY).await;
    world.two_more_passes().await;
    let before = world.counter("quorate_operator_writes_total").await;
    world.two_more_passes().await;
    assert_eq!(
        world.counter("quorate_operator_writes_total").await,
        before,
        "nothing to say, nothing written"
    );
    world.replicas(5).await;
    pool.until("minCount", 5).await;
    assert_eq!(pool.spec("count").await, Value::Null);
    edit(&world, json!({ "nodePool": { "aso": { "autoscaling": null } } })).await;
    pool.until("count", 8).await;
    assert_eq!(pool.spec("enableAutoScaling").await, false);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_field_that_another_manager_took_stays_his_until_he_lets_it_go() {
    let world = applied("foreign", |_| {}).await;
    let pool = Pool::of(&world);
    pool.until("count", 4).await;
    pool.edit("kubectl-edit", json!({ "spec": { "count": 8 } })).await;
    pool.done(8).await;
    ready(&world, NODE_POOL_READY).await;
    edit(&world, json!({ "nodePool": { "aso": { "tags": { "team": "ledger" } } } })).await;
    pool.until("tags", json!({ "team": "ledger" })).await;
    assert_eq!(pool.spec("count").await, 8, "another field was applied over his");
    pool.edit("kubectl-edit", json!({ "spec": { "count": 3 } })).await;
    pool.done(3).await;
    let small = stalled(&world, "NodePoolTooSmall").await;
    assert!(
        small.message.contains("kubectl-edit") && small.message.contains("need 4 nodes"),
        "{}",
        small.message
    );
    pool.edit("kubectl-edit", json!({ "spec": { "count": null } })).await;
    pool.until("count", 4).await;
    pool.api().delete("validators", &DeleteParams::default()).await.expect("deleted");
    pool.until("count", 4).await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_pool_object_of_somebody_else_is_never_written() {
    let mut world = world("not-ours").await;
    install(&world, &[OLD, NEWEST]).await;
    let theirs = json!({
        "apiVersion": format!("containerservice.azure.com/{NEWEST}"), "kind": "ManagedClustersAgentPool",
        "metadata": { "name": "validators" }, "spec": { "owner": { "name": "aks" }, "count": 2 },
    });
    let theirs = serde_json::from_value(theirs).expect("a pool");
    let made = Pool::of(&world).api().create(&PostParams::default(), &theirs).await.expect("made");
    world.start();
    world.example("consortium.yaml").await;
    world.apply(&fleet(|_| {})).await.expect("accepted");
    stalled(&world, "NodePoolForeign").await;
    world.two_more_passes().await;
    let left = Pool::of(&world).get().await.expect("the pool");
    assert_eq!(left.resource_version(), made.resource_version());
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn what_azure_or_the_schema_refuses_is_told_to_the_user() {
    let world = applied("failing", |_| {}).await;
    let pool = Pool::of(&world);
    pool.until("count", 4).await;
    condition(&world, NODE_POOL_READY, |c| c.reason == "NodePoolProvisioning").await;
    pool.says("Error", "QuotaExceeded", "16 vCPUs of Standard DSv5 are more than 10").await;
    let failed = stalled(&world, "NodePoolFailed").await;
    assert!(failed.message.contains("QuotaExceeded: 16 vCPUs"), "{}", failed.message);
    pool.done(4).await;
    ready(&world, NODE_POOL_READY).await;
    edit(&world, json!({ "nodePool": { "aso": { "osSKU": "Plan9" } } })).await;
    let refused = stalled(&world, "NodePoolRefused").await;
    assert!(refused.message.contains("osSKU"), "{}", refused.message);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn every_profile_is_accepted_and_asks_for_its_machines() {
    for (profile, nodes, machines) in [("small", 2, 2), ("medium", 7, 9), ("large", 15, 15)] {
        let mut world = world(profile).await;
        install(&world, &[OLD, NEWEST]).await;
        world.start();
        world.example(&format!("profiles/{profile}.yaml")).await;
        Pool::of(&world).until("count", machines).await;
        sets(&world, nodes).await;
    }
}

/// A Role in the namespace for a user of that name.
async fn grant(world: &World, name: &str, user: &str, rules: Value) {
    let metadata = json!({ "name": name, "namespace": world.namespace });
    let role: Role = serde_json::from_value(json!({ "metadata": metadata, "rules": rules })).expect("a Role");
    world.api::<Role>().create(&PostParams::default(), &role).await.expect("made");
    let binding = json!({
        "metadata": metadata,
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
    });
    let binding: RoleBinding = serde_json::from_value(binding).expect("a RoleBinding");
    world.api::<RoleBinding>().create(&PostParams::default(), &binding).await.expect("made");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn without_the_right_to_pools_the_fleet_says_so_and_the_charts_rule_is_enough() {
    let mut world = world("pool-rights").await;
    install(&world, &[OLD, NEWEST]).await;
    let user = world.namespace.clone();
    let groups = json!([
        "quorate.dev",
        "",
        "apps",
        "policy",
        "networking.k8s.io",
        "rbac.authorization.k8s.io",
        "coordination.k8s.io",
        "events.k8s.io",
    ]);
    let rest = json!([{ "apiGroups": groups, "resources": ["*"], "verbs": ["*"] }]);
    grant(&world, "rest", &user, rest).await;
    world.start_as(&user);
    world.example("consortium.yaml").await;
    world.apply(&fleet(|_| {})).await.expect("accepted");
    let forbidden = stalled(&world, "NodePoolForbidden").await;
    assert!(forbidden.message.contains("nodePools.aso.enabled"), "{}", forbidden.message);
    let rule = json!({
        "apiGroups": ["containerservice.azure.com"], "resources": ["managedclustersagentpools"],
        "verbs": ["get", "create", "patch"],
    });
    grant(&world, "pools", &user, json!([rule])).await;
    let pool = Pool::of(&world);
    pool.until("count", 4).await;
    pool.done(4).await;
    ready(&world, NODE_POOL_READY).await;
}

/// An API server of its own, ended with the test: whether a kind is served is a matter of the whole cluster.
struct ApiServer(PathBuf);

impl ApiServer {
    fn up() -> (Self, PathBuf) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = root.join("target/api-node-pool");
        let up = Command::new(root.join("e2e/cluster/api-up")).arg(&folder).output().expect("api-up runs");
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        (Self(root), String::from_utf8(up.stdout).expect("a path").trim().into())
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let down = Command::new(self.0.join("e2e/cluster/api-down"))
            .arg(self.0.join("target/api-node-pool"))
            .status();
        assert!(down.is_ok_and(|status| status.success()), "api-down failed");
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn azure_service_operator_may_come_later_and_drop_versions() {
    let (_server, kubeconfig) = ApiServer::up();
    let mut world = World::at(kubeconfig, "absent", env!("CARGO_BIN_EXE_quorate-operator")).await;
    world.start();
    world.example("consortium.yaml").await;
    world.apply(&fleet(|_| {})).await.expect("accepted");
    let missing = stalled(&world, "AzureServiceOperatorMissing").await;
    assert!(missing.message.contains("install Azure Service Operator"), "{}", missing.message);
    sets(&world, 4).await;
    install(&world, &[OLD]).await;
    let old = Pool::by(&world, OLD);
    old.until("count", 4).await;
    old.done(4).await;
    ready(&world, NODE_POOL_READY).await;
    install(&world, &[OLD, NEWEST]).await;
    world.replicas(5).await;
    old.until("count", 5).await;
    assert_eq!(
        old.applied_by().await.as_deref(),
        Some("containerservice.azure.com/v1api20250801"),
        "still served"
    );
    install(&world, &[NEWEST]).await;
    let pool = Pool::of(&world);
    world
        .until("applied by the newest version", || async {
            (pool.applied_by().await? == "containerservice.azure.com/v20260501").then_some(())
        })
        .await;
    assert_eq!(pool.spec("count").await, 5);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_node_pool_that_cannot_be_made_is_refused_at_admission_with_its_field_named() {
    let world = world("bad-pool").await;
    let arm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks";
    let table: [(&str, Value, &str); 12] = [
        ("/name", json!("Validators"), "spec.nodePool.name"),
        ("/name", json!("1validators"), "spec.nodePool.name"),
        ("/name", json!("validators-1"), "spec.nodePool.name"),
        ("/name", json!("validatorpool"), "spec.nodePool.name"),
        ("/hostSpread", json!("Always"), "spec.nodePool.hostSpread"),
        ("/manage", json!("None"), "spec.nodePool.aso"),
        ("/manage", json!("Terraform"), "spec.nodePool.manage"),
        ("/aso/vmSize", json!("a b"), "spec.nodePool.aso.vmSize"),
        ("/aso/owner", json!({}), "exactly one of spec.nodePool.aso.owner.armId"),
        (
            "/aso/owner",
            json!({ "name": "aks", "armId": arm }),
            "exactly one of spec.nodePool.aso.owner.armId",
        ),
        ("/aso/owner", json!({ "armId": "aks" }), "spec.nodePool.aso.owner.armId"),
        ("/aso/vmSize", json!(null), "spec.nodePool.aso.vmSize"),
    ];
    for (path, value, named) in table {
        let manifest = fleet(|spec| {
            let (parent, field) = path.rsplit_once('/').expect("a path");
            let parent = spec["nodePool"].pointer_mut(parent).expect("an object");
            parent[field] = value.clone();
        });
        let refusal = match world.apply(&manifest).await {
            Ok(()) => panic!("accepted: {path} {value}"),
            Err(error) => error.to_string(),
        };
        assert!(refusal.contains(named), "{named} is not named: {refusal}");
    }
    let added = |field: &'static str, value: Value| fleet(move |spec| spec["nodePool"]["aso"][field] = value);
    for (field, value) in [
        ("availabilityZones", json!(["4"])),
        ("autoscaling", json!({ "maxCount": 0 })),
        ("osDiskSizeGB", json!(1)),
        ("vnetSubnetId", json!("validators")),
    ] {
        let refusal = world.apply(&added(field, value)).await.expect_err("refused").to_string();
        assert!(refusal.contains(&format!("spec.nodePool.aso.{field}")), "{refusal}");
    }
    world
        .apply(&fleet(|spec| spec["nodePool"]["aso"]["owner"] = json!({ "armId": arm })))
        .await
        .expect("accepted");
    let fleets = world.api::<Validator>();
    let change = |pool: Value| {
        let (fleets, patch) = (fleets.clone(), json!({ "spec": { "nodePool": pool } }));
        async move { fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await }
    };
    for fixed in [
        json!({ "aso": { "vmSize": "Standard_D8s_v5" } }),
        json!({ "aso": { "availabilityZones": ["1"] } }),
        json!({ "aso": { "owner": { "armId": null, "name": "aks" } } }),
    ] {
        let refusal = change(fixed.clone()).await.expect_err("refused").to_string();
        assert!(refusal.contains("move to a new pool"), "{fixed}: {refusal}");
    }
    change(json!({ "aso": { "autoscaling": { "maxCount": 9 } } })).await.expect("the size may change");
    change(json!({ "name": "validators2", "aso": { "vmSize": "Standard_D8s_v5" } }))
        .await
        .expect("a new pool may differ");
}
