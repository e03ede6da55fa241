//! How block time grows with the state: one chain of 10 k, 100 k, 1 M and 10 M accounts, made by its own blocks, and at
//! each size the same number of touched keys per block: accounts that exist, slots that exist, accounts that are new.
//!
//! `state --accounts 10000000 --json target/bench/state.json` prints a table and ends with `growth=… bytes-per-account=…`.
//!
//! A block's time is what the chain waits for: building it (execution, roots), sealing it and committing it until the
//! head has moved. Blocks are offered at a pace of as many touched keys a second as a loaded network has; their state is
//! written behind them on the same cores, and how many blocks that was behind at most is printed. Growth is a block's
//! time at the largest size over that at the smallest. Then the same blocks back to back, all writing included: that is
//! the sustained time, and its growth is printed too.

mod network;

use chain::genesis::Genesis;
use ledger::{Files, Ledger, Options, Recovered, Spent, TableStats};
use network::{KEEPERS, Network, payee};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The allocator of the node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// Accounts made by one block while growing.
const GROWTH_BLOCK: u64 = 25_000;
/// Empty blocks after growing, in which the history of that is forgotten: 2,000 keys each.
const PRUNING: u64 = 200;
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
/// Between two offered blocks.
const PACE: Duration = Duration::from_millis(250);
/// Made by the blocks of one size that are offered at a pace, the last of which reaches it.
const MADE: u64 = NEW_ACCOUNTS * (WARM_UP + BLOCKS);

struct Row {
    accounts: u64,
    paced: Phase,
    sustained: Phase,
    state_bytes: u64,
    rss_bytes: u64,
}

/// Some blocks; times are those of one.
struct Phase {
    block: Duration,
    median: Duration,
    slowest: Duration,
    build: Duration,
    cpu: Duration,
    spent: Spent,
    /// Blocks that waited to be written, at most.
    behind: usize,
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
    let keys = OLD_ACCOUNTS + OLD_SLOTS + NEW_ACCOUNTS;
    println!(
        "a block touches {OLD_ACCOUNTS} accounts, {OLD_SLOTS} slots of {KEEPERS} contracts, and makes {NEW_ACCOUNTS} \
         accounts; one each {} ms, {} keys a second; milliseconds per block, mean of {BLOCKS}",
        PACE.as_millis(),
        u128::from(keys) * 1000 / PACE.as_millis()
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
    let growth = |of: fn(&Row) -> &Phase| of(last).block.as_secs_f64() / of(first).block.as_secs_f64();
    let (growth, sustained) = (growth(|row| &row.paced), growth(|row| &row.sustained));
    let bytes = last.state_bytes / last.accounts;
    let behind = rows.iter().map(|row| row.paced.behind).max().unwrap_or_default();
    let limit = Options::default().unwritten_blocks;
    if behind >= limit {
        println!("writing does not keep up with this pace: {limit} blocks waited, and commits for them");
    }
    let accounts = last.accounts;
    let (genesis, rows) = (chain.network.genesis.clone(), rows.iter().map(Row::json).collect::<Vec<Value>>());
    drop(chain);
    let tables = tables(dir.path(), &genesis, accounts)?;
    let result = json!({
        "growth": growth,
        "sustained_growth": sustained,
        "behind_max": behind,
        "bytes_per_account": bytes,
        "tables": tables,
        "sizes": rows,
    });
    std::fs::write(&json, serde_json::to_string_pretty(&result)?)?;
    println!(
        "sustained-growth={sustained:.2} behind-max={behind} growth={growth:.2} bytes-per-account={bytes}"
    );
    Ok(())
}

/// What the state file holds, largest first: bytes of entries and of pages beside them, for each account.
fn tables(dir: &Path, genesis: &Genesis, accounts: u64) -> anyhow::Result<Vec<Value>> {
    let stats = Files::open(dir, genesis)?.stats()?;
    let mut tables: Vec<_> = stats
        .files
        .into_iter()
        .filter(|file| file.path.ends_with("state.redb"))
        .flat_map(|file| file.tables)
        .collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.stored + table.overhead));
    println!("{:>18} {:>10} {:>14} {:>16}", "table", "rows", "bytes/account", "beside/account");
    for TableStats { name, rows, stored, overhead } in &tables {
        println!("{name:>18} {rows:>10} {:>14} {:>16}", stored / accounts, overhead / accounts);
    }
    let json = |table: TableStats| json!({ "name": table.name, "rows": table.rows, "stored": table.stored, "overhead": table.overhead });
    Ok(tables.into_iter().map(json).collect())
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
        for _ in 0..PRUNING {
            self.block(Vec::new())?;
        }
        self.run(WARM_UP, Some(PACE))?;
        let paced = self.run(BLOCKS, Some(PACE))?;
        let accounts = self.accounts;
        let sustained = self.run(BLOCKS, None)?;
        self.check()?;
        let state_bytes = std::fs::metadata(file)?.blocks() * 512;
        Ok(Row { accounts, paced, sustained, state_bytes, rss_bytes: resident()? })
    }

    /// Blocks at a pace, each timed by itself; or back to back, until all is on disk.
    fn run(&mut self, count: u64, pace: Option<Duration>) -> anyhow::Result<Phase> {
        self.ledger.flush()?;
        let (before, cpu, started) = (self.ledger.spent(), cpu()?, Instant::now());
        let (mut blocks, mut build, mut behind) = (Vec::new(), Duration::ZERO, 0);
        for due in (1..).map(|block| started + pace.unwrap_or_default() * block).take(usize::try_from(count)?)
        {
            let transactions = self.touch();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (whole, built) = self.block(transactions)?;
            blocks.push(whole);
            build += built;
            behind = behind.max(self.ledger.unwritten());
        }
        let flushed = Instant::now();
        self.ledger.flush()?;
        let rest = if pace.is_none() { flushed.elapsed() } else { Duration::ZERO };
        let whole = blocks.iter().sum::<Duration>() + rest;
        let cpu = self::cpu()?.saturating_sub(cpu);
        blocks.sort_unstable();
        let per = u32::try_from(count)?;
        Ok(Phase {
            block: whole / per,
            median: blocks[blocks.len() / 2],
            slowest: blocks[blocks.len() - 1],
            build: build / per,
            cpu: cpu / per,
            spent: (self.ledger.spent() - before) / per,
            behind,
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

const HEADINGS: &str = " accounts    block   median  slowest  execute     root blockfile  writing   behind      cpu  sustained  state MB   RSS MB   grown s";

impl Row {
    fn line(&self) -> String {
        let Phase { block, median, slowest, cpu, spent, behind, .. } = &self.paced;
        format!(
            "{:>9} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>8.2} {:>8} {:>8.2} {:>10.2} {:>9} {:>8}",
            self.accounts,
            ms(*block),
            ms(*median),
            ms(*slowest),
            ms(self.paced.execute()),
            ms(spent.root),
            ms(spent.block_file),
            ms(spent.state_file),
            behind,
            ms(*cpu),
            ms(self.sustained.block),
            self.state_bytes >> 20,
            self.rss_bytes >> 20,
        )
    }

    fn json(&self) -> Value {
        json!({
            "accounts": self.accounts,
            "paced": self.paced.json(),
            "sustained": self.sustained.json(),
            "state_bytes": self.state_bytes,
            "rss_bytes": self.rss_bytes,
        })
    }
}

impl Phase {
    fn execute(&self) -> Duration {
        self.build.saturating_sub(self.spent.root)
    }

    fn json(&self) -> Value {
        json!({
            "block_ms": ms(self.block),
            "median_ms": ms(self.median),
            "slowest_ms": ms(self.slowest),
            "cpu_ms": ms(self.cpu),
            "execute_ms": ms(self.execute()),
            "root_ms": ms(self.spent.root),
            "block_file_ms": ms(self.spent.block_file),
            "writing_ms": ms(self.spent.state_file),
            "behind_max": self.behind,
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
