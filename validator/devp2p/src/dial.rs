//! Keeping a connection to each static peer, for ever.

use crate::{
    DownReason,
    backoff::{Backoff, Last, MOST},
    counters::Count,
    session::{
        establish::{EstablishError, Established, Origin, establish},
        run::run,
    },
    shared::Shared,
};
use chain::enode::Enode;
use rand::Rng;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout},
};
use tracing::{debug, info};

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long an address may take to answer. The system repeats its first packet after 1 s and next after 3: a new attempt
/// finds a path that has just come back earlier.
const CONNECT: Duration = Duration::from_secs(2);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;
/// A session that lasted so long makes the next dial start without history.
const STABLE: Duration = Duration::from_mins(1);
/// The node with the higher id waits up to so long before it dials, so that two nodes seldom dial each other at once.
const YIELD: Duration = Duration::from_millis(500);

/// Why a dial led to nothing.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("name {host} does not resolve: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("name {host} did not resolve within {} s", RESOLVE.as_secs())]
    ResolveTimeout { host: String },
    #[error("name {host} has no addresses")]
    NoAddress { host: String },
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("no connection within {} s", CONNECT.as_secs())]
    ConnectTimeout,
    #[error(transparent)]
    Establish(#[from] EstablishError),
}

impl DialError {
    const fn count(&self) -> Count {
        match self {
            Self::Establish(error) => error.count(),
            _ => Count::DialFailed,
        }
    }

    const fn last(&self) -> Last {
        match self {
            Self::Establish(EstablishError::Timeout { .. })
            | Self::Resolve { .. }
            | Self::ResolveTimeout { .. }
            | Self::NoAddress { .. }
            | Self::Connect(_)
            | Self::ConnectTimeout => Last::Unreachable,
            Self::Establish(_) => Last::Refused,
        }
    }
}

/// Dials a peer whenever it is not connected, until the network stops.
pub(crate) async fn keep_connected(shared: Arc<Shared>, peer: Enode) {
    let mut backoff = Backoff::default();
    let mut last = None;
    loop {
        let connected_at = Instant::now();
        let pause = async {
            shared.table.wait(&peer.id, false).await;
            if connected_at.elapsed() >= STABLE {
                backoff.reset();
            }
            let next = |last| backoff.next(last, shared.started.elapsed(), jitter());
            let delay = last.map_or(Duration::ZERO, next);
            sleep((delay + yielding(&shared, &peer)).min(MOST)).await;
        };
        if shared.stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
        if shared.table.get(&peer.id).is_some() {
            last = Some(Last::Unreachable);
            continue;
        }
        let (outcome, lasted) = attempt(&shared, &peer).await;
        if lasted >= STABLE || last != Some(outcome) {
            backoff.reset();
        }
        last = Some(outcome);
    }
}

fn jitter() -> f64 {
    rand::rng().random()
}

fn yielding(shared: &Shared, peer: &Enode) -> Duration {
    if shared.local_id > peer.id { YIELD.mul_f64(jitter()) } else { Duration::ZERO }
}

/// One dial and, if it succeeds, the whole session. Gives how it ended, and how long the session lasted.
async fn attempt(shared: &Shared, peer: &Enode) -> (Last, Duration) {
    shared.counters.add(Count::Dialled);
    let Some(dialled) = shared.stop.run_until_cancelled(dial(shared, peer)).await else {
        return (Last::Unreachable, Duration::ZERO);
    };
    let established = match dialled {
        Ok(established) => established,
        Err(error) => {
            shared.counters.add(error.count());
            if matches!(error, DialError::Establish(EstablishError::Status(_))) {
                info!(%peer, %error, "static peer does not fit");
            } else {
                debug!(%peer, %error, "dial failed");
            }
            return (error.last(), Duration::ZERO);
        }
    };
    let began = Instant::now();
    let last = match run(shared, established).await {
        Ok(reason) => {
            debug!(%peer, %reason, "peer left");
            let is_cut = matches!(reason, DownReason::Io(_) | DownReason::Idle(_) | DownReason::Replaced);
            if is_cut { Last::Unreachable } else { Last::Refused }
        }
        Err(refusal) => {
            debug!(%peer, %refusal, "connection given up");
            Last::Refused
        }
    };
    (last, began.elapsed())
}

/// Resolves the name anew and tries every address in turn.
async fn dial(shared: &Shared, peer: &Enode) -> Result<Established, DialError> {
    let host = || peer.host.clone();
    let resolved = timeout(RESOLVE, lookup_host((peer.host.as_str(), peer.port))).await;
    let addresses = resolved
        .map_err(|_| DialError::ResolveTimeout { host: host() })?
        .map_err(|source| DialError::Resolve { host: host(), source })?;
    let mut last = DialError::NoAddress { host: host() };
    for address in addresses.take(MAX_ADDRESSES) {
        last = match timeout(CONNECT, TcpStream::connect(address)).await {
            Err(_) => DialError::ConnectTimeout,
            Ok(Err(error)) => DialError::Connect(error),
            Ok(Ok(stream)) => match establish(shared, stream, Origin::Dialled(peer.id)).await {
                Ok(established) => return Ok(established),
                Err(error) => error.into(),
            },
        };
    }
    Err(last)
}
