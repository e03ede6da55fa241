use super::tools::{examples, gitops, kubectl_well, seen};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service},
};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy},
    core::NamespaceResourceScope,
};
use operator_core::api::{Consortium, Validator};
use operator_trials::world::World;
use serde_json::{Value, json};
use std::fmt::Debug;

const TRACKING: &str = "argocd.argoproj.io/tracking-id";
const INSTANCE: &str = "app.kubernetes.io/instance";

async fn sets(world: &World, count: usize) {
    let sets = world.api::<StatefulSet>();
    world
        .until("StatefulSets", || async {
            (sets.list(&ListParams::default()).await.ok()?.items.len() == count).then_some(())
        })
        .await;
}

async fn untracked<K>(world: &World)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + Debug,
{
    for child in world.api::<K>().list_metadata(&ListParams::default()).await.expect("listed").items {
        let tracked = child.annotations().contains_key(TRACKING) || child.labels().contains_key(INSTANCE);
        assert!(!tracked, "Argo CD would take {} for its own and prune it", child.name_any());
        let flux = child.labels().keys().any(|label| label.starts_with("kustomize.toolkit.fluxcd.io/"));
        assert!(!flux, "Flux would take {} for its own", child.name_any());
    }
}

async fn no_child_is_tracked(world: &World) {
    untracked::<StatefulSet>(world).await;
    untracked::<ConfigMap>(world).await;
    untracked::<Secret>(world).await;
    untracked::<Service>(world).await;
    untracked::<PersistentVolumeClaim>(world).await;
}

/// As Argo CD marks what it applies, by annotation and, where it is set so, by label.
fn tracked(manifests: &mut [Value; 2], world: &World) {
    for manifest in manifests {
        let (kind, name) = (manifest["kind"].clone(), manifest["metadata"]["name"].clone());
        let id = format!(
            "bank-a:quorate.dev/{}:{}/{}",
            kind.as_str().expect("kind"),
            world.namespace,
            name.as_str().expect("name")
        );
        manifest["metadata"]["annotations"] = json!({ TRACKING: id });
        manifest["metadata"]["labels"] = json!({ INSTANCE: "bank-a" });
    }
}

async fn is_gone<K>(world: &World, name: &str)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + Debug,
{
    let api = world.api::<K>();
    world
        .until(&format!("{name} gone"), || async { api.get_opt(name).await.ok()?.is_none().then_some(()) })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn argo_cd_adopts_no_child_and_its_prune_in_the_foreground_ends_with_the_keys_kept() {
    let mut world = crate::world("argoprune").await;
    world.start();
    let mut manifests = examples(&world);
    tracked(&mut manifests, &world);
    kubectl_well(
        &world,
        &["apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts"],
        &manifests,
    );
    sets(&world, 4).await;
    no_child_is_tracked(&world).await;
    let before = world.treasure().await;
    // What is in the cluster with its mark and no longer in Git is deleted in the foreground, as is its default.
    let skip = json!({ "metadata": { "annotations": { operator_core::names::SKIP_UNSEAT: "true" } } });
    let fleets = world.api::<Validator>();
    fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&skip)).await.expect("annotated");
    let foreground =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
    fleets.delete("bank-a", &foreground).await.expect("asked");
    world
        .until("our finalizer gone, the garbage collector's left", || async {
            let fleet = fleets.get_opt("bank-a").await.ok()??;
            (fleet.finalizers() == ["foregroundDeletion"]).then_some(())
        })
        .await;
    // The garbage collector's part is played here: children go while their owner is still there, and stay gone.
    let children = world.api::<StatefulSet>();
    children.delete_collection(&DeleteParams::default(), &ListParams::default()).await.expect("gone");
    world.two_more_passes().await;
    sets(&world, 0).await;
    let none = json!({ "metadata": { "finalizers": null } });
    fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&none)).await.expect("released");
    is_gone::<Validator>(&world, "bank-a").await;
    world.api::<Consortium>().delete("trade-finance", &DeleteParams::default()).await.expect("asked");
    is_gone::<Consortium>(&world, "trade-finance").await;
    assert_eq!(world.treasure().await, before, "keys and genesis stay");
    // The same Git again finds them.
    kubectl_well(
        &world,
        &["apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts"],
        &manifests,
    );
    sets(&world, 4).await;
    assert_eq!(world.treasure().await, before);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn flux_applies_once_changes_nothing_after_and_prunes_by_its_inventory_with_the_keys_kept() {
    let mut world = crate::world("fluxprune").await;
    world.start();
    let mut manifests = examples(&world);
    manifests[1]["metadata"]["annotations"] = json!({ operator_core::names::SKIP_UNSEAT: "true" });
    let inventory = tempfile::tempdir().expect("a folder");
    let file = inventory.path().join("inventory");
    let flux = |manifests: &[Value]| {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests }).to_string();
        let kubeconfig = world.admin().to_str().expect("a path");
        gitops(&["flux-apply", kubeconfig, "bank-a", &world.namespace, file.to_str().expect("a path")], &list)
    };
    assert_eq!(flux(&manifests).matches(" created").count(), 2);
    sets(&world, 4).await;
    seen(&world).await;
    no_child_is_tracked(&world).await;
    let again = flux(&manifests);
    assert_eq!(again.matches(" unchanged").count(), 2, "{again}");
    let before = world.treasure().await;
    let pruned = flux(&manifests[..1]);
    assert!(pruned.contains(&format!("Validator/{}/bank-a deleted", world.namespace)), "{pruned}");
    is_gone::<Validator>(&world, "bank-a").await;
    let pruned = flux(&[]);
    assert!(pruned.contains("trade-finance deleted"), "{pruned}");
    is_gone::<Consortium>(&world, "trade-finance").await;
    assert_eq!(world.treasure().await, before, "keys and genesis stay");
    assert_eq!(flux(&manifests).matches(" created").count(), 2);
    world.until("the same genesis", || async { (world.treasure().await == before).then_some(()) }).await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn kubectl_prunes_by_label_what_is_no_longer_applied() {
    let mut world = crate::world("labelprune").await;
    world.start();
    let mut manifests = examples(&world);
    tracked(&mut manifests, &world);
    manifests[1]["metadata"]["annotations"][operator_core::names::SKIP_UNSEAT] = json!("true");
    kubectl_well(&world, &["apply"], &manifests);
    sets(&world, 4).await;
    let before = world.treasure().await;
    let prune = [
        "apply",
        "--prune",
        "-l",
        "app.kubernetes.io/instance=bank-a",
        "--prune-allowlist=quorate.dev/v1alpha1/Validator",
        "--prune-allowlist=quorate.dev/v1alpha1/Consortium",
        "--prune-allowlist=core/v1/Secret",
        "--prune-allowlist=core/v1/ConfigMap",
        "--prune-allowlist=apps/v1/StatefulSet",
    ];
    let said = kubectl_well(&world, &prune, &manifests[..1]);
    assert!(
        said.contains("validator.quorate.dev/bank-a pruned") && said.matches("pruned").count() == 1,
        "{said}"
    );
    is_gone::<Validator>(&world, "bank-a").await;
    assert_eq!(world.treasure().await, before, "keys and genesis are nobody's to prune");
}
