//! The operator as a process of its own: started, killed, asked for its metrics, weighed.

use super::{Failure, exposition::Exposition};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Where it answers.
const LISTEN: &str = "127.0.0.1:18080";

/// How it is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Way to the API server.
    pub kubeconfig: PathBuf,
    /// Where its log goes.
    pub log: PathBuf,
    /// Asks the endpoints.
    pub http: reqwest::Client,
}

/// One that runs.
pub struct Operator {
    child: Child,
    http: reqwest::Client,
    began: Instant,
}

impl Program {
    /// Starts it over the whole cluster.
    pub fn start(&self) -> Result<Operator, Failure> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.path)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("RUST_LOG", "warn")
            .args(["--node-image", "registry.example/quorate-validator:1", "--listen", LISTEN])
            .args(["--lease", "default/quorate-operator", "--instance", "bench"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Operator { child, http: self.http.clone(), began: Instant::now() })
    }
}

impl Operator {
    /// How long ago it was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Its metrics; nothing while it does not answer.
    pub async fn metrics(&self) -> Exposition {
        let asked = async { self.http.get(format!("http://{LISTEN}/metrics")).send().await?.text().await };
        Exposition::new(asked.await.unwrap_or_default())
    }

    /// Whether every object has had a pass and nothing waits or fails.
    pub async fn is_settled(&self, objects: u32) -> bool {
        let metrics = self.metrics().await;
        let all = |name: &str| metrics.sum(name, |_| true);
        let known = all("quorate_operator_objects");
        known >= f64::from(objects)
            && all("quorate_operator_leader") > 0.0
            && all("quorate_operator_unvisited_objects") < 1.0
            && all("quorate_operator_failing_objects") < 1.0
    }

    /// Writes that it has asked of the API server, of the kinds that `counted` takes, as it counts them itself.
    pub async fn writes(&self, counted: impl Fn(&str) -> bool) -> u64 {
        let metrics = self.metrics().await;
        let writes = metrics.sum("quorate_operator_api_requests_total", |labels| {
            let verb = Exposition::label(labels, "verb").unwrap_or_default();
            let resource = Exposition::label(labels, "resource").unwrap_or_default();
            !["get", "list", "watch"].contains(&verb) && counted(resource)
        });
        format!("{writes:.0}").parse().unwrap_or(0)
    }

    /// Resident memory now, and the most there has been, in bytes.
    pub fn memory(&self) -> Result<(u64, u64), Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let bytes = |name| kib(name).map(|kib| kib * 1024).ok_or("no such line in /proc");
        Ok((bytes("VmRSS:")?, bytes("VmHWM:")?))
    }

    /// Processor time that it has used, in seconds.
    pub fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        // A hundred ticks a second, on every Linux there is.
        Ok(f64::from(ticks(11) + ticks(12)) / 100.0)
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Ended already after `kill`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
