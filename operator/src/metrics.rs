//! The operator's own metrics, registered under the names of `metrics::names` and nothing else.

pub(crate) mod names;
#[cfg(test)]
mod shipped;

use names::{Metric, PREFIX};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric as Registered, Registry},
};
use std::time::Duration;

/// Labels of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    kind: &'static str,
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    decision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    verb: &'static str,
    resource: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VaultRequest {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verb {
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

/// What stands now, read when `/metrics` is asked.
pub(crate) struct Standing {
    /// By kind: its name, objects known, due and waiting, failing.
    pub(crate) objects: Vec<(&'static str, usize, usize, usize)>,
    /// Children known, by kind.
    pub(crate) children: Vec<(&'static str, usize)>,
    /// Objects without a pass since this process began to lead.
    pub(crate) unvisited: usize,
    /// Whether this process leads.
    pub(crate) leads: bool,
}

/// Requests to the API server; shared with the client.
#[derive(Clone)]
pub(crate) struct ApiMetrics {
    requests: Family<Request, Counter>,
    seconds: Family<Verb, Histogram>,
}

impl ApiMetrics {
    /// Counts a request; `code` 0 stands for no answer.
    pub(crate) fn asked(&self, verb: &'static str, resource: &str, code: u16, took: Duration) {
        self.requests.get_or_create(&Request { verb, resource: resource.to_owned(), code }).inc();
        if verb != "watch" {
            self.seconds.get_or_create(&Verb { verb }).observe(took.as_secs_f64());
        }
    }
}

/// Requests to key vaults; shared with those that are open.
#[derive(Clone, Default)]
pub(crate) struct VaultMetrics(Family<VaultRequest, Counter>);

impl VaultMetrics {
    /// Counts a request.
    pub(crate) fn asked(&self, operation: &'static str, outcome: &'static str) {
        self.0.get_or_create(&VaultRequest { operation, outcome }).inc();
    }
}

/// All metrics and their registry.
pub(crate) struct Metrics {
    registry: Registry,
    /// Of the client.
    pub(crate) api: ApiMetrics,
    /// Of the vaults.
    pub(crate) vaults: VaultMetrics,
    passes: Family<Pass, Counter>,
    seconds: Family<Kind, Histogram>,
    steps: Family<Step, Histogram>,
    writes: Family<Kind, Counter>,
    decisions: Family<Decision, Counter>,
    refusals: Family<Refusal, Counter>,
    nodes: Family<Outcome, Counter>,
    depth: Family<Kind, Gauge>,
    failing: Family<Kind, Gauge>,
    objects: Family<Kind, Gauge>,
    children: Family<Kind, Gauge>,
    unvisited: Gauge,
    leader: Gauge,
}

fn seconds<L: Clone + std::hash::Hash + Eq>() -> Family<L, Histogram> {
    Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 16)))
}

fn register<M: Registered + Clone>(registry: &mut Registry, metric: Metric, value: M) -> M {
    registry.register(metric.name, metric.help, value.clone());
    value
}

impl Metrics {
    /// All of them, at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let to = &mut registry;
        let build = register(to, names::BUILD_INFO, Family::<Version, Gauge>::default());
        build.get_or_create(&Version { version: env!("CARGO_PKG_VERSION") }).set(1);
        Self {
            api: ApiMetrics {
                requests: register(to, names::API_REQUESTS, Family::default()),
                seconds: register(to, names::API_REQUEST_SECONDS, seconds()),
            },
            vaults: VaultMetrics(register(to, names::VAULT_REQUESTS, Family::default())),
            passes: register(to, names::RECONCILES, Family::default()),
            seconds: register(to, names::RECONCILE_SECONDS, seconds()),
            steps: register(to, names::STEP_SECONDS, seconds()),
            writes: register(to, names::WRITES, Family::default()),
            decisions: register(to, names::DECISIONS, Family::default()),
            refusals: register(to, names::REFUSALS, Family::default()),
            nodes: register(to, names::NODE_REQUESTS, Family::default()),
            depth: register(to, names::QUEUE_DEPTH, Family::default()),
            failing: register(to, names::FAILING, Family::default()),
            objects: register(to, names::OBJECTS, Family::default()),
            children: register(to, names::CHILDREN, Family::default()),
            unvisited: register(to, names::UNVISITED, Gauge::default()),
            leader: register(to, names::LEADER, Gauge::default()),
            registry,
        }
    }

    /// Counts a pass.
    pub(crate) fn passed(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.passes.get_or_create(&Pass { kind, outcome }).inc();
        self.seconds.get_or_create(&Kind { kind }).observe(took.as_secs_f64());
    }

    /// Counts a step of a pass.
    pub(crate) fn stepped(&self, kind: &'static str, step: &'static str, took: Duration) {
        self.steps.get_or_create(&Step { kind, step }).observe(took.as_secs_f64());
    }

    /// Counts a write.
    pub(crate) fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&Kind { kind }).inc();
    }

    /// Counts a decision that was carried out.
    pub(crate) fn decided(&self, decision: &'static str) {
        self.decisions.get_or_create(&Decision { decision }).inc();
    }

    /// Counts that an object came to wait.
    pub(crate) fn refused(&self, kind: &'static str, reason: &'static str) {
        self.refusals.get_or_create(&Refusal { kind, reason }).inc();
    }

    /// Counts a question for a node's status.
    pub(crate) fn asked_node(&self, answered: bool) {
        let outcome = if answered { "answered" } else { "silent" };
        self.nodes.get_or_create(&Outcome { outcome }).inc();
    }

    /// OpenMetrics text.
    pub(crate) fn text(&self, standing: &Standing) -> Result<String, std::fmt::Error> {
        let gauge = |family: &Family<Kind, Gauge>, kind, value: usize| {
            family.get_or_create(&Kind { kind }).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        for (kind, known, due, failing) in &standing.objects {
            gauge(&self.objects, kind, *known);
            gauge(&self.depth, kind, *due);
            gauge(&self.failing, kind, *failing);
        }
        for (kind, known) in &standing.children {
            gauge(&self.children, kind, *known);
        }
        self.unvisited.set(i64::try_from(standing.unvisited).unwrap_or(i64::MAX));
        self.leader.set(i64::from(standing.leads));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{
        Metrics, Standing,
        names::{ALL, PREFIX},
    };
    use std::{collections::BTreeSet, time::Duration};

    /// The exposition with a member in every family: one without is not exposed.
    pub(crate) fn full() -> String {
        let metrics = Metrics::new();
        metrics.passed("Validator", "ok", Duration::ZERO);
        metrics.stepped("Validator", "plan", Duration::ZERO);
        metrics.wrote("child");
        metrics.decided("restart");
        metrics.refused("Validator", "Leaving");
        metrics.asked_node(true);
        metrics.api.asked("get", "pods", 200, Duration::ZERO);
        metrics.vaults.asked("sign", "ok");
        let standing = Standing {
            objects: vec![("Validator", 1, 1, 1)],
            children: vec![("pods", 1)],
            unvisited: 1,
            leads: true,
        };
        metrics.text(&standing).expect("text")
    }

    #[test]
    fn the_exposition_has_every_metric_of_the_catalogue_with_its_labels_and_no_other() {
        let text = full();
        let shown: BTreeSet<_> =
            text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
        let wanted: BTreeSet<_> = ALL.iter().map(|metric| format!("{PREFIX}_{}", metric.name)).collect();
        assert_eq!(shown, wanted.iter().map(String::as_str).collect());
        for metric in ALL {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            assert!(
                text.contains(&format!("# TYPE {PREFIX}_{} {kind}\n", metric.name)),
                "{} is a {kind}",
                metric.name
            );
        }
        for metric in ALL {
            let name = format!("{PREFIX}_{}", metric.name);
            let sample = text.lines().find(|line| line.starts_with(&name)).expect("a sample");
            for label in metric.labels {
                assert!(sample.contains(&format!("{label}=\"")), "{sample} has no {label}");
            }
        }
    }
}
