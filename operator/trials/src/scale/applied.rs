//! Which memory limit every StatefulSet has, and since when, by a watch of our own.

use super::{Failure, objects::until};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::{
    Api, Client, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Longer than an operator takes that works at all.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the watch has told.
pub struct Applied {
    limits: Arc<Mutex<Limits>>,
    told: Arc<Notify>,
}

#[derive(Default)]
struct Limits {
    listed: bool,
    of: HashMap<(String, String), (String, Instant)>,
}

impl Applied {
    /// Begins to watch, in one namespace or in all; returns when everything is listed.
    pub async fn watch(client: Client, namespace: Option<&str>) -> Result<Self, Failure> {
        let this = Self { limits: Arc::default(), told: Arc::default() };
        let (limits, told) = (this.limits.clone(), this.told.clone());
        let sets: Api<StatefulSet> = match namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        tokio::spawn(async move {
            let mut events =
                std::pin::pin!(watcher(sets, watcher::Config::default().page_size(250)).default_backoff());
            while let Some(event) = events.next().await {
                let mut limits = limits.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(watcher::Event::Apply(set) | watcher::Event::InitApply(set)) => limits.note(&set),
                    Ok(watcher::Event::InitDone) => limits.listed = true,
                    _ => {}
                }
                told.notify_waiters();
            }
        });
        let listed = || async { this.limits().listed };
        until("StatefulSets listed", PATIENCE, Duration::from_millis(250), listed).await?;
        Ok(this)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the limit was first seen.
    pub async fn seen(&self, set: &(String, String), memory: &str) -> Result<Instant, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.told.notified();
            if let Some((_, at)) = self.limits().of.get(set).filter(|(is, _)| is == memory) {
                return Ok(*at);
            }
            if Instant::now() > deadline {
                return Err(format!("{}/{} has not got {memory} within 2 minutes", set.0, set.1).into());
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), told).await;
        }
    }
}

impl Limits {
    fn note(&mut self, set: &StatefulSet) {
        let container = set.spec.template.spec.as_ref().and_then(|pod| pod.containers.first());
        let limits = container.and_then(|container| container.resources.as_ref()?.limits.as_ref());
        let memory =
            limits.and_then(|limits| limits.get("memory")).map(|memory| memory.0.clone()).unwrap_or_default();
        let key = (set.namespace().unwrap_or_default(), set.name_any());
        if self.of.get(&key).is_none_or(|(is, _)| *is != memory) {
            self.of.insert(key, (memory, Instant::now()));
        }
    }
}
