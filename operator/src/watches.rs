//! Watches fill the cache. Children are looked at by their metadata where their body decides nothing, and kept as owner and
//! hash; first lists are streamed or come in pages; `managedFields` is dropped once it has said who wrote.

use crate::{calls::call, context::Context, error::Error};
use futures::{StreamExt, future::BoxFuture};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        rbac::v1::{Role, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::ListParams,
    core::{NamespaceResourceScope, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use operator_core::{
    api::{Consortium, Validator},
    cache::{Body, Cache, Kind, NetworkKey, ObjectKind, Source, Wakes},
    names::{FINALIZER, MANAGED_BY, MANAGER, NETWORK, NETWORK_FINALIZER},
};
use serde::de::DeserializeOwned;
use std::{collections::HashSet, fmt::Debug, sync::Arc};

/// Objects in one page of a list: what one answer may cost in memory.
const PAGE: u32 = 250;

/// A child as the cache keeps it.
pub(crate) trait Kept {
    const KIND: Kind;
    fn meta(&self) -> &ObjectMeta;
    fn body(&self) -> Body;
}

macro_rules! kept {
    ($kind:ident, $object:ty, $body:expr) => {
        impl Kept for $object {
            const KIND: Kind = Kind::$kind;
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn body(&self) -> Body {
                let body: fn(&Self) -> Body = $body;
                body(self)
            }
        }
    };
    ($kind:ident, $object:ty) => {
        kept!($kind, $object, |_| Body::Unread);
        kept!($kind, PartialObjectMeta<$object>, |_| Body::Unread);
    };
}

kept!(Pod, Pod, |pod| Body::pod(pod, Timestamp::now()));
kept!(StatefulSet, StatefulSet, Body::statefulset);
kept!(Service, Service, Body::service);
kept!(Secret, Secret, |secret| {
    Body::Secret(Some(Box::new(operator_core::observed::SecretState::read(Some(secret)))))
});
kept!(Secret, PartialObjectMeta<Secret>, |secret| Body::secret(&secret.metadata));
kept!(ConfigMap, ConfigMap);
kept!(Deployment, Deployment);
kept!(ServiceAccount, ServiceAccount);
kept!(PodDisruptionBudget, PodDisruptionBudget, Body::budget);
kept!(NetworkPolicy, NetworkPolicy);
kept!(Role, Role);
kept!(RoleBinding, RoleBinding);
kept!(PersistentVolumeClaim, PersistentVolumeClaim, Body::volume);

/// One of our two kinds.
pub(crate) trait Own: Sized {
    const KIND: ObjectKind;
    /// Ours on it.
    const FINALIZER: &str;
    fn put(cache: &mut Cache, object: Self, wakes: &mut Wakes);
    /// Takes an answer; whether it is of the object that is known.
    fn answered(cache: &mut Cache, object: Self, wakes: &mut Wakes) -> bool;
    fn remove(cache: &mut Cache, namespace: &str, name: &str, wakes: &mut Wakes);
}

impl Own for Consortium {
    const KIND: ObjectKind = ObjectKind::Consortium;
    const FINALIZER: &str = NETWORK_FINALIZER;
    fn put(cache: &mut Cache, object: Self, wakes: &mut Wakes) {
        cache.put_consortium(Arc::new(object), wakes);
    }
    fn answered(cache: &mut Cache, object: Self, wakes: &mut Wakes) -> bool {
        cache.answered_consortium(Arc::new(object), wakes)
    }
    fn remove(cache: &mut Cache, namespace: &str, name: &str, wakes: &mut Wakes) {
        cache.remove_consortium(namespace, name, wakes);
    }
}

impl Own for Validator {
    const KIND: ObjectKind = ObjectKind::Validator;
    const FINALIZER: &str = FINALIZER;
    fn put(cache: &mut Cache, object: Self, wakes: &mut Wakes) {
        cache.put_fleet(&object, wakes);
    }
    fn answered(cache: &mut Cache, object: Self, wakes: &mut Wakes) -> bool {
        cache.answered_fleet(&object, wakes)
    }
    fn remove(cache: &mut Cache, namespace: &str, name: &str, wakes: &mut Wakes) {
        cache.remove_fleet(namespace, name, wakes);
    }
}

/// Where and how to watch.
#[derive(Clone)]
pub(crate) struct Watch {
    /// The API server.
    pub(crate) client: Client,
    /// One namespace; all when absent.
    pub(crate) namespace: Option<String>,
    /// First lists are streamed: the API server can do it.
    pub(crate) streaming: bool,
    /// Fleets get network policies; otherwise there is no right to watch any.
    pub(crate) policies: bool,
}

/// How many first lists one [`Watch`] brings.
pub(crate) const fn lists(policies: bool) -> usize {
    Kind::ALL.len() + if policies { 2 } else { 1 }
}

impl Watch {
    /// All watches, for as long as they are polled.
    pub(crate) fn all(&self, context: &Arc<Context>) -> Vec<BoxFuture<'static, ()>> {
        let mut all: Vec<BoxFuture<'static, ()>> = vec![
            Box::pin(self.clone().own::<Consortium>(context.clone())),
            Box::pin(self.clone().own::<Validator>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<Secret>>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<ConfigMap>>(context.clone())),
            Box::pin(self.clone().children::<Service>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<ServiceAccount>>(context.clone())),
            Box::pin(self.clone().children::<PodDisruptionBudget>(context.clone())),
            Box::pin(self.clone().children::<PersistentVolumeClaim>(context.clone())),
            Box::pin(self.clone().children::<StatefulSet>(context.clone())),
            Box::pin(self.clone().children::<Pod>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<Deployment>>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<Role>>(context.clone())),
            Box::pin(self.clone().children::<PartialObjectMeta<RoleBinding>>(context.clone())),
        ];
        if self.policies {
            all.push(Box::pin(self.clone().children::<PartialObjectMeta<NetworkPolicy>>(context.clone())));
        }
        all
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn config(&self) -> watcher::Config {
        let config = watcher::Config::default().page_size(PAGE);
        if self.streaming { config.streaming_lists() } else { config }
    }

    async fn own<K>(self, context: Arc<Context>)
    where
        K: Own
            + Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + DeserializeOwned
            + Clone
            + Debug
            + Send
            + 'static,
    {
        let scope = self.namespace.as_deref();
        let mut events = std::pin::pin!(watcher(self.api::<K>(), self.config()).default_backoff());
        let (mut listed, mut first) = (HashSet::new(), true);
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    listed.insert((object.namespace().unwrap_or_default(), object.name_any()));
                    put(&context, object);
                }
                Ok(watcher::Event::Apply(object)) => put(&context, object),
                Ok(watcher::Event::Delete(object)) => {
                    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
                    context.learn(|cache, wakes| K::remove(cache, &namespace, &name, wakes));
                }
                Ok(watcher::Event::InitDone) => {
                    context.learn(|cache, wakes| cache.retain(K::KIND, scope, &listed, wakes));
                    listed = HashSet::new();
                    once(&mut first, &context);
                }
                Err(error) => tracing::warn!(%error, kind = %K::kind(&()), "watch"),
            }
        }
    }

    async fn children<K>(self, context: Arc<Context>)
    where
        K: Kept
            + Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + DeserializeOwned
            + Clone
            + Debug
            + Send
            + 'static,
    {
        let scope = self.namespace.as_deref();
        let config = self.config().labels(&format!("{MANAGED_BY}={MANAGER}"));
        let mut events = std::pin::pin!(watcher(self.api::<K>(), config).default_backoff());
        let mut first = true;
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => context.cache().begin(K::KIND, scope),
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    context.learn(|cache, wakes| {
                        cache.put_child(K::KIND, Kept::meta(&object), object.body(), Source::Watched, wakes);
                    });
                }
                Ok(watcher::Event::Delete(object)) => context.learn(|cache, wakes| {
                    let version =
                        object.resource_version().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
                    let namespace = object.namespace().unwrap_or_default();
                    cache.remove_child(K::KIND, &namespace, &object.name_any(), version, wakes);
                }),
                Ok(watcher::Event::InitDone) => {
                    context.learn(|cache, wakes| cache.complete(K::KIND, scope, wakes));
                    once(&mut first, &context);
                }
                Err(error) => tracing::warn!(%error, kind = ?K::KIND, "watch"),
            }
        }
    }
}

/// Keeps an object of ours, without what only says who wrote it.
fn put<K: Own + ResourceExt>(context: &Context, mut object: K) {
    object.meta_mut().managed_fields = None;
    context.learn(|cache, wakes| K::put(cache, object, wakes));
}

/// Takes what a read or a write answered, unless the object is gone by now; whether it was taken.
pub(crate) fn answered<K: Own + ResourceExt>(context: &Context, mut object: K) -> bool {
    object.meta_mut().managed_fields = None;
    context.learn(|cache, wakes| K::answered(cache, object, wakes))
}

fn once(first: &mut bool, context: &Context) {
    if std::mem::take(first) {
        context.listed.one();
    }
}

/// Reads one network's fleets, keys, pods and StatefulSets anew, in pages.
pub(crate) async fn relist(context: &Context, network: &NetworkKey) -> Result<(), Error> {
    relist_fleets(context, network).await?;
    relist_kind::<Secret>(context, network).await?;
    relist_kind::<Pod>(context, network).await?;
    relist_kind::<StatefulSet>(context, network).await
}

/// A node that runs still may be of a fleet that is gone: it gets no seat that nobody would give up again.
async fn relist_fleets(context: &Context, network: &NetworkKey) -> Result<(), Error> {
    let of_network = format!("spec.consortiumRef.name={}", network.name);
    let mut page = ListParams::default().fields(&of_network).limit(PAGE);
    let mut listed = HashSet::new();
    let mut version: u64;
    loop {
        let found = call("list anew", context.api::<Validator>(&network.namespace).list(&page)).await?;
        version = found.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        for fleet in found.items {
            listed.insert(fleet.name_any());
            if !answered(context, fleet) {
                return Err(Error::Overtaken("validators"));
            }
        }
        match found.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    context.learn(|cache, wakes| cache.retain_fleets(network, &listed, version, wakes));
    Ok(())
}

async fn relist_kind<K>(context: &Context, network: &NetworkKey) -> Result<(), Error>
where
    K: Kept + Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned + Clone + Debug,
{
    let mut page = ListParams::default()
        .labels(&format!("{MANAGED_BY}={MANAGER},{NETWORK}={}", network.name))
        .limit(PAGE);
    let mut listed = HashSet::new();
    let mut version: u64;
    let asked = context.mark(K::KIND, &network.namespace);
    loop {
        let found = call("list anew", context.api::<K>(&network.namespace).list(&page)).await?;
        version = found.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        context.learn(|cache, wakes| {
            for object in &found.items {
                cache.put_child(K::KIND, Kept::meta(object), object.body(), Source::Read(asked), wakes);
            }
        });
        listed.extend(found.items.iter().map(ResourceExt::name_any));
        match found.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    context.learn(|cache, wakes| {
        // What the list of a watch did not have was perhaps not taken: nothing final is decided from that.
        if cache.mark(K::KIND, &network.namespace) != asked {
            return Err(Error::Overtaken(K::KIND.plural()));
        }
        let known = cache.children_of(K::KIND, network).map(|(name, _)| name.to_owned());
        let gone: Vec<_> = known.filter(|name| !listed.contains(name)).collect();
        for name in gone {
            cache.remove_child(K::KIND, &network.namespace, &name, version, wakes);
        }
        Ok(())
    })
}
