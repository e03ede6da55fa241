use crate::world;
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kube::{Resource, ResourceExt, api::ListParams, core::NamespaceResourceScope};
use operator_trials::{proxy::Proxy, world::World};
use std::{collections::BTreeSet, fmt::Debug};

/// Operators that run at once.
const AT_ONCE: usize = 5;
/// Creation makes fewer writes, status and events included.
const MOST_WRITES: usize = 80;

type Objects = BTreeSet<(String, String)>;

async fn named<K>(world: &World, objects: &mut Objects)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + Debug,
{
    let listed = world.api::<K>().list_metadata(&ListParams::default()).await.expect("listed");
    objects.extend(listed.items.iter().map(|object| (K::kind(&()).into_owned(), object.name_any())));
}

/// Kind and name of everything that the operator makes.
async fn objects(world: &World) -> Objects {
    let mut objects = Objects::new();
    named::<Secret>(world, &mut objects).await;
    named::<ConfigMap>(world, &mut objects).await;
    named::<Service>(world, &mut objects).await;
    named::<ServiceAccount>(world, &mut objects).await;
    named::<PodDisruptionBudget>(world, &mut objects).await;
    named::<PersistentVolumeClaim>(world, &mut objects).await;
    named::<StatefulSet>(world, &mut objects).await;
    objects
}

/// All objects are there, and the operator has said so of both.
async fn complete(world: &World) -> Objects {
    world
        .until("the whole network", || async {
            let sets = world.api::<StatefulSet>().list_metadata(&ListParams::default()).await.ok()?;
            let published = world.consortium().await.status?.network_info?;
            let reported = world.fleet().await.status?.replicas;
            (sets.items.len() == 4 && reported == 4 && !published.is_empty()).then_some(())
        })
        .await;
    objects(world).await
}

async fn examples(world: &World) {
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
}

async fn dies_after(k: usize, whole: &Objects) {
    let mut world = world(&format!("crash{k}")).await;
    let (proxy, kubeconfig) = Proxy::start(&world, k).await;
    world.start_through(&kubeconfig);
    examples(&world).await;
    tokio::select! {
        () = proxy.over.notified() => {}
        // Status and events vary in number: a run that needed fewer writes is whole already.
        _ = complete(&world) => {}
    }
    world.kill();
    let (secrets, genesis) = world.treasure().await;
    world.start();
    assert_eq!(&complete(&world).await, whole, "after a death behind write {k}");
    let (secrets_after, genesis_after) = world.treasure().await;
    for secret in &secrets {
        assert!(secrets_after.contains(secret), "{} was made anew after a death behind write {k}", secret.0);
    }
    if genesis.is_some() {
        assert_eq!(genesis, genesis_after, "after a death behind write {k}");
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_operator_that_dies_behind_any_write_of_the_creation_ends_with_the_same_objects_and_keys() {
    let mut world = world("crash0").await;
    let (proxy, kubeconfig) = Proxy::start(&world, usize::MAX).await;
    world.start_through(&kubeconfig);
    examples(&world).await;
    let whole = complete(&world).await;
    let writes = proxy.writes();
    assert!((whole.len()..MOST_WRITES).contains(&writes), "{writes} writes for {} objects", whole.len());
    world.kill();
    println!("{} objects by {writes} writes", whole.len());
    futures::stream::iter(1..=writes)
        .map(|k| dies_after(k, &whole))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}
