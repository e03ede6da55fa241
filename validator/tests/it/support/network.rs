//! Processes on free ports of the loopback interface, killed when the test ends.

use super::{http, ports::free_ports, wait_for};
use alloy_primitives::{Address, B256};
use chain::{client::ClientProfile, config::NodeConfig, status::NodeStatus};
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};
use validator::devnet::{self, Devnet, DevnetSpec, Ports};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_quorate-validator");

/// A network in a folder of its own.
pub(crate) struct TestNetwork {
    pub(crate) devnet: Devnet,
    pub(crate) nodes: Vec<Node>,
    pub(crate) dir: tempfile::TempDir,
}

/// One node, running or not.
pub(crate) struct Node {
    pub(crate) config: PathBuf,
    pub(crate) ports: Ports,
    pub(crate) log: PathBuf,
    process: Option<Child>,
}

impl TestNetwork {
    /// Writes a network of `nodes`, the first `seats` of them seated, with blocks every second; starts nothing.
    pub(crate) fn create(nodes: usize, seats: usize) -> Self {
        Self::like(ClientProfile::Quorate, nodes, seats)
    }

    /// The same as another client's network.
    pub(crate) fn like(profile: ClientProfile, nodes: usize, seats: usize) -> Self {
        Self::write(profile, nodes, seats, devnet::create)
    }

    /// Writes a network of `nodes` with a genesis file of another client, made from their identities; starts nothing.
    pub(crate) fn create_foreign(nodes: usize, genesis: impl FnOnce(&[Address]) -> String) -> Self {
        Self::write(ClientProfile::Quorate, nodes, nodes, |spec| devnet::create_foreign(spec, genesis))
    }

    fn write(
        profile: ClientProfile,
        nodes: usize,
        seats: usize,
        create: impl FnOnce(&DevnetSpec) -> Result<Devnet, devnet::DevnetError>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = free_ports(nodes * 3);
        let ports: Vec<Ports> =
            ports.chunks(3).map(|p| Ports { p2p: p[0], rpc: p[1], metrics: p[2] }).collect();
        let devnet = create(&DevnetSpec {
            dir: dir.path().join("net"),
            chain_id: 10101,
            block_period_s: 1,
            request_timeout_ms: 1500,
            gas_limit: 250_000_000,
            nodes: ports.clone(),
            seats,
            profile,
        })
        .unwrap();
        let node = |(config, ports): (&PathBuf, Ports)| Node {
            log: config.with_file_name("log"),
            config: config.clone(),
            ports,
            process: None,
        };
        let nodes = devnet.configs.iter().zip(ports).map(node).collect();
        Self { devnet, nodes, dir }
    }

    /// The same, all started.
    pub(crate) fn start(nodes: usize, seats: usize) -> Self {
        let mut network = Self::create(nodes, seats);
        network.nodes.iter_mut().for_each(Node::start);
        network
    }

    /// Waits until every running node has this height; gives the block's hash, the same on all.
    pub(crate) fn wait_height(&self, height: u64) -> B256 {
        let hashes: BTreeSet<B256> =
            self.nodes.iter().filter(|n| n.is_running()).map(|n| n.wait_block(height)).collect();
        assert_eq!(hashes.len(), 1, "block {height} differs between nodes: {hashes:?}");
        hashes.into_iter().next().unwrap()
    }

    /// The admin's key, which the genesis funds.
    pub(crate) fn key(&self, name: &str) -> k256::ecdsa::SigningKey {
        let text = std::fs::read_to_string(self.dir.path().join("net").join(name)).unwrap();
        k256::ecdsa::SigningKey::from_slice(&hex::decode(text.trim()).unwrap()).unwrap()
    }
}

impl Node {
    pub(crate) fn start(&mut self) {
        self.start_by(command("run", &self.config));
    }

    /// The same with a log of this level.
    pub(crate) fn start_saying(&mut self, level: &str) {
        let mut command = command("run", &self.config);
        command.env("RUST_LOG", level);
        self.start_by(command);
    }

    fn start_by(&mut self, mut command: Command) {
        assert!(self.process.is_none(), "already running");
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        self.process = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.process.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and how the process ended.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.end_by("-TERM")
    }

    /// Sends a signal that ends it, and how the process ended.
    pub(crate) fn end_by(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.process.take().unwrap().wait().unwrap()
    }

    /// A file that the kernel keeps of the process, as far as it may be read.
    pub(crate) fn kept_by_kernel(&self, file: &str) -> Vec<u8> {
        let id = self.process.as_ref().unwrap().id();
        std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default()
    }

    /// Sends a signal, as `kill` names it.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn read_config(&self) -> NodeConfig {
        NodeConfig::from_json(&std::fs::read_to_string(&self.config).unwrap()).unwrap()
    }

    pub(crate) fn edit_config(&self, edit: impl FnOnce(&mut NodeConfig)) {
        let mut config = self.read_config();
        edit(&mut config);
        std::fs::write(&self.config, config.to_json().unwrap()).unwrap();
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        PathBuf::from(self.read_config().data_dir)
    }

    pub(crate) fn status(&self) -> Option<NodeStatus> {
        serde_json::from_str(&http::get(self.ports.metrics, "/status")?.1).ok()
    }

    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        http::get(self.ports.metrics, path)
    }

    pub(crate) fn rpc(&self, method: &str, params: &serde_json::Value) -> Option<serde_json::Value> {
        http::rpc(self.ports.rpc, method, params)
    }

    pub(crate) fn height(&self) -> u64 {
        wait_for("status", || self.status()).head.number
    }

    /// Waits for a block and gives its hash.
    pub(crate) fn wait_block(&self, height: u64) -> B256 {
        wait_for(&format!("block {height}\n{}", self.tail()), || {
            let block =
                self.rpc("eth_getBlockByNumber", &serde_json::json!([format!("{height:#x}"), false]))?;
            block.get("hash")?.as_str()?.parse().ok()
        })
    }

    pub(crate) fn wait_status<T>(&self, what: &str, pick: impl Fn(NodeStatus) -> Option<T>) -> T {
        wait_for(what, || self.status().and_then(&pick))
    }

    fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.config.display(), self.tail());
        }
    }
}

/// `quorate-validator <what> --config <file>`, to be completed and run.
pub(crate) fn command(what: &str, config: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.arg(what).arg("--config").arg(config);
    command
}

/// Runs a command that must end by itself.
pub(crate) fn finish(mut command: Command) -> Output {
    command.output().unwrap()
}
