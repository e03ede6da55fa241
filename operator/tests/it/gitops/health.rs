use super::tools::{examples, gitops, kubectl_well, root, seen};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::ListParams;
use operator_core::api::{Consortium, Validator};
use operator_trials::{fake_network::FakeNetwork, world::World};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the three tools make of an object.
#[derive(Debug, Deserialize)]
struct Reading {
    kstatus: String,
    argo: String,
    message: String,
    flux: String,
}

fn readings(objects: &[Value]) -> Vec<Reading> {
    let file = |path: &str| root().join("deploy/gitops").join(path).to_str().expect("a path").to_owned();
    let (argo, flux) = (file("argocd/argocd-cm.yaml"), file("flux/kustomization.yaml"));
    let out = gitops(&["health", &argo, &flux], &json!(objects).to_string());
    serde_json::from_str(&out).expect("readings")
}

fn object(kind: &str, observed: Option<i64>, conditions: &[(&str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status)| json!({ "type": kind, "status": status, "reason": "R", "message": format!("{kind}={status}"), "lastTransitionTime": "2026-01-01T00:00:00Z" }))
        .collect();
    let mut object = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": kind,
        "metadata": { "name": "a", "namespace": "a", "generation": 2 }, "spec": {},
    });
    if let Some(observed) = observed {
        object["status"] = json!({ "observedGeneration": observed, "conditions": conditions });
    }
    object
}

#[test]
#[ignore = "builds e2e/gitops with Go: make operator-test"]
fn every_state_reads_the_same_in_kstatus_argo_cd_and_flux() {
    let ready = [("Ready", "True"), ("Reconciling", "False"), ("Stalled", "False")];
    let going = [("Ready", "False"), ("Reconciling", "True"), ("Stalled", "False")];
    let stalled = [("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True")];
    let with =
        |some: &[(&'static str, &'static str)], more| some.iter().copied().chain([more]).collect::<Vec<_>>();
    let mut deleted = object("Validator", Some(2), &going);
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    // State, object, kstatus, Argo CD, Flux. kstatus knows nothing of quorum and degraded nodes: there the two may say more.
    let table = [
        ("settled", object("Validator", Some(2), &ready), "Current", "Healthy", "Current"),
        ("settled", object("Consortium", Some(2), &ready), "Current", "Healthy", "Current"),
        ("going on", object("Validator", Some(2), &going), "InProgress", "Progressing", "InProgress"),
        ("stalled", object("Consortium", Some(2), &stalled), "Failed", "Degraded", "Failed"),
        (
            "edited, not seen yet",
            object("Validator", Some(1), &ready),
            "InProgress",
            "Progressing",
            "InProgress",
        ),
        (
            "stalled before the edit",
            object("Consortium", Some(1), &stalled),
            "InProgress",
            "Progressing",
            "InProgress",
        ),
        (
            "waits for votes of others",
            object("Consortium", Some(2), &with(&ready, ("Joined", "False"))),
            "Current",
            "Healthy",
            "Current",
        ),
        (
            "halted",
            object("Consortium", Some(2), &with(&ready, ("QuorumHealthy", "False"))),
            "Current",
            "Degraded",
            "Failed",
        ),
        (
            "starting",
            object("Consortium", Some(2), &with(&going, ("QuorumHealthy", "Unknown"))),
            "InProgress",
            "Progressing",
            "InProgress",
        ),
        (
            "a node failed",
            object("Validator", Some(2), &with(&going, ("Degraded", "True"))),
            "InProgress",
            "Degraded",
            "InProgress",
        ),
        ("being deleted", deleted, "Terminating", "Progressing", "InProgress"),
    ];
    let objects: Vec<Value> = table.iter().map(|row| row.1.clone()).collect();
    for ((state, object, kstatus, argo, flux), got) in table.iter().zip(readings(&objects)) {
        let kind = &object["kind"];
        assert_eq!(
            (got.kstatus.as_str(), got.argo.as_str(), got.flux.as_str()),
            (*kstatus, *argo, *flux),
            "{kind} {state}"
        );
        assert!(!got.message.is_empty(), "{kind} {state}: Argo CD shows a message");
    }
    // Before the operator has seen an object kstatus takes it for done; the shipped checks do not.
    let fresh = readings(&[object("Consortium", None, &[]), object("Validator", None, &[])]);
    for reading in fresh {
        assert_eq!(reading.argo, "Progressing");
        assert_ne!(reading.flux, "Current");
    }
}

async fn live(world: &World) -> [Value; 2] {
    [
        json!(world.api::<Consortium>().get("trade-finance").await.expect("read")),
        json!(world.api::<Validator>().get("bank-a").await.expect("read")),
    ]
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_network_reads_in_progress_then_current_and_failed_once_its_spec_cannot_be_carried_out() {
    let mut world = crate::world("health").await;
    world.start();
    let mut manifests = examples(&world);
    kubectl_well(&world, &["apply", "--server-side"], &manifests);
    seen(&world).await;
    for reading in readings(&live(&world).await) {
        assert_eq!(
            (reading.kstatus.as_str(), reading.argo.as_str(), reading.flux.as_str()),
            ("InProgress", "Progressing", "InProgress"),
            "{reading:?}"
        );
    }
    let mut network = FakeNetwork::new(&world, 9).await;
    world
        .until("four nodes", || async {
            let sets = world.api::<StatefulSet>().list_metadata(&ListParams::default()).await.ok()?;
            (sets.items.len() == 4).then_some(())
        })
        .await;
    network.kubelet(&world, true).await;
    world
        .until("both Current in all three", || async {
            let all = readings(&live(&world).await);
            all.iter()
                .all(|r| {
                    (r.kstatus.as_str(), r.argo.as_str(), r.flux.as_str())
                        == ("Current", "Healthy", "Current")
                })
                .then_some(())
        })
        .await;
    manifests[1]["spec"]["resources"] = json!({ "requests": { "cpu": "4" }, "limits": { "cpu": "1" } });
    kubectl_well(&world, &["apply", "--server-side"], &manifests[1..]);
    world
        .until("the fleet Failed in all three", || async {
            let fleet = readings(&live(&world).await[1..]).pop()?;
            let failed = (fleet.kstatus.as_str(), fleet.argo.as_str(), fleet.flux.as_str())
                == ("Failed", "Degraded", "Failed");
            (failed && fleet.message.contains("spec.resources.requests.cpu")).then_some(())
        })
        .await;
}
