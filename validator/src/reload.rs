//! The configuration file under a running node: looked at again and again, and what can change without a restart is taken
//! over. Which keys those are: [`LIVE`]. A file that is wrong changes nothing.

mod changes;
mod file;

pub use changes::LIVE;

use crate::{faults::Faults, metrics::Metrics, setup::Setup};
use chain::config::{Admission, NodeConfig, P2pConfig};
use changes::{Changes, Refused};
use devp2p::Network;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::watch, task::spawn_blocking};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often the file is looked at. Not by inotify: a mounted ConfigMap is exchanged by a symbolic link two folders up, and
/// a small file costs nothing to read.
const LOOK: Duration = Duration::from_secs(2);

/// What others than the network take from the configuration as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// `host:port` where others can dial this node, if it was told.
    pub advertise: Option<String>,
    /// Strangers that may read at once.
    pub read_only_slots: u16,
}

impl Live {
    /// Of a configuration.
    #[must_use]
    pub fn of(p2p: &P2pConfig) -> Self {
        let read_only_slots = match p2p.admission {
            Admission::Open => p2p.read_only_slots,
            Admission::Members => 0,
        };
        Self { advertise: p2p.advertise.clone(), read_only_slots }
    }
}

/// Follows the file that a node was started with, until told to stop. Gives what others than the network take from it.
pub fn follow(
    setup: &Setup,
    network: &Network,
    metrics: &Arc<Metrics>,
    faults: &Faults,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> watch::Receiver<Live> {
    let (sender, live) = watch::channel(Live::of(&setup.config.p2p));
    let reloader = Reloader {
        path: setup.path.clone(),
        running: setup.config.clone(),
        network: network.clone(),
        live: sender,
        metrics: Arc::clone(metrics),
        faults: faults.clone(),
    };
    tasks.spawn(reloader.run(stop.clone()));
    live
}

struct Reloader {
    path: PathBuf,
    /// What is in force.
    running: NodeConfig,
    network: Network,
    live: watch::Sender<Live>,
    metrics: Arc<Metrics>,
    faults: Faults,
}

impl Reloader {
    async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        let mut settled = file::Settled::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let path = self.path.clone();
            let Ok(found) = spawn_blocking(move || file::read(&path)).await else { return };
            if let Some(found) = settled.news(found) {
                self.consider(found.and_then(|text| Changes::find(&self.running, &text)));
            }
        }
    }

    fn consider(&mut self, found: Result<Changes, Refused>) {
        match found.and_then(|changes| self.take_over(changes)) {
            Ok(false) => {}
            Ok(true) => self.count("taken"),
            Err(refused) => {
                self.count("refused");
                let path = self.path.display();
                self.faults.report(format!(
                    "{path}: {refused}; what was in force before stays, and the next start will fail"
                ));
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        self.metrics.config_reloads.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Whether anything was to be taken over.
    fn take_over(&mut self, changes: Changes) -> Result<bool, Refused> {
        let Changes { p2p, live, waiting } = changes;
        if !waiting.is_empty() {
            tracing::warn!(keys = ?waiting, "configuration has changed; these take effect when the node is started again");
        }
        if live.is_empty() {
            return Ok(false);
        }
        self.network.static_peers(p2p.peers.clone())?;
        self.live.send_replace(Live::of(&p2p));
        tracing::info!(keys = ?live, peers = p2p.peers.len(), "configuration has changed and is in force");
        let running = &mut self.running.p2p;
        (running.peers, running.advertise) = (p2p.peers, p2p.advertise);
        (running.admission, running.read_only_slots) = (p2p.admission, p2p.read_only_slots);
        Ok(true)
    }
}
