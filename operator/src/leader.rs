//! Leader election over a Lease: one of several replicas acts, the others watch and wait with everything known already.

use crate::{calls::call, clock::steady_ms, error::Error};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    jiff::Timestamp,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use operator_core::lease::{Candidate, Step, Terms, valid_until};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::watch;

/// Until when this process may write.
#[derive(Debug)]
pub(crate) struct Leadership {
    until_ms: AtomicU64,
    leads: watch::Sender<bool>,
}

impl Leadership {
    /// Nobody else is there to lead.
    pub(crate) fn alone() -> Self {
        Self { until_ms: AtomicU64::new(u64::MAX), leads: watch::Sender::new(true) }
    }

    /// Not leading yet.
    pub(crate) fn candidate() -> Self {
        Self { until_ms: AtomicU64::new(0), leads: watch::Sender::new(false) }
    }

    /// How long writes are allowed from now; `None` when they are not.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let left = self.until_ms.load(Ordering::Acquire).saturating_sub(steady_ms());
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Whether this process leads.
    pub(crate) fn leads(&self) -> bool {
        self.remaining().is_some()
    }

    /// Told of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    fn extend(&self, until_ms: u64) {
        self.until_ms.store(until_ms, Ordering::Release);
        if !self.leads.send_replace(true) {
            tracing::info!("leads");
        }
    }

    /// Nothing is written any more.
    pub(crate) fn end(&self) {
        self.until_ms.store(0, Ordering::Release);
        if self.leads.send_replace(false) {
            tracing::warn!("no longer leads");
        }
    }
}

/// The lease that replicas contend for.
pub(crate) struct Election {
    /// Leases of the operator's namespace, by a client that is not held to the lease.
    pub(crate) api: Api<Lease>,
    /// The Lease's name.
    pub(crate) name: String,
    /// How long things last.
    pub(crate) terms: Terms,
    /// Between two looks.
    pub(crate) retry: Duration,
    /// What tells this replica from the others.
    pub(crate) candidate: Candidate,
}

impl Election {
    /// Contends until the future is dropped; the lease is to be released then.
    pub(crate) async fn run(&mut self, leadership: &Leadership) {
        loop {
            let began = steady_ms();
            let renewal = Duration::from_millis(self.terms.renew_deadline_ms / 2);
            match tokio::time::timeout(renewal, self.turn()).await {
                Ok(Ok(true)) => leadership.extend(valid_until(began, &self.terms)),
                Ok(Ok(false)) => leadership.end(),
                Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "lease"),
                Err(_) => tracing::warn!(lease = self.name, "lease: no answer in time"),
            }
            if !leadership.leads() {
                leadership.end();
            }
            tokio::time::sleep(self.retry.mul_f64(0.8 + rand::random::<f64>() * 0.4)).await;
        }
    }

    /// One look; whether this replica leads.
    async fn turn(&mut self) -> Result<bool, Error> {
        let found = call("read Lease", self.api.get_opt(&self.name)).await?;
        let spec = found.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
        match self.candidate.step(spec.as_ref(), steady_ms(), Timestamp::now()) {
            Step::Follow(holder) => {
                tracing::debug!(holder, "follows");
                Ok(false)
            }
            Step::Write(record) => self.write(found, *record).await,
        }
    }

    /// Only in place of what was read: of two that write, the API server lets one.
    async fn write(&self, found: Option<Lease>, record: LeaseSpec) -> Result<bool, Error> {
        let written = if let Some(lease) = found {
            let lease = Lease { spec: Some(record), ..lease };
            call("write Lease", self.api.replace(&self.name, &PostParams::default(), &lease)).await
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(record) };
            call("create Lease", self.api.create(&PostParams::default(), &lease)).await
        };
        match written {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives the lease up, so that another takes it at its next look.
    pub(crate) async fn release(&self) -> Result<(), Error> {
        let Some(lease) = call("read Lease", self.api.get_opt(&self.name)).await? else { return Ok(()) };
        let record = lease.spec.clone().unwrap_or_default();
        if !self.candidate.holds(&record) {
            return Ok(());
        }
        let given = Lease { spec: Some(self.candidate.release(&record, Timestamp::now())), ..lease };
        call("release Lease", self.api.replace(&self.name, &PostParams::default(), &given)).await?;
        tracing::info!(lease = self.name, "released");
        Ok(())
    }
}
