//! A local network of real processes, and the little HTTP that it takes to watch it.

pub(crate) mod blobs;
pub(crate) mod chain;
mod http;
pub(crate) mod leases;
pub(crate) mod network;
pub(crate) mod ports;
mod tls;
pub(crate) mod transaction;

use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until the answer is there.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}
