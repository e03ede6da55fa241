//! Keeping a connection to each peer that is named, for as long as it is.

mod targets;
mod tries;

pub(crate) use targets::Targets;

use crate::{
    DisconnectReason, DownReason,
    backoff::{Backoff, Last, MOST},
    counters::Count,
    peers::table::Refusal,
    session::{
        establish::EstablishError,
        run::{enter, run},
    },
    shared::Shared,
};
use chain::enode::Enode;
use rand::Rng;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use tries::{CONNECT, RESOLVE, dial};

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
            // Refused by this node: the session that was suspected has answered.
            Self::Establish(EstablishError::Timeout { .. } | EstablishError::Refused(Refusal::Duplicate))
            | Self::Resolve { .. }
            | Self::ResolveTimeout { .. }
            | Self::NoAddress { .. }
            | Self::Connect(_)
            | Self::ConnectTimeout => Last::Unreachable,
            Self::Establish(_) => Last::Refused,
        }
    }
}

/// How a dial ended, and how long its session lasted.
type Outcome = (Last, Duration);

/// Dials a peer whenever it is not connected or its path seems to be cut, until it is told to stop.
async fn keep_connected(shared: Arc<Shared>, peer: Enode, stop: CancellationToken) {
    let (mut backoff, mut last, mut session) = (Backoff::default(), None, None);
    loop {
        let connected_at = Instant::now();
        let pause = async {
            shared.table.wait_for_want(&peer.id).await;
            if connected_at.elapsed() >= STABLE {
                backoff.reset();
            }
            if let Some((outcome, lasted)) = ended(&shared, &peer, &mut session).await {
                note(&mut backoff, &mut last, outcome, lasted);
            }
            // What an earlier dial came to says nothing of a path that has just been cut.
            let last = if shared.table.get(&peer.id).is_some() { Some(Last::Unreachable) } else { last };
            let next = |last| backoff.next(last, shared.started.elapsed(), jitter());
            let delay = last.map_or(Duration::ZERO, next);
            sleep((delay + yielding(&shared, &peer)).min(MOST)).await;
        };
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
        if !shared.table.wants(&peer.id) {
            last = Some(Last::Unreachable);
            continue;
        }
        match attempt(&shared, &peer).await {
            Ok(running) => session = Some(running),
            Err(outcome) => note(&mut backoff, &mut last, outcome, Duration::ZERO),
        }
    }
}

fn note(backoff: &mut Backoff, last: &mut Option<Last>, outcome: Last, lasted: Duration) {
    if lasted >= STABLE || *last != Some(outcome) {
        backoff.reset();
    }
    *last = Some(outcome);
}

/// Waits until the session that was dialled has said goodbye; while one is there that is only suspected, for nothing.
async fn ended(shared: &Shared, peer: &Enode, session: &mut Option<JoinHandle<Outcome>>) -> Option<Outcome> {
    if shared.table.get(&peer.id).is_some() && session.as_ref().is_none_or(|running| !running.is_finished()) {
        return None;
    }
    session.take()?.await.ok()
}

fn jitter() -> f64 {
    rand::rng().random()
}

fn yielding(shared: &Shared, peer: &Enode) -> Duration {
    if shared.local_id > peer.id { YIELD.mul_f64(jitter()) } else { Duration::ZERO }
}

/// One dial. If it succeeds, the session runs on; otherwise tells how it failed.
async fn attempt(shared: &Arc<Shared>, peer: &Enode) -> Result<JoinHandle<Outcome>, Last> {
    shared.counters.add(Count::Dialled);
    let Some(dialled) = shared.stop.run_until_cancelled(dial(shared, peer)).await else {
        return Err(Last::Unreachable);
    };
    let established = dialled.map_err(|error| {
        shared.counters.add(error.count());
        if matches!(error, DialError::Establish(EstablishError::Status(_))) {
            info!(%peer, %error, "static peer does not fit");
        } else if matches!(error, DialError::Establish(EstablishError::Goodbye(DisconnectReason::UnexpectedIdentity))) {
            info!(%peer, "static peer lets only nodes in that the network's allow list names; ask an admin to add this node's id");
        } else {
            debug!(%peer, %error, "dial failed");
        }
        error.last()
    })?;
    let session = enter(shared, established).await.map_err(|refusal| {
        debug!(%peer, %refusal, "connection given up");
        Last::Refused
    })?;
    let (shared, peer, tasks) = (Arc::clone(shared), peer.clone(), shared.tasks.clone());
    Ok(tasks.spawn(async move {
        let began = Instant::now();
        let reason = run(&shared, session).await;
        debug!(%peer, %reason, "peer left");
        let is_cut = matches!(reason, DownReason::Io(_) | DownReason::Idle(_) | DownReason::Replaced);
        (if is_cut { Last::Unreachable } else { Last::Refused }, began.elapsed())
    }))
}
