//! What was asked of the vault: counts, and every digest that a key signed, for those who look for two votes in one place.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// A signature that was made, whether or not anybody heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signed {
    /// Place in the log; the first is 1.
    pub sequence: u64,
    /// The key's name.
    pub key: String,
    /// Its version.
    pub version: String,
    /// What was signed, hex.
    pub digest: String,
    /// The signature, `r ‖ s`, hex.
    pub signature: String,
    /// Who asked.
    pub client: String,
    /// When it was asked for, Unix milliseconds by the machine's clock.
    pub asked_ms: u64,
    /// When it was answered; absent while it is not, and for ever if the answer was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_ms: Option<u64>,
}

/// How often an operation ended so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Count {
    /// The operation.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
}

/// Access tokens that are remembered.
const MOST_TOKENS: usize = 256;

/// The log, bounded.
#[derive(Debug)]
pub(crate) struct Log {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    signed: VecDeque<Signed>,
    tokens: VecDeque<String>,
    most: usize,
    last: u64,
}

impl Log {
    /// Keeps the last `most` signatures.
    pub(crate) fn new(most: usize) -> Self {
        let (counts, signed, tokens) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Self { counts, signed, tokens, most, last: 0 }
    }

    pub(crate) fn count(&mut self, operation: &'static str, outcome: &'static str) {
        let count = self.counts.entry((operation, outcome)).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn counts(&self) -> Vec<Count> {
        let rows = self.counts.iter();
        rows.map(|((operation, outcome), count)| Count { operation, outcome, count: *count }).collect()
    }

    /// Notes a signature; its place in the log is what is given back.
    pub(crate) fn sign(&mut self, signed: Signed) -> u64 {
        self.last = self.last.saturating_add(1);
        self.signed.push_back(Signed { sequence: self.last, ..signed });
        while self.signed.len() > self.most {
            self.signed.pop_front();
        }
        self.last
    }

    /// The answer with the signature of this place has left.
    pub(crate) fn answered(&mut self, sequence: u64, at_ms: u64) {
        let found = self.signed.iter_mut().rev().find(|signed| signed.sequence == sequence);
        if let Some(signed) = found {
            signed.answered_ms = Some(at_ms);
        }
    }

    /// Notes an access token that was given.
    pub(crate) fn issued(&mut self, token: String) {
        self.tokens.push_back(token);
        while self.tokens.len() > MOST_TOKENS {
            self.tokens.pop_front();
        }
    }

    /// The newest tokens, oldest first.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.iter().cloned().collect()
    }

    /// What is still kept of those after `sequence`, oldest first.
    pub(crate) fn since(&self, sequence: u64) -> Vec<Signed> {
        self.signed.iter().filter(|signed| signed.sequence > sequence).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, Signed};

    fn signed(digest: &str) -> Signed {
        Signed {
            sequence: 0,
            key: "k".into(),
            version: "v".into(),
            digest: digest.into(),
            signature: String::new(),
            client: "c".into(),
            asked_ms: 1,
            answered_ms: None,
        }
    }

    #[test]
    fn the_newest_signatures_are_kept_and_their_places_tell_what_is_gone() {
        let mut log = Log::new(2);
        for digest in ["a", "b", "c"] {
            log.sign(signed(digest));
        }
        log.answered(3, 9);
        log.answered(1, 9);
        let kept: Vec<_> = log.since(0).into_iter().map(|s| (s.sequence, s.digest, s.answered_ms)).collect();
        assert_eq!(kept, [(2, "b".to_owned(), None), (3, "c".to_owned(), Some(9))]);
        assert_eq!(log.since(3), []);
    }

    #[test]
    fn requests_are_counted_by_operation_and_outcome() {
        let mut log = Log::new(0);
        log.count("sign", "served");
        log.count("sign", "served");
        log.count("sign", "throttled");
        let counts: Vec<_> = log.counts().into_iter().map(|c| (c.operation, c.outcome, c.count)).collect();
        assert_eq!(counts, [("sign", "served", 2), ("sign", "throttled", 1)]);
    }
}
