//! Asks the sources of a network that is joined, apart from the passes: a publisher that is away holds nobody up. What they say is
//! judged in `operator-core`, and kept by the Consortium's pass.

mod authorities;
mod container;

use crate::{calls::call, clock::steady_ms, context::Context, https, observe, turns::Turns};
use futures::future::join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use operator_core::{
    cache::{Kind, NetworkKey, ObjectKey, ObjectKind},
    names::{ConsortiumName, NETWORK_INFO_FILE},
    network_info::{Outcome, Seen},
    queue::{self, Urgency},
    validate::{self, JoinedNetwork, Source},
};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Networks whose sources are asked at the same time.
const AT_ONCE: usize = 8;
/// Longer than a round with every source silent.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two rounds while a node of ours is synced: by then the chain keeps it in touch.
const SYNCED_MS: u64 = 5 * 60_000;
/// Between two rounds while none is: the nodes that were named may have moved.
const UNSYNCED_MS: u64 = 30_000;
/// Between two rounds while nothing was read at all.
const NOTHING_MS: u64 = 10_000;

/// What the sources said last.
#[derive(Default)]
pub(crate) struct Sources {
    turns: Arc<Turns<NetworkKey>>,
    said: Mutex<HashMap<NetworkKey, Said>>,
}

struct Said {
    /// By what the spec said then.
    joined: JoinedNetwork,
    seen: Vec<Seen>,
    /// The documents are kept without their genesis: it is stored.
    stripped: bool,
    at_ms: u64,
}

impl Sources {
    fn said(&self) -> MutexGuard<'_, HashMap<NetworkKey, Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sources of this spec said last; they are asked at once when they have not been asked, and soon when they are
    /// needed and were asked a while ago. `stored`: the genesis is there; `synced`: a node of ours is.
    pub(crate) fn seen(
        &self,
        network: &NetworkKey,
        joined: &JoinedNetwork,
        stored: bool,
        synced: bool,
    ) -> Option<Vec<Seen>> {
        let now = steady_ms();
        let said = self.said();
        let known = said.get(network).filter(|said| said.joined == *joined && (stored || !said.stripped));
        let late = |said: &Said| !synced && now.saturating_sub(said.at_ms) > UNSYNCED_MS;
        if known.is_none_or(late) {
            self.turns.wake(network, now, Urgency::Changed);
        }
        known.map(|said| said.seen.clone())
    }

    /// Keeps a round; whether it says something new.
    fn keep(&self, network: &NetworkKey, joined: JoinedNetwork, mut seen: Vec<Seen>, stripped: bool) -> bool {
        if stripped {
            for one in &mut seen {
                if let Outcome::Read(info) = &mut one.outcome {
                    info.genesis = String::new();
                }
            }
        }
        let mut said = self.said();
        let news = said.get(network).is_none_or(|before| before.joined != joined || before.seen != seen);
        said.insert(network.clone(), Said { joined, seen, stripped, at_ms: steady_ms() });
        news
    }

    fn forget(&self, network: &NetworkKey) {
        self.said().remove(network);
    }
}

/// Asks until `stop` is over.
pub(crate) async fn run(context: Arc<Context>, stop: impl Future<Output = ()>) {
    let turns = context.sources.turns.clone();
    turns.run(AT_ONCE, DEADLINE, stop, move |network| round(context.clone(), network)).await;
}

async fn round(context: Arc<Context>, network: NetworkKey) -> queue::Outcome {
    let object = context.cache().consortium(&network.namespace, &network.name).cloned();
    let valid = object.and_then(|object| validate::consortium(&object).ok());
    let Some(joined) = valid.and_then(|valid| valid.network.join().cloned()) else {
        context.sources.forget(&network);
        return queue::Outcome::Await;
    };
    let asked = joined.sources.iter().map(|source| ask(&context, &network.namespace, source, &joined));
    let seen = join_all(asked).await.concat();
    let read = seen.iter().any(|seen| seen.outcome.document().is_some());
    if context.sources.keep(&network, joined, seen, is_stored(&context, &network)) {
        let key = ObjectKey {
            kind: ObjectKind::Consortium,
            namespace: network.namespace.clone(),
            name: network.name.clone(),
        };
        context.turns(ObjectKind::Consortium).wake(&key, steady_ms(), Urgency::Changed);
    }
    let after = match (read, observe::synced(&context.cache(), &network)) {
        (false, _) => NOTHING_MS,
        (true, false) => UNSYNCED_MS,
        (true, true) => SYNCED_MS,
    };
    // Members that began together do not ask together for ever.
    queue::Outcome::Again(after * 4 / 5 + rand::random_range(0..=after * 2 / 5))
}

fn is_stored(context: &Context, network: &NetworkKey) -> bool {
    let name = ConsortiumName(network.name.to_string()).genesis();
    context.cache().child(Kind::ConfigMap, &network.namespace, &name).is_some()
}

/// What a source says: a container has many documents, every other one.
async fn ask(context: &Context, namespace: &str, source: &Source, joined: &JoinedNetwork) -> Vec<Seen> {
    let bytes = match source {
        Source::AzureBlob(at) => return container::read(&context.azure, at, joined.genesis_hash).await,
        Source::ConfigMap(name) => config_map(context, namespace, name).await,
        Source::Url { url, authorities } => {
            match authorities::trusted(context, namespace, authorities.as_ref()).await {
                Ok(trusted) => https::get(url, trusted).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        }
    };
    let outcome = match bytes {
        Ok(bytes) => Outcome::of(&bytes, joined.genesis_hash),
        Err(why) => Outcome::Unreachable(why),
    };
    tracing::debug!(source = source.name(), read = outcome.document().is_some(), "source asked");
    vec![Seen { source: source.name(), outcome }]
}

async fn config_map(context: &Context, namespace: &str, name: &str) -> Result<Vec<u8>, String> {
    let found = call("read ConfigMap", context.api::<ConfigMap>(namespace).get_opt(name)).await;
    let found = found.map_err(|error| error.to_string())?.ok_or("there is none of that name")?;
    let text = found.data.and_then(|mut data| data.remove(NETWORK_INFO_FILE));
    text.map(String::into_bytes).ok_or_else(|| format!("it has no data.{NETWORK_INFO_FILE}"))
}
