//! What every pass needs.

use crate::{endpoints::Listed, metrics::Metrics, node_pool::Served, nodes::Nodes};
use kube::{
    Api, Client, Resource,
    core::NamespaceResourceScope,
    runtime::{controller::Action, events::Recorder},
};
use operator_core::build::NetworkAccess;
use std::time::Duration;

/// Shared by all passes.
pub(crate) struct Context {
    /// The API server.
    pub(crate) client: Client,
    /// The nodes' status and RPC.
    pub(crate) nodes: Nodes,
    /// Events; one recorder, since it folds repeated ones.
    pub(crate) recorder: Recorder,
    /// Image of nodes whose spec names none.
    pub(crate) node_image: String,
    /// Who reaches every node, when fleets get network policies.
    pub(crate) access: Option<NetworkAccess>,
    /// What has been listed, for `/readyz`.
    pub(crate) listed: Listed,
    /// Versions of Azure Service Operator's kind.
    pub(crate) agent_pools: Served,
    /// Counters.
    pub(crate) metrics: Metrics,
}

impl Context {
    /// Objects of one kind in one namespace.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Comes back after about `after`: up to a quarter later, so that objects do not march in step.
pub(crate) fn again(after: Duration) -> Action {
    Action::requeue(after.mul_f64(1.0 + rand::random::<f64>() / 4.0))
}
