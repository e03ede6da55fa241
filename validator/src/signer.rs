//! Where signatures of the identity come from: one trait, several homes ([ADR 36](../../docs/adr/0036-keys-in-a-vault.md)).
//!
//! Signing is asynchronous because a vault is a network away; a key in memory answers at once. A signer signs whatever
//! 32 bytes it is given: that nothing is signed twice is the journal's work, before the signer is asked.

mod breaker;
pub mod budget;
mod counted;
mod file;
mod inject;
pub mod key_file;
mod local_key;
mod remote;
mod state;
mod vault;

pub use breaker::Circuit;
pub use counted::Counted;
pub use file::FileSigner;
pub use inject::{InjectSigner, SecretVault};
pub use local_key::{KeyRefused, LocalKey};
pub use remote::{KeyVault, RemoteSigner};
pub use state::Snapshot;
pub use vault::{VaultSetupError, open};

use alloy_primitives::{Address, B256};
use azure_access::vault::VaultError;
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _, ready};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

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
    /// There is no key yet, or only one that is refused.
    #[error("there is no key to sign with: {0}")]
    NoKey(String),
    /// The vault did not sign.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The vault is left alone for having failed.
    #[error("the vault failed again and again and is left alone for a moment")]
    OpenCircuit,
    /// Others had their turn for too long.
    #[error("no turn to ask the vault within the time there was")]
    NoTurn,
}

impl SignerError {
    /// One word, for counters.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::NoKey(_) => "no_key",
            Self::Vault(error) => error.label(),
            Self::OpenCircuit => "open_circuit",
            Self::NoTurn => "no_turn",
        }
    }

    /// Whether it is no news: the signer itself told of it when it began.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        matches!(self, Self::NoKey(_) | Self::OpenCircuit)
    }
}

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A PROPOSAL.
    Proposal,
    /// A PREPARE.
    Prepare,
    /// The seal over a header that a COMMIT carries.
    CommitSeal,
    /// A COMMIT.
    Commit,
    /// A ROUND-CHANGE.
    RoundChange,
    /// The proof by which an identity is seated.
    SeatProof,
    /// Which node carries the identity.
    Announcement,
}

impl Purpose {
    /// One word, for counters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prepare => "prepare",
            Self::CommitSeal => "commit_seal",
            Self::Commit => "commit",
            Self::RoundChange => "round_change",
            Self::SeatProof => "seat_proof",
            Self::Announcement => "announcement",
        }
    }
}

/// One signature that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What is signed, as it is.
    pub hash: B256,
    /// What for.
    pub purpose: Purpose,
    /// After this nobody needs it any more.
    pub budget: Duration,
}

/// Signs for one identity.
pub trait Signer: Send + Sync + 'static {
    /// The identity's address.
    fn address(&self) -> Address;

    /// Signs the hash itself: `r ‖ s ‖ v`, low `s`, `v` 0 or 1.
    fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>>;

    /// Whether a signature takes a way over the network: then it is worth asking for one ahead.
    fn is_remote(&self) -> bool {
        false
    }

    /// How it stands.
    fn snapshot(&self) -> Snapshot;

    /// What it does beside signing for as long as the node runs.
    fn keep(self: Arc<Self>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        drop(stop);
        ready(()).boxed()
    }
}
