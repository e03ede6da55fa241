//! One run: make everything, restart, leave it alone, edit one by one, edit many at once.

use super::{
    Failure,
    applied::Applied,
    exposition::Exposition,
    floor::{self, ms},
    kubelet::Kubelet,
    objects::{self, PER_NETWORK, until},
    operator::{Operator, Program},
    report::Figures,
};
use futures::{TryStreamExt, stream};
use kube::{Api, Client};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Nothing here takes longer on a machine that can do it.
const PATIENCE: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_millis(250);
/// Objects edited one by one.
const EDITS: u32 = 1_000;
/// Objects edited at once.
const BULK: u32 = 1_000;

/// Everything that a run needs.
pub struct Run {
    /// The API server.
    pub client: Client,
    /// Makes pods.
    pub kubelet: Arc<Kubelet>,
    /// The operator.
    pub program: Program,
    /// Objects of ours.
    pub objects: u32,
    /// How long nothing is changed.
    pub idle_minutes: u64,
}

fn mb(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

/// The median and the slowest hundredth.
fn percentiles(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    let at = |share: usize| all.get((all.len() * share / 100).min(all.len().saturating_sub(1)));
    (at(50).copied().unwrap_or(0.0), at(99).copied().unwrap_or(0.0))
}

fn ours(resource: &str) -> bool {
    resource != "leases"
}

impl Run {
    /// All phases.
    pub async fn all(&self) -> Result<Figures, Failure> {
        let mut figures =
            Figures { objects: self.objects, idle_minutes: self.idle_minutes, ..Figures::default() };
        let operator = self.create(&mut figures).await?;
        figures.rss_created_mb = mb(operator.memory()?.0);
        operator.kill()?;
        let operator = self.restart(&mut figures).await?;
        self.idle(&operator, &mut figures).await?;
        self.edits(&operator, &mut figures).await?;
        self.floor(&mut figures).await?;
        self.bulk(&mut figures).await?;
        operator.kill()?;
        Ok(figures)
    }

    /// Fleets that observers and validators stand for, without the Consortia.
    fn fleets(&self) -> u32 {
        self.objects - self.objects.div_ceil(PER_NETWORK)
    }

    async fn create(&self, figures: &mut Figures) -> Result<Operator, Failure> {
        figures.namespaces = objects::namespaces(&self.client, self.objects).await?;
        println!("{} namespaces made", figures.namespaces);
        let manifests = objects::all(self.objects);
        let began = Instant::now();
        let first = PER_NETWORK.min(self.objects);
        let operator = self.program.start()?;
        objects::apply(&self.client, &manifests[..first as usize], |_| {}).await?;
        self.settled(&operator, first).await?;
        operator.kill()?;
        // Weighed as everything is weighed later: after a restart.
        let operator = self.program.start()?;
        self.settled(&operator, first).await?;
        tokio::time::sleep(Duration::from_secs(15)).await;
        figures.rss_first_100_mb = mb(operator.memory()?.0);
        println!("first {first} objects settled: {:.1} MB", figures.rss_first_100_mb);
        let told = |done: usize| {
            if done.is_multiple_of(250) {
                println!(
                    "{:6.0} s: {done} objects applied, {} pods run, {:.0} MB",
                    began.elapsed().as_secs_f64(),
                    self.kubelet.made(),
                    operator.memory().map_or(0.0, |(now, _)| mb(now))
                );
            }
        };
        objects::apply(&self.client, &manifests[first as usize..], told).await?;
        self.settled(&operator, self.objects).await?;
        figures.create_seconds = began.elapsed().as_secs_f64();
        let children = operator.metrics().await.sum("quorate_operator_children", |_| true);
        figures.children = format!("{children:.0}").parse()?;
        println!(
            "{} objects and {} children after {:.0} s",
            self.objects, figures.children, figures.create_seconds
        );
        Ok(operator)
    }

    /// All pods run, every fleet says so, and nothing is written any more.
    async fn settled(&self, operator: &Operator, objects: u32) -> Result<(), Failure> {
        let fleets = objects - objects.div_ceil(PER_NETWORK);
        let running = || async { self.kubelet.made() >= fleets && operator.is_settled(objects).await };
        until("all objects settled", PATIENCE, OFTEN, running).await?;
        let still = Mutex::new((u64::MAX, Instant::now()));
        let quiet = || async {
            let writes = operator.writes(|resource| ours(resource) && resource != "consortia/status").await;
            let mut still = still.lock().unwrap_or_else(PoisonError::into_inner);
            if still.0 != writes {
                *still = (writes, Instant::now());
            }
            still.1.elapsed() > Duration::from_secs(12)
        };
        until("nothing written for 12 s", PATIENCE, OFTEN, quiet).await?;
        Ok(())
    }

    async fn restart(&self, figures: &mut Figures) -> Result<Operator, Failure> {
        let operator = self.program.start()?;
        let every = Duration::from_millis(100);
        until("a pass over every object", PATIENCE, every, || operator.is_settled(self.objects)).await?;
        figures.restart_seconds = operator.age().as_secs_f64();
        figures.restart_writes =
            operator.writes(|resource| ours(resource) && resource != "consortia/status").await;
        println!(
            "restarted: {:.1} s, {} writes, {:.1} s of processor time",
            figures.restart_seconds,
            figures.restart_writes,
            operator.cpu_seconds()?
        );
        Ok(operator)
    }

    async fn idle(&self, operator: &Operator, figures: &mut Figures) -> Result<(), Failure> {
        let seen = || async {
            let metrics = operator.metrics().await;
            let reads = metrics.sum("quorate_operator_api_requests_total", |labels| {
                ["verb=\"get\"", "verb=\"list\"", "verb=\"watch\""].iter().any(|verb| labels.contains(verb))
                    && !labels.contains("resource=\"leases\"")
            });
            let of = |wanted: &'static str| operator.writes(move |resource| resource == wanted);
            let all = operator.writes(ours).await;
            (all, of("consortia/status").await, of("leases").await, format!("{reads:.0}"))
        };
        let (before, cpu) = (seen().await, operator.cpu_seconds()?);
        for minute in 1..=self.idle_minutes {
            tokio::time::sleep(Duration::from_mins(1)).await;
            let writes = operator.writes(|resource| ours(resource) && resource != "consortia/status").await;
            let since = writes.saturating_sub(before.0 - before.1);
            println!("idle for {minute} min: {since} writes, {:.1} MB", mb(operator.memory()?.0));
        }
        let (after, seconds) = (seen().await, self.idle_minutes * 60);
        figures.heartbeats = after.1 - before.1;
        figures.lease_renewals = after.2 - before.2;
        figures.idle_writes = (after.0 - before.0) - figures.heartbeats;
        figures.idle_reads = after.3.parse::<u64>()? - before.3.parse::<u64>()?;
        let used = operator.cpu_seconds()? - cpu;
        figures.idle_cpu_percent = 100.0 * used / f64::from(u32::try_from(seconds.max(1))?);
        let (rss, peak) = operator.memory()?;
        (figures.rss_mb, figures.rss_peak_mb) = (mb(rss), mb(peak));
        let above = f64::from(self.objects.saturating_sub(PER_NETWORK).max(1));
        figures.bytes_per_object = (figures.rss_mb - figures.rss_first_100_mb) * 1024.0 * 1024.0 / above;
        println!(
            "heartbeats={} lease-renewals={} idle-reads={} idle-cpu-percent={:.1}",
            figures.heartbeats, figures.lease_renewals, figures.idle_reads, figures.idle_cpu_percent
        );
        Ok(())
    }

    /// The fleet with this number, from 0: its network, and its number there.
    const fn place(number: u32) -> (u32, u32) {
        (number / (PER_NETWORK - 1), number % (PER_NETWORK - 1) + 1)
    }

    async fn edits(&self, operator: &Operator, figures: &mut Figures) -> Result<(), Failure> {
        let applied = Applied::watch(self.client.clone(), None).await?;
        let before = operator.metrics().await;
        let count = EDITS.min(self.fleets());
        let mut took = Vec::with_capacity(count as usize);
        for number in 0..count {
            let (network, fleet) = Self::place(number * (self.fleets() / count));
            let edited = objects::edit(&self.client, network, fleet, "1100Mi").await?;
            let set = (objects::namespace(network), format!("{}-0", objects::fleet(fleet)));
            let seen = applied.seen(&set, "1100Mi").await?;
            took.push(ms(seen.saturating_duration_since(edited)));
        }
        figures.edits = took.len();
        (figures.edit_p50_ms, figures.edit_p99_ms) = percentiles(took);
        println!(
            "{} edits: p50 {:.1} ms, p99 {:.1} ms",
            figures.edits, figures.edit_p50_ms, figures.edit_p99_ms
        );
        Self::steps(&before, &operator.metrics().await);
        Ok(())
    }

    /// Where the operator's own time went between two readings: in the steps of passes, and in calls to the API server.
    fn steps(before: &Exposition, after: &Exposition) {
        let tell = |name: &str, label: &str, kind: &str, what: &str| {
            let of = |labels: &str| {
                Exposition::label(labels, label) == Some(what)
                    && (kind.is_empty() || Exposition::label(labels, "kind") == Some(kind))
            };
            if let Some(taken) = after.since(before, name, of) {
                println!(
                    "  {kind} {what}: {:.0} times, {:.2} ms, 99 of 100 within {:.1} ms",
                    taken.count,
                    taken.mean * 1000.0,
                    taken.most * 1000.0
                );
            }
        };
        for kind in ["Validator", "Consortium"] {
            for step in ["observe", "plan", "apply", "status"] {
                tell("quorate_operator_step_seconds", "step", kind, step);
            }
        }
        for verb in ["get", "list", "create", "apply", "patch"] {
            tell("quorate_operator_api_request_seconds", "verb", "", verb);
        }
    }

    /// The same calls without the operator.
    async fn floor(&self, figures: &mut Figures) -> Result<(), Failure> {
        let sets = Api::namespaced(self.client.clone(), &objects::namespace(0));
        let like = sets.get(&format!("{}-0", objects::fleet(1))).await?;
        let floor = floor::measure(&self.client, &like, figures.edits).await?;
        (figures.floor_p50_ms, figures.floor_p99_ms) = percentiles(floor.edits);
        let (p50, p99) = percentiles(floor.applies);
        println!(
            "an operator that takes no time: p50 {:.1} ms, p99 {:.1} ms; of that the API server's apply: p50 {p50:.1} ms, p99 {p99:.1} ms",
            figures.floor_p50_ms, figures.floor_p99_ms
        );
        Ok(())
    }

    async fn bulk(&self, figures: &mut Figures) -> Result<(), Failure> {
        let applied = Applied::watch(self.client.clone(), None).await?;
        let count = BULK.min(self.fleets());
        let began = Instant::now();
        stream::iter((0..count).map(Ok))
            .try_for_each_concurrent(8, |number| async move {
                let (network, fleet) = Self::place(number);
                objects::edit(&self.client, network, fleet, "1200Mi").await.map(drop)
            })
            .await?;
        let edited = began.elapsed();
        for number in 0..count {
            let (network, fleet) = Self::place(number);
            applied
                .seen(&(objects::namespace(network), format!("{}-0", objects::fleet(fleet))), "1200Mi")
                .await?;
        }
        figures.bulk_1000_seconds = began.elapsed().as_secs_f64();
        println!(
            "{count} objects edited in {:.1} s, all applied after {:.1} s",
            edited.as_secs_f64(),
            figures.bulk_1000_seconds
        );
        Ok(())
    }
}
