//! The node as its users meet it: processes, files, ports.

mod bad_input;
mod catch_up;
mod conformance;
mod db;
mod failover;
mod fence_store;
mod foreign;
mod hostile;
mod journal;
mod live;
mod membership;
mod parameters;
mod peering;
mod profiles;
mod reseat;
mod restart;
mod snapshot;
mod support;
mod vault;
