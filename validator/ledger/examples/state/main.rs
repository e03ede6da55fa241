//! How block time grows with the state: one chain of 10 k, 100 k, 1 M and 10 M accounts, made by its own blocks, and at
//! each size the same number of touched keys per block: accounts that exist, slots that exist, accounts that are new.
//!
//! `state --accounts 10000000 --json target/bench/state.json` prints a table and ends with `growth=… bytes-per-account=…`.
//! A block's time is building it (execution, roots), sealing and committing it, back to back, what is written behind
//! included: the last block of a size waits for everything to be on disk. Growth is that time at the largest size over
//! that at the smallest.

mod network;

use ledger::{Ledger, Options, Recovered, Spent};
use network::{KEEPERS, Network, payee};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// Accounts made by one block while growing.
const GROWTH_BLOCK: u64 = 200_000;
/// What fits into one transaction.
const NEW_PER_TRANSACTION: u64 = 400;
const OLD_PER_TRANSACTION: u64 = 1000;
/// One slot for so many accounts.
const ACCOUNTS_PER_SLOT: u64 = 10;

/// Touched by a measured block.
const OLD_ACCOUNTS: u64 = 2000;
const OLD_SLOTS: u64 = 500;
const NEW_ACCOUNTS: u64 = 200;
const WARM_UP: u64 = 8;
const BLOCKS: u64 = 24;
/// Made by the measured blocks of one size, the last of which reaches it.
const MADE: u64 = NEW_ACCOUNTS * (WARM_UP + BLOCKS);

struct Row {
    accounts: u64,
    block: Duration,
    median: Duration,
    slowest: Duration,
    build: Duration,
    cpu: Duration,
    spent: Spent,
    state_bytes: u64,
    rss_bytes: u64,
}

struct Chain {
    network: Network,
    ledger: Ledger,
    accounts: u64,
    /// Of each contract with storage.
    slots: u64,
    salt: u64,
    random: StdRng,
}

fn main() -> anyhow::Result<()> {
    let (most, json) = arguments()?;
    let parent = json.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let dir = tempfile::tempdir_in(parent)?;
    let network = Network::new()?;
    // No history behind the head but what a block needs: its size is that of the window, not that of the state.
    let options = Options { history_blocks: 8, ..Options::default() };
    let ledger = Ledger::open(dir.path(), network.genesis.clone(), options)?;
    let random = StdRng::seed_from_u64(1);
    let mut chain = Chain { network, ledger, accounts: 0, slots: 0, salt: 1, random };
    let mut rows = Vec::new();
    println!(
        "a block touches {OLD_ACCOUNTS} accounts, {OLD_SLOTS} slots of {KEEPERS} contracts, and makes \
         {NEW_ACCOUNTS} accounts; milliseconds per block, mean of {BLOCKS}"
    );
    println!("{HEADINGS}");
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        let started = Instant::now();
        chain.grow(size - MADE)?;
        let grown = started.elapsed();
        let row = chain.measure(&dir.path().join("state.redb"))?;
        println!("{}  {:>7.1}", row.line(), grown.as_secs_f64());
        rows.push(row);
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        anyhow::bail!("--accounts is below the smallest size, {}", SIZES[0]);
    };
    let growth = last.block.as_secs_f64() / first.block.as_secs_f64();
    let bytes = last.state_bytes / last.accounts;
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    let result = json!({ "growth": growth, "bytes_per_account": bytes, "sizes": rows });
    std::fs::write(&json, serde_json::to_string_pretty(&result)?)?;
    println!("growth={growth:.2} bytes-per-account={bytes}");
    Ok(())
}

fn arguments() -> anyhow::Result<(u64, PathBuf)> {
    let (mut most, mut json) = (SIZES[3], PathBuf::from("target/bench/state.json"));
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match (name.as_str(), value) {
            ("--accounts", Some(value)) => most = value.parse()?,
            ("--json", Some(value)) => json = value.into(),
            _ => anyhow::bail!("{name}: takes --accounts N and --json FILE"),
        }
    }
    Ok((most, json))
}

impl Chain {
    fn grow(&mut self, size: u64) -> anyhow::Result<()> {
        while self.accounts < size {
            let count = GROWTH_BLOCK.min(size - self.accounts);
            let mut transactions = self.make_accounts(count);
            let slots = (self.accounts / ACCOUNTS_PER_SLOT / u64::from(KEEPERS)).saturating_sub(self.slots);
            for keeper in 0..KEEPERS {
                for (start, count) in chunks(self.slots, slots, NEW_PER_TRANSACTION) {
                    transactions.push(self.network.keep(keeper, start, count, self.salt));
                }
            }
            self.slots += slots;
            self.block(transactions)?;
        }
        Ok(())
    }

    fn make_accounts(&mut self, count: u64) -> Vec<Recovered> {
        let made = chunks(self.accounts, count, NEW_PER_TRANSACTION);
        self.accounts += count;
        made.map(|(start, count)| self.network.pay(start, count)).collect()
    }

    fn touch(&mut self) -> Vec<Recovered> {
        self.salt += 1;
        let start = self.random.random_range(0..self.accounts - OLD_ACCOUNTS);
        let old = chunks(start, OLD_ACCOUNTS, OLD_PER_TRANSACTION);
        let mut transactions: Vec<_> = old.map(|(start, count)| self.network.pay(start, count)).collect();
        let each = OLD_SLOTS / u64::from(KEEPERS);
        for keeper in 0..KEEPERS {
            let start = self.random.random_range(0..=self.slots - each);
            transactions.push(self.network.keep(keeper, start, each, self.salt));
        }
        transactions.extend(self.make_accounts(NEW_ACCOUNTS));
        transactions
    }

    /// Time of the whole, and of building alone.
    fn block(&mut self, transactions: Vec<Recovered>) -> anyhow::Result<(Duration, Duration)> {
        let started = Instant::now();
        let built = self.network.build(&self.ledger, transactions)?;
        let build = started.elapsed();
        self.ledger.commit(self.network.seal(&built.block)?)?;
        Ok((started.elapsed(), build))
    }

    fn measure(&mut self, file: &Path) -> anyhow::Result<Row> {
        for _ in 0..WARM_UP {
            let transactions = self.touch();
            self.block(transactions)?;
        }
        self.ledger.flush()?;
        let (before, cpu) = (self.ledger.spent(), cpu()?);
        let (mut blocks, mut build) = (Vec::new(), Duration::ZERO);
        for _ in 0..BLOCKS {
            let transactions = self.touch();
            let (whole, built) = self.block(transactions)?;
            blocks.push(whole);
            build += built;
        }
        let flushed = Instant::now();
        self.ledger.flush()?;
        let whole: Duration = blocks.iter().sum::<Duration>() + flushed.elapsed();
        let cpu_after = self::cpu()?;
        self.check()?;
        blocks.sort_unstable();
        let per = u32::try_from(BLOCKS)?;
        Ok(Row {
            accounts: self.accounts,
            block: whole / per,
            median: blocks[blocks.len() / 2],
            slowest: blocks[blocks.len() - 1],
            build: build / per,
            cpu: cpu_after.saturating_sub(cpu) / per,
            spent: (self.ledger.spent() - before) / per,
            state_bytes: std::fs::metadata(file)?.len(),
            rss_bytes: resident()?,
        })
    }

    /// The accounts are really there.
    fn check(&self) -> anyhow::Result<()> {
        for number in [0, self.accounts / 2, self.accounts - 1] {
            let account = self.ledger.account(payee(number), ledger::At::Head)?;
            anyhow::ensure!(!account.balance.is_zero(), "account {number} was not made");
        }
        Ok(())
    }
}

fn chunks(start: u64, count: u64, of: u64) -> impl Iterator<Item = (u64, u64)> {
    let starts = (start..start + count).step_by(usize::try_from(of).unwrap_or(usize::MAX));
    starts.map(move |at| (at, of.min(start + count - at)))
}

const HEADINGS: &str = " accounts    block   median  slowest      cpu  execute     root blockfile  statefile  state MB   RSS MB   grown s";

impl Row {
    fn execute(&self) -> Duration {
        self.build.saturating_sub(self.spent.root)
    }

    fn line(&self) -> String {
        format!(
            "{:>9} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>10.2} {:>9} {:>8}",
            self.accounts,
            ms(self.block),
            ms(self.median),
            ms(self.slowest),
            ms(self.cpu),
            ms(self.execute()),
            ms(self.spent.root),
            ms(self.spent.block_file),
            ms(self.spent.state_file),
            self.state_bytes >> 20,
            self.rss_bytes >> 20,
        )
    }

    fn json(&self) -> Value {
        json!({
            "accounts": self.accounts,
            "block_ms": ms(self.block),
            "median_ms": ms(self.median),
            "slowest_ms": ms(self.slowest),
            "cpu_ms": ms(self.cpu),
            "execute_ms": ms(self.execute()),
            "root_ms": ms(self.spent.root),
            "block_file_ms": ms(self.spent.block_file),
            "state_file_ms": ms(self.spent.state_file),
            "state_bytes": self.state_bytes,
            "rss_bytes": self.rss_bytes,
        })
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Memory of this process.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    Ok(kib.parse::<u64>()? << 10)
}

/// Processor time of this process, user and system; the kernel counts it in hundredths of a second.
fn cpu() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
