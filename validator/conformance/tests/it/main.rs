//! The runners themselves: that they pass what is right, fail what is wrong, and lose one case to a broken worker.
#![allow(missing_docs, reason = "tests")]

mod evm;
mod network;
mod rpc;
mod workers;
