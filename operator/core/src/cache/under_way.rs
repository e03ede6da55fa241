//! Statuses that are being written. A watch is often faster than the answer to our own write: what it then tells is no news.

use super::{Cache, ObjectKey};
use serde::Serialize;
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// By object, the hash of what is being written. As many as passes are under way: each names its own once, and takes it back.
#[derive(Debug, Default)]
pub(super) struct UnderWay(HashMap<ObjectKey, u64>);

impl UnderWay {
    /// Whether this is the status that we are writing now.
    pub(super) fn is(&self, key: &ObjectKey, status: u64) -> bool {
        self.0.get(key) == Some(&status)
    }
}

/// Of a status as it is written; nothing of it can fail to be.
pub(super) fn status_hash<S: Serialize>(status: Option<&S>) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(&status).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

impl Cache {
    /// A status is about to be written.
    pub fn writing<S: Serialize>(&mut self, key: ObjectKey, status: &S) {
        self.under_way.0.insert(key, status_hash(Some(status)));
    }

    /// The write has been answered, or given up.
    pub fn written(&mut self, key: &ObjectKey) {
        self.under_way.0.remove(key);
    }
}
