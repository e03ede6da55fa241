//! One connection from its first byte to its last: establish, admit, run, say goodbye.

pub(crate) mod compact;
pub(crate) mod dispatch;
pub(crate) mod establish;
pub(crate) mod farewell;
pub(crate) mod introduce;
pub(crate) mod keepalive;
pub(crate) mod path;
pub(crate) mod race;
pub(crate) mod run;
pub(crate) mod serve;
