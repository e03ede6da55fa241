//! Which versions of Azure Service Operator's kind the API server serves: asked at run time, since it may come, go and be
//! upgraded while the operator runs.

use crate::{calls::call, error::Error};
use kube::Client;
use operator_core::node_pool::{GROUP, KIND};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// An answer is good for so long.
const FRESH: Duration = Duration::from_secs(20);
/// Versions looked into at most; Azure Service Operator serves about twenty.
const VERSIONS: usize = 64;

/// The last answer.
#[derive(Default)]
pub(crate) struct Served(Mutex<Option<Answer>>);

struct Answer {
    at: Instant,
    /// Versions of the whole group.
    group: Vec<String>,
    /// Those of them that have the kind.
    kind: Vec<String>,
}

impl Served {
    /// Versions that have the kind; `None` when no version has.
    pub(crate) async fn versions(&self, client: &Client) -> Result<Option<Vec<String>>, Error> {
        let mut last = self.0.lock().await;
        let known = match last.take() {
            Some(answer) if answer.at.elapsed() < FRESH => answer,
            old => ask(client, old).await?,
        };
        let kind = known.kind.clone();
        *last = Some(known);
        Ok((!kind.is_empty()).then_some(kind))
    }

    /// What was known has proved wrong.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// The group's versions are one small call; each is looked into only when they have changed, or none has had the kind.
async fn ask(client: &Client, old: Option<Answer>) -> Result<Answer, Error> {
    let at = Instant::now();
    let groups = call("list API groups", client.list_api_groups()).await?;
    let versions = groups.groups.into_iter().find(|group| group.name == GROUP).map(|group| group.versions);
    let group: Vec<String> =
        versions.unwrap_or_default().into_iter().map(|version| version.version).take(VERSIONS).collect();
    if let Some(old) = old.filter(|old| old.group == group && !old.kind.is_empty()) {
        return Ok(Answer { at, ..old });
    }
    let mut kind = Vec::new();
    for version in &group {
        let spoken = format!("{GROUP}/{version}");
        let listed = client.list_api_group_resources(&spoken);
        let resources = call("list API resources", listed).await?.resources;
        if resources.iter().any(|resource| resource.kind == KIND) {
            kind.push(version.clone());
        }
    }
    Ok(Answer { at, group, kind })
}
