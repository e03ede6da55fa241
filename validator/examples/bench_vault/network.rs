//! The validators, with local keys or with a vault each.

use crate::{Options, exposition, heads::Heads};
use alloy_primitives::{Address, hex};
use anyhow::Context as _;
use chain::config::NodeConfig;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep};
use validator::devnet::{self, DevnetSpec, Ports};
use vault_double::{AUDIENCE, Client, Double, Faults, Grant, Role, Scope, projected_token};

const CHAIN_ID: u64 = 10101;
const PATIENCE: Duration = Duration::from_mins(1);
/// Blocks before a measurement: connections are made, the first heights are overdue from genesis.
const WARM_UP: u64 = 5;
/// What of the nodes' logs tells of votes.
const LOGGED: &str = "info,validator::driver=debug";
const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const SUBJECT: &str = "system:serviceaccount:bench:validators";
const KEY: &str = "identity";

/// One seat.
pub(crate) struct Seat {
    child: Child,
    pub(crate) ports: Ports,
    /// Its node's folder.
    pub(crate) dir: PathBuf,
    pub(crate) identity: Address,
    /// Where its key is; in a file when absent.
    pub(crate) vault: Option<Double>,
}

impl Seat {
    /// Folder of its vote journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.join("data/votes").join(format!("{:#x}", self.identity))
    }

    /// What its node logged.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
}

/// All of them; they end with it.
pub(crate) struct Network {
    pub(crate) seats: Vec<Seat>,
    pub(crate) heads: Heads,
}

impl Drop for Network {
    fn drop(&mut self) {
        for seat in &mut self.seats {
            let _ = seat.child.kill();
            let _ = seat.child.wait();
        }
    }
}

/// Where the identities' keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Local,
    Vaults,
}

impl Network {
    /// Starts the validators and waits until all are connected and vote.
    pub(crate) async fn start(options: &Options, dir: PathBuf, home: Home) -> anyhow::Result<Self> {
        let ports: Vec<Ports> =
            (0..options.validators).map(|node| Ports::from_base(options.base_port, node)).collect();
        let made = devnet::create(&DevnetSpec {
            profile: chain::client::ClientProfile::Quorate,
            dir,
            chain_id: CHAIN_ID,
            block_period_s: options.period,
            request_timeout_ms: 1500,
            gas_limit: 250_000_000,
            nodes: ports.clone(),
            seats: usize::from(options.validators),
        })?;
        let heads = Heads::default();
        let mut network = Self { seats: Vec::new(), heads };
        for (number, (config, ports)) in (0..).zip(made.configs.iter().zip(&ports)) {
            let identity = NodeConfig::from_json(&fs::read_to_string(config)?)?.identity;
            let identity = identity.context("a node without an identity")?.address;
            let vault = match home {
                Home::Local => None,
                Home::Vaults => Some(in_a_vault(config, options.seed.wrapping_add(number)).await?),
            };
            let dir = config.parent().map(Path::to_path_buf).unwrap_or_default();
            let child = start(&options.binary, config)?;
            network.seats.push(Seat { child, ports: *ports, dir, identity, vault });
        }
        for (node, seat) in network.seats.iter().enumerate() {
            network.heads.follow(node, seat.ports.rpc);
        }
        network.settle().await?;
        Ok(network)
    }

    async fn settle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for (number, seat) in self.seats.iter().enumerate() {
            while !self.stands(seat, number).await {
                anyhow::ensure!(
                    Instant::now() < deadline,
                    "node {number} does not make blocks; see {}",
                    seat.log().display()
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    async fn stands(&self, seat: &Seat, number: usize) -> bool {
        let port = seat.ports.metrics;
        let text = tokio::task::spawn_blocking(move || exposition::read(port)).await;
        let peers = text.ok().and_then(Result::ok).and_then(|text| exposition::value(&text, "quorate_peers"));
        let others = self.seats.len().saturating_sub(1);
        peers == Some(others) && self.heads.height_at(number) >= WARM_UP
    }

    /// Fails when a node has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for (number, seat) in self.seats.iter_mut().enumerate() {
            let ended = seat.child.try_wait()?;
            anyhow::ensure!(ended.is_none(), "node {number} ended, see {}", seat.log().display());
        }
        Ok(())
    }

    /// Seats that may fail: f.
    pub(crate) fn faulty(&self) -> usize {
        self.seats.len().saturating_sub(1) / 3
    }

    /// What is wrong with every vault from now on.
    pub(crate) fn set_faults(&self, faults: &Faults) {
        for vault in self.seats.iter().filter_map(|seat| seat.vault.as_ref()) {
            vault.set_faults(faults.clone());
        }
    }
}

/// Moves the node's key into a vault of its own and takes the file away.
async fn in_a_vault(config: &Path, seed: u64) -> anyhow::Result<Double> {
    let grants = vec![Grant { role: Role::Signer, scope: Scope::Key(KEY.to_owned()) }];
    let client = Client { client_id: CLIENT.to_owned(), subjects: vec![SUBJECT.to_owned()], grants };
    let options = vault_double::Options { seed, clients: vec![client], ..vault_double::Options::default() };
    let vault = Double::start(options).await?;
    let file = config.with_file_name("identity.key");
    let secret: [u8; 32] = hex::decode(fs::read_to_string(&file)?.trim())?
        .try_into()
        .map_err(|_| anyhow::anyhow!("{} is no 32-byte key", file.display()))?;
    let made = vault.import_key(KEY, &secret)?;
    fs::remove_file(&file)?;
    let token = config.with_file_name("token");
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let day = 24 * 3600;
    fs::write(&token, projected_token(SUBJECT, AUDIENCE, "https://bench", now - 60, now + day))?;
    let mut document: Value = serde_json::from_str(&fs::read_to_string(config)?)?;
    document["identity"]["signer"] =
        json!({ "azureKeyVaultKey": { "vaultUrl": vault.url(), "name": KEY, "version": made.version } });
    document["azure"] = json!({
        "tenantId": vault.tenant(), "clientId": CLIENT, "tokenFile": token,
        "authorityHost": vault.url(), "caBundle": vault.authority(),
    });
    fs::write(config, serde_json::to_string_pretty(&document)?)?;
    Ok(vault)
}

fn start(binary: &Path, config: &Path) -> anyhow::Result<Child> {
    let log = File::create(config.with_file_name("log"))?;
    let mut command = Command::new(binary);
    command.args(["run", "--log-format", "json", "--config"]).arg(config);
    command.env("RUST_LOG", LOGGED).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("{}; build it first", binary.display()))
}
