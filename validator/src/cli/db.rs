//! `db`: a stopped node's database.

use super::CliError;
use crate::{
    db::{self, DbError, Moved},
    setup::Setup,
};
use clap::{Args, Subcommand};
use ledger::{Files, InspectError, Ledger};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
    /// The node's configuration file.
    #[arg(long)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Prints tables, rows, bytes and which blocks and states are here.
    Stats,
    /// Checks every block and works the state root out from all accounts and slots; exit code 1 at the first fault.
    Verify {
        /// First block to check: the last one that a stopped run named.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Reads again what of the state a stopped run found right.
        #[arg(long)]
        anew: bool,
    },
    /// Writes blocks to a file, as geth and Besu do; goes on where an earlier run stopped.
    Export {
        /// The file.
        #[arg(long)]
        blocks: PathBuf,
        /// First block.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Last block; the newest when absent.
        #[arg(long)]
        to: Option<u64>,
    },
    /// Checks, executes and stores the blocks of such a file; goes on where an earlier run stopped.
    Import {
        /// The file.
        #[arg(long)]
        blocks: PathBuf,
    },
}

/// Why a database command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DbCommandError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Db(#[from] DbError),
}

pub(super) fn execute(arguments: &DbArgs) -> Result<(), CliError> {
    let setup = Setup::load(&arguments.config)?;
    let dir = Path::new(&setup.config.data_dir).join("chain");
    run(&arguments.command, &dir, &setup).map_err(CliError::Db)
}

fn run(command: &DbCommand, dir: &Path, setup: &Setup) -> Result<(), DbCommandError> {
    let genesis = &setup.genesis;
    match command {
        DbCommand::Stats => Ok(stats(&Files::open(dir, genesis)?)?),
        DbCommand::Verify { from, anew } => Ok(verify(&Files::open(dir, genesis)?, *from, *anew)?),
        DbCommand::Export { blocks, from, to } => {
            let ledger = open(dir, setup)?;
            let to = to.unwrap_or_else(|| ledger.head().number);
            let mut every = Every::new();
            let moved = db::export(&ledger, *from..=to, blocks, |block| {
                every.print(|| format!("exported block {block} of {to}"));
            })?;
            summary("exported", &moved);
            Ok(())
        }
        DbCommand::Import { blocks } => {
            let ledger = open(dir, setup)?;
            let mut every = Every::new();
            let moved = db::import(&ledger, blocks, |block| {
                every.print(|| format!("imported block {block}"));
            })?;
            summary("imported", &moved);
            Ok(())
        }
    }
}

fn open(dir: &Path, setup: &Setup) -> Result<Ledger, DbError> {
    Ok(Ledger::open(dir, setup.genesis.clone(), setup.ledger_options())?)
}

fn summary(did: &str, moved: &Moved) {
    println!("{did}={} already-there={} last-block={}", moved.written, moved.skipped, moved.last);
}

fn stats(files: &Files) -> Result<(), InspectError> {
    let stats = files.stats()?;
    for file in &stats.files {
        println!("{} ({} bytes)", file.path.display(), file.bytes);
        println!("  {:<18} {:>12} {:>16} {:>16}", "table", "rows", "bytes", "overhead");
        for table in &file.tables {
            println!("  {:<18} {:>12} {:>16} {:>16}", table.name, table.rows, table.stored, table.overhead);
        }
    }
    let (head, hash) = stats.head;
    let state = stats.state_head.map_or("none".to_string(), |block| block.to_string());
    println!("head={head} hash={hash} state={state} oldest-state={}", stats.oldest_state);
    Ok(())
}

fn verify(files: &Files, from: u64, anew: bool) -> Result<(), InspectError> {
    let mut every = Every::new();
    let blocks = files.verify_blocks(from, |block, newest| {
        every.print(|| format!("blocks are right up to {block} of {newest}; go on with --from {block}"));
    })?;
    let state = files.verify_state(anew, |part, parts| {
        every.print(|| format!("state: {part} of {parts} parts are right; the next run goes on behind them"));
    })?;
    println!(
        "blocks={from}..{blocks} state={} accounts={} slots={} parts-read-before={} faults=0",
        state.block, state.accounts, state.slots, state.earlier
    );
    Ok(())
}

/// Lines to standard error, some seconds apart.
struct Every(Instant);

impl Every {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn print(&mut self, line: impl FnOnce() -> String) {
        if self.0.elapsed() >= PROGRESS {
            eprintln!("{}", line());
            self.0 = Instant::now();
        }
    }
}
