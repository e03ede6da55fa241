//! What is kept of a child: to whom it belongs, which intent was applied, whether its body may have changed since, and of
//! the body only what decisions need.

use super::{Source, shared::Place, writers::Writers};
use crate::{
    names::{APPLIED, NodeName},
    observed::{BudgetObserved, PodObserved, SecretState, StatefulSetObserved, VolumeObserved},
};
use k8s_openapi::{
    api::{
        core::v1::{LoadBalancerStatus, PersistentVolumeClaim, Pod, Service},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::Timestamp,
};
use std::{num::NonZeroU64, sync::Arc};

/// Kinds of children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Keys.
    Secret,
    /// Genesis, network info, node configurations.
    ConfigMap,
    /// Of nodes and of RPC.
    Service,
    /// Of a fleet.
    ServiceAccount,
    /// Of a fleet.
    PodDisruptionBudget,
    /// Of a fleet.
    NetworkPolicy,
    /// Disks.
    PersistentVolumeClaim,
    /// Nodes.
    StatefulSet,
    /// Made by the StatefulSets.
    Pod,
    /// The web server of a network info.
    Deployment,
    /// By which a fleet's nodes write the records of their identities.
    Role,
    /// Whose it is.
    RoleBinding,
}

impl Kind {
    /// Its plural, as the API server names it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
            Self::Service => "services",
            Self::ServiceAccount => "serviceaccounts",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::NetworkPolicy => "networkpolicies",
            Self::PersistentVolumeClaim => "persistentvolumeclaims",
            Self::StatefulSet => "statefulsets",
            Self::Pod => "pods",
            Self::Deployment => "deployments",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
        }
    }

    /// All of them, in order.
    pub const ALL: [Self; 12] = [
        Self::Secret,
        Self::ConfigMap,
        Self::Service,
        Self::ServiceAccount,
        Self::PodDisruptionBudget,
        Self::NetworkPolicy,
        Self::PersistentVolumeClaim,
        Self::StatefulSet,
        Self::Pod,
        Self::Deployment,
        Self::Role,
        Self::RoleBinding,
    ];
}

/// What is kept of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: what was applied is known by its hash.
    Unread,
    /// A key's public part; `None` until the Secret has been read, where its metadata does not tell.
    Secret(Option<Box<SecretState>>),
    /// A pod.
    Pod(Box<PodKept>),
    /// A disk.
    Volume(Box<VolumeObserved>),
    /// A StatefulSet.
    StatefulSet(Box<StatefulSetObserved>),
    /// Addresses of a load balancer.
    Service(Option<Box<LoadBalancer>>),
    /// Evictions that a disruption budget counts, if it does.
    Budget(Option<Box<BudgetObserved>>),
}

/// What is kept of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodKept {
    /// What decisions need.
    pub observed: PodObserved,
    /// The rest of it too while it is not up, since why it is not may change with time.
    pub whole: Option<Box<Pod>>,
}

impl Eq for PodKept {}

/// Addresses of a load balancer.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadBalancer(pub LoadBalancerStatus);

impl Eq for LoadBalancer {}

impl Body {
    /// What a Secret's metadata tells; to be trusted only while the child is verified.
    #[must_use]
    pub fn secret(metadata: &ObjectMeta) -> Self {
        Self::Secret(SecretState::announced(metadata).map(Box::new))
    }

    /// What decisions need of a pod, as it stands at `now`.
    #[must_use]
    pub fn pod(pod: &Pod, now: Timestamp) -> Self {
        let observed = PodObserved::read(pod, now);
        let up = observed.is_up();
        let whole = (!up).then(|| {
            let mut pod = Box::new(pod.clone());
            pod.metadata.managed_fields = None;
            pod
        });
        Self::Pod(Box::new(PodKept { observed, whole }))
    }

    /// What decisions need of a disk.
    #[must_use]
    pub fn volume(claim: &PersistentVolumeClaim) -> Self {
        Self::Volume(Box::new(VolumeObserved::read(claim)))
    }

    /// What decisions need of a StatefulSet.
    #[must_use]
    pub fn statefulset(set: &k8s_openapi::api::apps::v1::StatefulSet) -> Self {
        Self::StatefulSet(Box::new(StatefulSetObserved::read(set)))
    }

    /// What decisions need of a disruption budget.
    #[must_use]
    pub fn budget(budget: &PodDisruptionBudget) -> Self {
        let observed = BudgetObserved::read(budget);
        Self::Budget((!observed.is_empty()).then(|| Box::new(observed)))
    }

    /// What decisions need of a Service.
    #[must_use]
    pub fn service(service: &Service) -> Self {
        let status = service.status.as_ref().and_then(|status| status.load_balancer.clone());
        Self::Service(
            status.filter(|status| status.ingress.is_some()).map(|kept| Box::new(LoadBalancer(kept))),
        )
    }
}

/// What is kept of one child.
#[derive(Clone, Debug)]
pub struct Child {
    /// `metadata.resourceVersion`; 0 when it is not a number.
    pub version: u64,
    /// Hash of the intent that was applied; 0 when none is recorded.
    pub applied: u64,
    /// It is being deleted.
    pub terminating: bool,
    /// Uid of the owner that controls it: hashed, since it is only compared.
    pub owner: u64,
    /// What is kept of its body.
    pub body: Body,
    pub(super) place: Arc<Place>,
    /// The last list of its kind that had it, or a watch since that list.
    pub(super) list: u32,
    print: NonZeroU64,
    verified: Option<NonZeroU64>,
}

impl Child {
    /// Reads metadata.
    pub(super) fn read(metadata: &ObjectMeta, body: Body, source: Source, place: Arc<Place>) -> Self {
        let writers = Writers::of(metadata);
        let trusted = source.is_verified() || writers.ours_last;
        let applied = metadata.annotations.as_ref().and_then(|all| all.get(APPLIED));
        Self {
            version: version(metadata),
            applied: applied.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0),
            terminating: metadata.deletion_timestamp.is_some(),
            owner: owner(metadata),
            body,
            place,
            list: 0,
            print: writers.print,
            verified: trusted.then_some(writers.print),
        }
    }

    /// Takes over what was known of the body before: a print that was good is good still, another has to be looked at.
    pub(super) fn succeed(&mut self, before: &Self, source: Source) {
        if !source.is_verified() {
            self.verified = before.verified;
            let verified = self.is_verified();
            if let (Body::Secret(now), Body::Secret(then)) = (&mut self.body, &before.body) {
                let broken = matches!(then.as_deref(), Some(SecretState::Malformed(_)));
                if verified && (broken || now.is_none()) {
                    now.clone_from(then);
                }
            }
        }
    }

    /// Whether the body is what it was when it was last known to be good.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified == Some(self.print)
    }

    /// Whether the two say the same, versions aside.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        (self.applied, self.print, self.terminating, self.owner)
            == (other.applied, other.print, other.terminating, other.owner)
            && self.body == other.body
            && self.place == other.place
    }

    /// Its node's name.
    #[must_use]
    pub fn node_name(&self) -> Option<NodeName> {
        Some(NodeName { fleet: self.place.fleet.as_deref()?.to_owned(), index: self.place.node? })
    }

    /// The pod, if it is one.
    #[must_use]
    pub fn pod(&self) -> Option<&PodKept> {
        match &self.body {
            Body::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// The disk, if it is one.
    #[must_use]
    pub fn volume(&self) -> Option<&VolumeObserved> {
        match &self.body {
            Body::Volume(volume) => Some(volume),
            _ => None,
        }
    }

    /// Where its load balancer answers, if it is a Service that has one.
    #[must_use]
    pub fn load_balancer(&self) -> Option<&LoadBalancerStatus> {
        match &self.body {
            Body::Service(status) => status.as_deref().map(|kept| &kept.0),
            _ => None,
        }
    }

    /// The evictions that it counts, if it is a disruption budget that does.
    #[must_use]
    pub fn budget(&self) -> Option<&BudgetObserved> {
        match &self.body {
            Body::Budget(observed) => observed.as_deref(),
            _ => None,
        }
    }

    /// The StatefulSet, if it is one.
    #[must_use]
    pub fn statefulset(&self) -> Option<&StatefulSetObserved> {
        match &self.body {
            Body::StatefulSet(set) => Some(set),
            _ => None,
        }
    }

    /// The key's public part, if it is a Secret of which that is known.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretState> {
        match &self.body {
            Body::Secret(state) => state.as_deref(),
            _ => None,
        }
    }
}

/// `metadata.resourceVersion` as the number that it is since Kubernetes 1.35 by contract, and was before by fact.
pub(super) fn version(metadata: &ObjectMeta) -> u64 {
    metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Hash of the controlling owner's uid; 0 without one.
fn owner(metadata: &ObjectMeta) -> u64 {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map_or(0, |owner| uid_hash(&owner.uid))
}

/// A uid in short.
#[must_use]
pub fn uid_hash(uid: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}
