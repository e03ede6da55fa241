use super::tools::{examples, gitops, kubectl, kubectl_well, seen};
use operator_trials::world::World;
use serde_json::{Value, json};

/// With every part of the spec that a user may write, so that none of them comes back in another form.
fn full(world: &World) -> [Value; 2] {
    let [mut consortium, mut fleet] = examples(world);
    consortium["spec"]["create"]["gasLimit"] = json!(250_000_000);
    consortium["spec"]["create"]["capacity"] = json!(16);
    consortium["spec"]["create"]["hardfork"] = json!("osaka");
    consortium["spec"]["create"]["requestTimeout"] = json!("1500ms");
    fleet["spec"]["resources"] = json!({ "requests": { "cpu": "1000m", "memory": "1024Mi" }, "limits": { "cpu": "2000m", "memory": "2048Mi" } });
    fleet["spec"]["rpc"] = json!({
        "type": "LoadBalancer", "exposure": "Public", "sourceRanges": ["203.0.113.0/24"],
        "annotations": { "example.com/a": "b" }, "namespaces": ["eth", "net", "web3"],
    });
    fleet["spec"]["pod"] = json!({
        "imagePullSecrets": [{ "name": "registry" }], "labels": { "team": "a" }, "annotations": { "example.com/a": "b" },
        "tolerations": [{ "key": "example.com/t", "operator": "Exists" }], "priorityClassName": "high",
        "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{ "topologyKey": "kubernetes.io/hostname" }] } },
    });
    [consortium, fleet]
}

/// Waits until `kubectl diff ARGS` shows nothing: what the operator writes of a status between its two reads is a difference too.
pub(super) async fn no_difference(world: &World, args: &[&str], manifests: &[Value]) {
    let args = [&["diff"][..], args].concat();
    world
        .until(&format!("nothing from kubectl {args:?}"), || async {
            let ended = kubectl(world, &args, manifests);
            if ended.code != 0 {
                println!("{}{}", ended.out, ended.err);
            }
            (ended.code == 0).then_some(())
        })
        .await;
}

/// Generations of both objects.
async fn present(world: &World) -> [Option<i64>; 2] {
    [world.consortium().await.metadata.generation, world.fleet().await.metadata.generation]
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn server_side_apply_leaves_no_difference_and_a_second_apply_changes_nothing() {
    for (name, manifests) in [("ssaexamples", examples as fn(&World) -> [Value; 2]), ("ssafull", full)] {
        let mut world = crate::world(name).await;
        world.start();
        let manifests = manifests(&world);
        let apply = ["apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts"];
        kubectl_well(&world, &apply, &manifests);
        seen(&world).await;
        no_difference(&world, &apply[1..], &manifests).await;
        let before = present(&world).await;
        kubectl_well(&world, &apply, &manifests);
        assert_eq!(present(&world).await, before, "a second apply is no new generation");
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn client_side_apply_leaves_no_difference_nor_does_argo_cds_three_way_merge() {
    let mut world = crate::world("csadiff").await;
    world.start();
    let manifests = full(&world);
    kubectl_well(&world, &["apply"], &manifests);
    seen(&world).await;
    no_difference(&world, &[], &manifests).await;
    let said = kubectl_well(&world, &["apply"], &manifests);
    assert_eq!(said.matches("unchanged").count(), 2, "{said}");
    let lives = [json!(world.consortium().await), json!(world.fleet().await)];
    for (live, config) in lives.iter().zip(&manifests) {
        let patch = gitops(&["three-way"], &json!({ "Live": live, "Config": config }).to_string());
        assert_eq!(patch.trim(), "{}", "{}", config["kind"]);
    }
    // The same diff sees what is different.
    let mut other = manifests[1].clone();
    other["spec"]["resources"]["limits"]["cpu"] = json!("3");
    let patch = gitops(&["three-way"], &json!({ "Live": lives[1], "Config": other }).to_string());
    assert!(patch.contains("\"cpu\":\"3\""), "{patch}");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn moving_from_client_side_to_server_side_apply_changes_nothing() {
    let mut world = crate::world("migrate").await;
    world.start();
    let manifests = examples(&world);
    kubectl_well(&world, &["apply"], &manifests);
    seen(&world).await;
    let before = present(&world).await;
    kubectl_well(&world, &["apply", "--server-side", "--force-conflicts"], &manifests);
    assert_eq!(present(&world).await, before);
    no_difference(&world, &["--server-side", "--force-conflicts"], &manifests).await;
}
