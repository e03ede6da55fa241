//! Local faults that need a person: the newest sixteen, for the status document.

use crate::metrics::Metrics;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

const KEPT: usize = 16;

/// Records faults; cheap to clone.
#[derive(Clone)]
pub struct Faults {
    list: Arc<Mutex<VecDeque<String>>>,
    stopping: Arc<OnceLock<String>>,
    metrics: Arc<Metrics>,
}

impl Faults {
    /// An empty list that counts into the metrics.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { list: Arc::default(), stopping: Arc::default(), metrics }
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

    /// Reports what will be a fault, once.
    pub fn announce(&self, fault: String) {
        if !self.list.lock().contains(&fault) {
            self.report(fault);
        }
    }

    /// Faults that begin so are over, without a restart.
    pub fn over(&self, beginning: &str) {
        self.list.lock().retain(|fault| !fault.starts_with(beginning));
    }

    /// Reports a fault after which this node cannot do its part until a restart, so that it is not ready. Only the
    /// first counts: the others follow from it.
    pub fn stopped(&self, fault: String) {
        if self.stopping.set(fault.clone()).is_ok() {
            self.report(fault);
        }
    }

    /// What made this node unable to do its part.
    pub fn stopping(&self) -> Option<String> {
        self.stopping.get().cloned()
    }

    /// Newest last.
    pub fn list(&self) -> Vec<String> {
        self.list.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_that_stops_the_node_is_kept_and_counted_once() {
        let metrics = Arc::new(Metrics::default());
        let faults = Faults::new(Arc::clone(&metrics));
        faults.report("passing".to_string());
        assert_eq!(faults.stopping(), None);
        for _ in 0..3 {
            faults.stopped("disk".to_string());
        }
        faults.stopped("what follows from it".to_string());
        assert_eq!(faults.stopping().as_deref(), Some("disk"));
        assert_eq!(faults.list(), ["passing", "disk"]);
        assert_eq!(metrics.faults.get(), 2);
        for _ in 0..3 {
            faults.announce("an upgrade is due".to_string());
        }
        assert_eq!(metrics.faults.get(), 3);
        faults.over("an upgrade");
        assert_eq!(faults.list(), ["passing", "disk"]);
    }
}
