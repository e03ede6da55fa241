//! Real validators under real faults: each node a process in a network namespace of its own.
//!
//! `faults recovery`, `faults dead-proposer` and `faults scenarios` print a table and end with `name=value` pairs. The
//! tool enters namespaces of its own first (network, mounts, processes), so nothing outlives it and the machine's network
//! is not touched. It needs root, `ip`, `nft` and `tc`; what the kernel cannot do is left out and counted. A figure above its
//! bar ends the program with a failure, and so does whatever keeps it from being measured.

mod dead_proposer;
mod kernel;
mod lab;
mod links;
mod long_way;
mod node;
mod recovery;
mod scenarios;
#[path = "../shared/sender.rs"]
mod sender;
mod watch;

use clap::{Parser, Subcommand};
use std::{
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Tells the second stage that it is one.
const INSIDE: &str = "QUORATE_FAULTS_INSIDE";

#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
    /// The node's binary.
    #[arg(long, global = true, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// `libfaketime.so.1`, for steps of the clock; without it they are left out.
    #[arg(long, global = true)]
    faketime: Option<PathBuf>,
    /// Folder for the networks and their logs, kept afterwards; a temporary one when absent.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// First block after a quorum is back.
    Recovery {
        /// Lengths of the outages, seconds.
        #[arg(long, value_delimiter = ',', default_values_t = [10, 60])]
        seconds: Vec<u64>,
        /// Only quorums lost by these.
        #[arg(long, value_delimiter = ',', default_values_t = recovery::LOSSES)]
        by: Vec<recovery::Loss>,
        /// How often.
        #[arg(long, default_value_t = 1)]
        times: u64,
        /// Milliseconds that every packet takes one way.
        #[arg(long, value_delimiter = ',', default_values_t = [0, 300])]
        delay_ms: Vec<u64>,
    },
    /// Heights whose proposer is dead.
    DeadProposer {
        /// How many of them.
        #[arg(long, default_value_t = 100)]
        heights: u64,
    },
    /// Faults of all kinds, each followed by a check that nothing forked and all goes on.
    Scenarios {
        /// Only those whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if std::env::var_os(INSIDE).is_none() {
        return enter();
    }
    let temporary = tempfile::tempdir()?;
    lab::prepare()?;
    // Packets on a long way must not wait for a program that the other threads wait for.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(async {
        let setting = lab::Setting {
            dir: options.dir.clone().unwrap_or_else(|| temporary.path().to_path_buf()),
            binary: std::path::absolute(&options.binary)?,
            faketime: options.faketime.clone(),
            kernel: kernel::Kernel::probe(),
        };
        match options.what {
            What::Recovery { seconds, by, times, delay_ms } => {
                recovery::run(&setting, &recovery::Plan { seconds, by, times, delay_ms }).await
            }
            What::DeadProposer { heights } => dead_proposer::run(&setting, heights).await,
            What::Scenarios { only } => Box::pin(scenarios::run(&setting, &only)).await,
        }
    })
}

/// Starts this program anew in namespaces of its own: the end of its first process there is the end of all.
fn enter() -> anyhow::Result<ExitCode> {
    let root = Command::new("id").arg("-u").output()?.stdout == b"0\n";
    anyhow::ensure!(
        root,
        "namespaces need root, so nothing was measured; run it as sudo env PATH=\"$PATH\" HOME=\"$HOME\" make …"
    );
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(anyhow::anyhow!("unshare: {error}; install util-linux"))
}
