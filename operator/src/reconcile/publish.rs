//! This member's own network info: signed, kept in a ConfigMap, and served by a process of its own where the spec asks for one.

use crate::{
    account::Account,
    apply::{apply, delete, stamped},
    calls::call,
    context::Context,
    error::Error,
    observe,
};
use chain::{network_info::NetworkInfo, signature::seal_from};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
    },
    jiff::Timestamp,
};
use operator_core::{
    api::conditions::reasons,
    build::{self, Publisher},
    cache::{Kind, Standing, uid_hash},
    genesis::StoredGenesis,
    names::NETWORK_INFO_FILE,
    network_info::Publication,
    observed::ConsortiumObserved,
    plan::{ConsortiumPlan, Wait},
    validate::ValidConsortium,
};

/// The network info that stands.
#[derive(Default)]
pub(super) struct Published {
    /// Its ConfigMap.
    pub(super) config_map: Option<String>,
    /// How its publication in a container goes, where the spec names one.
    pub(super) publication: Option<Publication>,
}

/// The network info, signed.
pub(super) async fn publish(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &mut ConsortiumPlan,
) -> Result<Published, Error> {
    if valid.publish.is_none() {
        stop(context, valid).await?;
    }
    let (Some(genesis), Some(operator)) = (genesis(observed, plan), observed.operator.key()) else {
        return Ok(Published::default());
    };
    if !plan.publish {
        return Ok(Published::default());
    }
    // When it was issued does not make it another one.
    let info =
        build::unsigned_network_info(&valid.namespace, genesis, &observed.peers, operator.key.address, 0);
    let (network, name) = (observe::key(&valid.namespace, &valid.name), valid.name.network_info());
    let content = info.signing_hash();
    let stands = {
        let cache = context.cache();
        let applied = cache.published(&network, content);
        applied.map(|applied| cache.standing(Kind::ConfigMap, &valid.namespace, &name, applied))
    };
    let outdated = context.publications.outdated(&network);
    if stands != Some(Standing::AsApplied) || outdated.is_some() {
        let signed = signed(context, valid, &name, info, outdated).await?;
        let Some(signed) = signed else { return Ok(Published::default()) };
        let (_, applied) = stamped(context, build::network_info(valid, &signed)?).await?;
        context.cache().remember_published(&network, content, applied);
    }
    serve(context, valid, plan).await?;
    let blob = valid.publish_blob.as_ref();
    let publication = blob.map(|container| context.publications.state(&network, container, content));
    Ok(Published { config_map: Some(name), publication })
}

/// What is published already, if it says the same; signed anew otherwise, and issued later than that and than `outdated`.
async fn signed(
    context: &Context,
    valid: &ValidConsortium,
    name: &str,
    info: NetworkInfo,
    outdated: Option<u64>,
) -> Result<Option<NetworkInfo>, Error> {
    let before = published(context, valid, name).await?;
    let same = |before: &NetworkInfo| {
        let without = NetworkInfo { issued_at: 0, signature: None, ..before.clone() };
        without == info && before.verify().is_ok() && outdated.is_none_or(|at| at < before.issued_at)
    };
    if let Some(before) = before.as_ref().filter(|before| same(before)) {
        return Ok(Some(before.clone()));
    }
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    let least = before.map(|before| before.issued_at).max(outdated).map_or(0, |at| at.saturating_add(1));
    let account = Account::open(context, &valid.namespace, &valid.operator).await?;
    let Some(account) = account else { return Ok(None) };
    sign(context, NetworkInfo { issued_at: now.max(least), ..info }, &account).await.map(Some)
}

async fn published(
    context: &Context,
    valid: &ValidConsortium,
    name: &str,
) -> Result<Option<NetworkInfo>, Error> {
    if context.cache().child(Kind::ConfigMap, &valid.namespace, name).is_none() {
        return Ok(None);
    }
    let found = call("read ConfigMap", context.api::<ConfigMap>(&valid.namespace).get_opt(name)).await?;
    let text = found.and_then(|found| found.data?.remove(NETWORK_INFO_FILE));
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The web server where the spec asks for it.
async fn serve(context: &Context, valid: &ValidConsortium, plan: &mut ConsortiumPlan) -> Result<(), Error> {
    let Some(service) = &valid.publish else { return Ok(()) };
    let Some(image) = &context.operator_image else {
        let message = "spec.publish.networkInfo.service needs the operator's own image: start it with --operator-image, as the chart does";
        plan.waits.push(Wait::stalled(reasons::OPERATOR_IMAGE_UNKNOWN, message));
        return Ok(());
    };
    let Publisher { service_account, network_policy, deployment, service } =
        build::publisher(valid, service, image);
    apply(context, service_account).await?;
    if context.access.is_some() {
        apply(context, network_policy).await?;
    }
    apply(context, deployment).await?;
    apply(context, service).await.map(drop)
}

/// It goes where the spec asks for it no more.
async fn stop(context: &Context, valid: &ValidConsortium) -> Result<(), Error> {
    let name = valid.name.network_info();
    let ours = |kind| {
        let cache = context.cache();
        let child = cache.child(kind, &valid.namespace, &name);
        child.is_some_and(|child| child.owner == uid_hash(&valid.uid) && !child.terminating)
    };
    if ours(Kind::Service) {
        delete::<Service>(context, &valid.namespace, &name).await?;
    }
    if ours(Kind::Deployment) {
        delete::<Deployment>(context, &valid.namespace, &name).await?;
    }
    if ours(Kind::NetworkPolicy) {
        delete::<NetworkPolicy>(context, &valid.namespace, &name).await?;
    }
    if ours(Kind::ServiceAccount) {
        delete::<ServiceAccount>(context, &valid.namespace, &name).await?;
    }
    Ok(())
}

/// The stored genesis, or the one that is being stored.
pub(super) fn genesis<'a>(
    observed: &'a ConsortiumObserved,
    plan: &'a ConsortiumPlan,
) -> Option<&'a StoredGenesis> {
    let stored = observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok());
    stored.or(plan.genesis.as_ref())
}

async fn sign(context: &Context, mut info: NetworkInfo, account: &Account) -> Result<NetworkInfo, Error> {
    info.signature = Some(seal_from(&account.sign(context, info.signing_hash()).await?));
    Ok(info)
}
