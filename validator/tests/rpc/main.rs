//! Pool and JSON-RPC over a real ledger; the tests themselves build, seal and commit the blocks.

mod ahead;
mod bounds;
mod chain_of_one;
mod contract;
mod explorer;
mod fields;
mod filters;
mod http;
mod limits;
mod malformed;
mod ots_index;
mod pool;
mod ports;
mod simulate;
mod state;
mod subscriptions;
mod tracing;
mod voting;
