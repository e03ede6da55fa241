//! What other members publish of a network that is joined: what the sources said last, and what is kept of it.

use crate::{calls::call, context::Context, error::Error};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use operator_core::{
    cache::{Cache, Kind, Learnt, NetworkKey},
    genesis::StoredGenesis,
    names::{ConsortiumName, LEARNED_FILE},
    network_info::Learned,
    observed::SourcesObserved,
    validate::ValidConsortium,
};
use std::sync::Arc;

/// Gathers it.
pub(super) async fn sources(
    context: &Context,
    valid: &ValidConsortium,
    network: &NetworkKey,
    genesis: Option<&StoredGenesis>,
) -> Result<SourcesObserved, Error> {
    let published = {
        let cache = context.cache();
        cache.child(Kind::ConfigMap, &network.namespace, &valid.name.network_info()).is_some()
    };
    let Some(joined) = valid.network.join() else {
        return Ok(SourcesObserved { published, ..SourcesObserved::default() });
    };
    let synced = synced(&context.cache(), network);
    let seen = context.sources.seen(network, joined, genesis.is_some(), synced);
    let learned = learned(context, network, genesis).await?;
    Ok(SourcesObserved { seen, learned: (*learned).clone(), published })
}

/// Whether a node of ours has caught up with the network.
pub(crate) fn synced(cache: &Cache, network: &NetworkKey) -> bool {
    let heard = cache.heard(network).into_iter().flatten();
    heard.filter_map(|(_, answer)| answer.status.as_deref()).any(|status| status.ready)
}

/// What the ConfigMap keeps; read again only when it has changed. One that cannot be read is as good as none: it is written anew.
pub(super) async fn learned(
    context: &Context,
    network: &NetworkKey,
    genesis: Option<&StoredGenesis>,
) -> Result<Learnt, Error> {
    let name = ConsortiumName(network.name.to_string()).learned();
    let known = {
        let cache = context.cache();
        let version = cache.child(Kind::ConfigMap, &network.namespace, &name).map(|child| child.version);
        version.map(|version| cache.learned(network, version).cloned())
    };
    let (Some(known), Some(genesis)) = (known, genesis) else { return Ok(Learnt::default()) };
    if let Some(learned) = known {
        return Ok(learned);
    }
    let found = call("read ConfigMap", context.api::<ConfigMap>(&network.namespace).get_opt(&name)).await?;
    let Some(stored) = found else { return Ok(Learnt::default()) };
    let text = stored.data.as_ref().and_then(|data| data.get(LEARNED_FILE));
    let learned = text.map(|text| Learned::read(text, &genesis.text)).transpose();
    let learned = learned.inspect_err(|error| tracing::warn!(%error, name, "what was kept is not readable"));
    let learned = Arc::new(learned.ok().flatten().unwrap_or_default());
    if let Some(version) = stored.resource_version().and_then(|version| version.parse().ok()) {
        context.cache().remember_learned(network, version, learned.clone());
    }
    Ok(learned)
}
