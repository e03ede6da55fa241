//! The command line.

use clap::{Parser, ValueEnum};
use operator_core::build::NetworkAccess;
use std::net::SocketAddr;
use tracing_subscriber::EnvFilter;

/// Runs Quorate's networks on Kubernetes.
#[derive(Clone, Debug, Parser)]
#[command(name = "quorate-operator", version)]
pub(crate) struct Args {
    /// Watch these namespaces only, separated by commas; all when absent.
    #[arg(long = "namespace", env = "QUORATE_NAMESPACE", value_delimiter = ',')]
    pub(crate) namespaces: Vec<String>,
    /// Image of nodes whose `spec.image` is absent.
    #[arg(long, env = "QUORATE_NODE_IMAGE")]
    pub(crate) node_image: String,
    /// Where `/livez`, `/readyz` and `/metrics` answer.
    #[arg(long, env = "QUORATE_LISTEN", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    /// Objects of one kind that are worked on at the same time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    /// Namespace of the operator's own pods. With it every fleet gets a NetworkPolicy that lets the operator in; without it
    /// fleets get none, since the operator could not be named.
    #[arg(long, env = "QUORATE_OPERATOR_NAMESPACE")]
    pub(crate) operator_namespace: Option<String>,
    /// Namespaces whose pods may read the nodes' metrics, separated by commas.
    #[arg(
        long,
        env = "QUORATE_MONITORING_NAMESPACES",
        value_delimiter = ',',
        requires = "operator_namespace"
    )]
    pub(crate) monitoring_namespaces: Vec<String>,
    /// How log lines are written.
    #[arg(long, value_enum, env = "QUORATE_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl Args {
    /// Who reaches every node, when fleets are to have network policies.
    pub(crate) fn network_access(&self) -> Option<NetworkAccess> {
        Some(NetworkAccess {
            operator_namespace: self.operator_namespace.clone()?,
            monitoring_namespaces: self.monitoring_namespaces.clone(),
        })
    }
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
