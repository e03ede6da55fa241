//! Four validators, a network namespace each.

use crate::{
    kernel::Kernel,
    links::Links,
    node::{HEALTH, Node, P2P, RPC},
    watch::{Watch, hashes},
};
use chain::client::ClientProfile;
use std::{fs, path::PathBuf, process::Command, time::Duration};
use tokio::time::{Instant, sleep};
use validator::devnet::{self, DevnetSpec, Ports};

pub(crate) const CHAIN_ID: u64 = 10101;
pub(crate) const NODES: usize = 4;
/// Seconds between blocks.
pub(crate) const PERIOD: u64 = 2;
pub(crate) const REQUEST_TIMEOUT_MS: u64 = 1500;
/// For everything that must happen in the end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Between two attempts to reach a node.
pub(crate) const RETRY: Duration = Duration::from_millis(100);

/// What the labs are made from.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) dir: PathBuf,
    pub(crate) binary: PathBuf,
    pub(crate) faketime: Option<PathBuf>,
    pub(crate) kernel: Kernel,
}

/// One network; several can run beside each other.
pub(crate) struct Lab {
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Links,
    pub(crate) watch: Watch,
}

/// Makes the tool's own namespaces usable.
pub(crate) fn prepare() -> anyhow::Result<()> {
    run("mkdir", "-p /run/netns")?;
    // Names of namespaces are the machine's otherwise.
    run("mount", "-t tmpfs tmpfs /run/netns")?;
    run("ip", "link set lo up")?;
    // Every packet between nodes passes through here, and comes back from a long way on another device than it left by.
    for (key, value) in [("ip_forward", "1"), ("conf/all/rp_filter", "0"), ("conf/default/rp_filter", "0")] {
        let file = format!("/proc/sys/net/ipv4/{key}");
        fs::write(&file, value).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
    }
    Ok(())
}

/// Runs a program with arguments separated by spaces.
pub(crate) fn run(program: &str, arguments: &str) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments.split(' ')).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{program} {arguments}: {}", text.trim());
    Ok(())
}

/// Asks until there is an answer: on a loaded machine one that comes late says nothing.
pub(crate) async fn answered<T>(ask: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Err(_) if Instant::now() < deadline => sleep(RETRY).await,
            answer => return answer,
        }
    }
}

impl Lab {
    /// Makes the network and starts nothing. With a delay every packet takes so much longer one way.
    pub(crate) fn new(setting: &Setting, index: u8, delay: Duration) -> anyhow::Result<Self> {
        let ports = Ports { p2p: P2P, rpc: RPC, metrics: HEALTH };
        let made = devnet::create(&DevnetSpec {
            dir: setting.dir.join(format!("lab{index}")),
            chain_id: CHAIN_ID,
            block_period_s: PERIOD,
            request_timeout_ms: REQUEST_TIMEOUT_MS,
            gas_limit: 250_000_000,
            nodes: vec![ports; NODES],
            seats: NODES,
            profile: ClientProfile::Quorate,
        })?;
        let links = Links::new(setting.kernel, index, delay)?;
        let mut lab = Self { nodes: Vec::new(), links, watch: Watch::default() };
        for (node, config) in made.configs.iter().enumerate() {
            let clock = setting.faketime.clone().map(|library| (library, config.with_file_name("clock")));
            if let Some((_, file)) = &clock {
                fs::write(file, "+0\n")?;
            }
            let (namespace, address) = (lab.links.namespace(node), lab.links.node(node));
            let binary = setting.binary.clone();
            lab.nodes.push(Node { namespace, address, config: config.clone(), binary, clock, process: None });
            lab.configure(node)?;
        }
        for (node, process) in lab.nodes.iter().enumerate() {
            lab.watch.follow(node, process.address);
        }
        Ok(lab)
    }

    /// The same, running: every node has blocks, and every node votes.
    pub(crate) async fn start(setting: &Setting, index: u8, delay: Duration) -> anyhow::Result<Self> {
        let mut lab = Self::new(setting, index, delay)?;
        lab.nodes.iter_mut().try_for_each(Node::start)?;
        lab.settle().await?;
        Ok(lab)
    }

    fn configure(&self, node: usize) -> anyhow::Result<()> {
        let others: Vec<usize> = (0..NODES).filter(|other| *other != node).collect();
        let listen = |port: u16| format!("0.0.0.0:{port}");
        self.nodes.last().map_or(Ok(()), |last| {
            last.edit(|config| {
                config.p2p.listen = listen(P2P);
                config.metrics.listen = listen(HEALTH);
                if let Some(rpc) = &mut config.rpc {
                    rpc.listen = listen(RPC);
                }
                for (peer, other) in config.p2p.peers.iter_mut().zip(others) {
                    peer.host = self.links.node(other).to_string();
                }
            })
        })
    }

    /// Waits until all running nodes follow the chain, are connected to each other and vote.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let height = self.watch.height() + 2;
        self.watch.above(height, PATIENCE).await?;
        let running: Vec<usize> = (0..NODES).filter(|node| self.nodes[*node].process.is_some()).collect();
        let deadline = Instant::now() + PATIENCE;
        for node in &running {
            self.watch.above_at(*node, height, PATIENCE).await?;
            loop {
                let status = self.nodes[*node].status().await;
                let votes = |status: &chain::status::NodeStatus| {
                    status.identity.as_ref().is_some_and(|identity| identity.voting)
                };
                if status
                    .as_ref()
                    .is_ok_and(|status| votes(status) && status.peers.len() + 1 >= running.len())
                {
                    break;
                }
                anyhow::ensure!(Instant::now() < deadline, "node {node} does not vote: {status:?}");
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Compares every block that any two running nodes have. Gives the lowest of their heights.
    pub(crate) async fn compare(&self) -> anyhow::Result<u64> {
        let mut chains: Vec<(usize, Vec<String>)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.process.is_some()) {
            let head = node.status().await?.head.number;
            chains.push((index, hashes(node.address, head).await?));
        }
        for (node, chain) in &chains {
            for (other, others) in &chains {
                let fork = chain.iter().zip(others).position(|(one, two)| one != two);
                anyhow::ensure!(
                    fork.is_none(),
                    "fork: nodes {node} and {other} differ at block {fork:?} + 1"
                );
            }
        }
        // The same holds for what users were told.
        let seen = self.watch.all();
        for told in &seen {
            let known = chains
                .iter()
                .find_map(|(_, chain)| chain.get(usize::try_from(told.number).ok()?.checked_sub(1)?));
            anyhow::ensure!(
                known.is_none_or(|hash| *hash == told.hash),
                "fork: node {} told of {told:?}",
                told.node
            );
        }
        Ok(chains.iter().map(|(_, chain)| chain.len() as u64).min().unwrap_or(0))
    }
}
