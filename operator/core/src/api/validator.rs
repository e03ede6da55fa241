//! `Validator`: a fleet of this member's nodes.
#![expect(clippy::duplicated_attributes, reason = "every printer column has a type of its own")]
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

mod fence;
mod history;
mod keys;
mod node_pool;
mod peering;
mod pod;
mod resources;
mod rpc;
mod status;
mod storage;

pub use fence::*;
pub use history::*;
pub use keys::*;
pub use node_pool::*;
pub use peering::*;
pub use pod::*;
pub use resources::*;
pub use rpc::*;
pub use status::*;
pub use storage::*;

use super::formats::{IMAGE, LABEL};
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fleet of nodes.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "quorate.dev",
    version = "v1alpha1",
    kind = "Validator",
    namespaced,
    status = "ValidatorStatus",
    derive = "PartialEq",
    category = "quorate",
    shortname = "vali",
    doc = "A fleet of this member's nodes.",
    selectable = ".spec.consortiumRef.name",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(json_path = ".spec.consortiumRef.name", name = "Consortium", type_ = "string"),
    printcolumn(json_path = ".status.summary", name = "Nodes", type_ = "string"),
    printcolumn(json_path = ".status.rpc.http", name = "RPC", type_ = "string"),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        name = "Ready",
        type_ = "string"
    ),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        name = "Reason",
        type_ = "string"
    ),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        name = "Message",
        type_ = "string",
        priority = 1
    )
)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.consortiumRef == oldSelf.consortiumRef")
        .message("spec.consortiumRef is immutable: make a new Validator for another network"),
    validation = Rule::new("self.role == oldSelf.role")
        .message("spec.role is immutable: make a second Validator for the other role"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClassName) ? self.storage.storageClassName : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClassName) ? oldSelf.storage.storageClassName : '')")
        .message("spec.storage.storageClassName is immutable: make a second Validator with the other class, and delete this one once that one is seated (docs/operator.md, Disks)"),
    validation = Rule::new("(has(self.storage) && has(self.storage.accessMode) ? self.storage.accessMode : 'ReadWriteOnce') == (has(oldSelf.storage) && has(oldSelf.storage.accessMode) ? oldSelf.storage.accessMode : 'ReadWriteOnce')")
        .message("spec.storage.accessMode is immutable: make a second Validator with the other mode, and delete this one once that one is seated (docs/operator.md, Disks)"),
    validation = Rule::new("has(self.keys) && has(self.keys.azureKeyVault) ? has(oldSelf.keys) && has(oldSelf.keys.azureKeyVault) && self.keys.azureKeyVault.vaultUrl == oldSelf.keys.azureKeyVault.vaultUrl && (has(self.keys.azureKeyVault.mode) ? self.keys.azureKeyVault.mode : 'Remote') == (has(oldSelf.keys.azureKeyVault.mode) ? oldSelf.keys.azureKeyVault.mode : 'Remote') && (has(self.keys.azureKeyVault.keyPrefix) ? self.keys.azureKeyVault.keyPrefix : '') == (has(oldSelf.keys.azureKeyVault.keyPrefix) ? oldSelf.keys.azureKeyVault.keyPrefix : '') : !(has(oldSelf.keys) && has(oldSelf.keys.azureKeyVault))")
        .message("where spec.keys are is immutable (secret or azureKeyVault with its vaultUrl, mode and keyPrefix): make a second Validator with the other keys and the annotation quorate.dev/replaces, and delete this one once that one is seated (docs/keys.md, Rotate)"),
    validation = Rule::new("(has(oldSelf.fence) || (has(oldSelf.standbys) && oldSelf.standbys > 0)) ? (has(self.fence) || (has(self.standbys) && self.standbys > 0)) : true")
        .message("that there is a fence is immutable once spec.fence is set or spec.standbys was above 0: a paused node that wakes where none is asked would be a second signer; with spec.standbys 0 write spec.fence: {} (docs/standbys.md)"),
    validation = Rule::new("(has(oldSelf.fence) || (has(oldSelf.standbys) && oldSelf.standbys > 0)) ? (has(self.fence) && has(self.fence.azureBlob) ? self.fence.azureBlob.containerUrl : '') == (has(oldSelf.fence) && has(oldSelf.fence.azureBlob) ? oldSelf.fence.azureBlob.containerUrl : '') : true")
        .message("where the records of spec.fence are is immutable (kubernetesLease, or azureBlob with its containerUrl): what was signed stands there; make a second Validator with the other fence and the annotation quorate.dev/replaces (docs/standbys.md)"),
    validation = Rule::new("!has(self.role) || self.role != 'Observer' || (!has(self.fence) && (!has(self.standbys) || self.standbys == 0))")
        .message("spec.standbys and spec.fence need role Validator: observers have no identity that could move"),
    validation = Rule::new("!has(self.fence) || !has(self.fence.azureBlob) || (has(self.keys) && has(self.keys.azureKeyVault)) != has(self.fence.azureBlob.clientId)")
        .message("the nodes of a fleet have one workload identity: spec.fence.azureBlob.tenantId and clientId are needed without spec.keys.azureKeyVault, and must be left out with it"),
    validation = Rule::new("!has(self.fence) || !has(self.fence.azureBlob) || !has(self.keys) || !has(self.keys.azureKeyVault) || (!has(self.fence.azureBlob.authorityHost) && !has(self.fence.azureBlob.caBundle))")
        .message("spec.fence.azureBlob.authorityHost and caBundle must be left out with spec.keys.azureKeyVault, whose own are used"),
    validation = Rule::new("!has(self.fence) || !has(self.fence.preferred) || self.fence.preferred || (has(self.keys) && ((has(self.keys.secret) && has(self.keys.secret.create) && !self.keys.secret.create) || (has(self.keys.azureKeyVault) && has(self.keys.azureKeyVault.create) && !self.keys.azureKeyVault.create)))")
        .message("spec.fence.preferred false needs spec.keys.azureKeyVault.create false (or secret.create false): the keys are another cluster's"),
)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorSpec {
    /// The network, in the same namespace.
    pub consortium_ref: ConsortiumRef,
    /// Number of nodes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub replicas: i32,
    /// What the nodes do.
    #[serde(default)]
    pub role: Role,
    /// Synced spares, each of which takes over an identity of the fleet whose node is gone.
    #[serde(default)]
    #[schemars(range(min = 0, max = 16))]
    pub standbys: i32,
    /// Where it is on record which node holds an identity; in Leases of this namespace when absent and there are spares. It stays
    /// once there was one.
    // Atomic, as `keys`: `fence: {}` means something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub fence: Option<Fence>,
    /// Where the identities' keys are; in generated Secrets when absent.
    // Atomic: under server-side apply `secret: {}` that loses its last field would be stored as null, which is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub keys: Option<Keys>,
    /// The nodes' disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// CPU and memory of one node; sensible ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// How far back the state of old blocks can be read; 4096 blocks when absent. Nodes restart, one at a time, when it changes.
    // Atomic, as `fence`: taken out of a manifest it must not leave an empty object behind, which is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub history: Option<History>,
    /// Node image; the operator's own default when absent, then kept until this field is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = IMAGE))]
    pub image: Option<String>,
    /// Additions to the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// An AKS node pool made for validators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_pool: Option<NodePool>,
    /// JSON-RPC over HTTP and WebSocket; a ClusterIP Service when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<Rpc>,
    /// How members in other clusters reach the nodes; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering: Option<Peering>,
}

const fn one() -> i32 {
    1
}

/// A `Consortium` of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsortiumRef {
    /// Name of the `Consortium`; it cannot be changed.
    #[schemars(length(min = 1, max = 40), regex(pattern = LABEL))]
    pub name: String,
}

/// What the nodes of a fleet do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Role {
    /// They hold seats and vote.
    #[default]
    Validator,
    /// They read and submit, and hold no seat.
    Observer,
}
