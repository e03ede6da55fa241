//! Keys in Azure Key Vaults: what is wanted of a vault, and what its answers mean. The shell asks; what it does next stands here.
//!
//! A key is made in a vault once, and recorded once in Kubernetes: address and pinned version, in a Secret that holds no key. From
//! then on the record is what counts. A version that somebody adds is told of and never used by itself.

mod id;
mod next;
mod told;

pub use id::{Home, KeyId, KeyPlace};
pub use next::{Next, next};
pub use told::{KeyState, Told, condition, wait};

use crate::names::{ConsortiumName, NodeName};
use alloy_primitives::Address;
use chain::status::{Signer, SignerState};
use std::collections::BTreeMap;

/// Tag of a secret: the address of the key that is its value, so that nobody has to read that.
pub const ADDRESS_TAG: &str = "quorate-address";
/// Tag: the network.
const NETWORK_TAG: &str = "quorate-network";
/// Tag: namespace of the object that the key was made for.
const NAMESPACE_TAG: &str = "quorate-namespace";
/// Tag: the node or account that the key was made for.
const HOLDER_TAG: &str = "quorate-holder";
/// Tag: uid of the object that the key was made for. The same manifest in another cluster has another.
const OWNER_TAG: &str = "quorate-owner";

/// For whom a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A node's identity.
    Node(NodeName),
    /// An account of the member; the name of the Secret that stands for it.
    Account(String),
}

impl Holder {
    /// The Secret that stands for the key.
    #[must_use]
    pub fn record(&self) -> String {
        match self {
            Self::Node(node) => node.identity(),
            Self::Account(secret) => secret.clone(),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Account(secret) => f.write_str(secret),
        }
    }
}

/// What an object wants of a vault, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Namespace of the object.
    pub namespace: String,
    /// Its network.
    pub network: ConsortiumName,
    /// Its uid.
    pub owner: String,
    /// Its keys.
    pub keys: Vec<Wanted>,
}

impl Task {
    /// Tags by which a key is known to be made for this holder by this very object.
    #[must_use]
    pub fn tags(&self, holder: &Holder) -> BTreeMap<String, String> {
        let pairs = [
            (NETWORK_TAG, self.network.0.clone()),
            (NAMESPACE_TAG, self.namespace.clone()),
            (HOLDER_TAG, holder.to_string()),
            (OWNER_TAG, self.owner.clone()),
        ];
        pairs.into_iter().map(|(tag, value)| (tag.to_owned(), value)).collect()
    }
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For whom.
    pub holder: Holder,
    /// Where.
    pub place: KeyPlace,
    /// It is made when it is missing.
    pub create: bool,
    /// The network has begun: a key that was there before may have signed in it.
    pub begun: bool,
    /// The version on record, once there is a record.
    pub pinned: Option<String>,
}

/// A version of a key or secret, as a vault lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub id: String,
    /// It may be used: enabled, and within its time.
    pub usable: bool,
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Version {
    /// Address of the key in a secret, as its tag says.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.tags.get(ADDRESS_TAG)?.parse().ok()
    }
}

/// How it stands with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Report {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It is there and on record.
    Pinned,
    /// The same, and there is a later version that nobody uses.
    Newer(String),
    /// A person has to make it.
    Awaited,
    /// There is one of that name which was not made for this holder.
    Foreign,
    /// It is there and may not be used.
    Disabled(String),
    /// The version on record is gone.
    Gone,
    /// The vault did not say.
    Failed(Trouble),
}

impl Report {
    /// The same, unless the node itself says that it cannot sign with a key that is well otherwise.
    #[must_use]
    pub fn at_node(self, signer: Option<&Signer>) -> Self {
        let well = self.is_settled() || self == Self::Unknown;
        let Some(signer) = signer.filter(|signer| well && signer.state != SignerState::Ready) else {
            return self;
        };
        let kind = match signer.state {
            SignerState::Refused => TroubleKind::NodeRefused,
            _ => TroubleKind::Node,
        };
        let why = signer.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
        Self::Failed(Trouble { kind, message: format!("its node does not sign: {why}") })
    }

    /// Nothing is to be done but to look again in an hour.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Pinned | Self::Newer(_))
    }
}

/// Why a vault did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which kind.
    pub kind: TroubleKind,
    /// In the vault's words.
    pub message: String,
}

/// Kinds of trouble with a vault, by who has to do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The operator's pod has no workload identity.
    NoIdentity,
    /// Entra gives it no token.
    Token,
    /// The vault's host is none to which tokens go.
    Host,
    /// It has no right to the key. Roles take minutes to be in force.
    Refused,
    /// The same, for longer than that takes.
    RefusedForLong,
    /// It asks too much of the vault, or others do.
    Throttled,
    /// A key of that name was deleted and can be recovered.
    Deleted,
    /// What is there is no key that signs for Ethereum.
    Unfit,
    /// Nothing that says what to do.
    Unreachable,
    /// The node does not reach it yet, or for the moment.
    Node,
    /// The node will not sign with what the vault gives it.
    NodeRefused,
}
