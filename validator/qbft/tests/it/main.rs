//! Step tables over the core's public surface, and the byte vectors of both clients.

#![expect(unreachable_pub, reason = "a test crate exports nothing; `pub` is for its own modules")]

mod bench;
mod boundaries;
mod decide;
mod digests;
mod empty_period;
mod pace;
mod real;
mod rejected;
mod reseat;
mod restart;
mod rounds;
mod spec_map;
mod vectors;
mod wire;
