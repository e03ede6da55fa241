//! `vault-double`: see `--help` and the crate's README.

use anyhow::Context as _;
use clap::Parser;
use std::{net::SocketAddr, path::PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use vault_double::{Client, Double, Issuer, Options};

/// A double of Azure Key Vault for tests.
#[derive(Debug, Parser)]
#[command(name = "vault-double")]
struct Arguments {
    /// Where the vault and the token endpoint listen, https.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where the switches are, plain http; nowhere when absent.
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// Names and addresses that its certificate is for.
    #[arg(long, value_delimiter = ',', default_value = "localhost,127.0.0.1")]
    names: Vec<String>,
    /// File for the certificate of its authority, PEM.
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// What everything random comes from: the same requests get the same keys and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Directory of the clients.
    #[arg(long, default_value = "11111111-1111-1111-1111-111111111111")]
    tenant: String,
    /// JSON file with the clients, their service accounts and their roles; they can be set by the switches too.
    #[arg(long)]
    clients: Option<PathBuf>,
    /// JSON file with the issuer of their tokens and its public keys.
    #[arg(long)]
    issuer: Option<PathBuf>,
    /// Signatures that the log keeps.
    #[arg(long, default_value_t = 100_000)]
    most_signed: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let clients: Vec<Client> = match &arguments.clients {
        None => Vec::new(),
        Some(path) => serde_json::from_str(&read(path)?).with_context(|| path.display().to_string())?,
    };
    let issuer: Issuer = match &arguments.issuer {
        None => Issuer::default(),
        Some(path) => serde_json::from_str(&read(path)?).with_context(|| path.display().to_string())?,
    };
    let double = Double::start(Options {
        listen: arguments.listen,
        admin: arguments.admin,
        names: arguments.names,
        seed: arguments.seed,
        tenant: arguments.tenant,
        clients,
        issuer,
        most_signed: arguments.most_signed,
    })
    .await?;
    if let Some(path) = &arguments.ca_out {
        std::fs::write(path, double.authority())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    println!("vault {} listens on {}", double.url(), double.address());
    if let Some(admin) = double.admin() {
        println!("switches http://{admin}");
    }
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
