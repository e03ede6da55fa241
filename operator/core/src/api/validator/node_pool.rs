//! AKS node pools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An AKS node pool that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// Name of the pool: the pods go only to nodes labelled `kubernetes.azure.com/agentpool: <name>`, and tolerate the taint
    /// `quorate.dev/validators`.
    #[schemars(length(min = 1, max = 12), regex(pattern = "^[a-z][a-z0-9]*$"))]
    pub name: String,
}
