//! The validator's subsystems, public so that its integration tests can use them.

pub mod pool;
pub mod rpc;
