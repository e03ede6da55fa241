use crate::world;
use k8s_openapi::api::{apps::v1::StatefulSet, coordination::v1::Lease};
use kube::{Api, api::ListParams};
use operator_trials::world::World;
use serde_json::json;
use std::process::{Child, Command};
use tokio::sync::Mutex;

/// The lease that the chart grants: the trials that contend for it take turns.
const LEASE: &str = "quorate-system/quorate-operator";
static TURN: Mutex<()> = Mutex::const_new(());

/// Short terms: whoever dies is followed within seconds. First lists come in pages, as older API servers give them.
fn candidate(world: &World, number: u16) -> (Candidate, String) {
    let listen = format!(
        "127.0.0.1:{}",
        18_100 + u16::try_from(std::process::id() % 1_000).expect("small") * 2 + number
    );
    let terms = ["--lease", LEASE, "--lease-duration-seconds", "3", "--renew-deadline-seconds", "2"];
    let retry = ["--lease-retry-ms", "200", "--streaming-lists", "never"];
    (Candidate(world.beside(&listen, &[&terms[..], &retry[..]].concat())), listen)
}

/// Ended with the trial, however that ends.
struct Candidate(Child);

impl Candidate {
    fn end(mut self, signal: &str) {
        Command::new("kill").args([signal, &self.0.id().to_string()]).status().expect("a signal");
        self.0.wait().expect("ended");
    }

    /// Bytes that a core dump of this process may have, by `setrlimit`'s soft and hard bound.
    fn core_limits(&self) -> Vec<String> {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.0.id())).expect("limits");
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        core.expect("a bound").split_whitespace().take(2).map(str::to_owned).collect()
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        // Ended already where the trial went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn figure(world: &World, listen: &str, line: &str) -> Option<f64> {
    let text = world.http.get(format!("http://{listen}/metrics")).send().await.ok()?.text().await.ok()?;
    let sum = text
        .lines()
        .filter(|l| l.starts_with(line))
        .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok());
    Some(sum.sum())
}

async fn leads(world: &World, listen: &str) -> Option<bool> {
    Some(figure(world, listen, "quorate_operator_leader ").await? > 0.5)
}

async fn writes(world: &World, listen: &str) -> Option<f64> {
    figure(world, listen, "quorate_operator_writes_total").await
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), "quorate-system")
}

/// Who holds the lease.
async fn holder(world: &World) -> Option<String> {
    let lease = leases(world).get("quorate-operator").await.expect("the Lease");
    lease.spec.expect("a record").holder_identity.filter(|holder| !holder.is_empty())
}

async fn sets(world: &World) -> usize {
    world.api::<StatefulSet>().list(&ListParams::default()).await.expect("StatefulSets").items.len()
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn one_of_two_acts_and_the_other_takes_over_at_once_from_a_leader_that_ends_and_in_time_from_one_that_dies()
 {
    let _turn = TURN.lock().await;
    let world = world("leader").await;
    let (first, at) = candidate(&world, 0);
    world.until("the first leads", || async { leads(&world, &at).await?.then_some(()) }).await;
    let (second, beside) = candidate(&world, 1);
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    world.until("four StatefulSets", || async { (sets(&world).await == 4).then_some(()) }).await;
    let ready = || async {
        world
            .http
            .get(format!("http://{beside}/readyz"))
            .send()
            .await
            .ok()?
            .status()
            .is_success()
            .then_some(())
    };
    world.until("the second is warm", ready).await;
    assert_eq!(leads(&world, &beside).await, Some(false));
    assert_eq!(writes(&world, &beside).await, Some(0.0), "it follows");
    let held = holder(&world).await;
    assert!(held.is_some(), "by the first");
    first.end("-TERM");
    assert_ne!(holder(&world).await, held, "it gave the lease up, whether or not the second has it yet");
    world.until("the second leads", || async { leads(&world, &beside).await?.then_some(()) }).await;
    world.replicas(5).await;
    world.until("a fifth", || async { (sets(&world).await == 5).then_some(()) }).await;
    second.end("-KILL");
    let (third, after) = candidate(&world, 0);
    world.until("the third leads", || async { leads(&world, &after).await?.then_some(()) }).await;
    third.end("-KILL");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_leader_whose_lease_is_taken_writes_nothing_any_more() {
    let _turn = TURN.lock().await;
    let world = world("deposed").await;
    let (operator, at) = candidate(&world, 0);
    world.until("it leads", || async { leads(&world, &at).await?.then_some(()) }).await;
    assert_eq!(operator.core_limits(), ["0", "0"], "a crash would write keys to a disk");
    let api = leases(&world);
    // Another holds the lease for longer than this test takes, renewed or not.
    let taken = json!({ "spec": { "holderIdentity": "another", "leaseDurationSeconds": 600 } });
    let params = kube::api::PatchParams::default();
    api.patch("quorate-operator", &params, &kube::api::Patch::Merge(&taken)).await.expect("taken");
    world.until("it follows", || async { (!leads(&world, &at).await?).then_some(()) }).await;
    let before = writes(&world, &at).await.expect("metrics");
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let known = || async { (figure(&world, &at, "quorate_operator_objects{").await? > 1.5).then_some(()) };
    world.until("it has seen both", known).await;
    assert_eq!((writes(&world, &at).await, sets(&world).await), (Some(before), 0));
    operator.end("-KILL");
    let delete = kube::api::DeleteParams::default();
    api.delete("quorate-operator", &delete).await.expect("the lease is free again");
}
