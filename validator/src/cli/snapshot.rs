//! `snapshot export` and `snapshot import`: the state of one node's chain, for a new node.

use crate::setup::{Setup, SetupError};
use alloy_primitives::B256;
use clap::Subcommand;
use ledger::{
    Ledger, OpenError,
    snapshot::{FRAME_BYTES, Progress, SnapshotError, import},
};
use std::{
    fs::{self, File},
    io::{BufWriter, ErrorKind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Between two lines of progress.
const REPORT: Duration = Duration::from_secs(2);

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// Writes the state after the newest block to a file, and prints the block's hash. The node must be stopped.
    Export {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// File to make; an existing one is never replaced.
        #[arg(long)]
        out: PathBuf,
    },
    /// Makes the chain of a new node from a file. Goes on where an earlier run was cut off.
    Import {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// The file.
        #[arg(long = "in")]
        file: PathBuf,
        /// Hash of the file's block, as nodes that you trust give it: what the file holds is checked against it.
        #[arg(long)]
        hash: B256,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotCliError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
}

impl SnapshotCliError {
    pub(super) const fn is_bad_input(&self) -> bool {
        match self {
            Self::Setup(_) | Self::File { .. } => true,
            Self::Open(error) => !matches!(error, OpenError::Ledger(_)),
            Self::Snapshot(error) => error.is_refusal() || matches!(error, SnapshotError::NotEmpty { .. }),
        }
    }
}

pub(super) fn run(command: SnapshotCommand) -> Result<(), SnapshotCliError> {
    match command {
        SnapshotCommand::Export { config, out } => export(&Setup::load(&config)?, &out),
        SnapshotCommand::Import { config, file, hash } => {
            let setup = Setup::load(&config)?;
            let dir = folder(&setup);
            let mut reported = Instant::now();
            let head = import(&dir, &setup.genesis, &file, hash, |at| report(at, &mut reported))?;
            println!("block={} hash={}", head.number, head.hash);
            Ok(())
        }
    }
}

fn folder(setup: &Setup) -> PathBuf {
    Path::new(&setup.config.data_dir).join("chain")
}

/// Under another name until it is whole.
fn export(setup: &Setup, out: &Path) -> Result<(), SnapshotCliError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| SnapshotCliError::File { path, source }
    };
    if out.exists() {
        return Err(at(out)(ErrorKind::AlreadyExists.into()));
    }
    let ledger = Ledger::open(&folder(setup), setup.genesis.clone(), setup.ledger_options())?;
    let part = out.with_extension("part");
    let file = BufWriter::with_capacity(1 << 20, File::create(&part).map_err(at(&part))?);
    let mut reported = Instant::now();
    let (head, file) =
        ledger.export_snapshot(file, FRAME_BYTES, |progress| report(progress, &mut reported))?;
    let file = file.into_inner().map_err(|error| at(&part)(error.into_error()))?;
    file.sync_all().map_err(at(&part))?;
    fs::rename(&part, out).map_err(at(out))?;
    println!("block={} hash={}", head.number, head.hash);
    Ok(())
}

/// Tells how far it is, now and then.
fn report(at: &Progress, reported: &mut Instant) {
    if reported.elapsed() >= REPORT {
        *reported = Instant::now();
        let Progress { bytes, accounts, slots, codes, percent, hashing } = *at;
        let what = if hashing { "working out roots" } else { "moving state" };
        tracing::info!(percent, mib = bytes >> 20, accounts, slots, codes, "snapshot: {what}");
    }
}
