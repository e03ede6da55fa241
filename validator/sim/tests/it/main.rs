//! The simulator's own promises.

mod actors;
mod faults;
mod governed;
mod oracles;
mod real;
mod reference;
mod seeds;
mod stale;
