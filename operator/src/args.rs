//! The command line.

use clap::{Parser, ValueEnum};
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;

/// Runs Quorate's networks on Kubernetes.
#[derive(Clone, Debug, Parser)]
#[command(name = "quorate-operator", version)]
pub(crate) struct Args {
    /// Watch this namespace only; all when absent.
    #[arg(long, env = "QUORATE_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Image of nodes whose `spec.image` is absent.
    #[arg(long, env = "QUORATE_NODE_IMAGE")]
    pub(crate) node_image: String,
    /// Where `/livez`, `/readyz` and `/metrics` answer.
    #[arg(long, env = "QUORATE_LISTEN", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    /// Objects of one kind that are worked on at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    /// How log lines are written.
    #[arg(long, value_enum, env = "QUORATE_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Log lines to standard error; `RUST_LOG` chooses which.
pub(crate) fn logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}
