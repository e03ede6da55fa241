//! One record with compare-and-swap, as an API server keeps it: swaps are exact, reads may be old.

use super::Flaw;
use crate::rng::Rng;
use fence::{ReadAnswer, Record, SwapAnswer, Version};
use std::sync::Arc;

/// Old versions that a cache may still show.
const HISTORY: usize = 8;

/// The store.
#[derive(Debug)]
pub struct Store {
    /// Newest last.
    versions: Vec<(u64, Vec<u8>)>,
    next: u64,
    /// No answer until then.
    pub away_until: u64,
    flaw: Option<Flaw>,
}

impl Store {
    /// Without a record.
    #[must_use]
    pub const fn new(flaw: Option<Flaw>) -> Self {
        Self { versions: Vec::new(), next: 1, away_until: 0, flaw }
    }

    /// What a read shows, now and then through a cache.
    pub fn read(&self, rng: &mut Rng, is_cached: bool) -> ReadAnswer {
        let newest = self.versions.len().saturating_sub(1);
        let back = if is_cached { rng.below(self.versions.len() as u64) } else { 0 };
        let index = newest.saturating_sub(usize::try_from(back).unwrap_or(0));
        match self.versions.get(index) {
            Some((version, bytes)) => ReadAnswer::Found { version: name(*version), bytes: bytes.clone() },
            None => ReadAnswer::Missing,
        }
    }

    /// Compare-and-swap.
    pub fn swap(&mut self, expected: Option<&Version>, record: &Record) -> SwapAnswer {
        let current = self.versions.last().map(|(version, _)| name(*version));
        let is_known =
            |expected: &Version| self.versions.iter().any(|(version, _)| name(*version) == *expected);
        let is_taken = match self.flaw {
            Some(Flaw::StaleSwapTaken) => expected.is_some_and(is_known) || current.as_ref() == expected,
            _ => current.as_ref() == expected,
        };
        if !is_taken {
            return SwapAnswer::Lost;
        }
        let version = self.next;
        self.next += 1;
        self.versions.push((version, record.encode()));
        if self.versions.len() > HISTORY {
            self.versions.remove(0);
        }
        SwapAnswer::Won { version: name(version) }
    }

    /// Somebody writes something else under the same name: another version of the same record.
    pub fn touch(&mut self) {
        if let Some((_, bytes)) = self.versions.last().cloned() {
            self.versions.push((self.next, bytes));
            self.next += 1;
        }
    }

    /// Somebody deletes it.
    pub fn delete(&mut self) {
        self.versions.clear();
    }
}

fn name(version: u64) -> Version {
    Version(Arc::from(version.to_string()))
}
