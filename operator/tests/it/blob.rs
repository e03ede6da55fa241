//! Network infos in a blob container of Azure's own emulator, by the real way of a workload identity's token.

mod azure;

use crate::{join, seats, world};
use azure::Azure;
use chain::{network_info::NetworkInfo, signature::seal_from};
use http::Method;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use operator_core::{
    api::{Consortium, conditions::ConditionStatus},
    keys,
};
use operator_trials::world::World;
use serde_json::json;

fn start(world: &mut World, environment: &[(&'static str, String)]) {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.start_with(&environment);
}

async fn publish_in(world: &World, container: &str) {
    let patch =
        json!({ "spec": { "publish": { "networkInfo": { "azureBlob": { "containerUrl": container } } } } });
    let api = world.api::<Consortium>();
    api.patch("trade-finance", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("accepted");
}

/// A founder whose network info is in the container, and where.
async fn published(azure: &Azure, container: &str, test: &str) -> (World, String) {
    let mut world = world(test).await;
    start(&mut world, &azure.environment("federated"));
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    seats::wait_for_sets(&world, 4).await;
    publish_in(&world, container).await;
    let address = join::says(&world, "NetworkInfoPublished", ConditionStatus::True, "Published").await;
    (world, address)
}

/// The document in the ConfigMap, once it is also in the container.
async fn same(world: &World, azure: &Azure, address: &str) -> (NetworkInfo, String) {
    world
        .until("the document in the container", || async {
            let (text, version) = azure.read(address).await?;
            let info: NetworkInfo = serde_json::from_str(&text).ok()?;
            (join::document(world).await == info).then_some((info, version))
        })
        .await
}

#[tokio::test]
#[ignore = "needs an API server and Azurite: make blob-test"]
async fn a_network_info_is_written_once_and_again_only_when_something_else_stands_there() {
    let azure = Azure::start().await;
    let container = azure.make_container("net", false).await;
    let (mut world, address) = published(&azure, &container, "blob-write").await;
    let (info, version) = same(&world, &azure, &address).await;
    let name = format!("{:#x}/{:#x}.json", info.genesis_hash, info.publisher);
    assert_eq!(address, format!("{container}/{name}"));
    let (writes, reads) = (azure.documents("PUT"), azure.documents("GET"));
    assert_eq!(azure.tokens(), 1, "one token is enough");

    world.kill();
    start(&mut world, &azure.environment("federated"));
    world.until("a look at the blob", || async { (azure.documents("GET") > reads).then_some(()) }).await;
    world.until("metrics", || world.counter("quorate_operator_reconciles_total")).await;
    world.two_more_passes().await;
    assert_eq!(
        azure.read(&address).await.expect("there").1,
        version,
        "nothing has changed, nothing is written"
    );
    let again = azure.documents("PUT") - writes;

    world.kill();
    let gone = azure.ask(Method::DELETE, &address, &[], String::new()).await;
    assert_eq!(gone.status(), 202);
    start(&mut world, &azure.environment("federated"));
    assert_eq!(same(&world, &azure, &address).await.0, info, "a blob that somebody deleted comes back");

    world.kill();
    azure.write(&address, "{}".to_owned()).await;
    start(&mut world, &azure.environment("federated"));
    assert_eq!(same(&world, &azure, &address).await.0, info, "what is no document of ours is written over");

    world.kill();
    let later = issued_at(&world, &info, info.issued_at + 1000).await;
    azure.write(&address, serde_json::to_string(&later).expect("JSON")).await;
    start(&mut world, &azure.environment("federated"));
    let (newest, _) = same(&world, &azure, &address).await;
    assert_eq!(newest.issued_at, later.issued_at + 1, "readers believe the later one");
    println!("blob-writes={writes} blob-writes-after-restart={again} tokens={}", azure.tokens());
    assert_eq!((writes, again), (1, 0));
}

/// The same, signed by the same account at another time.
async fn issued_at(world: &World, info: &NetworkInfo, issued_at: u64) -> NetworkInfo {
    let secret = world.api::<Secret>().get("trade-finance-operator").await.expect("the key");
    let key = keys::read(&secret).expect("a key");
    let mut info = NetworkInfo { issued_at, signature: None, ..info.clone() };
    let signed = key.signing.sign_prehash_recoverable(info.signing_hash().as_slice()).expect("signs");
    info.signature = Some(seal_from(&alloy_primitives::Signature::from(signed)));
    info
}

#[tokio::test]
#[ignore = "needs an API server and Azurite: make blob-test"]
async fn a_member_joins_by_a_container_that_lets_everybody_read_or_only_the_operators_identity() {
    let azure = Azure::start().await;
    let container = azure.make_container("net", false).await;
    let (founder, address) = published(&azure, &container, "blob-found").await;
    let (info, _) = same(&founder, &azure, &address).await;
    let other = format!("{container}/0x{}/{:#x}.json", "22".repeat(32), info.publisher);
    azure.write(&other, "another network's".to_owned()).await;
    let sources = json!([{ "azureBlob": { "containerUrl": container } }]);

    let mut joiner = world("blob-join").await;
    start(&mut joiner, &azure.environment("federated"));
    join::joiner(&joiner, &info.genesis_hash.to_string(), sources.clone()).await;
    join::says(&joiner, "NetworkInfoCurrent", ConditionStatus::True, "SourcesRead").await;
    let status = joiner.consortium().await.status.expect("a status");
    assert_eq!(status.genesis_hash, Some(info.genesis_hash.to_string()));

    let mut anybody = world("blob-any").await;
    start(&mut anybody, &azure.without_identity());
    join::joiner(&anybody, &info.genesis_hash.to_string(), sources).await;
    let told = join::says(&anybody, "NetworkInfoCurrent", ConditionStatus::False, "SourceUnreachable").await;
    assert!(told.contains("not for everybody") && told.contains("no workload identity"), "{told}");

    let tokens = azure.tokens();
    let open = azure.make_container("open", true).await;
    let text = azure.read(&address).await.expect("there").0;
    azure.write(&format!("{open}/{:#x}/{:#x}.json", info.genesis_hash, info.publisher), text).await;
    let patch = json!({ "spec": { "join": { "networkInfo": [{ "azureBlob": { "containerUrl": open } }] } } });
    let api = anybody.api::<Consortium>();
    api.patch("trade-finance", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("accepted");
    join::says(&anybody, "NetworkInfoCurrent", ConditionStatus::True, "SourcesRead").await;
    println!("joined-by-identity=1 joined-as-anybody=1 tokens={tokens}");
}

#[tokio::test]
#[ignore = "needs an API server and Azurite: make blob-test"]
async fn what_keeps_a_network_info_out_of_its_container_is_told_by_reason_and_stalls_nothing() {
    let azure = Azure::start().await;
    let container = azure.make_container("net", false).await;
    let mut world = world("blob-why").await;
    start(&mut world, &azure.without_identity());
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    seats::wait_for_sets(&world, 4).await;
    publish_in(&world, &container).await;
    let told =
        join::says(&world, "NetworkInfoPublished", ConditionStatus::False, "AzureIdentityMissing").await;
    assert!(told.contains("azure.workloadIdentity.clientId"), "{told}");

    world.kill();
    start(&mut world, &azure.environment("strange"));
    let told = join::says(&world, "NetworkInfoPublished", ConditionStatus::False, "AzureTokenRefused").await;
    assert!(told.contains("AADSTS700213") && !told.contains("eyJ"), "{told}");
    assert!(!told.contains("Trace ID"), "another one each time would be news each time: {told}");

    world.kill();
    start(&mut world, &azure.environment("federated"));
    join::says(&world, "NetworkInfoPublished", ConditionStatus::True, "Published").await;
    publish_in(&world, &azure.container("missing")).await;
    let told = join::says(&world, "NetworkInfoPublished", ConditionStatus::False, "ContainerMissing").await;
    assert!(told.contains("ContainerNotFound"), "{told}");
    publish_in(&world, "https://tokens.example.com/net").await;
    join::says(&world, "NetworkInfoPublished", ConditionStatus::False, "AzureHostRefused").await;
    join::says(&world, "Stalled", ConditionStatus::False, "NotStalled").await;
    publish_in(&world, &container).await;
    join::says(&world, "NetworkInfoPublished", ConditionStatus::True, "Published").await;
    println!("reasons-told=4");
}
