//! The fence from outside: bytes of the record, and tables of steps.

mod holdings;
mod record;
mod rig;
mod standbys;
mod stops;
mod votes;
