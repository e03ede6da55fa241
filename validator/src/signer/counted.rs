//! Counts what a signer is asked for: the trail of the identity's key.

use super::{Purpose, Request, Signer, SignerError, Snapshot};
use crate::metrics::Metrics;
use alloy_primitives::Address;
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _};
use std::{sync::Arc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Another signer, counted.
pub struct Counted {
    signer: Arc<dyn Signer>,
    metrics: Arc<Metrics>,
}

impl Counted {
    /// Counts into these metrics.
    pub fn new(signer: Arc<dyn Signer>, metrics: Arc<Metrics>) -> Self {
        Self { signer, metrics }
    }

    fn count(&self, purpose: Purpose, outcome: &Result<Seal, SignerError>, began: Instant) {
        let told = outcome.as_ref().map_or_else(SignerError::label, |_| "ok");
        let labels = [("kind", purpose.label()), ("outcome", told)];
        self.metrics.signatures.get_or_create(&labels).inc();
        self.metrics.signing.observe(began.elapsed().as_secs_f64());
    }
}

impl Signer for Counted {
    fn address(&self) -> Address {
        self.signer.address()
    }

    fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
        let began = Instant::now();
        self.signer.sign(request).inspect(move |outcome| self.count(request.purpose, outcome, began)).boxed()
    }

    fn is_remote(&self) -> bool {
        self.signer.is_remote()
    }

    fn snapshot(&self) -> Snapshot {
        self.signer.snapshot()
    }

    fn keep(self: Arc<Self>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Arc::clone(&self.signer).keep(stop)
    }
}
