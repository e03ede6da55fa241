//! Azure as an operator and a node reach it: the workload identity of a pod, blob containers, and what comes from a key vault
//! ([ADR 36](../../docs/adr/0036-keys-in-a-vault.md)).
//!
//! Requests and their meaning are Microsoft's own SDK's; transport and limits are ours: TLS by rustls over few connections that
//! stay open, every answer bounded in time and size, no redirect followed, no proxy asked, nothing retried in here. A token goes
//! to hosts that were named for it and to nobody else.
#![deny(missing_docs)]

pub mod hosts;
pub mod private_memory;
pub mod trust;
pub mod vault;

mod container;
mod error;
mod identity;
mod transport;

pub use azure_core::http::{Etag, Url};
pub use container::{Blob, BlobContainer, ListedBlob};
pub use error::AzureError;
pub use identity::{Identity, WorkloadIdentity};
pub use transport::{Https, Limits, NotReached};
