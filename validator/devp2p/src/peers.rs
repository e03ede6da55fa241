//! Connected peers: one handle each, and the table that holds them.

pub(crate) mod activity;
pub(crate) mod admission;
pub(crate) mod outbound;
pub(crate) mod peer;
pub(crate) mod pending;
pub(crate) mod seen;
pub(crate) mod table;
pub(crate) mod tie_break;
