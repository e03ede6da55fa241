//! Puts this member's signed network info into a blob container, apart from the passes: a storage account that is away holds
//! nobody up. Nothing is written while what is there says the same.

use crate::{
    azure::{Access, AzureError, Blob},
    calls::call,
    clock::steady_ms,
    context::Context,
    turns::Turns,
};
use alloy_primitives::B256;
use chain::network_info::NetworkInfo;
use k8s_openapi::api::core::v1::ConfigMap;
use operator_core::{
    cache::{NetworkKey, ObjectKey, ObjectKind},
    names::NETWORK_INFO_FILE,
    network_info::{Publication, Stands, blob_name, stands},
    queue::{self, Urgency},
    validate::{self, Container, ValidConsortium},
};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Networks whose documents are written at the same time.
const AT_ONCE: usize = 8;
/// Longer than a token, a look and a write with everything silent.
const DEADLINE: Duration = Duration::from_secs(90);
/// Looks at a blob that others write at the same time, in one round.
const MOST_LOOKS: usize = 3;
/// Until it is looked after whether the blob is still there.
const LOOK_AGAIN_MS: u64 = 60 * 60_000;

/// How the publications go.
#[derive(Default)]
pub(crate) struct Publications {
    turns: Arc<Turns<NetworkKey>>,
    told: Mutex<HashMap<NetworkKey, Told>>,
}

struct Told {
    /// Where to.
    container: Container,
    /// The document, whenever it was issued.
    content: B256,
    outcome: Outcome,
}

#[derive(Clone, PartialEq, Eq)]
enum Outcome {
    Done(Publication),
    /// A later one of this publisher is there; ours has to be issued after it.
    Outdated(u64),
}

impl Publications {
    fn told(&self) -> MutexGuard<'_, HashMap<NetworkKey, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands with this document in this container; it is written soon when nobody has looked yet.
    pub(crate) fn state(&self, network: &NetworkKey, container: &Container, content: B256) -> Publication {
        let told = self.told();
        let known = told.get(network).filter(|told| told.container == *container && told.content == content);
        match known.map(|told| &told.outcome) {
            Some(Outcome::Done(publication)) => publication.clone(),
            Some(Outcome::Outdated(_)) => Publication::Underway,
            None => {
                // Whatever failed before, failed with another document or elsewhere.
                self.turns.wake(network, steady_ms(), Urgency::Edited);
                Publication::Underway
            }
        }
    }

    /// When the document was issued that stands where ours is to be, and that readers would go on to believe; told once.
    pub(crate) fn outdated(&self, network: &NetworkKey) -> Option<u64> {
        let mut told = self.told();
        let Outcome::Outdated(issued_at) = told.get(network)?.outcome else { return None };
        told.remove(network);
        Some(issued_at)
    }

    /// Keeps what came of a round; whether it is news.
    fn keep(&self, network: &NetworkKey, now: Told) -> bool {
        let mut told = self.told();
        let before = told.get(network);
        let same = |before: &Told| before.outcome == now.outcome && before.content == now.content;
        let news = !before.is_some_and(same);
        told.insert(network.clone(), now);
        news
    }
}

/// Writes until `stop` is over.
pub(crate) async fn run(context: Arc<Context>, stop: impl Future<Output = ()>) {
    let turns = context.publications.turns.clone();
    turns.run(AT_ONCE, DEADLINE, stop, move |network| round(context.clone(), network)).await;
}

async fn round(context: Arc<Context>, network: NetworkKey) -> queue::Outcome {
    let object = context.cache().consortium(&network.namespace, &network.name).cloned();
    let valid = object.and_then(|object| validate::consortium(&object).ok());
    let Some((valid, container)) = valid.and_then(|valid| Some((valid.clone(), valid.publish_blob?))) else {
        context.publications.told().remove(&network);
        return queue::Outcome::Await;
    };
    let text = match document(&context, &valid).await {
        Ok(Some(text)) => text,
        // The pass that makes the document asks for it to be written.
        Ok(None) => return queue::Outcome::Await,
        Err(error) => {
            tracing::warn!(%error, "network info not read");
            return queue::Outcome::Failed;
        }
    };
    let Ok(info) = serde_json::from_str::<NetworkInfo>(&text) else { return queue::Outcome::Await };
    let content = NetworkInfo { issued_at: 0, ..info.clone() }.signing_hash();
    let outcome = match published(&context, &container, &info, &text).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Done(error.told(&container.url)),
    };
    let after = match &outcome {
        Outcome::Done(Publication::Failed { .. }) => queue::Outcome::Failed,
        // Those that began together do not look together for ever.
        Outcome::Done(_) => {
            queue::Outcome::Again(LOOK_AGAIN_MS * 4 / 5 + rand::random_range(0..=LOOK_AGAIN_MS * 2 / 5))
        }
        Outcome::Outdated(_) => queue::Outcome::Await,
    };
    if context.publications.keep(&network, Told { container, content, outcome }) {
        let key =
            ObjectKey { kind: ObjectKind::Consortium, namespace: network.namespace, name: network.name };
        context.turns(ObjectKind::Consortium).wake(&key, steady_ms(), Urgency::Changed);
    }
    after
}

/// The signed document, read from the API server: a process that leads no more must not put an old one in the place of a new one.
async fn document(context: &Context, valid: &ValidConsortium) -> Result<Option<String>, crate::error::Error> {
    let api = context.api::<ConfigMap>(&valid.namespace);
    let found = call("read ConfigMap", api.get_opt(&valid.name.network_info())).await?;
    Ok(found.and_then(|found| found.data?.remove(NETWORK_INFO_FILE)))
}

async fn published(
    context: &Context,
    at: &Container,
    info: &NetworkInfo,
    text: &str,
) -> Result<Outcome, AzureError> {
    let container = context.azure.container(at, Access::Identity)?;
    let name = blob_name(info.genesis_hash, info.publisher);
    for _ in 0..MOST_LOOKS {
        let there = container.get(&name).await?;
        match stands(info, there.as_ref().map(|blob: &Blob| blob.bytes.as_ref())) {
            Stands::Same => return Ok(Outcome::Done(Publication::Written(container.address(&name)))),
            Stands::NotOlder(issued_at) => return Ok(Outcome::Outdated(issued_at)),
            Stands::Other => {}
        }
        match container.put(&name, text, there.and_then(|blob| blob.version)).await {
            Ok(()) => {
                tracing::info!(blob = container.address(&name), "network info published");
                context.decided("publish");
            }
            Err(AzureError::Overtaken) => {}
            Err(error) => return Err(error),
        }
    }
    Err(AzureError::Overtaken)
}
