//! Local faults that need a person: the newest sixteen, for the status document.

use crate::metrics::Metrics;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

const KEPT: usize = 16;

/// Records faults; cheap to clone.
#[derive(Clone)]
pub struct Faults {
    list: Arc<Mutex<VecDeque<String>>>,
    metrics: Arc<Metrics>,
}

impl Faults {
    /// An empty list that counts into the metrics.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { list: Arc::default(), metrics }
    }

    /// Logs, counts and keeps a fault; one said before is only counted.
    pub fn report(&self, fault: String) {
        self.metrics.faults.inc();
        let mut list = self.list.lock();
        if list.contains(&fault) {
            return;
        }
        tracing::error!(%fault, "local fault, needs a person");
        if list.len() == KEPT {
            list.pop_front();
        }
        list.push_back(fault);
    }

    /// Newest last.
    pub fn list(&self) -> Vec<String> {
        self.list.lock().iter().cloned().collect()
    }
}
