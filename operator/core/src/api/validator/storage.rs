//! The nodes' disks.

use crate::api::formats::{OBJECT_NAME, QUANTITY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of one node's disk, `50Gi` when absent; it may grow, where the storage class allows it, and never shrink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = QUANTITY))]
    pub size: Option<String>,
    /// Storage class, the cluster's default when absent; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub storage_class_name: Option<String>,
    /// Who may mount a disk, `ReadWriteOnce` when absent; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_mode: Option<AccessMode>,
}

/// Who may mount a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// Pods of one Kubernetes node at a time; every storage class can.
    #[default]
    ReadWriteOnce,
    /// One pod of the cluster at a time; CSI drivers can, as Azure Disk's.
    ReadWriteOncePod,
}

impl AccessMode {
    /// As Kubernetes writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }
}
