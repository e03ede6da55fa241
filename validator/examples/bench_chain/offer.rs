//! Offering transactions: sixteen connections, each with its own senders, so that nonces arrive in order.

use crate::{
    follow::Follower,
    network::NODES,
    rpc::{Connection, find},
    signing::Signed,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep_until};

/// Connections, four to each node.
const LANES: u16 = 4 * NODES;
/// Calls in a batch at the most.
const BATCH: usize = 256;
/// Pause when nothing was taken, or enough waits.
const PAUSE: Duration = Duration::from_millis(20);
/// A lane sends about this often when it keeps a rate.
const BEAT: Duration = Duration::from_millis(100);

/// How fast.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as they are taken, with at most so many accepted and not yet in a block.
    Waiting(u64),
    /// So many a second whatever the answers are, for so long; what was refused is offered again in between.
    Rate(f64, Duration),
}

/// What came of it.
pub(crate) struct Offered {
    pub(crate) start: Instant,
    /// Milliseconds after `start` at which each was due to be sent, when it was accepted; `u32::MAX` when it was not.
    pub(crate) due_ms: Vec<u32>,
    /// Calls made, those repeated included.
    pub(crate) calls: u64,
    /// Refusals by text.
    pub(crate) refusals: BTreeMap<String, u64>,
}

/// What the lanes share.
struct Load {
    signed: Arc<Signed>,
    range: Range<usize>,
    pace: Pace,
    start: Instant,
    follower: Follower,
    included_before: u64,
    accepted: AtomicU64,
    calls: AtomicU64,
    due_ms: Vec<AtomicU32>,
}

/// One connection's part.
struct Lane {
    load: Arc<Load>,
    connection: Connection,
    fresh: VecDeque<usize>,
    again: VecDeque<usize>,
    refusals: BTreeMap<String, u64>,
}

/// Offers a range of the signed transactions.
pub(crate) async fn offer(
    signed: &Arc<Signed>,
    range: Range<usize>,
    pace: Pace,
    follower: &Follower,
    ports: &[u16],
) -> anyhow::Result<Offered> {
    let start = Instant::now();
    let load = Arc::new(Load {
        signed: Arc::clone(signed),
        pace,
        start,
        follower: follower.clone(),
        included_before: follower.included(),
        accepted: AtomicU64::new(0),
        calls: AtomicU64::new(0),
        due_ms: range.clone().map(|_| AtomicU32::new(u32::MAX)).collect(),
        range,
    });
    let mut lanes = JoinSet::new();
    for number in 0..LANES {
        let Some(port) = ports.get(usize::from(number) % ports.len()) else { continue };
        let lane = Lane {
            connection: Connection::open(*port).await?,
            fresh: load
                .range
                .clone()
                .filter(|index| Signed::sender(*index) % usize::from(LANES) == usize::from(number))
                .collect(),
            again: VecDeque::new(),
            refusals: BTreeMap::new(),
            load: Arc::clone(&load),
        };
        lanes.spawn(lane.run(number));
    }
    let mut refusals = BTreeMap::new();
    while let Some(done) = lanes.join_next().await {
        for (text, count) in done?? {
            *refusals.entry(text).or_default() += count;
        }
    }
    let due_ms = load.due_ms.iter().map(|due| due.load(Relaxed)).collect();
    Ok(Offered { start, due_ms, calls: load.calls.load(Relaxed), refusals })
}

impl Load {
    fn waiting(&self) -> u64 {
        let included = self.follower.included() - self.included_before;
        self.accepted.load(Relaxed).saturating_sub(included)
    }

    fn batch_size(&self) -> usize {
        match self.pace {
            Pace::Waiting(_) => BATCH,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a batch")]
            Pace::Rate(rate, _) => ((rate / f64::from(LANES) * BEAT.as_secs_f64()) as usize).clamp(1, BATCH),
        }
    }
}

impl Lane {
    /// What was refused; ends when everything was accepted.
    async fn run(mut self, number: u16) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut ended = false;
        let size = self.load.batch_size();
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        let beat = match self.load.pace {
            Pace::Rate(rate, _) => Duration::from_secs_f64(size as f64 * f64::from(LANES) / rate),
            Pace::Waiting(_) => Duration::ZERO,
        };
        // Lanes take turns within a beat.
        let mut due = self.load.start + beat.mul_f64(f64::from(number) / f64::from(LANES));
        while !(self.fresh.is_empty() && self.again.is_empty()) {
            let mut keeps_rate = false;
            match self.load.pace {
                Pace::Rate(_, time) if !ended && due < self.load.start + time => {
                    sleep_until(due.into()).await;
                    keeps_rate = true;
                }
                Pace::Rate(..) => due = Instant::now(),
                Pace::Waiting(most) => {
                    while self.load.waiting() >= most {
                        tokio::time::sleep(PAUSE).await;
                        self.load.follower.check()?;
                    }
                    due = Instant::now();
                }
            }
            let batch = self.next_batch(size);
            let refused = self.send(&batch, due).await?;
            if self.fresh.is_empty() || (!keeps_rate && matches!(self.load.pace, Pace::Rate(..))) {
                ended = true;
            }
            if keeps_rate {
                due += beat;
            } else if refused == batch.len() {
                tokio::time::sleep(PAUSE * 5).await;
            }
        }
        Ok(self.refusals)
    }

    /// Lowest nonces first: what was refused before what is fresh.
    fn next_batch(&mut self, size: usize) -> Vec<usize> {
        let mut batch = Vec::with_capacity(size);
        while batch.len() < size {
            let Some(next) = self.again.pop_front().or_else(|| self.fresh.pop_front()) else { break };
            batch.push(next);
        }
        batch
    }

    /// How many were refused.
    async fn send(&mut self, batch: &[usize], due: Instant) -> anyhow::Result<usize> {
        let load = Arc::clone(&self.load);
        let answer = self.connection.exchange(&body(&load.signed, batch)).await?;
        load.calls.fetch_add(batch.len() as u64, Relaxed);
        let refused = refused(&answer, batch.len())?;
        let due_ms =
            u32::try_from(due.saturating_duration_since(load.start).as_millis()).unwrap_or(u32::MAX - 1);
        for (place, index) in batch.iter().enumerate() {
            match refused.get(&place) {
                None => {
                    load.due_ms[index - load.range.start].store(due_ms, Relaxed);
                    load.accepted.fetch_add(1, Relaxed);
                }
                Some(text) => {
                    *self.refusals.entry(kind_of(text)).or_default() += 1;
                    self.again.push_back(*index);
                }
            }
        }
        self.again.make_contiguous().sort_unstable();
        Ok(refused.len())
    }
}

fn body(signed: &Signed, batch: &[usize]) -> Vec<u8> {
    let mut text = String::with_capacity(batch.len() * 400);
    for (place, index) in batch.iter().enumerate() {
        text.push(if place == 0 { '[' } else { ',' });
        let raw = alloy_primitives::hex::encode(signed.raw(*index));
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            r#"{{"jsonrpc":"2.0","id":{place},"method":"eth_sendRawTransaction","params":["0x{raw}"]}}"#
        );
    }
    text.push(']');
    text.into_bytes()
}

/// Places in the batch that were refused, and why.
fn refused(answer: &[u8], calls: usize) -> anyhow::Result<BTreeMap<usize, String>> {
    #[derive(Deserialize)]
    struct Entry {
        id: usize,
        error: Option<Failure>,
    }
    #[derive(Deserialize)]
    struct Failure {
        message: String,
    }
    if find(answer, b"\"error\"").is_none() {
        return Ok(BTreeMap::new());
    }
    let entries: Vec<Entry> = serde_json::from_slice(answer)
        .map_err(|_| anyhow::anyhow!("batch refused: {}", String::from_utf8_lossy(answer)))?;
    anyhow::ensure!(entries.len() == calls, "{} answers to {calls} calls", entries.len());
    let failures = entries.into_iter().filter_map(|entry| Some((entry.id, entry.error?.message)));
    // Known already is as good as accepted: the node keeps it.
    Ok(failures.filter(|(_, text)| text != "already known").collect())
}

/// The text without its figures.
fn kind_of(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect::<String>()
        .replace("##", "#")
        .replace("##", "#")
}
