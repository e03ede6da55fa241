//! The phases in their order.

use crate::{
    Options, contracts,
    follow::{Follower, Seen},
    network::{CHAIN_ID, Network, Taken, quantity},
    offer::{Offered, Pace, offer},
    rpc::Connection,
    sender::Sender,
    signing::{Kind, SENDERS, Signed, senders},
    usage, wall,
};
use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Accepted and not yet in a block, while the most is asked of the nodes: more than two blocks' worth.
const WAITING: u64 = 24_000;
/// Without a block that takes anything for so long, what is left counts as lost.
const STALLED: Duration = Duration::from_secs(20);
/// Idle before memory is looked at.
const IDLE: Duration = Duration::from_secs(6);
/// Of the saturation, what inclusion is measured at.
const MODERATE: f64 = 0.6;
/// Of the transfers, what each phase gets: saturation, twice of it, 60 % of it.
const SHARES: [usize; 3] = [50, 25, 25];

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Result {
    pub(crate) gas_limit: u64,
    pub(crate) cores: usize,
    /// Transactions a second that recovery alone would allow on these cores.
    pub(crate) wall: f64,
    pub(crate) walls: [f64; 2],
    pub(crate) idle_rss: u64,
    pub(crate) rss: u64,
    pub(crate) phases: BTreeMap<String, Phase>,
    pub(crate) round_changes: u64,
    pub(crate) lost: u64,
    pub(crate) cpu_us_per_tx_node: f64,
}

/// One phase.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Phase {
    pub(crate) transactions: u64,
    /// Over blocks made at full load.
    pub(crate) tps: f64,
    /// Largest block.
    pub(crate) block_max: usize,
    pub(crate) inclusion_p50_ms: u64,
    pub(crate) inclusion_p99_ms: u64,
    pub(crate) interval_p50_ms: u64,
    pub(crate) interval_p999_ms: u64,
    pub(crate) lost: u64,
    pub(crate) calls: u64,
    pub(crate) refusals: BTreeMap<String, u64>,
    pub(crate) cpu_us_per_tx_node: f64,
    pub(crate) generator_cpu_us_per_tx: f64,
    pub(crate) wire_bytes_per_tx: f64,
    pub(crate) disk_bytes_per_tx_node: f64,
    pub(crate) rss: u64,
    pub(crate) round_changes: u64,
}

struct Bench {
    network: Network,
    follower: Follower,
    ports: Vec<u16>,
    senders: Vec<Sender>,
    nonce: u64,
    phases: BTreeMap<String, Phase>,
}

/// Runs all phases.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Result> {
    let senders = senders()?;
    // The same number by each account, or some would go on with a gap in their nonces.
    let count = options.transactions.next_multiple_of(SENDERS);
    println!("signing {count} transfers by {SENDERS} accounts");
    let transfers = Arc::new(Signed::make(Kind::Transfer, CHAIN_ID, &senders, 0, count)?);
    let before = wall::measure(&transfers)?;
    let temporary = tempfile::tempdir()?;
    let dir: PathBuf = options.dir.clone().unwrap_or_else(|| temporary.path().join("net"));
    let network = Network::start(options, dir).await?;
    let ports: Vec<u16> = network.nodes.iter().map(|node| node.ports.rpc).collect();
    let follower = Follower::start(*ports.first().ok_or_else(|| anyhow::anyhow!("no nodes"))?).await?;
    sleep(IDLE).await;
    let idle_rss = most(&network, |memory| memory.resident)?;
    let mut bench = Bench { network, follower, ports, senders, nonce: 0, phases: BTreeMap::new() };
    bench.fund().await?;
    bench.transfers(&transfers).await?;
    let mut rss = most(&bench.network, |memory| memory.peak)?;
    drop(transfers);
    for kind in options.kinds.iter().filter(|kind| **kind != Kind::Transfer) {
        let count = options.kind_transactions.unwrap_or(kind.of(options.transactions));
        bench.kind(*kind, count).await?;
        rss = rss.max(most(&bench.network, |memory| memory.peak)?);
    }
    bench.network.check()?;
    let sample = Signed::make(Kind::Transfer, CHAIN_ID, &bench.senders, 0, 4096)?;
    let walls = [before, wall::measure(&sample)?];
    let gas_limit = bench.follower.since(0).last().map_or(0, |block| block.gas_limit);
    let phases = bench.phases;
    Ok(Result {
        gas_limit,
        cores: std::thread::available_parallelism()?.get(),
        wall: f64::midpoint(walls[0], walls[1]),
        walls,
        idle_rss,
        rss,
        round_changes: phases.values().map(|phase| phase.round_changes).sum(),
        lost: phases.values().map(|phase| phase.lost).sum(),
        cpu_us_per_tx_node: phases.get("transfer").map_or(0.0, |phase| phase.cpu_us_per_tx_node),
        phases,
    })
}

fn most(network: &Network, of: impl Fn(usage::Memory) -> u64) -> anyhow::Result<u64> {
    let each = network.pids().map(|pid| usage::memory(pid).map(&of)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(each.into_iter().max().unwrap_or(0))
}

impl Bench {
    /// Gives every sender a balance and tokens, and deploys the contracts.
    async fn fund(&mut self) -> anyhow::Result<()> {
        let admin = Sender::of(&self.network.admin_secret()?)?;
        anyhow::ensure!(admin.address == self.network.admin, "the admin's key is not its account's");
        let mut rpc = Connection::open(self.ports[0]).await?;
        let addresses: Vec<Address> = self.senders.iter().map(|sender| sender.address).collect();
        let mut calls: Vec<(Address, u64, Bytes)> =
            contracts::deployments().map(|input| (contracts::DEPLOYER, 0, input)).to_vec();
        calls.extend(addresses.iter().map(|to| (*to, 1_000_000_000, Bytes::new())));
        calls.extend(addresses.chunks(128).map(|to| (contracts::token_address(), 0, contracts::mint(to))));
        for (nonce, (to, value, input)) in (0..).zip(&calls) {
            let tx = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: if input.is_empty() { 21_000 } else { 12_000_000 },
                to: TxKind::Call(*to),
                value: U256::from(*value),
                input: input.clone(),
                ..TxEip1559::default()
            };
            let raw: Bytes = admin.sign(tx).encoded_2718().into();
            // A sender has at most 1,024 waiting.
            while nonce >= self.follower.included() + 900 {
                sleep(Duration::from_millis(50)).await;
            }
            rpc.call("eth_sendRawTransaction", json!([raw])).await?;
        }
        self.included(calls.len() as u64, 0).await?;
        let code = rpc.call("eth_getCode", json!([contracts::token_address(), "latest"])).await?;
        anyhow::ensure!(code.as_str().is_some_and(|code| code.len() > 2), "the token was not deployed");
        let last = addresses.last().copied().unwrap_or_default();
        let balance = rpc.call("eth_getBalance", json!([last, "latest"])).await?;
        anyhow::ensure!(quantity(&balance)? > 0, "the last sender was not funded");
        Ok(())
    }

    /// Waits until so many more than `before` are in blocks; how many are missing when blocks take no more.
    async fn included(&mut self, count: u64, before: u64) -> anyhow::Result<u64> {
        let (mut last, mut since) = (self.follower.included(), Instant::now());
        loop {
            let now = self.follower.included();
            if now >= before + count {
                return Ok(0);
            }
            if now > last {
                (last, since) = (now, Instant::now());
            }
            if since.elapsed() > STALLED {
                return Ok(before + count - now);
            }
            self.follower.check()?;
            self.network.check()?;
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Saturation, overload, and inclusion at 60 %.
    async fn transfers(&mut self, signed: &Arc<Signed>) -> anyhow::Result<()> {
        let share = |index: usize| signed.len() * SHARES[index] / 100 / SENDERS * SENDERS;
        let (first, second) = (share(0), share(0) + share(1));
        let full = self.phase("transfer", signed, 0..first, waiting(first)).await?;
        anyhow::ensure!(full.tps > 0.0, "{first} transfers do not fill three blocks, offer more");
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let time = |count: usize, rate: f64| Duration::from_secs_f64(count as f64 / rate);
        // At twice the rate only half is taken, so the time is that of the other half.
        let twice = Pace::Rate(2.0 * full.tps, time(share(1), full.tps));
        self.phase("overload", signed, first..second, twice).await?;
        let rate = MODERATE * full.tps;
        let moderate = Pace::Rate(rate, time(signed.len() - second, rate) + Duration::from_secs(1));
        self.phase("moderate", signed, second..signed.len(), moderate).await?;
        self.nonce = (signed.len() / SENDERS) as u64;
        Ok(())
    }

    async fn kind(&mut self, kind: Kind, count: usize) -> anyhow::Result<()> {
        let count = (count / SENDERS).max(1) * SENDERS;
        let signed = Arc::new(Signed::make(kind, CHAIN_ID, &self.senders, self.nonce, count)?);
        self.phase(kind.name(), &signed, 0..count, waiting(count)).await?;
        self.nonce += (count / SENDERS) as u64;
        Ok(())
    }

    async fn phase(
        &mut self,
        name: &str,
        signed: &Arc<Signed>,
        range: std::ops::Range<usize>,
        pace: Pace,
    ) -> anyhow::Result<Phase> {
        println!("{name}: {} transactions, {pace:?}", range.len());
        self.network.forget_peaks();
        let (heard, before, included) =
            (self.follower.len(), self.network.taken()?, self.follower.included());
        let own = usage::cpu_time(std::process::id())?;
        let count = range.len() as u64;
        let offered = offer(signed, range.clone(), pace, &self.follower, &self.ports).await?;
        let lost = self.included(count, included).await?;
        let (after, own) = (self.network.taken()?, usage::cpu_time(std::process::id())?.saturating_sub(own));
        let rss = most(&self.network, |memory| memory.peak)?;
        // With the last one before, which was empty.
        let blocks = self.follower.since(heard.saturating_sub(1));
        let phase =
            Phase { lost, rss, ..evaluate(&signed.hashes()[range], &offered, &blocks, (before, after), own) };
        println!("  {phase:?}");
        self.phases.insert(name.to_string(), phase.clone());
        // The next phase starts on nodes that have nothing left to do.
        sleep(Duration::from_secs(5)).await;
        Ok(phase)
    }
}

/// The most that may wait; of a short run a part, so that it too has blocks made while more was offered.
fn waiting(count: usize) -> Pace {
    Pace::Waiting(WAITING.min(count as u64 / 3))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn evaluate(
    hashes: &[alloy_primitives::B256],
    offered: &Offered,
    blocks: &[Seen],
    (before, after): (Taken, Taken),
    own: Duration,
) -> Phase {
    let places: HashMap<_, usize> = hashes.iter().enumerate().map(|(place, hash)| (*hash, place)).collect();
    let mut waits = Vec::with_capacity(hashes.len());
    for block in blocks {
        let heard_ms = millis(block.heard.saturating_duration_since(offered.start));
        for place in block.hashes.iter().filter_map(|hash| places.get(hash)) {
            waits.push(heard_ms.saturating_sub(u64::from(offered.due_ms[*place])));
        }
    }
    waits.sort_unstable();
    let intervals = blocks.windows(2).map(|pair| pair[1].heard - pair[0].heard);
    let mut intervals: Vec<u64> = intervals.map(millis).collect();
    intervals.sort_unstable();
    let count = waits.len().max(1) as f64;
    let nodes = f64::from(crate::network::NODES);
    Phase {
        transactions: waits.len() as u64,
        tps: full_load(blocks),
        block_max: blocks.iter().map(|block| block.hashes.len()).max().unwrap_or(0),
        inclusion_p50_ms: at(&waits, 500),
        inclusion_p99_ms: at(&waits, 990),
        interval_p50_ms: at(&intervals, 500),
        interval_p999_ms: at(&intervals, 999),
        lost: 0,
        calls: offered.calls,
        refusals: offered.refusals.clone(),
        cpu_us_per_tx_node: after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6 / count / nodes,
        generator_cpu_us_per_tx: own.as_secs_f64() * 1e6 / count,
        wire_bytes_per_tx: (after.wire_bytes - before.wire_bytes) as f64 / count,
        disk_bytes_per_tx_node: after.disk_bytes.saturating_sub(before.disk_bytes) as f64 / count / nodes,
        rss: 0,
        round_changes: after.round_changes - before.round_changes,
    }
}

/// Transactions a second of the blocks made while more waited than they took: from the first that took anything, which only
/// sets the clock, to the last but one.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn full_load(blocks: &[Seen]) -> f64 {
    let is_empty = |block: &&Seen| block.hashes.is_empty();
    let taking = blocks.iter().skip_while(is_empty).count();
    let trailing = blocks.iter().rev().take_while(is_empty).count();
    let during: Vec<&Seen> =
        blocks.iter().skip(blocks.len() - taking).take(taking.saturating_sub(trailing + 1)).collect();
    let (Some(first), Some(last)) = (during.first(), during.last()) else { return 0.0 };
    let taken: usize = during.iter().skip(1).map(|block| block.hashes.len()).sum();
    let seconds = last.timestamp.saturating_sub(first.timestamp);
    if seconds > 0 {
        return taken as f64 / seconds as f64;
    }
    // Too few blocks: all of them, an idle part before the first counted as if it had been busy.
    let before = blocks.get((blocks.len() - taking).wrapping_sub(1));
    let all: Vec<&Seen> = blocks.iter().skip(blocks.len() - taking).take(taking - trailing).collect();
    let (Some(before), Some(last)) = (before, all.last()) else { return 0.0 };
    let count: usize = all.iter().map(|block| block.hashes.len()).sum();
    let seconds = last.timestamp.saturating_sub(before.timestamp);
    if seconds == 0 { 0.0 } else { count as f64 / seconds as f64 }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The value that so many thousandths are not above.
fn at(sorted: &[u64], thousandths: usize) -> u64 {
    let index = (sorted.len() * thousandths).div_ceil(1000).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0)
}
