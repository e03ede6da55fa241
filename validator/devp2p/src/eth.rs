//! `eth`: codecs and limits.
pub mod limits;
