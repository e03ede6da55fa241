//! What must hold whatever went wrong.

pub mod state;
pub mod treasure;
