//! The catalogue of the operator's metrics: one const table, so that dashboards, alerts and code cannot disagree.
//!
//! Prometheus conventions: base units; counters gain `_total` in the exposition. Labels stand beside each.

use chain::metrics::Kind;

/// One metric: name without the prefix `quorate_operator_`, its labels, and the line of help that `/metrics` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

/// What every name begins with.
pub(crate) const PREFIX: &str = "quorate_operator";

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}
const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}
const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

pub(crate) const RECONCILES: Metric = counter(
    "reconciles",
    &["kind", "outcome"],
    "Passes over one object, by kind and outcome: ok, or the error's class",
);
pub(crate) const RECONCILE_SECONDS: Metric = histogram("reconcile_seconds", &["kind"], "Duration of a pass");
pub(crate) const STEP_SECONDS: Metric =
    histogram("step_seconds", &["kind", "step"], "Duration of a pass's steps: observe, plan, apply, status");
pub(crate) const WRITES: Metric =
    counter("writes", &["kind"], "Objects written to the API server, by kind of write");
pub(crate) const DECISIONS: Metric = counter(
    "decisions",
    &["decision"],
    "Decisions carried out: key, genesis, journal, restart, stop, release, seat-move",
);
pub(crate) const REFUSALS: Metric = counter(
    "refusals",
    &["kind", "reason"],
    "Times that an object came to wait for something, by the reason in its conditions",
);
pub(crate) const API_REQUESTS: Metric = counter(
    "api_requests",
    &["verb", "resource", "code"],
    "Requests to the API server; code 0 when there was no answer",
);
pub(crate) const API_REQUEST_SECONDS: Metric =
    histogram("api_request_seconds", &["verb"], "Time to the head of the API server's answer, watches aside");
pub(crate) const VAULT_REQUESTS: Metric = counter(
    "vault_requests",
    &["operation", "outcome"],
    "Requests to key vaults: versions, make, address or sign; ok, or the refusal's class",
);
pub(crate) const NODE_REQUESTS: Metric =
    counter("node_requests", &["outcome"], "Questions for a node's status: answered, silent");
pub(crate) const QUEUE_DEPTH: Metric =
    gauge("queue_depth", &["kind"], "Objects whose pass is due and has not begun");
pub(crate) const FAILING: Metric = gauge("failing_objects", &["kind"], "Objects whose last pass failed");
pub(crate) const OBJECTS: Metric = gauge("objects", &["kind"], "Objects of ours that are known");
pub(crate) const CHILDREN: Metric = gauge("children", &["kind"], "Children that are known");
pub(crate) const UNVISITED: Metric =
    gauge("unvisited_objects", &[], "Objects without a pass since this process began to lead");
pub(crate) const LEADER: Metric = gauge("leader", &[], "1 while this process leads");
pub(crate) const BUILD_INFO: Metric = gauge("build_info", &["version"], "1, with the version that runs");

/// All of them.
#[cfg(test)]
pub(crate) const ALL: [Metric; 17] = [
    RECONCILES,
    RECONCILE_SECONDS,
    STEP_SECONDS,
    WRITES,
    DECISIONS,
    REFUSALS,
    API_REQUESTS,
    API_REQUEST_SECONDS,
    VAULT_REQUESTS,
    NODE_REQUESTS,
    QUEUE_DEPTH,
    FAILING,
    OBJECTS,
    CHILDREN,
    UNVISITED,
    LEADER,
    BUILD_INFO,
];
