//! A node pool that Azure Service Operator makes in AKS for a fleet: which version of its kind is spoken, how many nodes are
//! asked for, what is left to other field managers, and what its state means for the fleet. Nothing here deletes a pool.

mod calm;
mod object;
mod observed;
mod plan;
mod size;
mod version;

pub use calm::{may_shrink, pods, running};
pub use object::{DETACH, RECONCILE_POLICY, Sizing, object};
pub use observed::{PoolObserved, PoolReady, restated};
pub use plan::{
    Neighbour, PoolPlan, PoolState, Surroundings, forbidden, left_behind, neighbour, plan, refused,
};
pub use size::{Demand, next_count};
pub use version::version;

/// API group of Azure Service Operator's kind.
pub const GROUP: &str = "containerservice.azure.com";
/// The kind.
pub const KIND: &str = "ManagedClustersAgentPool";
/// Its resource.
pub const PLURAL: &str = "managedclustersagentpools";
