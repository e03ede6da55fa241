//! A user's steps, and whether the cluster has come to rest.

use super::{patience::Deadline, stage::Stage};
use crate::faults::{
    controllers::disruption,
    history::{Kind, Objects},
    oracle::{
        state::{Masked, NUDGE, differences, masked},
        treasure::ByHand,
    },
    scenario::{FLEET, NETWORK, Step},
};
use anyhow::Context as _;
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Changes that come closer together are looked at once.
const TOGETHER: Duration = Duration::from_millis(40);
/// Between two looks at the operator's counters, which nobody announces.
const LOOK: Duration = Duration::from_millis(50);

impl Stage {
    /// The plan's steps, one after another.
    pub(super) async fn steps(&mut self) -> anyhow::Result<()> {
        for step in self.plan.scenario.steps() {
            self.step(step).await?;
        }
        Ok(())
    }

    fn patient(&self) -> Deadline {
        self.patience.until(super::PATIENCE)
    }

    fn objects_of(&self, kind: &str) -> anyhow::Result<Api<DynamicObject>> {
        let kind = Kind::named(kind).with_context(|| format!("{kind} is not recorded"))?;
        Ok(Api::namespaced_with(self.client.clone(), &self.namespace, &kind.resource()))
    }

    pub(super) async fn step(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Apply(manifest) => {
                let name = manifest["metadata"]["name"].as_str().context("a manifest without name")?;
                let kind = manifest["kind"].as_str().unwrap_or_default();
                let api = self.objects_of(kind)?;
                let params = PatchParams::apply("user").validation_strict();
                let applied = api.patch(name, &params, &Patch::Apply(&manifest)).await.context("apply")?;
                self.recorded(kind, name, applied.metadata.resource_version).await?;
            }
            Step::Merge(kind, name, patch) => {
                let params = PatchParams::default();
                let edited = self.objects_of(kind)?.patch(name, &params, &Patch::Merge(&patch)).await;
                self.recorded(kind, name, edited.context("patch")?.metadata.resource_version).await?;
            }
            Step::Refused(kind, name, patch) => {
                let params =
                    PatchParams { field_manager: None, ..PatchParams::default().validation_strict() };
                let refused = self.objects_of(kind)?.patch(name, &params, &Patch::Merge(&patch)).await;
                anyhow::ensure!(refused.is_err(), "the API server took {patch}");
            }
            Step::Scale(replicas) => {
                let patch = json!({ "spec": { "replicas": replicas } });
                let api = self.objects_of("Validator")?;
                let params = PatchParams::default();
                let scaled = api.patch_scale(FLEET, &params, &Patch::Merge(&patch)).await.context("scale")?;
                self.recorded("Validator", FLEET, scaled.metadata.resource_version).await?;
            }
            Step::Delete(kind, name) => self.delete(&[(kind, name)]).await?,
            Step::Prune => self.delete(&[("Consortium", NETWORK), ("Validator", FLEET)]).await?,
            Step::Empty => self.empty().await?,
            Step::Wallet(seed, call) => {
                let call = self.chain_says("a wallet's turn", call).await?;
                self.network.call_from(seed, call).map_err(|error| anyhow::anyhow!("a wallet: {error}"))?;
            }
            Step::Await(what, is_so) => {
                self.chain_says(what, |chain| is_so(chain).then_some(())).await?;
            }
        }
        Ok(())
    }

    async fn chain_says<T>(
        &self,
        what: &str,
        read: impl Fn(&chain::governance::Snapshot) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut changes = self.network.changes();
        let said = async {
            loop {
                changes.mark_unchanged();
                let found =
                    tokio::task::block_in_place(|| self.network.snapshot()).and_then(|chain| read(&chain));
                match found {
                    Some(found) => return anyhow::Ok(found),
                    None => changes.changed().await?,
                }
            }
        };
        self.patient().before(said).await.with_context(|| format!("the chain never says that {what}"))?
    }

    /// Waits until the record has what was just written: before that a lack of unrest says nothing.
    async fn recorded(&self, kind: &str, name: &str, version: Option<String>) -> anyhow::Result<()> {
        let wanted: u64 = version.context("an answer without resource version")?.parse()?;
        let mut changes = self.log.changes();
        let recorded = async {
            // Kinds are watched apart: what another one has come to is no measure.
            while self.log.version_of(kind, name) < wanted {
                changes.changed().await?;
            }
            anyhow::Ok(())
        };
        self.patient().before(recorded).await.context("the record lags")?
    }

    /// All of them before any is waited for.
    async fn delete(&self, objects: &[(&str, &str)]) -> anyhow::Result<()> {
        for (kind, name) in objects {
            self.objects_of(kind)?.delete(name, &DeleteParams::default()).await.context("delete")?;
        }
        let gone = async {
            let mut changes = self.log.changes();
            while objects.iter().any(|(kind, name)| self.log.get(kind, name).is_some()) {
                changes.changed().await?;
            }
            Ok(())
        };
        self.patient().before(gone).await.with_context(|| format!("{objects:?} do not go"))?
    }

    /// Waits until nothing runs on what is taken away, as a person would.
    async fn empty(&mut self) -> anyhow::Result<()> {
        let running = |objects: &Objects| {
            objects.keys().any(|(kind, _)| kind.kind == "Pod" || kind.kind == "StatefulSet")
        };
        let mut changes = self.log.changes();
        let stopped = async {
            while running(&self.log.now()) {
                changes.changed().await?;
            }
            anyhow::Ok(())
        };
        self.patient().before(stopped).await.context("pods that do not go")??;
        let from = self.log.version();
        for kind in ["Secret", "ConfigMap", "PersistentVolumeClaim"] {
            let api = self.objects_of(kind)?;
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.context("empty")?;
            // Disks that pods have mounted are protected; none is here.
            let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            for ((found, name), _) in self.log.now() {
                if found.kind == kind && kind == "PersistentVolumeClaim" {
                    let _ = api.patch(&name, &PatchParams::default(), &free).await;
                }
            }
        }
        let mut changes = self.log.changes();
        let gone = async {
            while self.log.now().keys().any(|(kind, name)| is_kept(*kind, name)) {
                changes.changed().await?;
            }
            anyhow::Ok(())
        };
        self.patient().before(gone).await.context("keys that do not go")??;
        self.by_hand.push(ByHand { from, to: self.log.version() });
        Ok(())
    }

    /// Waits until the state is the wanted one; what differs when it does not become so.
    pub(super) async fn becomes(&self, wanted: &Masked) -> Vec<String> {
        let mut changes = self.log.changes();
        let same = async {
            loop {
                changes.mark_unchanged();
                if is_wanted(&self.log.now(), wanted) {
                    return;
                }
                if changes.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(TOGETHER).await;
            }
        };
        match self.patient().before(same).await {
            Some(()) => Vec::new(),
            None => differences(wanted, &masked(&self.log.now())),
        }
    }

    /// Waits until every object says that it is settled and two passes over each have written nothing.
    pub(super) async fn quiet(&self) -> anyhow::Result<()> {
        let deadline = self.patient();
        loop {
            self.settled(&deadline).await?;
            let before = self.log.version();
            let mut passed = true;
            for _ in 0..2 {
                passed &= self.nudge(&deadline).await?;
            }
            // What the API server has tried again meanwhile, as an eviction, may have come to something only now.
            if passed && self.silent_since(before) && unsettled(&self.log.now()).is_none() {
                return Ok(());
            }
            anyhow::ensure!(
                !deadline.is_over(),
                "settled objects are still written: {}",
                self.written_since(before)
            );
        }
    }

    async fn settled(&self, deadline: &Deadline) -> anyhow::Result<()> {
        let mut changes = self.log.changes();
        let settled = async {
            loop {
                changes.mark_unchanged();
                if unsettled(&self.log.now()).is_none() {
                    return anyhow::Ok(());
                }
                changes.changed().await?;
            }
        };
        let ended = deadline.before(settled).await;
        ended.with_context(|| format!("not settled: {}", unsettled(&self.log.now()).unwrap_or_default()))?
    }

    /// What has been written since, nudges and heartbeats left out.
    fn writes_since(&self, version: u64) -> Vec<String> {
        let changes = self.log.all();
        let mut last: std::collections::BTreeMap<(Kind, String), Value> = std::collections::BTreeMap::new();
        let mut written = Vec::new();
        let mut ordered: Vec<_> = changes.iter().collect();
        ordered.sort_by_key(|change| change.version);
        for change in ordered {
            let key = (change.kind, change.name.clone());
            let shown = bare(&change.object);
            let same = last.insert(key, shown.clone()).is_some_and(|before| before == shown);
            if change.version > version && (!same || change.deleted) {
                written.push(format!("{} {}", change.kind.kind, change.name));
            }
        }
        written
    }

    fn silent_since(&self, version: u64) -> bool {
        self.writes_since(version).is_empty()
    }

    fn written_since(&self, version: u64) -> String {
        self.writes_since(version).join(", ")
    }

    /// Touches every object and waits for the pass that follows; false when no operator is there to make it.
    async fn nudge(&self, deadline: &Deadline) -> anyhow::Result<bool> {
        let objects = self.log.now();
        let ours: Vec<_> =
            objects.keys().filter(|(kind, _)| kind.group == operator_core::api::GROUP).collect();
        let alive: Vec<(usize, String)> = {
            let mut crew = self.crew.lock().await;
            let alive = crew.alive.clone();
            for instance in &alive {
                if let Some(how) = crew.members[*instance].1.ended() {
                    anyhow::bail!("operator {instance} has ended by itself: {how}");
                }
            }
            alive.iter().map(|instance| (*instance, crew.members[*instance].1.listen.clone())).collect()
        };
        let kinds: std::collections::BTreeSet<&str> = ours.iter().map(|(kind, _)| kind.kind).collect();
        let mut before = Vec::new();
        for (instance, listen) in &alive {
            for kind in &kinds {
                before.push((*instance, listen, *kind, passes(listen, kind).await.unwrap_or_default()));
            }
        }
        for (kind, name) in &ours {
            let patch = json!({ "metadata": { "annotations": { NUDGE: format!("{:?}", Instant::now()) } } });
            // An object that goes meanwhile needs no pass.
            let _ =
                self.objects_of(kind.kind)?.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
        let each: u64 = ours.iter().filter(|(kind, _)| kind.kind == "Validator").count().try_into()?;
        for (instance, listen, kind, was) in before {
            let needed = if kind == "Validator" { each } else { 1 };
            while passes(listen, kind).await.unwrap_or_default() < was + needed {
                // The fault may come as late as this.
                if !self.crew.lock().await.alive.contains(&instance) {
                    return Ok(false);
                }
                anyhow::ensure!(!deadline.is_over(), "no pass over {kind} after it was touched");
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(!alive.is_empty())
    }
}

fn is_kept(kind: Kind, name: &str) -> bool {
    match kind.kind {
        "Secret" | "PersistentVolumeClaim" => true,
        "ConfigMap" => name != "kube-root-ca.crt",
        _ => false,
    }
}

/// Whether this is the state that is waited for. That is one of rest, so what is unsettled need not be compared.
pub(super) fn is_wanted(objects: &Objects, wanted: &Masked) -> bool {
    unsettled(objects).is_none() && masked(objects) == *wanted
}

/// Without what a nudge or a heartbeat changes.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    for field in ["resourceVersion", "managedFields", "generation"] {
        object["metadata"][field] = Value::Null;
    }
    object["metadata"]["annotations"][NUDGE] = Value::Null;
    for field in ["height", "observedAt"] {
        if !object["status"].is_null() {
            object["status"][field] = Value::Null;
        }
    }
    object
}

/// Passes that an operator has made over objects of a kind.
async fn passes(listen: &str, kind: &str) -> Option<u64> {
    let text = reqwest::get(format!("http://{listen}/metrics")).await.ok()?.text().await.ok()?;
    let line = format!("quorate_operator_reconciles_total{{kind=\"{kind}\"");
    let counts = text
        .lines()
        .filter(|l| l.starts_with(&line))
        .filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok());
    Some(counts.sum())
}

/// The first object that is not at rest.
fn unsettled(objects: &Objects) -> Option<String> {
    let condition = |object: &Value, kind: &str| {
        let mut all = object["status"]["conditions"].as_array().into_iter().flatten();
        all.find(|condition| condition["type"] == kind)
            .and_then(|found| found["status"].as_str())
            .unwrap_or("")
            .to_owned()
    };
    objects.iter().find_map(|((kind, name), object)| {
        let why = match kind.kind {
            _ if !object["metadata"]["deletionTimestamp"].is_null() => "it is being deleted",
            "Consortium" | "Validator" => {
                if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
                    "its generation is not observed"
                } else if condition(object, "Ready") != "True" && condition(object, "Stalled") != "True" {
                    "neither Ready nor Stalled"
                } else if kind.kind == "Consortium" && condition(object, "QuorumHealthy") != "True" {
                    "its quorum is not healthy"
                } else if kind.kind == "Consortium"
                    && object["status"]["seats"]["live"] != object["status"]["seats"]["total"]
                {
                    "a seat is not heard yet"
                } else {
                    return None;
                }
            }
            "PodDisruptionBudget" if disruption::waits(object) => "it counts an eviction",
            "StatefulSet" => {
                let status = &object["status"];
                if status["readyReplicas"] != 1 || status["currentRevision"] != status["updateRevision"] {
                    "its pod is not ready or not of its revision"
                } else {
                    return None;
                }
            }
            _ => return None,
        };
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let messages: Vec<String> =
            conditions.map(|c| format!("{}={} {}", c["type"], c["status"], c["message"])).collect();
        Some(format!("{} {name}: {why} ({})", kind.kind, messages.join("; ")))
    })
}
