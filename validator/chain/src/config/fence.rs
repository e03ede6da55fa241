//! An identity that can move between nodes.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// How long a holder may be silent unless the configuration says otherwise, milliseconds.
pub const LEASE_MS: u64 = 6_000;

/// Several nodes have the identity's key: which of them votes, one record in a store says, vote by vote. Without it the identity
/// has one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FenceConfig {
    /// Where the record is.
    pub store: FenceStore,
    /// What this node is called in it.
    pub holder: String,
    /// Whether the identity belongs to this node whenever it could vote.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preferred: bool,
    /// The identity never had a record: make one. A record that is missing otherwise stops the seat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub initialise: bool,
    /// A standby takes over from a holder that was silent for so long.
    #[serde(default = "default_lease_ms", skip_serializing_if = "is_default_lease_ms")]
    pub lease_ms: u64,
}

/// Where the record of an identity is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FenceStore {
    /// A Lease of `coordination.k8s.io`: nodes of one cluster.
    KubernetesLease {
        /// `https://host:port` of the API server.
        server: String,
        /// Namespace of the Lease.
        namespace: String,
        /// Its name.
        name: String,
        /// File with the service account's token.
        token_file: String,
        /// File with the API server's certificate authorities, PEM.
        ca_file: String,
    },
    /// A blob in Azure's storage, with the workload identity of `azure`: nodes of several clusters and regions.
    AzureBlob {
        /// `https://<account>.blob.core.windows.net/<container>`.
        container_url: String,
        /// Name of the blob.
        blob: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const fn default_lease_ms() -> u64 {
    LEASE_MS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_default_lease_ms(value: &u64) -> bool {
    *value == LEASE_MS
}
