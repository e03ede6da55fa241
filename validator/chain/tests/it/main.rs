//! Byte vectors of GoQuorum and Besu for what this crate encodes, hashes and recovers.

#![expect(unreachable_pub, reason = "a test crate exports nothing; `pub` is for its own modules")]

mod vectors;
