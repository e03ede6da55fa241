//! Whether this node could vote, told to its fence.

use super::LeaseHandle;
use fence::Role;
use ledger::HeadInfo;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often it is judged while no block comes.
const LOOK: Duration = Duration::from_millis(500);
/// A holder that could not vote for so long gives the identity up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells it until the node ends: with every block, since who was behind may have caught up with it.
pub async fn tell_ready(
    lease: LeaseHandle,
    is_ready: impl Fn() -> bool + Send,
    mut heads: watch::Receiver<HeadInfo>,
    stop: CancellationToken,
) {
    let mut unready: Option<Instant> = None;
    loop {
        let is_ready = is_ready();
        unready = if is_ready { None } else { unready.or_else(|| Some(Instant::now())) };
        let is_holder = lease.view.borrow().role == Role::Holder;
        if is_holder && unready.is_some_and(|since| since.elapsed() >= PATIENCE) {
            tracing::warn!("this node holds the identity and cannot vote: it is given up");
            unready = None;
            lease.release().await;
        } else {
            lease.ready(is_ready).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
            Ok(()) = heads.changed() => {}
        }
    }
}
