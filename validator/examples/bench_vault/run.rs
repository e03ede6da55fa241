//! The phases in their order.
#![expect(clippy::cast_precision_loss, reason = "counts, and times since 1970, are far below 2^52")]

use crate::{
    Options,
    conflicts::{Audit, audit, commits},
    heads::Head,
    network::{Home, Network},
    node_log::{self, AtHeight},
    votes::Votes,
};
use alloy_primitives::Address;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::time::sleep;
use validator::clock::unix_ms;
use vault_double::{Away, Count, Faults, Signed};

/// Blocks with local keys, at most: what they cost does not take long to see.
const LOCAL_BLOCKS: u64 = 200;
/// Of the measured blocks one in so many, for refusals that come late.
const LATE_SHARE: u64 = 5;
pub(crate) const VAULTS: &str = "vaults";
pub(crate) const LATE_REFUSALS: &str = "late refusals";
/// Blocks between phases, for what is wrong to pass.
const CALM: u64 = 5;
/// Without a block for so long a phase is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at journals and logs, which forget.
const LOOK: Duration = Duration::from_secs(5);
/// After a vault's return, its seat is waited for so long.
const RETURN: Duration = Duration::from_mins(1);

/// Votes of one phase.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) blocks: u64,
    /// By seat: percent of blocks without a COMMIT in time.
    pub(crate) missed_percent_by_seat: Vec<f64>,
    pub(crate) missed_percent: f64,
    /// Percent of pairs with a COMMIT in time that the quorum did not wait for.
    pub(crate) late_percent: f64,
    pub(crate) vote_p50_ms: f64,
    pub(crate) vote_p99_ms: f64,
    pub(crate) longest_gap_seconds: f64,
    pub(crate) vaults: BTreeMap<String, u64>,
}

/// Everything measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Result {
    pub(crate) validators: u16,
    pub(crate) latency_ms: u64,
    pub(crate) network_ms: u64,
    pub(crate) throttled_percent: f64,
    pub(crate) period_s: u64,
    pub(crate) phases: Vec<Phase>,
    pub(crate) missed_percent: f64,
    pub(crate) added_p99_over_latency: f64,
    /// The same where a refusal comes as late as a signature.
    pub(crate) added_p99_with_late_refusals: f64,
    pub(crate) audit: Audit,
    pub(crate) journal_conflicts: u64,
    pub(crate) forks: u64,
    pub(crate) round_changes: u64,
    /// The worst; absent when vaults were never away, or some seat did not come back.
    pub(crate) full_strength_seconds: Option<f64>,
    pub(crate) with_outage: bool,
}

struct Bench<'a> {
    options: &'a Options,
    network: Network,
    votes: Votes,
    signed: BTreeMap<Address, Vec<Signed>>,
    counted: BTreeMap<String, u64>,
}

/// Runs all phases.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Result> {
    let temporary = tempfile::tempdir()?;
    let dir: PathBuf = options.dir.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let mut local = Bench::start(options, dir.join("local"), Home::Local).await?;
    let blocks = options.blocks.min(LOCAL_BLOCKS);
    println!("{blocks} blocks with local keys");
    let local_phase = local.measured("local keys", blocks).await?;
    drop(local);
    let mut bench = Bench::start(options, dir.join("vaults"), Home::Vaults).await?;
    let mut result = bench.vaults().await?;
    let latency = (options.latency + options.network) as f64;
    let added = |name: &str| {
        let phase = result.phases.iter().find(|phase| phase.name == name);
        let measured = phase.map_or(f64::NAN, |phase| phase.vote_p99_ms);
        if latency > 0.0 { (measured - local_phase.vote_p99_ms) / latency } else { 0.0 }
    };
    let (added, added_late) = (added(VAULTS), added(LATE_REFUSALS));
    (result.added_p99_over_latency, result.added_p99_with_late_refusals) = (added, added_late);
    result.phases.insert(0, local_phase);
    Ok(result)
}

impl<'a> Bench<'a> {
    async fn start(options: &'a Options, dir: PathBuf, home: Home) -> anyhow::Result<Self> {
        let network = Network::start(options, dir, home).await?;
        let (signed, counted) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { options, network, votes: Votes::default(), signed, counted })
    }

    fn usual(&self) -> Faults {
        Faults {
            network_ms: self.options.network,
            latency_ms: self.options.latency,
            jitter_ms: self.options.jitter,
            throttled: self.options.throttled / 100.0,
            retry_after_s: self.options.retry_after,
            ..Faults::default()
        }
    }

    async fn vaults(&mut self) -> anyhow::Result<Result> {
        let options = self.options;
        let mut result = Result {
            validators: options.validators,
            latency_ms: options.latency,
            network_ms: options.network,
            throttled_percent: options.throttled,
            period_s: options.period,
            ..Result::default()
        };
        self.network.set_faults(&self.usual());
        println!(
            "{} blocks with vaults: {} ms, {} % throttled",
            options.blocks, options.latency, options.throttled
        );
        let phase = self.measured(VAULTS, options.blocks).await?;
        result.missed_percent = phase.missed_percent;
        result.phases.push(phase);
        let blocks = (options.blocks / LATE_SHARE).max(1);
        println!("{blocks} blocks with refusals that come as late as signatures");
        result.phases.push(self.late_refusals(blocks).await?);
        if options.overload > 0 {
            println!("{} s of overload: 500 ms, 50 % throttled", options.overload);
            result.phases.push(self.overload().await?);
        }
        if options.away > 0 && self.network.faulty() > 0 {
            result.with_outage = true;
            let mut seconds = Some(0.0);
            for (name, away) in [("vault refuses", Away::Refusing), ("vault hangs", Away::Hanging)] {
                println!(
                    "{name} for {} s, {} of {}",
                    options.away,
                    self.network.faulty(),
                    options.validators
                );
                let (phase, returned) = self.outage(name, away).await?;
                result.phases.push(phase);
                seconds = seconds.zip(returned).map(|(one, other): (f64, f64)| one.max(other));
            }
            result.full_strength_seconds = seconds;
        }
        self.look()?;
        self.network.check()?;
        result.audit = audit(&self.signed, self.votes.meanings());
        result.journal_conflicts = self.votes.conflicts();
        result.round_changes = self.votes.round_changes();
        result.forks = self.network.heads.forks();
        Ok(result)
    }

    /// Votes over so many blocks.
    async fn measured(&mut self, name: &'static str, blocks: u64) -> anyhow::Result<Phase> {
        self.pass(CALM).await?;
        let first = self.network.heads.height() + 1;
        self.count();
        self.pass(blocks).await?;
        // The next one's due time ends the last one's.
        let last = first + blocks - 1;
        self.pass(1).await?;
        self.phase(name, first, last)
    }

    async fn overload(&mut self) -> anyhow::Result<Phase> {
        let faults = Faults { latency_ms: 500, throttled: 0.5, ..self.usual() };
        self.count();
        let first = self.network.heads.height() + 1;
        self.network.set_faults(&faults);
        self.wait(Duration::from_secs(self.options.overload)).await?;
        let last = self.network.heads.height();
        let phase = self.phase("overload", first, last);
        self.network.set_faults(&self.usual());
        self.pass(CALM).await?;
        phase
    }

    /// The same where who is throttled hears of it no sooner than of a signature.
    async fn late_refusals(&mut self, blocks: u64) -> anyhow::Result<Phase> {
        let usual = self.usual();
        let network_ms = usual.network_ms + usual.latency_ms;
        self.network.set_faults(&Faults { network_ms, latency_ms: 0, ..usual });
        let phase = self.measured(LATE_REFUSALS, blocks).await;
        self.network.set_faults(&self.usual());
        phase
    }

    /// As many vaults as seats may fail are away, and come back. All others are as slow and as throttled as ever, and so are these then.
    async fn outage(&mut self, name: &'static str, away: Away) -> anyhow::Result<(Phase, Option<f64>)> {
        let affected: Vec<Address> =
            self.network.seats.iter().rev().take(self.network.faulty()).map(|seat| seat.identity).collect();
        self.count();
        let first = self.network.heads.height() + 1;
        let faults = Faults { away: Some(away), ..self.usual() };
        for seat in self.network.seats.iter().filter(|seat| affected.contains(&seat.identity)) {
            let vault = seat.vault.as_ref().ok_or_else(|| anyhow::anyhow!("no vault"))?;
            vault.set_faults(faults.clone());
        }
        self.wait(Duration::from_secs(self.options.away)).await?;
        let last = self.network.heads.height();
        let phase = self.phase(name, first, last)?;
        self.network.set_faults(&self.usual());
        let back_ms = unix_ms();
        let seconds = self.full_strength(&affected, back_ms).await?;
        self.pass(CALM).await?;
        Ok((phase, seconds))
    }

    /// Seconds until each of these seats has had a COMMIT signed again.
    async fn full_strength(&mut self, seats: &[Address], back_ms: u64) -> anyhow::Result<Option<f64>> {
        while Duration::from_millis(unix_ms().saturating_sub(back_ms)) < RETURN {
            sleep(Duration::from_millis(200)).await;
            self.look()?;
            let returned: Option<Vec<u64>> = seats.iter().map(|seat| self.returned(seat, back_ms)).collect();
            let worst = returned.and_then(|returned| returned.into_iter().max());
            if let Some(at_ms) = worst {
                return Ok(Some(at_ms.saturating_sub(back_ms) as f64 / 1000.0));
            }
        }
        Ok(None)
    }

    /// When this seat's vault first answered with a COMMIT's signature since then.
    fn returned(&self, seat: &Address, back_ms: u64) -> Option<u64> {
        let signed = self.signed.get(seat).map(Vec::as_slice).unwrap_or_default();
        let since = |one: &&Signed| one.answered_ms.is_some_and(|at_ms| at_ms >= back_ms);
        let after: Vec<_> = signed.iter().filter(since).cloned().collect();
        commits(&after, self.votes.meanings()).into_values().min()
    }

    /// Lets so many blocks pass.
    async fn pass(&mut self, blocks: u64) -> anyhow::Result<()> {
        let to = self.network.heads.height() + blocks;
        while self.network.heads.height() < to {
            // Few at a time: journals forget.
            let next = to.min(self.network.heads.height() + 20);
            self.network.heads.reach(next, PATIENCE).await?;
            self.look()?;
            self.network.check()?;
        }
        Ok(())
    }

    /// Lets some time pass.
    async fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            sleep(LOOK.min(end - tokio::time::Instant::now())).await;
            self.look()?;
        }
        Ok(())
    }

    /// Takes over what journals and logs hold.
    fn look(&mut self) -> anyhow::Result<()> {
        for seat in &self.network.seats {
            self.votes.look(seat.identity, &seat.journal())?;
            let Some(vault) = &seat.vault else { continue };
            let known = self.signed.entry(seat.identity).or_default();
            // From the first on that may yet be answered, they are read again.
            let open = |one: &Signed| one.answered_ms.is_none() && recent(one.asked_ms);
            let sure = known.iter().position(open).unwrap_or(known.len());
            known.truncate(sure);
            let since = known.last().map_or(0, |one| one.sequence);
            known.extend(vault.signed_since(since));
        }
        self.votes.resolve(&self.signed);
        Ok(())
    }

    fn count(&mut self) {
        self.counted = self.totals();
    }

    fn totals(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for vault in self.network.seats.iter().filter_map(|seat| seat.vault.as_ref()) {
            for Count { operation, outcome, count } in vault.counts() {
                *totals.entry(format!("{operation} {outcome}")).or_default() += count;
            }
        }
        totals
    }

    fn phase(&self, name: &'static str, first: u64, last: u64) -> anyhow::Result<Phase> {
        let meanings = self.votes.meanings();
        let blocks = self.network.heads.blocks();
        let mut seats = Vec::new();
        for seat in &self.network.seats {
            let signed = self.signed.get(&seat.identity).map(Vec::as_slice).unwrap_or_default();
            seats.push((node_log::read(&seat.log())?, commits(signed, meanings)));
        }
        let period_ms = (self.options.period * 1000) as f64;
        let local = self.network.seats.iter().all(|seat| seat.vault.is_none());
        let mut phase = weigh(&seats, &blocks, (first, last), period_ms, local);
        phase.name = name;
        let counted = |(what, count): (String, u64)| {
            let before = self.counted.get(&what).copied().unwrap_or(0);
            (count > before).then(|| (what, count - before))
        };
        phase.vaults = self.totals().into_iter().filter_map(counted).collect();
        Ok(phase)
    }
}

/// Whether the answer may still be on its way.
fn recent(asked_ms: u64) -> bool {
    unix_ms().saturating_sub(asked_ms) < 10_000
}

type SeatVotes = (BTreeMap<u64, AtHeight>, BTreeMap<u64, u64>);

/// The figures of a phase, of what was seen.
fn weigh(
    seats: &[SeatVotes],
    blocks: &BTreeMap<u64, Head>,
    (first, last): (u64, u64),
    period_ms: f64,
    local: bool,
) -> Phase {
    let mut phase = Phase { blocks: (last + 1).saturating_sub(first), ..Phase::default() };
    let (mut missed, mut late, mut pairs, mut latencies) = (0_u64, 0_u64, 0_u64, Vec::new());
    for (logged, commits) in seats {
        let (mut of_seat, mut missed_of_seat) = (0_u64, 0_u64);
        // A chain that stood for the whole phase has no block in it.
        for (number, block) in blocks.range(first..).take_while(|(number, _)| **number <= last) {
            let at = logged.get(number).copied().unwrap_or_default();
            let due_ms = block.timestamp as f64 * 1000.0 + period_ms;
            let ready_ms = at.commit_ms.or_else(|| commits.get(number).map(|at_ms| *at_ms as f64));
            // However late the block itself was.
            let in_time = ready_ms.filter(|ready_ms| *ready_ms <= due_ms);
            of_seat += 1;
            // Keys in memory have signed what was not sent.
            let is_late = at.commit_ms.is_none() && (local || in_time.is_some());
            late += u64::from(is_late);
            missed_of_seat += u64::from(in_time.is_none() && !is_late);
            if let Some(valid_ms) = at.valid_ms.filter(|_| in_time.is_some() || !is_late) {
                latencies.push(in_time.map_or(period_ms, |ready_ms| (ready_ms - valid_ms).max(0.0)));
            }
        }
        phase.missed_percent_by_seat.push(percent(missed_of_seat, of_seat));
        missed += missed_of_seat;
        pairs += of_seat;
    }
    latencies.sort_unstable_by(f64::total_cmp);
    phase.missed_percent = percent(missed, pairs);
    phase.late_percent = percent(late, pairs);
    phase.vote_p50_ms = per_hundred(&latencies, 50);
    phase.vote_p99_ms = per_hundred(&latencies, 99);
    let arrivals = blocks.range(first.saturating_sub(1)..=last).map(|(_, block)| block.at_ms);
    // The last block does not end the wait for the next one.
    let next = blocks.get(&(last + 1)).map_or_else(unix_ms, |block| block.at_ms);
    let arrivals: Vec<u64> = arrivals.chain([next]).collect();
    let gap = arrivals.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
    phase.longest_gap_seconds = gap as f64 / 1000.0;
    phase
}

fn percent(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * part as f64 / of as f64 }
}

/// The value that so many hundredths of the sorted values do not exceed.
fn per_hundred(sorted: &[f64], share: usize) -> f64 {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}
