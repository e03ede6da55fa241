//! Whether this node could vote, told to its fence.

use super::LeaseHandle;
use fence::Role;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is judged.
const LOOK: Duration = Duration::from_millis(500);
/// A holder that could not vote so often in a row gives the identity up.
const PATIENCE: u32 = 6;

/// Tells it until the node ends.
pub async fn tell_ready(lease: LeaseHandle, is_ready: impl Fn() -> bool + Send, stop: CancellationToken) {
    let mut unready = 0;
    loop {
        let is_ready = is_ready();
        unready = if is_ready { 0 } else { unready + 1 };
        let is_holder = lease.view.borrow().role == Role::Holder;
        if is_holder && unready == PATIENCE {
            tracing::warn!("this node holds the identity and cannot vote: it is given up");
            lease.release().await;
        } else {
            lease.ready(is_ready).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
