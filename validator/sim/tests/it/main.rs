//! The simulator's own promises.

mod actors;
mod failover;
mod faults;
mod governed;
mod oracles;
mod real;
mod recovery;
mod reseat;
mod seeds;
mod stale;
