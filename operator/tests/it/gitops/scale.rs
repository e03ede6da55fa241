use super::{
    diff::no_difference,
    tools::{examples, kubectl, kubectl_well, seen},
};
use kube::api::{Patch, PatchParams};
use operator_core::api::Validator;
use operator_trials::world::World;
use serde_json::{Value, json};

/// What Git holds where something else scales.
fn without_replicas(world: &World) -> [Value; 2] {
    let [consortium, mut fleet] = examples(world);
    fleet["spec"].as_object_mut().expect("a spec").remove("replicas");
    [consortium, fleet]
}

/// A HorizontalPodAutoscaler writes through the scale subresource under a field manager of its own.
async fn scale(world: &World, replicas: i32) {
    let patch = json!({ "spec": { "replicas": replicas } });
    let params =
        PatchParams { field_manager: Some("kube-controller-manager".to_owned()), ..PatchParams::default() };
    world.api::<Validator>().patch_scale("bank-a", &params, &Patch::Merge(&patch)).await.expect("scaled");
}

async fn replicas(world: &World) -> i32 {
    world.fleet().await.spec.replicas
}

const SERVER_SIDE: [&str; 4] =
    ["apply", "--server-side", "--field-manager=kustomize-controller", "--force-conflicts"];

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn who_scales_is_not_undone_by_a_manifest_that_leaves_replicas_out() {
    for apply in [SERVER_SIDE.as_slice(), &["apply"]] {
        let mut world = crate::world(if apply.len() == 1 { "scalecsa" } else { "scalessa" }).await;
        world.start();
        let manifests = without_replicas(&world);
        kubectl_well(&world, apply, &manifests);
        seen(&world).await;
        assert_eq!(replicas(&world).await, 1, "the default");
        scale(&world, 3).await;
        kubectl_well(&world, apply, &manifests);
        assert_eq!(replicas(&world).await, 3, "{apply:?}");
        no_difference(&world, &apply[1..], &manifests).await;
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn replicas_leave_git_without_a_change_once_whoever_scales_has_written_them() {
    let mut world = crate::world("handover").await;
    world.start();
    kubectl_well(&world, &SERVER_SIDE, &examples(&world));
    seen(&world).await;
    scale(&world, 5).await;
    kubectl_well(&world, &SERVER_SIDE, &without_replicas(&world));
    assert_eq!(replicas(&world).await, 5, "the scaler owns the field");
    // Git says otherwise again: without force it is told whose field it is.
    let refused = kubectl(&world, &SERVER_SIDE[..3], &examples(&world));
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains(".spec.replicas") && refused.err.contains("kube-controller-manager"),
        "{}",
        refused.err
    );
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn the_operator_owns_no_field_of_a_spec() {
    let mut world = crate::world("owners").await;
    world.start();
    kubectl_well(&world, &SERVER_SIDE, &examples(&world));
    seen(&world).await;
    for object in [json!(world.consortium().await), json!(world.fleet().await)] {
        for entry in object["metadata"]["managedFields"].as_array().expect("managed fields") {
            if entry["manager"] != json!("kustomize-controller") {
                assert!(entry["fieldsV1"].get("f:spec").is_none(), "{entry}");
            }
        }
    }
}
