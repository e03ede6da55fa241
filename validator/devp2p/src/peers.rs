//! Known peers.
