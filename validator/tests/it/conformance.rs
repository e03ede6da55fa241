//! One real node among scripted peers: real RLPx, a clock that only the test moves, and the messages asserted.
//!
//! The scenarios are those of Besu's `qbft-core` integration tests, each for the profiles whose clients cannot be run
//! here. The network is that of the derived vectors (keys 1 to 4, empty state), so that most messages of the node can be
//! compared byte for byte with bytes that were not made by it.

mod contract;
mod dead_turn;
mod dial;
mod empty;
mod future;
mod gossip;
mod peer;
mod proposer;
mod rounds;
mod spurious;
mod sync;
mod transitions;
mod voice;
mod world;
