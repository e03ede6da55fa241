//! Layers between the block file and the state file: added when a block is durable, taken out when its state is written.

use super::{
    layer::{Layer, Layers},
    view::StateView,
};
use crate::LedgerError;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;

/// How far the state file may be behind. One layer always has room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) blocks: usize,
    pub(crate) bytes: usize,
}

/// What waits. One side adds, one writes, all read.
pub(crate) struct Queue {
    bounds: Bounds,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    /// The newest state that is written.
    written: StateView,
    layers: Layers,
    /// Nothing is added any more.
    closed: bool,
    /// The block that could not be written, and why.
    failed: Option<(u64, String)>,
}

impl Queue {
    pub(crate) fn over(written: StateView, bounds: Bounds) -> Self {
        let inner = Inner { written, layers: Layers::default(), closed: false, failed: None };
        Self { bounds, inner: Mutex::new(inner), changed: Condvar::new() }
    }

    /// The newest state, and what lies over the file.
    pub(crate) fn view(&self) -> StateView {
        self.inner.lock().view()
    }

    /// What waits now.
    pub(crate) fn layers(&self) -> Layers {
        Arc::clone(&self.inner.lock().layers)
    }

    /// Adds the next blocks; the state after them.
    pub(crate) fn add(&self, layer: Layer) -> StateView {
        let mut inner = self.inner.lock();
        inner.layers = inner.layers.iter().cloned().chain([Arc::new(layer)]).collect();
        self.changed.notify_all();
        inner.view()
    }

    /// Waits until there is room for more.
    pub(crate) fn room(&self) -> Result<(), LedgerError> {
        self.wait_while(|inner| is_full(&inner.layers, self.bounds))
    }

    /// Waits until everything that was added before is written.
    pub(crate) fn drained(&self) -> Result<(), LedgerError> {
        let last = |inner: &Inner| inner.layers.last().and_then(|layer| layer.head()).map(|head| head.number);
        let Some(upto) = last(&self.inner.lock()) else { return self.check() };
        self.wait_while(|inner| {
            inner.layers.first().and_then(|layer| layer.first()).is_some_and(|first| first <= upto)
        })
    }

    /// Whether everything could be written so far.
    fn check(&self) -> Result<(), LedgerError> {
        self.wait_while(|_| false)
    }

    fn wait_while(&self, is_too_early: impl Fn(&Inner) -> bool) -> Result<(), LedgerError> {
        let mut inner = self.inner.lock();
        loop {
            if let Some((block, reason)) = &inner.failed {
                return Err(LedgerError::Unwritten { block: *block, reason: reason.clone() });
            }
            if !is_too_early(&inner) {
                return Ok(());
            }
            self.changed.wait(&mut inner);
        }
    }

    /// Everything that waits, once something does; nothing when no more will come.
    pub(crate) fn next(&self) -> Option<Layers> {
        let mut inner = self.inner.lock();
        while inner.layers.is_empty() && !inner.closed {
            self.changed.wait(&mut inner);
        }
        (!inner.layers.is_empty()).then(|| Arc::clone(&inner.layers))
    }

    /// The oldest `count` layers are in the file, whose newest state is `written`; the state after all layers.
    pub(crate) fn written(&self, count: usize, written: StateView) -> StateView {
        let mut inner = self.inner.lock();
        inner.layers = inner.layers.iter().skip(count).cloned().collect();
        inner.written = written;
        self.changed.notify_all();
        inner.view()
    }

    /// Nothing will be written any more. What waits can still be read.
    pub(crate) fn fail(&self, reason: String) {
        let mut inner = self.inner.lock();
        let first = |inner: &MutexGuard<'_, Inner>| inner.layers.first().and_then(|layer| layer.first());
        let block = first(&inner).unwrap_or_default();
        inner.failed.get_or_insert((block, reason));
        self.changed.notify_all();
    }

    /// Nothing will be added any more.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.changed.notify_all();
    }
}

pub(crate) fn is_full(layers: &[Arc<Layer>], bounds: Bounds) -> bool {
    let blocks: usize = layers.iter().map(|layer| layer.blocks.len()).sum();
    let bytes: usize = layers.iter().map(|layer| layer.bytes).sum();
    blocks >= bounds.blocks || bytes >= bounds.bytes
}

impl Inner {
    fn view(&self) -> StateView {
        self.written.below(Arc::clone(&self.layers))
    }
}
