//! Where the record is kept.

use fence::{Record, Version};
use futures::future::BoxFuture;
use std::time::Duration;

/// Longest word of others that is repeated.
const MOST_CHARACTERS: usize = 300;

/// Some version of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its version.
    pub version: Version,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How a compare-and-swap ended, if it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The record stands there as this version.
    Won(Version),
    /// Something else stood there; nothing was written.
    Lost,
}

/// Why it is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No right.
    #[error("{store} refuses ({status} {why}): {right}")]
    Refused {
        /// Which store.
        store: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        why: String,
        /// What is needed.
        right: &'static str,
    },
    /// No answer, or none that says what happened.
    #[error("{store}: {why}; the seat does not vote until it answers")]
    Away {
        /// Which store.
        store: String,
        /// What there is.
        why: String,
    },
}

impl StoreError {
    pub(super) fn away(store: impl Into<String>, why: &dyn std::fmt::Display) -> Self {
        Self::Away { store: store.into(), why: short(&why.to_string()) }
    }

    pub(super) fn late(within: Duration) -> Self {
        Self::away("the fence's store", &format_args!("no answer within {} ms", within.as_millis()))
    }
}

/// One record with linearizable compare-and-swap. Reads may be of an old version.
pub trait Store: Send + Sync + 'static {
    /// Longest record that it takes, bytes.
    fn limit(&self) -> usize;

    /// The record, if there is one.
    fn read(&self) -> BoxFuture<'_, Result<Option<Found>, StoreError>>;

    /// Puts `record` in the place of the version named, or where there is none.
    fn swap<'a>(
        &'a self,
        expected: Option<&'a Version>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<Swapped, StoreError>>;
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}
