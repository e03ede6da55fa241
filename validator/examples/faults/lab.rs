//! Four validators, a network namespace each, on one bridge; and what can be done to their links.

use crate::{
    kernel::Kernel,
    node::{HEALTH, Node, P2P, RPC},
    proxy::{self, Image},
    watch::{Watch, hashes},
};
use chain::client::ClientProfile;
use std::{net::Ipv4Addr, path::PathBuf, process::Command, time::Duration};
use tokio::time::{Instant, sleep};
use validator::devnet::{self, DevnetSpec, Ports};

pub(crate) const NODES: usize = 4;
/// Seconds between blocks.
pub(crate) const PERIOD: u64 = 2;
pub(crate) const REQUEST_TIMEOUT_MS: u64 = 1500;
/// For everything that must happen in the end.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

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
    index: u8,
    pub(crate) nodes: Vec<Node>,
    pub(crate) watch: Watch,
    pub(crate) delay: Duration,
}

/// Makes the tool's own namespaces usable.
pub(crate) fn prepare() -> anyhow::Result<()> {
    run("mkdir", "-p /run/netns")?;
    // Names of namespaces are the machine's otherwise.
    run("mount", "-t tmpfs tmpfs /run/netns")?;
    run("ip", "link set lo up")
}

/// Runs a program with arguments separated by spaces.
pub(crate) fn run(program: &str, arguments: &str) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments.split(' ')).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{program} {arguments}: {}", text.trim());
    Ok(())
}

impl Lab {
    /// Makes the network and starts nothing. With a delay every connection takes so much longer one way.
    pub(crate) async fn new(setting: &Setting, index: u8, delay: Duration) -> anyhow::Result<Self> {
        let ports = Ports { p2p: P2P, rpc: RPC, metrics: HEALTH };
        let made = devnet::create(&DevnetSpec {
            dir: setting.dir.join(format!("lab{index}")),
            chain_id: 10101,
            block_period_s: PERIOD,
            request_timeout_ms: REQUEST_TIMEOUT_MS,
            gas_limit: 250_000_000,
            nodes: vec![ports; NODES],
            seats: NODES,
            profile: ClientProfile::Quorate,
        })?;
        let mut lab = Self { index, nodes: Vec::new(), watch: Watch::default(), delay };
        run("ip", &format!("link add br{index} type bridge"))?;
        run("ip", &format!("addr add {}/16 dev br{index}", lab.address(0, 1)))?;
        run("ip", &format!("link set br{index} up"))?;
        for (node, config) in made.configs.iter().enumerate() {
            let clock = setting.faketime.clone().map(|library| (library, config.with_file_name("clock")));
            if let Some((_, file)) = &clock {
                std::fs::write(file, "+0\n")?;
            }
            let namespace = format!("lab{index}n{node}");
            let (address, binary) = (lab.node(node), setting.binary.clone());
            lab.nodes.push(Node { namespace, address, config: config.clone(), binary, clock, process: None });
            lab.connect(node)?;
            if setting.kernel.cuts {
                lab.prepare_cuts(node)?;
            }
            lab.configure(node)?;
        }
        if !delay.is_zero() {
            let image = |node| Image { image: lab.image(node), node: lab.node(node) };
            proxy::serve((0..NODES).map(image).collect(), P2P, delay).await?;
        }
        for (node, process) in lab.nodes.iter().enumerate() {
            lab.watch.follow(node, process.address);
        }
        Ok(lab)
    }

    /// The same, running: every node has blocks, and every node votes.
    pub(crate) async fn start(setting: &Setting, index: u8, delay: Duration) -> anyhow::Result<Self> {
        let mut lab = Self::new(setting, index, delay).await?;
        lab.nodes.iter_mut().try_for_each(Node::start)?;
        lab.settle().await?;
        Ok(lab)
    }

    fn address(&self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 100u8.saturating_add(self.index), third, fourth)
    }

    fn node(&self, node: usize) -> Ipv4Addr {
        self.address(0, u8::try_from(node).unwrap_or(u8::MAX).saturating_add(10))
    }

    /// Where the proxy stands for a node.
    fn image(&self, node: usize) -> Ipv4Addr {
        self.address(1, u8::try_from(node).unwrap_or(u8::MAX).saturating_add(10))
    }

    fn connect(&self, node: usize) -> anyhow::Result<()> {
        let (index, inside) = (self.index, format!("lab{}n{node}", self.index));
        run("ip", &format!("netns add {inside}"))?;
        run("ip", &format!("link add v{index}n{node} type veth peer name eth0 netns {inside}"))?;
        run("ip", &format!("link set v{index}n{node} master br{index} up"))?;
        run("ip", &format!("addr add {}/16 dev br{index}", self.image(node)))?;
        run("ip", &format!("-n {inside} addr add {}/16 dev eth0", self.node(node)))?;
        run("ip", &format!("-n {inside} link set eth0 up"))?;
        run("ip", &format!("-n {inside} link set lo up"))
    }

    fn prepare_cuts(&self, node: usize) -> anyhow::Result<()> {
        self.nft(node, "add table inet fault")?;
        for (chain, end) in [("input", "saddr"), ("output", "daddr")] {
            self.nft(node, &format!("add set inet fault {chain} {{ type ipv4_addr ; }}"))?;
            self.nft(
                node,
                &format!("add chain inet fault {chain} {{ type filter hook {chain} priority 0 ; }}"),
            )?;
            self.nft(node, &format!("add rule inet fault {chain} ip {end} @{chain} drop"))?;
        }
        self.nft(node, "add chain inet fault noise { type filter hook input priority 10 ; }")
    }

    fn nft(&self, node: usize, rule: &str) -> anyhow::Result<()> {
        run("ip", &format!("netns exec lab{}n{node} nft {rule}", self.index))
    }

    fn configure(&self, node: usize) -> anyhow::Result<()> {
        let others: Vec<usize> = (0..NODES).filter(|other| *other != node).collect();
        let host = |other| if self.delay.is_zero() { self.node(other) } else { self.image(other) };
        let listen = |port: u16| format!("0.0.0.0:{port}");
        self.nodes.last().map_or(Ok(()), |last| {
            last.edit(|config| {
                config.p2p.listen = listen(P2P);
                config.metrics.listen = listen(HEALTH);
                if let Some(rpc) = &mut config.rpc {
                    rpc.listen = listen(RPC);
                }
                for (peer, other) in config.p2p.peers.iter_mut().zip(others) {
                    peer.host = host(other).to_string();
                }
            })
        })
    }

    /// Drops what `from` sends to `to`.
    pub(crate) fn cut_one_way(&self, from: usize, to: usize) -> anyhow::Result<()> {
        let elements = |other| format!("{{ {}, {} }}", self.node(other), self.image(other));
        self.nft(from, &format!("add element inet fault output {}", elements(to)))?;
        self.nft(to, &format!("add element inet fault input {}", elements(from)))
    }

    /// Cuts the links between nodes of different groups.
    pub(crate) fn part(&self, groups: &[&[usize]]) -> anyhow::Result<()> {
        let group = |node: usize| groups.iter().position(|group| group.contains(&node));
        for from in 0..NODES {
            for to in (0..NODES).filter(|to| group(from) != group(*to)) {
                self.cut_one_way(from, to)?;
            }
        }
        Ok(())
    }

    /// Loses so many of a hundred packets of every connection between nodes.
    pub(crate) fn lose(&self, percent: u32) -> anyhow::Result<()> {
        for node in 0..NODES {
            for end in ["sport", "dport"] {
                self.nft(
                    node,
                    &format!(
                        "add rule inet fault noise tcp {end} {P2P} numgen random mod 100 < {percent} drop"
                    ),
                )?;
            }
        }
        Ok(())
    }

    /// Lets each node send only so fast.
    pub(crate) fn limit(&self, rate: &str) -> anyhow::Result<()> {
        for node in &self.nodes {
            let limit = format!("qdisc replace dev eth0 root tbf rate {rate} burst 16kbit latency 400ms");
            run("ip", &format!("netns exec {} tc {limit}", node.namespace))?;
        }
        Ok(())
    }

    /// Ends every fault of the links.
    pub(crate) fn heal(&self) -> anyhow::Result<()> {
        for node in 0..NODES {
            self.nft(node, "flush set inet fault input")?;
            self.nft(node, "flush set inet fault output")?;
            self.nft(node, "flush chain inet fault noise")?;
        }
        Ok(())
    }

    pub(crate) fn unlimit(&self) -> anyhow::Result<()> {
        self.nodes.iter().try_for_each(|node| {
            run("ip", &format!("netns exec {} tc qdisc del dev eth0 root", node.namespace))
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
