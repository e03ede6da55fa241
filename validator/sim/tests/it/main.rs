//! The simulator's own promises.

mod actors;
mod faults;
mod oracles;
mod seeds;
