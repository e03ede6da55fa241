//! Bytes and hashes that two clients must agree on.
