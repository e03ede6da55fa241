//! The command line.

mod db;
mod reseat;
mod snapshot;

use crate::{
    devnet::{self, DevnetError, DevnetSpec, NewKey, Ports},
    node,
    setup::{Setup, SetupError},
    signer::key_file::write_key,
};
use chain::client::ClientProfile;
use clap::{Parser, Subcommand, ValueEnum};
use reseat::{ReseatCliError, ReseatCommand};
use snapshot::{SnapshotCliError, SnapshotCommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio_util::sync::CancellationToken;

/// Exit code for bad input: nothing was started.
const BAD_INPUT: u8 = 2;
/// A stop that takes longer is cut off; nothing durable can be lost by it.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A QBFT validator node.
#[derive(Debug, Parser)]
#[command(name = "quorate-validator", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "text", global = true)]
    log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the node until SIGTERM or SIGINT.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Checks configuration, genesis and keys, and starts nothing.
    Check {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Writes a new key and prints its address and node id.
    Keygen {
        /// File to make; an existing one is never replaced.
        #[arg(long)]
        out: PathBuf,
    },
    /// The state of one node's chain as a file, and a new node's chain from it.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Looks at, checks and moves the database of a stopped node.
    Db(db::DbArgs),
    /// Other seats for a chain that is halted because too many are lost for good: the last resort.
    #[command(subcommand)]
    Reseat(ReseatCommand),
    /// Writes configurations, genesis and keys of a local network, for `run`.
    Devnet {
        /// Validators.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
        nodes: u16,
        /// Folder to make.
        #[arg(long)]
        dir: PathBuf,
        /// EIP-155 chain id.
        #[arg(long, default_value_t = 10101)]
        chain_id: u64,
        /// First port; every node takes three of the next ten.
        #[arg(long, default_value_t = 31000)]
        base_port: u16,
        /// Seconds between blocks.
        #[arg(long, default_value_t = 2)]
        block_period: u64,
        /// Clients to be like: quorate, besu, besu24 or goquorum.
        #[arg(long, default_value_t = ClientProfile::Quorate)]
        profile: ClientProfile,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Devnet(#[from] DevnetError),
    #[error("key file {path} cannot be written: {source}")]
    Key { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Node(#[from] node::NodeError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotCliError),
    #[error(transparent)]
    Reseat(#[from] ReseatCliError),
    #[error(transparent)]
    Db(db::DbCommandError),
    #[error("cannot start threads: {0}")]
    Runtime(std::io::Error),
    #[error("node did not stop within {} s and was cut off", STOP_DEADLINE.as_secs())]
    StopDeadline,
}

/// Parses the arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.log_format);
    if let Err(error) = azure_access::private_memory::keep() {
        tracing::warn!(%error, "cannot rule out dumps of this process's memory, which holds keys");
    }
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quorate-validator: {error}");
            ExitCode::from(if is_bad_input(&error) { BAD_INPUT } else { 1 })
        }
    }
}

fn is_bad_input(error: &CliError) -> bool {
    match error {
        CliError::Setup(_) | CliError::Devnet(_) | CliError::Key { .. } => true,
        CliError::Node(error) => error.is_bad_input(),
        CliError::Snapshot(error) => error.is_bad_input(),
        CliError::Reseat(error) => error.is_bad_input(),
        CliError::Db(_) | CliError::Runtime(_) | CliError::StopDeadline => false,
    }
}

fn execute(command: Command) -> Result<(), CliError> {
    match command {
        Command::Run { config } => run(Setup::load(&config)?),
        Command::Check { config } => {
            let setup = Setup::load(&config)?;
            println!("configuration, genesis and keys are consistent: {}", summary(&setup));
            Ok(())
        }
        Command::Keygen { out } => keygen(out),
        Command::Snapshot(command) => Ok(snapshot::run(command)?),
        Command::Reseat(command) => Ok(reseat::run(command)?),
        Command::Db(arguments) => db::execute(&arguments),
        Command::Devnet { nodes, dir, chain_id, base_port, block_period, profile } => {
            let ports = (0..nodes).map(|node| Ports::from_base(base_port, node)).collect();
            make_devnet(&DevnetSpec {
                dir,
                chain_id,
                block_period_s: block_period,
                request_timeout_ms: 1500,
                gas_limit: 250_000_000,
                nodes: ports,
                seats: usize::from(nodes),
                profile,
            })
        }
    }
}

fn summary(setup: &Setup) -> String {
    let addresses: Vec<_> = setup.candidates.iter().map(|one| one.signer.address().to_string()).collect();
    let identity = match (addresses.is_empty(), setup.config.identity.is_some()) {
        (true, _) => "none".to_string(),
        (false, true) => addresses.concat(),
        (false, false) => format!("none, spare of {}", addresses.join(" ")),
    };
    format!(
        "chain {}, genesis {}, identity {identity}, node id {}",
        setup.config.network.chain_id,
        setup.genesis.hash,
        setup.node_key.id()
    )
}

fn keygen(out: PathBuf) -> Result<(), CliError> {
    let key = NewKey::random()?;
    write_key(&out, &key.secret).map_err(|source| CliError::Key { path: out, source })?;
    println!("address: {}\nenode id: {}", key.address, hex::encode(key.node_id));
    Ok(())
}

fn make_devnet(spec: &DevnetSpec) -> Result<(), CliError> {
    let made = devnet::create(spec)?;
    println!("made {} nodes; start each of them:", made.configs.len());
    for (ports, config) in spec.nodes.iter().zip(&made.configs) {
        let rpc = ports.rpc;
        println!("  quorate-validator run --config {}   # RPC http://127.0.0.1:{rpc}", config.display());
    }
    Ok(())
}

fn run(setup: Setup) -> Result<(), CliError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        let node = node::run(setup, stop.clone());
        tokio::pin!(node);
        tokio::select! {
            ended = &mut node => return ended.map_err(CliError::from),
            signal = stop_signal() => tracing::info!(signal, "stopping"),
        }
        stop.cancel();
        tokio::time::timeout(STOP_DEADLINE, node)
            .await
            .map_err(|_| CliError::StopDeadline)?
            .map_err(CliError::from)
    });
    // Whatever still blocks a thread must not hold the process: all that matters is durable.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for signals; the node will have to be killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
}
