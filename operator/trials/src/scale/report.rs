//! What a run prints and keeps.

use serde::Serialize;

/// Figures of one run; the bars of the issue beside them in `docs/performance.md`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figures {
    /// Objects of ours.
    pub objects: u32,
    /// Namespaces.
    pub namespaces: u32,
    /// Children that the operator made or watches, pods included.
    pub children: u64,
    /// Until all objects and children were made.
    pub create_seconds: f64,
    /// Resident memory with the first hundred objects, settled.
    pub rss_first_100_mb: f64,
    /// After everything was made by this very process.
    pub rss_created_mb: f64,
    /// Resident memory at the end of the idle time, after a restart.
    pub rss_mb: f64,
    /// The most there was of it since that restart.
    pub rss_peak_mb: f64,
    /// Above the first hundred.
    pub bytes_per_object: f64,
    /// From the start of the process until every object has had a pass.
    pub restart_seconds: f64,
    /// Writes until then.
    pub restart_writes: u64,
    /// How long nothing was changed.
    pub idle_minutes: u64,
    /// Writes in that time, heartbeats aside.
    pub idle_writes: u64,
    /// Statuses of Consortia written for their heights, once a minute each.
    pub heartbeats: u64,
    /// Renewals of the lease.
    pub lease_renewals: u64,
    /// Reads in that time, watches that began anew included.
    pub idle_reads: u64,
    /// Share of one core in that time.
    pub idle_cpu_percent: f64,
    /// From the API server's answer to an edit until the child is applied there.
    pub edit_p50_ms: f64,
    /// The slowest hundredth.
    pub edit_p99_ms: f64,
    /// The same with an operator that takes no time.
    pub floor_p50_ms: f64,
    /// The slowest hundredth of that.
    pub floor_p99_ms: f64,
    /// Edits measured.
    pub edits: usize,
    /// Until a thousand objects edited at once (or all, if fewer) have their children applied.
    pub bulk_1000_seconds: f64,
}

impl Figures {
    /// The last line.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "rss-mb={:.1} bytes-per-object={:.0} restart-seconds={:.1} restart-writes={} idle-writes={} children={} edit-p99-ms={:.1} bulk-1000-seconds={:.1}",
            self.rss_mb,
            self.bytes_per_object,
            self.restart_seconds,
            self.restart_writes,
            self.idle_writes,
            self.children,
            self.edit_p99_ms,
            self.bulk_1000_seconds
        )
    }
}
