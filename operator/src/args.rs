//! The command line.

use crate::{azure::AzureArgs, serve::ServeArgs, traces::Traces};
use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use operator_core::{
    build::{ApiServer, NetworkAccess, OperatorImage},
    lease::Terms,
};
use std::{net::SocketAddr, str::FromStr};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Runs Quorate's networks on Kubernetes.
#[derive(Clone, Debug, Parser)]
#[command(name = "quorate-operator", version, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Something else than the operator.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Watch these namespaces only, separated by commas; all when absent.
    #[arg(long = "namespace", env = "QUORATE_NAMESPACE", value_delimiter = ',')]
    pub(crate) namespaces: Vec<String>,
    /// Image of nodes whose `spec.image` is absent.
    #[arg(long, env = "QUORATE_NODE_IMAGE", required = true)]
    node_image: Option<String>,
    /// Image of the operator itself, for the web servers of `spec.publish.networkInfo.service`; without it there are none.
    #[arg(long, env = "QUORATE_OPERATOR_IMAGE")]
    operator_image: Option<String>,
    /// Secrets with registry credentials of that image, separated by commas; they have to be in the namespace of whoever publishes.
    #[arg(long, env = "QUORATE_OPERATOR_IMAGE_PULL_SECRETS", value_delimiter = ',')]
    operator_image_pull_secrets: Vec<String>,
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
    /// Address ranges of the API server, separated by commas, for the policies of fleets whose nodes write Leases; any without.
    #[arg(long, env = "QUORATE_API_SERVER_CIDRS", value_delimiter = ',', requires = "operator_namespace")]
    api_server_cidrs: Vec<String>,
    /// Ports of the API server, separated by commas.
    #[arg(long, env = "QUORATE_API_SERVER_PORTS", value_delimiter = ',', default_value = "443,6443")]
    api_server_ports: Vec<u16>,
    /// Contend for this Lease, `namespace/name`, and act only while it is held; without it this process acts alone.
    #[arg(long, env = "QUORATE_LEASE")]
    pub(crate) lease: Option<LeaseName>,
    /// Name of this replica, which no other has at the same time: its pod's. A container that is restarted has its lease still;
    /// without a name every start is another replica.
    #[arg(long, env = "QUORATE_INSTANCE")]
    pub(crate) instance: Option<String>,
    /// A lease that was not renewed for so long is taken by another.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=600))]
    pub(crate) lease_duration_seconds: u64,
    /// A leader that could not renew for so long stops; below the lease's duration.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=599))]
    pub(crate) renew_deadline_seconds: u64,
    /// Between two looks at the lease.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub(crate) lease_retry_ms: u64,
    /// Whether first lists are streamed: by API servers from Kubernetes 1.34 on, or never.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) streaming_lists: StreamingLists,
    /// How log lines are written.
    #[arg(long, value_enum, env = "QUORATE_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Where Azure's storage is.
    #[command(flatten)]
    pub(crate) azure: AzureArgs,
}

/// What else the program does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves a member's signed network info to those who want to join: a process of its own, without access to Kubernetes.
    ServeNetworkInfo(ServeArgs),
}

impl Args {
    /// Image of nodes whose `spec.image` is absent.
    pub(crate) fn node_image(&self) -> anyhow::Result<&str> {
        self.node_image.as_deref().context("--node-image is missing")
    }

    /// Image of the operator itself, and what it takes to pull it.
    pub(crate) fn own_image(&self) -> Option<OperatorImage> {
        let image = self.operator_image.clone()?;
        Some(OperatorImage { image, pull_secrets: self.operator_image_pull_secrets.clone() })
    }

    /// How long the lease lasts. A renewal deadline that is not below the lease would let two lead: it gives way.
    pub(crate) const fn terms(&self) -> Terms {
        let most = self.lease_duration_seconds - 1;
        let renew = if self.renew_deadline_seconds < most { self.renew_deadline_seconds } else { most };
        Terms { duration_ms: self.lease_duration_seconds * 1000, renew_deadline_ms: renew * 1000 }
    }

    /// Who reaches every node, when fleets are to have network policies.
    pub(crate) fn network_access(&self) -> Option<NetworkAccess> {
        Some(NetworkAccess {
            operator_namespace: self.operator_namespace.clone()?,
            monitoring_namespaces: self.monitoring_namespaces.clone(),
            api_server: ApiServer {
                cidrs: self.api_server_cidrs.clone(),
                ports: self.api_server_ports.clone(),
            },
        })
    }
}

/// Namespace and name of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseName {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl FromStr for LeaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("{text:?} is not namespace/name")),
        }
    }
}

/// Whether first lists are streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamingLists {
    /// When the API server is of Kubernetes 1.34 or later.
    Auto,
    /// Always page by page.
    Never,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Log lines to standard error; `RUST_LOG` chooses which, and not what goes into traces.
pub(crate) fn logging(format: LogFormat, traces: Option<&Traces>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube=warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let logged = tracing_subscriber::registry().with(lines.with_filter(filter));
    match traces {
        Some(traces) => logged.with(traces.layer()).init(),
        None => logged.init(),
    }
}
