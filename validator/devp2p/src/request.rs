//! Asking peers: at most five requests outstanding per peer, five seconds each.

use std::time::Duration;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No such peer now.
    #[error("peer is not connected; ask another one")]
    NotConnected,
    /// The connection ended before the answer.
    #[error("peer disconnected before it answered; ask another one")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} s; ask another peer", .after.as_secs())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// Its outbound queue is full; the peer is being dropped.
    #[error("peer does not take messages; ask another one")]
    Slow,
    /// More items than were asked for; the peer is being dropped.
    #[error("peer answered with {got} items where at most {asked} were asked for")]
    TooMany {
        /// Items received.
        got: usize,
        /// Items asked for.
        asked: usize,
    },
}
