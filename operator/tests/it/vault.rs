//! Keys of nodes and accounts in a vault, by the real way of a workload identity's token.

mod entra;

use crate::{join, seats, world};
use chain::config::{NodeConfig, SignerConfig};
use entra::{NODES, Vault};
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Secret},
};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use operator_core::{
    api::{Validator, conditions::ConditionStatus},
    names::{ADDRESS, REPLACES, VAULT_KEY},
};
use operator_trials::{fake_network::FakeNetwork, proxy::Proxy, world::World};
use serde_json::{Value, json};
use vault_double::Operation;

/// Keys of the example: a node's each, and the accounts'.
const KEYS: u64 = 6;
/// Operators that run at once.
const AT_ONCE: usize = 4;

fn start(world: &mut World, vault: &Vault) {
    let environment = vault.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.start_with(&environment);
}

/// Waits until a condition of the fleet stands so, and returns its message.
async fn fleet_says(world: &World, kind: &str, status: ConditionStatus, reason: &str) -> String {
    world
        .until(&format!("{kind} {status:?} {reason}"), || async {
            let object = world.api::<Validator>().get_opt("bank-a").await.ok()??;
            let found = object.status?.conditions.into_iter().find(|condition| condition.kind == kind)?;
            (found.status == status && found.reason == reason).then_some(found.message)
        })
        .await
}

/// Every key is on record, and every node has its objects.
async fn complete(world: &World) {
    seats::wait_for_sets(world, 4).await;
    world.until("a network info", || async { world.consortium().await.status?.network_info }).await;
}

async fn apply(world: &World, vault: &Vault, more: &Value) {
    world.apply(&vault.consortium(world)).await.expect("accepted");
    world.apply(&vault.fleet(more)).await.expect("accepted");
}

/// What is on record of a node: address and id of its key.
async fn record(world: &World, index: u32) -> (String, String) {
    let secret = world.api::<Secret>().get(&format!("bank-a-{index}-identity")).await.expect("a record");
    assert_eq!(secret.type_.as_deref(), Some("quorate.dev/azure-key-vault"));
    assert_eq!(secret.immutable, Some(true));
    assert!(secret.owner_references().is_empty(), "it outlives its fleet");
    let data = secret.data.clone().unwrap_or_default();
    assert_eq!(data.keys().map(String::as_str).collect::<Vec<_>>(), ["address", "keyId"], "no key");
    let annotation = |name: &str| secret.annotations()[name].clone();
    (annotation(ADDRESS), annotation(VAULT_KEY))
}

async fn config(world: &World, index: u32) -> NodeConfig {
    let map = world.api::<ConfigMap>().get(&format!("bank-a-{index}-config")).await.expect("a configuration");
    NodeConfig::from_json(&map.data.expect("data")["node.json"]).expect("one that nodes read")
}

async fn dies_after(k: usize, vault: &Vault) {
    let mut world = world(&format!("vault{k}")).await;
    let (proxy, kubeconfig) = Proxy::start(&world, k).await;
    let environment = vault.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.start_in(&kubeconfig, &environment);
    apply(&world, vault, &json!({})).await;
    tokio::select! {
        () = proxy.over.notified() => {}
        // Status and events vary in number: a run that needed fewer writes is whole already.
        () = complete(&world) => {}
    }
    world.kill();
    let (before, _) = world.treasure().await;
    start(&mut world, vault);
    complete(&world).await;
    let (after, _) = world.treasure().await;
    for secret in &before {
        assert!(after.contains(secret), "{} was made anew after a death behind write {k}", secret.0);
    }
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn an_operator_that_dies_behind_any_write_makes_every_key_in_the_vault_once() {
    let mut first = world("vault").await;
    let vault = Vault::start(&first).await;
    let (proxy, kubeconfig) = Proxy::start(&first, usize::MAX).await;
    let environment = vault.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    first.start_in(&kubeconfig, &environment);
    apply(&first, &vault, &json!({})).await;
    complete(&first).await;
    let told = fleet_says(&first, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    let subject = format!("system:serviceaccount:{}:bank-a", first.namespace);
    assert!(told.contains("4 of 4 keys") && told.contains(&subject) && told.contains(NODES), "{told}");
    join::says(&first, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    let info = join::document(&first).await;
    info.verify().expect("signed by the vault, and by the account that is on record");
    for index in 0..4 {
        let (address, id) = record(&first, index).await;
        assert!(
            id.starts_with(&format!("{}/keys/{}/", vault.double.url(), Vault::key(&first, index))),
            "{id}"
        );
        let identity = config(&first, index).await.identity.expect("an identity");
        assert_eq!(identity.address.to_string(), address);
        let SignerConfig::AzureKeyVaultKey(object) = identity.signer else { panic!("in the vault") };
        assert!(id.ends_with(&object.version), "the version on record and no other");
    }
    let writes = proxy.writes();
    let made = vault.made();
    assert_eq!(made, KEYS);
    first.kill();
    futures::stream::iter(1..=writes)
        .map(|k| dies_after(k, &vault))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    let worlds = u64::try_from(writes).expect("few") + 1;
    println!("keys-wanted={} keys-made={} deaths={writes}", KEYS * worlds, vault.made());
    assert_eq!(vault.made(), KEYS * worlds);
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn a_fleet_that_is_settled_asks_its_vault_nothing_and_a_new_operator_writes_nothing() {
    let mut world = world("vault-still").await;
    let vault = Vault::start(&world).await;
    start(&mut world, &vault);
    apply(&world, &vault, &json!({})).await;
    complete(&world).await;
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    join::says(&world, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    world.two_more_passes().await;
    let (requests, writes) =
        (vault.requests(), world.counter("quorate_operator_writes_total").await.expect("metrics"));
    world.two_more_passes().await;
    assert_eq!(vault.requests(), requests);
    assert_eq!(world.counter("quorate_operator_writes_total").await, Some(writes));

    world.kill();
    start(&mut world, &vault);
    world.until("a look", || async { (vault.requests() >= requests + KEYS).then_some(()) }).await;
    world.until("metrics", || world.counter("quorate_operator_reconciles_total")).await;
    world.two_more_passes().await;
    println!("requests-settled=0 requests-after-restart={}", vault.requests() - requests);
    assert_eq!(
        world.counter("quorate_operator_writes_total").await,
        Some(0),
        "the condition stays as it was"
    );
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn keys_that_a_person_makes_are_named_awaited_and_taken_as_they_come() {
    let mut world = world("vault-wait").await;
    let vault = Vault::start(&world).await;
    start(&mut world, &vault);
    apply(&world, &vault, &json!({ "create": false })).await;
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "WaitingForIdentities").await;
    let name = Vault::key(&world, 0);
    assert!(told.contains(&format!("--name {name} --kty EC-HSM --curve P-256K --ops sign verify")), "{told}");
    let ready = fleet_says(&world, "Ready", ConditionStatus::False, "WaitingForIdentities").await;
    assert!(ready.contains(&name), "{ready}");
    world.until("the accounts' keys", || async { (vault.made() == 2).then_some(()) }).await;
    for index in 0..4 {
        vault.double.create_key(&Vault::key(&world, index)).expect("made");
    }
    complete(&world).await;
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    assert_eq!(vault.made(), 2, "the accounts', and no node's");
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn a_key_that_somebody_else_made_is_not_taken_unless_a_person_says_so() {
    let mut world = world("vault-foreign").await;
    let vault = Vault::start(&world).await;
    vault.double.create_key(&Vault::key(&world, 2)).expect("made");
    start(&mut world, &vault);
    apply(&world, &vault, &json!({})).await;
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "KeyForeign").await;
    assert!(told.contains(&Vault::key(&world, 2)), "{told}");
    fleet_says(&world, "Stalled", ConditionStatus::True, "KeyForeign").await;
    let patch = json!({ "spec": { "keys": { "azureKeyVault": { "create": false } } } });
    let api = world.api::<Validator>();
    api.patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("accepted");
    complete(&world).await;
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn whatever_becomes_of_a_key_is_told_by_reason_and_its_record_never_changes() {
    let mut world = world("vault-life").await;
    let vault = Vault::start(&world).await;
    start(&mut world, &vault);
    apply(&world, &vault, &json!({})).await;
    complete(&world).await;
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "KeysPinned").await;
    let before = record(&world, 1).await;
    let name = Vault::key(&world, 1);

    // A look comes once an hour, or when an operator begins.
    world.kill();
    let newer = vault.double.create_key(&name).expect("made").version;
    start(&mut world, &vault);
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::True, "NewerKeyVersion").await;
    assert!(told.contains(&newer) && told.contains(&before.1), "{told}");
    assert_eq!(config_version(&world, 1).await, before.1.rsplit('/').next().map(str::to_owned));

    world.kill();
    vault.double.enable_key(&name, false).expect("disabled");
    start(&mut world, &vault);
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "KeyDisabled").await;
    assert!(told.contains(&name) && told.contains("--enabled true"), "{told}");
    fleet_says(&world, "Stalled", ConditionStatus::True, "KeyDisabled").await;
    vault.double.enable_key(&name, true).expect("enabled");
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "NewerKeyVersion").await;

    world.kill();
    vault.revoke();
    start(&mut world, &vault);
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "Propagating").await;
    assert!(told.contains("403") && told.contains("ten minutes") && told.contains("docs/keys.md"), "{told}");
    fleet_says(&world, "Stalled", ConditionStatus::False, "NotStalled").await;
    vault.faults(|_| {});
    fleet_says(&world, "KeyAccess", ConditionStatus::True, "NewerKeyVersion").await;

    world.kill();
    vault.double.lose_key(&name).expect("lost");
    let made = vault.made();
    start(&mut world, &vault);
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "KeyLost").await;
    assert!(told.contains(&before.1), "{told}");
    fleet_says(&world, "Stalled", ConditionStatus::True, "KeyLost").await;
    world.two_more_passes().await;
    assert_eq!((vault.made(), record(&world, 1).await), (made, before), "nothing is made in its place");
    println!("reasons-told=5");
}

async fn config_version(world: &World, index: u32) -> Option<String> {
    let signer = config(world, index).await.identity?.signer;
    signer.vault_object().map(|object| object.version.clone())
}

/// Requests that were answered with 429.
fn throttled(vault: &Vault) -> u64 {
    let counts = vault.double.counts();
    counts.iter().filter(|count| count.outcome == "throttled").map(|count| count.count).sum()
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn a_vault_that_is_asked_too_much_is_left_alone_for_as_long_as_it_says() {
    let mut world = world("vault-busy").await;
    let vault = Vault::start(&world).await;
    vault.faults(|faults| (faults.throttled, faults.retry_after_s) = (1.0, Some(3600)));
    start(&mut world, &vault);
    apply(&world, &vault, &json!({})).await;
    let told = fleet_says(&world, "KeyAccess", ConditionStatus::False, "VaultThrottled").await;
    assert!(told.contains("429"), "{told}");
    // The network's own request may be under way when the fleet's is refused.
    join::says(&world, "KeyAccess", ConditionStatus::False, "VaultThrottled").await;
    world.two_more_passes().await;
    let requests = vault.requests();
    world.two_more_passes().await;
    assert_eq!(vault.requests(), requests, "it said for how long");
    assert!(requests <= KEYS, "{requests}");

    // A new operator has not been told.
    world.kill();
    vault.faults(|faults| (faults.throttled, faults.retry_after_s) = (1.0, Some(1)));
    let before = throttled(&vault);
    start(&mut world, &vault);
    // More than both objects can have asked before either was told.
    let again = || async { (throttled(&vault) > before + KEYS).then_some(()) };
    world.until("the vault asked again after each pause", again).await;
    vault.faults(|_| {});
    complete(&world).await;
    assert_eq!(vault.made(), KEYS);
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn a_creation_whose_answer_is_lost_is_found_and_not_repeated() {
    let mut world = world("vault-lost").await;
    let vault = Vault::start(&world).await;
    vault.faults(|faults| {
        faults.dropped = 1.0;
        faults.only.insert(Operation::CreateKey);
    });
    start(&mut world, &vault);
    apply(&world, &vault, &json!({})).await;
    complete(&world).await;
    let lost = vault.double.count("create-key", "dropped");
    println!("keys-wanted={KEYS} keys-made={lost}");
    assert_eq!((lost, vault.made()), (KEYS, 0), "no answer ever came, and nothing was made twice");
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn a_key_that_nodes_read_is_in_the_vault_and_nowhere_in_kubernetes() {
    let mut world = world("vault-inject").await;
    let vault = Vault::start(&world).await;
    start(&mut world, &vault);
    apply(&world, &vault, &json!({ "mode": "Inject" })).await;
    complete(&world).await;
    assert_eq!(vault.double.count("set-secret", "served"), 4);
    assert_eq!(vault.double.count("get-secret", "served"), 0, "the operator reads none");
    for index in 0..4 {
        let (address, id) = record(&world, index).await;
        assert!(id.contains("/secrets/"), "{id}");
        let identity = config(&world, index).await.identity.expect("an identity");
        assert_eq!(identity.address.to_string(), address);
        assert!(matches!(identity.signer, SignerConfig::AzureKeyVaultSecret(_)));
    }
    let sets = world.api::<StatefulSet>().list(&ListParams::default()).await.expect("sets");
    assert!(sets.items.iter().all(|set| !json!(set).to_string().contains("-identity")));
}

#[tokio::test]
#[ignore = "needs an API server: make vault-test"]
async fn seats_pass_from_secrets_to_a_vault_one_by_one_and_accounts_in_the_vault_sign_it() {
    let mut world = world("vault-move").await;
    let vault = Vault::start(&world).await;
    start(&mut world, &vault);
    world.apply(&vault.consortium(&world)).await.expect("accepted");
    world.example("validator.yaml").await;
    let mut network = FakeNetwork::new(&world, 71).await;
    seats::wait_for_sets(&world, 4).await;
    network.kubelet(&world, true).await;
    seats::validating(&world, 4).await;
    let old = network.state.lock().expect("lock").seats.clone();

    let mut manifest = vault.fleet(&json!({}));
    manifest["metadata"] = json!({ "name": "bank-b", "annotations": { REPLACES: "bank-a" } });
    world.apply(&manifest).await.expect("accepted");
    seats::wait_for_sets(&world, 8).await;
    network.kubelet(&world, false).await;
    world
        .until("four other seats", || async {
            let state = network.state.lock().expect("lock");
            state.seats.iter().all(|seat| !old.contains(seat)).then_some(())
        })
        .await;
    let (most, least) = {
        let state = network.state.lock().expect("lock");
        (state.most_seats, state.least_seats)
    };
    assert_eq!((most, least), (4, 4), "never one more or less");
    world.two_more_passes().await;
    let state = network.state.lock().expect("lock");
    assert!(state.seats.iter().all(|seat| !old.contains(seat)), "the old fleet gets none back");
    drop(state);
    let signed = vault.double.signed_since(0).len();
    println!("seats-passed=4 vault-signatures={signed}");
    assert!(signed > 4, "each of these transactions, and the network info");
}
