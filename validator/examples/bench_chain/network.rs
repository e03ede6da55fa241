//! The four validators.

use crate::{Options, process, rpc::Connection, start::start};
use alloy_primitives::Address;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep},
};
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
    pub(crate) async fn taken(&self) -> anyhow::Result<Taken> {
        let mut taken = Taken::default();
        for node in &self.nodes {
            let counters = counters(node.ports.metrics).await?;
            taken.cpu += process::cpu_time(node.child.id())?;
            taken.disk_bytes += process::disk(&node.dir.join("data"));
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

async fn counters(port: u16) -> anyhow::Result<Counters> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|value| value.trim().parse::<u64>().ok());
        value.ok_or_else(|| anyhow::anyhow!("metrics port {port}: no {name}"))
    };
    Ok(Counters {
        round_changes: value("quorate_round_changes_total ")?,
        sent_bytes: value("quorate_p2p_sent_bytes_total ")?,
    })
}
