//! The four validators.

use crate::{Options, exposition, rpc::Connection, start::start, usage};
use alloy_primitives::Address;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};
use tokio::time::{Instant, sleep};
use validator::devnet::{self, Devnet, DevnetSpec, Ports};

pub(crate) const NODES: u16 = 4;
pub(crate) const CHAIN_ID: u64 = 10101;
const PATIENCE: Duration = Duration::from_mins(1);

/// One node's process.
pub(crate) struct Node {
    child: Child,
    pub(crate) ports: Ports,
    dir: PathBuf,
}

/// All of them; they end with it.
pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    pub(crate) admin: Address,
    admin_key: PathBuf,
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}

/// What a node counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) round_changes: u64,
    pub(crate) sent_bytes: u64,
}

/// What the nodes have taken so far, together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) cpu: Duration,
    pub(crate) disk_bytes: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) round_changes: u64,
}

impl Network {
    /// Starts them and waits until all are connected and make blocks.
    pub(crate) async fn start(options: &Options, dir: PathBuf) -> anyhow::Result<Self> {
        let ports: Vec<Ports> = (0..NODES).map(|node| Ports::from_base(options.base_port, node)).collect();
        let made = devnet::create(&DevnetSpec {
            profile: chain::client::ClientProfile::Quorate,
            dir: dir.clone(),
            chain_id: CHAIN_ID,
            block_period_s: options.block_period,
            request_timeout_ms: 1500,
            gas_limit: options.gas_limit,
            nodes: ports.clone(),
            seats: usize::from(NODES),
        })?;
        let mut network = Self { nodes: Vec::new(), admin: made.admin, admin_key: dir.join("admin.key") };
        network.spawn(options, &made, &ports)?;
        for node in &network.nodes {
            ready(node.ports).await?;
        }
        Ok(network)
    }

    fn spawn(&mut self, options: &Options, made: &Devnet, ports: &[Ports]) -> anyhow::Result<()> {
        for (config, ports) in made.configs.iter().zip(ports) {
            let child = start(&options.binary, config)?;
            let dir = config.parent().map(Path::to_path_buf).unwrap_or_default();
            self.nodes.push(Node { child, ports: *ports, dir });
        }
        Ok(())
    }

    /// Secret key of the funded account.
    pub(crate) fn admin_secret(&self) -> anyhow::Result<[u8; 32]> {
        let text = std::fs::read_to_string(&self.admin_key)?;
        let bytes = alloy_primitives::hex::decode(text.trim())?;
        bytes.try_into().map_err(|_| anyhow::anyhow!("{} is no 32-byte key", self.admin_key.display()))
    }

    /// Process ids.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().map(|node| node.child.id())
    }

    /// Starts counting the peak of each node's memory anew.
    pub(crate) fn forget_peaks(&self) {
        for pid in self.pids() {
            // Without the right to, the peak stays that of the whole life.
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// Fails when a node has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            anyhow::ensure!(
                node.child.try_wait()?.is_none(),
                "node {number} ended, see its log in {}",
                node.dir.display()
            );
        }
        Ok(())
    }

    /// What they have taken until now.
    pub(crate) fn taken(&self) -> anyhow::Result<Taken> {
        let mut taken = Taken::default();
        for node in &self.nodes {
            let counters = counters(node.ports.metrics)?;
            taken.cpu += usage::cpu_time(node.child.id())?;
            taken.disk_bytes += usage::disk(&node.dir.join("data"));
            taken.wire_bytes += counters.sent_bytes;
            taken.round_changes = taken.round_changes.max(counters.round_changes);
        }
        Ok(taken)
    }
}

async fn ready(ports: Ports) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if stands(ports).await.unwrap_or(false) {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "node at RPC port {} does not make blocks", ports.rpc);
        sleep(Duration::from_millis(100)).await;
    }
}

async fn stands(ports: Ports) -> anyhow::Result<bool> {
    let mut rpc = Connection::open(ports.rpc).await?;
    let peers = quantity(&rpc.call("net_peerCount", json!([])).await?)?;
    let head = quantity(&rpc.call("eth_blockNumber", json!([])).await?)?;
    Ok(peers == u64::from(NODES) - 1 && head >= 3)
}

pub(crate) fn quantity(value: &Value) -> anyhow::Result<u64> {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
    Ok(u64::from_str_radix(text.ok_or_else(|| anyhow::anyhow!("not a quantity: {value}"))?, 16)?)
}

fn counters(port: u16) -> anyhow::Result<Counters> {
    let text = exposition::read(port)?;
    let value = |name: &str| {
        exposition::value(&text, name).ok_or_else(|| anyhow::anyhow!("metrics port {port}: no {name}"))
    };
    Ok(Counters {
        round_changes: value("quorate_round_changes_total")?,
        sent_bytes: value("quorate_p2p_sent_bytes_total")?,
    })
}
