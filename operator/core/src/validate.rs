//! Specs into values that need no further checks: parse, don't validate. What admission can refuse it has refused
//! already; what is left ends here with the field and the fix.

mod child;
mod consortium;
mod fence;
mod fleet;
mod keys;
mod network;
mod positions;

pub use child::refused as refused_child;
pub use consortium::{AdminAccount, Chain, Network, ValidConsortium, consortium};
pub use fence::{FenceContainer, FenceStore, FleetFence, MAX_STANDBYS, blob as fence_blob};
pub use fleet::{MAX_NODES, RpcService, ValidFleet, fleet, wants};
pub use keys::{AccountKey, FleetVault, IdentityKeys, VAULT_HOSTS};
pub use network::{Authorities, Container, JoinedNetwork, PublishedService, Source};

/// A field that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fix}")]
pub struct InvalidField {
    /// Path of the field.
    pub field: String,
    /// What is wrong and what to write instead.
    pub fix: String,
}

impl InvalidField {
    /// A field and what to write instead.
    #[must_use]
    pub fn new(field: &str, fix: impl Into<String>) -> Self {
        Self { field: field.to_owned(), fix: fix.into() }
    }
}
