//! Where the identities' keys are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// In Secrets, one per identity, made when there is none and never changed.
    pub secret: KeySecrets,
}

/// Secrets with the identities' keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySecrets {
    /// Whether the operator makes the Secrets that are missing; `true` when absent. With `false` it waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
}
