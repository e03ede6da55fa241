//! Where signatures of the identity come from: one trait, several homes.
//!
//! Signing is asynchronous because a vault is a network away; the local file answers at once. A signer signs whatever
//! 32 bytes it is given: that nothing is signed twice is the journal's work, before the signer is asked.

mod file;
pub mod key_file;

pub use file::FileSigner;

use alloy_primitives::{Address, B256};
use chain::Seal;
use futures::future::BoxFuture;

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The key exists but did not sign this hash.
    #[error("the key of {address} did not sign: {why}")]
    Refused {
        /// The identity.
        address: Address,
        /// Reason.
        why: String,
    },
}

/// Signs for one identity.
pub trait Signer: Send + Sync + 'static {
    /// The identity's address.
    fn address(&self) -> Address;

    /// Signs the hash itself: `r ‖ s ‖ v`, low `s`, `v` 0 or 1.
    fn sign(&self, hash: B256) -> BoxFuture<'_, Result<Seal, SignerError>>;
}
