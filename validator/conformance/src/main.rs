//! `conformance evm DIR`, `conformance rpc DIR`: official tests over this node's code; exits with 1 when one fails.

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};

#[derive(Parser)]
#[command(about = "official tests over this node's own code")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// State tests and blockchain tests in every .json file below a directory.
    Evm {
        /// Where the files are.
        dir: PathBuf,
        /// Only cases whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Seconds that one case may take.
        #[arg(long, default_value_t = 120)]
        timeout: u64,
        /// Processes; as many as there are cores when 0.
        #[arg(long, default_value_t = 0)]
        jobs: usize,
    },
    /// Scripts (.io) below a directory over the chain in it: `genesis.json`, `chain.rlp`.
    Rpc {
        /// Where the files are.
        dir: PathBuf,
        /// Only files whose path contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Compare the texts of errors too.
        #[arg(long)]
        messages: bool,
    },
    /// Loads `genesis.json` and `chain.rlp` of a directory and prints the head.
    Chain {
        /// Where the files are.
        dir: PathBuf,
    },
    /// Runs the files named on standard input and tells what came of each case; started by `evm`.
    #[command(hide = true)]
    EvmWorker {
        /// Only cases whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Evm { dir, only, timeout, jobs } => {
            conformance::evm::run(&dir, &only, Duration::from_secs(timeout), jobs)
        }
        Command::Rpc { dir, only, messages } => conformance::rpc::run(&dir, &only, messages),
        Command::Chain { dir } => chain(&dir),
        Command::EvmWorker { only } => conformance::evm::worker::serve(&only),
    }
}

fn chain(dir: &std::path::Path) -> ExitCode {
    match conformance::chain_file::load(dir, |_| {}) {
        Ok(ledger) => {
            let head = ledger.head();
            println!("head={} hash={} root={}", head.number, head.hash, head.header.state_root);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}
