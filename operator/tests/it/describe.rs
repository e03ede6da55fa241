//! What a person reads: the text of `kubectl get` and `kubectl describe` in the states that matter.

use crate::{
    gitops::tools::root,
    rolling::{annotate, gone, outdate},
    seats::{live, validating, wait_for_sets},
    stuck, world,
};
use k8s_openapi::api::{core::v1::Pod, policy::v1::PodDisruptionBudget};
use kube::api::{DeleteParams, Patch, PatchParams};
use operator_core::names::{ACCEPT_JOURNAL_LOSS, IGNORE_QUORUM};
use operator_trials::world::World;
use serde_json::json;
use std::process::Command;

/// What kubectl prints, each run of blanks as one.
fn kubectl(world: &World, args: &[&str]) -> String {
    let mut command = Command::new(root().join("e2e/cluster/kubectl"));
    command.env("KUBECONFIG", world.admin()).args(["--namespace", &world.namespace]).args(args);
    let output = command.output().expect("kubectl runs");
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits until its text has every one of the words, and returns it.
async fn tells(world: &World, args: &[&str], words: &[&str]) -> String {
    let what = format!("kubectl {args:?} tells {words:?}");
    world
        .until(&what, || async {
            let text = kubectl(world, args);
            words.iter().all(|word| text.contains(word)).then_some(text)
        })
        .await
}

const CONSORTIUM: [&str; 3] = ["describe", "consortium", "trade-finance"];
const FLEET: [&str; 3] = ["describe", "validator", "bank-a"];

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_network_that_begins_says_what_has_been_made_and_what_it_waits_for() {
    let mut world = world("tell-begin").await;
    world.start();
    world.example("validator.yaml").await;
    let alone = ["False ConsortiumMissing"];
    tells(&world, &["get", "validator"], &alone).await;
    tells(&world, &FLEET, &["apply a Consortium of that name in this namespace"]).await;
    world.example("consortium.yaml").await;
    wait_for_sets(&world, 4).await;
    let columns = "NAME CHAIN SEATS QUORUM HEIGHT READY REASON AGE";
    tells(&world, &["get", "consortium"], &[columns, "trade-finance 10101 Unknown False NoNodeAnswers"])
        .await;
    let columns = "NAME CONSORTIUM NODES RPC READY REASON AGE";
    let row = "bank-a trade-finance 0/4 validating False NodesStarting";
    tells(&world, &["get", "validator"], &[columns, row]).await;
    let made = "Normal GenesisMade";
    tells(&world, &CONSORTIUM, &[made, "the network begins: chain 10101, genesis 0x"]).await;
    let told = tells(&world, &FLEET, &["Phase: Provisioning Reason: its pod is not there yet"]).await;
    assert!(!told.contains("NotOverridden"), "what has never been so is no news: {told}");
    stuck::pod(&world, "bank-a-0", "ImagePullBackOff", &json!({})).await;
    let degraded = "Warning Degraded";
    tells(&world, &FLEET, &[degraded, "ImagePullFailed: bank-a-0:", "check spec.image", "Phase: Failed"])
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn restarts_seats_and_stops_of_nodes_are_told_as_they_happen() {
    let (world, mut network) = live("tell-life", 27).await;
    tells(&world, &["get", "consortium"], &["4/4 seats, tolerates 1 True", "True Settled"]).await;
    tells(&world, &["get", "validator"], &["4/4 validating", "True Settled"]).await;
    tells(
        &world,
        &CONSORTIUM,
        &["Joined", "QuorumHealthy", "Drainable", "one node may be drained at a time"],
    )
    .await;
    world.replicas(5).await;
    wait_for_sets(&world, 5).await;
    network.kubelet(&world, false).await;
    tells(&world, &CONSORTIUM, &["Normal NodeSeating", "transaction sent: bank-a-4 gets a seat"]).await;
    validating(&world, 5).await;
    world.replicas(4).await;
    tells(&world, &CONSORTIUM, &["Normal NodeLeaving", "transaction sent: bank-a-4 gives its seat up"]).await;
    tells(&world, &FLEET, &["Normal NodeStopped", "bank-a-4 is stopped", "its key and its disk stay"]).await;

    // What the kubelet and the controllers would do.
    world
        .api::<Pod>()
        .delete("bank-a-4-0", &DeleteParams::default())
        .await
        .expect("the pod of the stopped node");

    // Somebody's eviction has come to nothing, and no disruption controller looks: nobody is evicted.
    let pods: Vec<_> = (0..4).map(|node| format!("bank-a-{node}-0")).collect();
    let counted = json!({ "status": {
        "currentHealthy": 4, "desiredHealthy": 4, "disruptionsAllowed": 0, "expectedPods": 4,
        "disruptedPods": { "bank-a-1-0": "2026-01-01T00:00:00Z" },
    } });
    let budgets = world.api::<PodDisruptionBudget>();
    budgets
        .patch_status("trade-finance-validators", &PatchParams::default(), &Patch::Merge(&counted))
        .await
        .expect("counted");
    outdate(&world, "bank-a", 4).await;
    let idle = "an eviction of bank-a-1-0 came to nothing, and the disruption budget counts it until 2026-01-01T00:02:00Z";
    tells(&world, &FLEET, &["Reason: DisruptionBudget", idle]).await;
    let stopped = gone(&world, &network, &pods).await;
    let restarts = format!("{stopped} restarts: its template is newer than its pod");
    tells(&world, &FLEET, &["Normal NodeRestarts", &restarts]).await;
    annotate(&world, IGNORE_QUORUM, "true").await;
    tells(&world, &FLEET, &["Warning Overridden", "nodes restart one after the other whatever it costs"])
        .await;
    annotate(&world, ACCEPT_JOURNAL_LOSS, "all").await;
    tells(
        &world,
        &FLEET,
        &["Warning Stalled", "InvalidSpec", "Reason: InvalidSpec Status: True Type: Stalled"],
    )
    .await;
}
