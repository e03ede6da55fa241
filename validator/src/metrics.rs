//! The node's metrics, registered under the names of `chain::metrics` and nothing else.

use chain::metrics::{self as names, Metric};
use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric as Collected, Registry},
};
use std::{
    fmt,
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

/// A counter by one label.
pub type ByLabel = Family<[(&'static str, &'static str); 1], Counter>;
/// Seconds by one label.
pub type SecondsByLabel = Family<[(&'static str, &'static str); 1], Counter<f64, AtomicU64>>;
/// A gauge for each identity that this node has or stands by for.
pub type ByIdentity = Family<[(&'static str, String); 1], Gauge>;
/// A distribution by one label.
pub type TimesByLabel = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;
/// A counter by method or kind, and outcome.
pub type ByMethod = Family<[(&'static str, &'static str); 2], Counter>;

/// Every metric of the catalogue; fields are cheap to clone handles.
pub struct Metrics {
    registry: Registry,
    last_import: Mutex<Option<Instant>>,
    /// [`names::HEAD_NUMBER`].
    pub head_number: Gauge,
    /// [`names::HEAD_TIMESTAMP`].
    pub head_timestamp: Gauge,
    /// [`names::BLOCK_INTERVAL`].
    pub block_interval: Histogram,
    /// [`names::PEERS`].
    pub peers: Gauge,
    /// [`names::ROUND`].
    pub round: Gauge,
    /// [`names::ROUND_CHANGES`].
    pub round_changes: Counter,
    /// [`names::ROUND0_MISSED`].
    pub round0_missed: Counter,
    /// [`names::BLOCKS_PROPOSED`].
    pub blocks_proposed: Counter,
    /// [`names::MESSAGES_REJECTED`], label `reason`.
    pub messages_rejected: ByLabel,
    /// [`names::SEATS`].
    pub seats: Gauge,
    /// [`names::SEATS_LIVE`].
    pub seats_live: Gauge,
    /// [`names::POOL_PENDING`].
    pub pool_pending: Gauge,
    /// [`names::POOL_QUEUED`].
    pub pool_queued: Gauge,
    /// [`names::POOL_REFUSED`], label `reason`; what the pool has counted when metrics are asked for.
    pub pool_refused: ByLabel,
    /// [`names::TRANSACTIONS`].
    pub transactions: Counter,
    /// [`names::GAS_USED`].
    pub gas_used: Counter,
    /// [`names::P2P_SENT_BYTES`]; what the network has counted when metrics are asked for.
    pub p2p_sent_bytes: Counter,
    /// [`names::P2P_EVENTS`], label `kind`; what the network has counted when metrics are asked for.
    pub p2p_events: ByLabel,
    /// [`names::RPC_REQUESTS`], labels `method` and `outcome`.
    pub rpc_requests: ByMethod,
    /// [`names::RPC_SECONDS`], label `method`.
    pub rpc_seconds: TimesByLabel,
    /// [`names::VOTES_SIGNED`], label `kind`.
    pub votes_signed: ByLabel,
    /// [`names::SIGNATURES`], labels `kind` and `outcome`.
    pub signatures: ByMethod,
    /// [`names::SIGNING`].
    pub signing: Histogram,
    /// [`names::VAULT_REQUESTS`], label `outcome`; what the signer has counted when metrics are asked for.
    pub vault_requests: ByLabel,
    /// [`names::VAULT_CIRCUIT`].
    pub vault_circuit: Gauge,
    /// [`names::SIGNER_READY`].
    pub signer_ready: Gauge,
    /// [`names::KEY_VERSION_BEHIND`].
    pub key_version_behind: Gauge,
    /// [`names::FENCE_HOLDER`], label `identity`.
    pub fence_holder: ByIdentity,
    /// [`names::FENCE_EPOCH`], label `identity`.
    pub fence_epoch: ByIdentity,
    /// [`names::FENCE_SWAPS`], label `outcome`.
    pub fence_swaps: ByLabel,
    /// [`names::FENCE_SWAP`].
    pub fence_swap_time: Histogram,
    /// [`names::FENCE_REFUSED`], label `reason`.
    pub fence_refused: ByLabel,
    /// [`names::JOURNAL_WRITE`].
    pub journal_write: Histogram,
    /// [`names::SYNC_SECONDS`], label `stage`.
    pub sync_seconds: SecondsByLabel,
    /// [`names::DATA_FREE_BYTES`].
    pub data_free_bytes: Gauge,
    /// [`names::DATA_SIZE_BYTES`].
    pub data_size_bytes: Gauge,
    /// [`names::CONFIG_RELOADS`], label `outcome`.
    pub config_reloads: ByLabel,
    /// [`names::FAULTS`].
    pub faults: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        let interval = [0.5, 1.0, 1.8, 1.9, 1.95, 2.0, 2.05, 2.1, 2.2, 2.5, 3.0, 4.0, 6.0, 10.0, 60.0];
        let write = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
        let signing = [0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 3.0, 10.0];
        Self {
            head_number: add(r, names::HEAD_NUMBER, Gauge::default()),
            head_timestamp: add(r, names::HEAD_TIMESTAMP, Gauge::default()),
            block_interval: add(r, names::BLOCK_INTERVAL, Histogram::new(interval)),
            peers: add(r, names::PEERS, Gauge::default()),
            round: add(r, names::ROUND, Gauge::default()),
            round_changes: add(r, names::ROUND_CHANGES, Counter::default()),
            round0_missed: add(r, names::ROUND0_MISSED, Counter::default()),
            blocks_proposed: add(r, names::BLOCKS_PROPOSED, Counter::default()),
            messages_rejected: add(r, names::MESSAGES_REJECTED, ByLabel::default()),
            seats: add(r, names::SEATS, Gauge::default()),
            seats_live: add(r, names::SEATS_LIVE, Gauge::default()),
            pool_pending: add(r, names::POOL_PENDING, Gauge::default()),
            pool_queued: add(r, names::POOL_QUEUED, Gauge::default()),
            pool_refused: add(r, names::POOL_REFUSED, ByLabel::default()),
            transactions: add(r, names::TRANSACTIONS, Counter::default()),
            gas_used: add(r, names::GAS_USED, Counter::default()),
            p2p_sent_bytes: add(r, names::P2P_SENT_BYTES, Counter::default()),
            p2p_events: add(r, names::P2P_EVENTS, ByLabel::default()),
            rpc_requests: add(r, names::RPC_REQUESTS, ByMethod::default()),
            rpc_seconds: add(r, names::RPC_SECONDS, Family::new_with_constructor(call_times)),
            votes_signed: add(r, names::VOTES_SIGNED, ByLabel::default()),
            signatures: add(r, names::SIGNATURES, ByMethod::default()),
            signing: add(r, names::SIGNING, Histogram::new(signing)),
            vault_requests: add(r, names::VAULT_REQUESTS, ByLabel::default()),
            vault_circuit: add(r, names::VAULT_CIRCUIT, Gauge::default()),
            signer_ready: add(r, names::SIGNER_READY, Gauge::default()),
            key_version_behind: add(r, names::KEY_VERSION_BEHIND, Gauge::default()),
            fence_holder: add(r, names::FENCE_HOLDER, ByIdentity::default()),
            fence_epoch: add(r, names::FENCE_EPOCH, ByIdentity::default()),
            fence_swaps: add(r, names::FENCE_SWAPS, ByLabel::default()),
            fence_swap_time: add(r, names::FENCE_SWAP, Histogram::new(signing)),
            fence_refused: add(r, names::FENCE_REFUSED, ByLabel::default()),
            journal_write: add(r, names::JOURNAL_WRITE, Histogram::new(write)),
            sync_seconds: add(r, names::SYNC_SECONDS, SecondsByLabel::default()),
            data_free_bytes: add(r, names::DATA_FREE_BYTES, Gauge::default()),
            data_size_bytes: add(r, names::DATA_SIZE_BYTES, Gauge::default()),
            config_reloads: add(r, names::CONFIG_RELOADS, ByLabel::default()),
            faults: add(r, names::FAULTS, Counter::default()),
            last_import: Mutex::new(None),
            registry,
        }
    }
}

/// Most reads take less than a tenth of a millisecond, and that is where a change matters.
fn call_times() -> Histogram {
    Histogram::new([
        0.00001, 0.00002, 0.00003, 0.00005, 0.000_07, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.001, 0.002,
        0.005, 0.01, 0.03, 0.1, 0.5, 2.0,
    ])
}

fn add<M: Collected + Clone>(registry: &mut Registry, metric: Metric, collected: M) -> M {
    registry.register(metric.name, metric.help, collected.clone());
    collected
}

impl Metrics {
    /// The exposition, OpenMetrics text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Notes time spent catching up.
    pub fn synced(&self, stage: &'static str, took: Duration) {
        self.sync_seconds.get_or_create(&[("stage", stage)]).inc_by(took.as_secs_f64());
    }

    /// Notes that a block was imported, and how long after the one before.
    pub fn block_imported(&self) {
        let now = Instant::now();
        if let Some(before) = self.last_import.lock().replace(now) {
            self.block_interval.observe(now.duration_since(before).as_secs_f64());
        }
    }
}

/// A gauge takes `i64`; block numbers fit for ages.
pub fn gauge(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A labelled counter is not exposed before it was first counted.
    fn rendered() -> String {
        let metrics = Metrics::default();
        metrics.messages_rejected.get_or_create(&[("reason", "old_round")]).inc();
        metrics.pool_refused.get_or_create(&[("reason", "full")]).inc();
        metrics.p2p_events.get_or_create(&[("kind", "peer_up")]).inc();
        metrics.votes_signed.get_or_create(&[("kind", "commit")]).inc();
        metrics.signatures.get_or_create(&[("kind", "commit"), ("outcome", "ok")]).inc();
        metrics.vault_requests.get_or_create(&[("outcome", "throttled")]).inc();
        let identity = [("identity", "0x00".to_owned())];
        metrics.fence_holder.get_or_create(&identity).set(1);
        metrics.fence_epoch.get_or_create(&identity).set(1);
        metrics.fence_swaps.get_or_create(&[("outcome", "won")]).inc();
        metrics.fence_refused.get_or_create(&[("reason", "behind")]).inc();
        metrics.rpc_requests.get_or_create(&[("method", "eth_call"), ("outcome", "ok")]).inc();
        metrics.config_reloads.get_or_create(&[("outcome", "taken")]).inc();
        metrics.synced("commit", Duration::from_millis(1));
        metrics.rpc_seconds.get_or_create(&[("method", "eth_call")]).observe(0.0001);
        metrics.render().unwrap()
    }

    #[test]
    fn the_exposition_holds_the_whole_catalogue_and_nothing_else() {
        let text = rendered();
        let described: Vec<_> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut catalogue: Vec<_> = names::CATALOGUE.iter().map(|m| m.name).collect();
        let mut exposed = described.clone();
        catalogue.sort_unstable();
        exposed.sort_unstable();
        assert_eq!(exposed, catalogue);
    }

    #[test]
    fn every_metric_has_the_kind_that_the_catalogue_says() {
        let text = rendered();
        for metric in names::CATALOGUE {
            let kind = match metric.kind {
                names::Kind::Counter => "counter",
                names::Kind::Gauge => "gauge",
                names::Kind::Histogram => "histogram",
            };
            assert!(text.contains(&format!("# TYPE {} {kind}\n", metric.name)), "{}", metric.name);
        }
    }
}
