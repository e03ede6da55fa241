//! A node that makes a block a second: the same pace of reads while blocks are empty, and while they are full.

use crate::{
    exposition,
    load::{Load, Traffic},
    maker::{self, Plan},
    network,
    process::{Node, count},
    reads::{GAS_LIMIT, Options, PROMISED, Row, Subject},
    served::{Connection, Served},
};
use alloy_eips::eip2718::Encodable2718 as _;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::{scope, sleep},
    time::{Duration, Instant},
};

/// Transactions of one batch, and of a second: more than a block of one second takes.
const BATCH: usize = 100;
const OFFERED: u64 = 1500;
/// Full blocks that are there before.
const BEFORE: u64 = 20;
/// Blocks that fill up before full ones are measured.
const FILLING: f64 = 3.0;

/// Adds a row for each promised method, idle and full; how full the blocks were, percent.
pub(crate) fn measure(options: &Options, dir: &Path, rows: &mut Vec<Row>) -> anyhow::Result<f64> {
    let plan = Plan {
        load: Load::Calls,
        seats: 1,
        blocks: BEFORE,
        every: 1,
        transactions: None,
        gas_limit: GAS_LIMIT,
        senders: 1000,
        recipients: 20_000,
    };
    let (devnet, ports) = network::create(dir, (1, 0), GAS_LIMIT, options.base_port)?;
    let mut made = maker::make(dir, &dir.join("node0/data"), &plan)?;
    let node = Node::start(&options.binary, &devnet.configs[0], ports[0])?;
    // It must make blocks, not only have them.
    node.wait("quorate_head_number", |head| head > count(made.blocks))?;
    let mut subject = Subject::of(&made)?;
    let traffic = made.traffic.take().context("traffic")?;
    paced(options, &node, &subject, "idle", rows)?;
    let stop = AtomicBool::new(false);
    scope(|scope| {
        let sender = scope.spawn(|| offer(node.ports.rpc, traffic, &stop));
        let outcome = full(options, &node, &mut subject, rows);
        stop.store(true, Ordering::Relaxed);
        let offered = sender.join().map_err(|_| anyhow::anyhow!("the sender ended"))??;
        eprintln!("{offered} transactions offered while blocks were full");
        outcome
    })
}

fn full(options: &Options, node: &Node, subject: &mut Subject, rows: &mut Vec<Row>) -> anyhow::Result<f64> {
    let [begun, _] = progress(node)?;
    node.wait("quorate_head_number", |head| head >= begun + FILLING)?;
    subject.length += 2;
    let before = progress(node)?;
    paced(options, node, subject, "full", rows)?;
    let after = progress(node)?;
    Ok((after[1] - before[1]) / (after[0] - before[0]).max(1.0) / count(GAS_LIMIT) * 100.0)
}

/// Height, and gas used so far.
fn progress(node: &Node) -> anyhow::Result<[f64; 2]> {
    let text = node.metrics()?;
    let value = |name: &str| exposition::value(&text, name).with_context(|| format!("no {name}"));
    Ok([value("quorate_head_number")?, value("quorate_gas_used_total")?])
}

fn offer(port: u16, mut traffic: Traffic, stop: &AtomicBool) -> anyhow::Result<u64> {
    let mut connection = Connection::open(port)?;
    let (begun, mut sent) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_secs_f64() * count(OFFERED);
        if count(sent) > due {
            sleep(Duration::from_millis(5));
            continue;
        }
        let batch: Vec<Value> = (0..BATCH)
            .filter_map(|id| {
                let raw = alloy_primitives::hex::encode_prefixed(traffic.next()?.tx.encoded_2718());
                Some(json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]}))
            })
            .collect();
        sent += batch.len() as u64;
        connection.send(&Value::Array(batch))?;
    }
    Ok(sent)
}

/// Reads of the promised kinds at an even pace.
fn paced(
    options: &Options,
    node: &Node,
    subject: &Subject,
    chain: &str,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let text = node.metrics()?;
    let before = PROMISED.map(|method| Served::read(&text, method));
    let mut trips = PROMISED.map(|_| Vec::new());
    let mut connection = Connection::open(node.ports.rpc)?;
    let (begun, mut turn) = (Instant::now(), 0);
    let pause = Duration::from_micros(1_000_000 / options.pace.max(1));
    while begun.elapsed() < Duration::from_secs(options.full_seconds) {
        for (kind, trips) in trips.iter_mut().enumerate() {
            let (method, params) = subject.call(kind, turn);
            let asked = Instant::now();
            connection.call(method, &params)?;
            trips.push(asked.elapsed());
        }
        turn += 1;
        let next = begun + pause * u32::try_from(turn).unwrap_or(u32::MAX);
        sleep(next.saturating_duration_since(Instant::now()));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let text = node.metrics()?;
    for ((method, before), mut trips) in PROMISED.iter().zip(&before).zip(trips) {
        let served = Served::read(&text, method).since(before);
        trips.sort_unstable();
        let trip = |percent: usize| {
            let trip = trips.get(trips.len() * percent / 100);
            trip.map(|trip| trip.as_secs_f64() * 1e6)
        };
        rows.push(Row {
            chain: chain.to_string(),
            method: (*method).to_string(),
            reads_per_second: count(turn) / seconds,
            served: [50, 99].map(|percent| served.percentile(percent)),
            round_trip: [50, 99].map(trip),
        });
    }
    Ok(())
}
