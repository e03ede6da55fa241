//! `reseat`: the last resort when seats are lost for good and the chain is halted (docs/recovery.md).

mod halted;
mod plan;
mod rpc;

use crate::{
    reseat::{KeptError, put},
    setup::{Setup, SetupError},
    signer::{FileSigner, Signer as _, SignerError, key_file::KeyFileError},
};
use alloy_primitives::Address;
use chain::{
    Seal,
    reseat::{NamedSeat, RecoveryError, RecoveryRecord, majority},
    signature::{SignatureError, recover},
};
use clap::Subcommand;
use halted::Halted;
use ledger::{Ledger, LedgerError, OpenError, RecordRefused};
use plan::Plan;
use rpc::{Endpoint, RpcReadError};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Subcommand)]
pub(super) enum ReseatCommand {
    /// Writes a record without signatures for the height after a node's head, and prints what it will do, what it risks and
    /// who must sign.
    Prepare {
        /// Configuration file of a stopped node, the one with the highest head.
        #[arg(long, required_unless_present = "rpc", conflicts_with = "rpc")]
        config: Option<PathBuf>,
        #[command(flatten)]
        endpoint: Endpoint,
        /// Identity of a seat that stays.
        #[arg(long)]
        keep: Vec<Address>,
        /// New seat: identity, then the operator account that will own it, with a colon between.
        #[arg(long, value_parser = plan::seat)]
        add: Vec<NamedSeat>,
        /// 2 or more, where a record of this height was taken up before and its seats were lost too.
        #[arg(long, default_value_t = 1)]
        attempt: u32,
        /// File to make; an existing one is never replaced.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prints an admin's signature of a record, and whose it is.
    Sign {
        /// The record.
        #[arg(long)]
        record: PathBuf,
        /// File with the admin's key, 64 hex digits.
        #[arg(long)]
        key: PathBuf,
    },
    /// Puts signatures into a record, each once, in their order.
    Combine {
        /// The record; signatures that it holds already stay.
        #[arg(long)]
        record: PathBuf,
        /// A signature as `sign` printed it, or an `eth_signTypedData_v4` one.
        #[arg(long)]
        signature: Vec<String>,
        /// File to make; an existing one is never replaced.
        #[arg(long)]
        out: PathBuf,
    },
    /// Says whether a stopped node would take a record up, and what is missing.
    Check {
        /// Configuration file of the node.
        #[arg(long)]
        config: PathBuf,
        /// The record.
        #[arg(long)]
        record: PathBuf,
    },
    /// Puts a record where a running or stopped node takes it up; peers get it from there.
    Apply {
        /// Configuration file of the node.
        #[arg(long)]
        config: PathBuf,
        /// The record.
        #[arg(long)]
        record: PathBuf,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReseatCliError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{0}; a running node holds its database: stop it first, or prepare from its JSON-RPC with --rpc")]
    Open(#[from] OpenError),
    #[error(transparent)]
    Rpc(#[from] RpcReadError),
    #[error(
        "the head moved from {from} to {to} while it was read: this chain is not halted, or catching up; wait until all nodes stand at one height"
    )]
    Moves { from: u64, to: u64 },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Refused(#[from] RecordRefused),
    #[error(transparent)]
    Record(#[from] RecoveryError),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error("{0} holds no seat; --keep names seats of the halted state, --add new ones")]
    NotSeated(Address),
    #[error("{0} is named twice; name each identity once")]
    Twice(Address),
    #[error("signature {got:?} is not 65 bytes of hex; copy it as it was printed")]
    Signature { got: String },
    #[error("signature {got:?}: {source}")]
    Recover { got: String, source: SignatureError },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
}

impl ReseatCliError {
    pub(super) const fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Ledger(_) | Self::Signer(_) | Self::Rpc(_) | Self::Moves { .. })
    }
}

pub(super) fn run(command: ReseatCommand) -> Result<(), ReseatCliError> {
    match command {
        ReseatCommand::Prepare { config, endpoint, keep, add, attempt, out } => {
            let plan =
                prepare(config.as_deref(), &endpoint, |halted| Plan::make(halted, &keep, &add, attempt))?;
            write_new(&out, &plan.record.to_json()?)?;
            print!("{plan}");
            println!("record written to {}; sign it with: quorate-validator reseat sign", out.display());
        }
        ReseatCommand::Sign { record, key } => {
            let (record, signer) = (read(&record)?, FileSigner::of(&key)?);
            println!("{} by {}", signer.sign_now(record.digest())?, signer.address());
        }
        ReseatCommand::Combine { record, signature, out } => {
            let combined = combine(read(&record)?, &signature)?;
            write_new(&out, &combined.to_json()?)?;
            println!("{} signatures; written to {}", combined.signatures.len(), out.display());
        }
        ReseatCommand::Check { config, record } => {
            let (ledger, record) = (open(&Setup::load(&config)?)?, read(&record)?);
            ledger.check_record(&record)?;
            let (members, got) = (ledger.members()?.len(), record.signatures.len());
            println!("good: {got} of {members} admins signed, {} needed", majority(members));
        }
        ReseatCommand::Apply { config, record } => {
            let (setup, record) = (Setup::load(&config)?, read(&record)?);
            let path = put(Path::new(&setup.config.data_dir), &record)?;
            println!(
                "written to {}; the node says in its log and status what it makes of it",
                path.display()
            );
        }
    }
    Ok(())
}

fn prepare(
    config: Option<&Path>,
    endpoint: &Endpoint,
    make: impl FnOnce(Halted) -> Result<Plan, ReseatCliError>,
) -> Result<Plan, ReseatCliError> {
    // A running node holds its database.
    let Some(config) = config.filter(|_| !endpoint.is_named()) else { return make(Halted::ask(endpoint)?) };
    let ledger = open(&Setup::load(config)?)?;
    let plan = make(Halted::of(&ledger)?)?;
    ledger.check_seats(&plan.record.reseat())?;
    Ok(plan)
}

fn open(setup: &Setup) -> Result<Ledger, OpenError> {
    Ledger::open(
        &Path::new(&setup.config.data_dir).join("chain"),
        setup.genesis.clone(),
        setup.ledger_options(),
    )
}

/// Sorted by whose they are, each once: the one form that nodes take.
fn combine(record: RecoveryRecord, given: &[String]) -> Result<RecoveryRecord, ReseatCliError> {
    let digest = record.digest();
    let mut seals = record.signatures.clone();
    for text in given {
        seals.push(seal(text)?);
    }
    let mut signed = Vec::with_capacity(seals.len());
    for seal in seals {
        let admin = recover(digest, &seal)
            .map_err(|source| ReseatCliError::Recover { got: seal.to_string(), source })?;
        println!("signed by {admin}");
        signed.push((admin, seal));
    }
    signed.sort_unstable_by_key(|(admin, _)| *admin);
    signed.dedup_by_key(|(admin, _)| *admin);
    Ok(RecoveryRecord { signatures: signed.into_iter().map(|(_, seal)| seal).collect(), ..record })
}

/// Wallets end signatures with 27 or 28, we with 0 or 1.
fn seal(text: &str) -> Result<Seal, ReseatCliError> {
    let hex = text.split_whitespace().next().unwrap_or_default();
    let mut seal: Seal = hex.parse().map_err(|_| ReseatCliError::Signature { got: text.to_string() })?;
    if let v @ 27..=28 = seal[64] {
        seal[64] = v - 27;
    }
    Ok(seal)
}

fn read(path: &Path) -> Result<RecoveryRecord, ReseatCliError> {
    let text = fs::read_to_string(path).map_err(|source| failed(path, source))?;
    Ok(RecoveryRecord::from_json(&text)?)
}

fn write_new(path: &Path, text: &str) -> Result<(), ReseatCliError> {
    use std::io::Write as _;
    let write = || fs::File::create_new(path)?.write_all(text.as_bytes());
    write().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> ReseatCliError {
    ReseatCliError::File { path: path.to_path_buf(), source }
}
