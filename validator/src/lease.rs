//! Which process votes for an identity that can move: the shell around the crate `fence`
//! ([ADR 37](../../docs/adr/0037-leases-and-the-fence.md)).
//!
//! One task owns the fences of all identities that this node has or stands by for, and talks to their stores; the driver asks it
//! before a vote is made durable, and is told when this node holds an identity and when it does so no more. A node whose identity
//! cannot move has none of this.

mod blob;
mod kubernetes;
mod ready;
#[cfg(test)]
pub(crate) mod rig;
mod setup;
mod store;
mod task;

pub use blob::BlobRecord;
pub use kubernetes::{KubernetesLease, LeaseObject};
pub use ready::tell_ready;
pub use setup::{FenceSetupError, Opened, Opening, open};
pub use store::{Found, Store, StoreError, Swapped};
pub use task::{Change, Changed, Lease, LeaseHandle, LeaseView};
