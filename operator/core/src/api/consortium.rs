//! `Consortium`: one network as this member sees it.
#![expect(clippy::duplicated_attributes, reason = "every printer column has a type of its own")]
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

mod account;
mod azure_blob;
mod governance;
mod join;
mod publish;

pub use account::{Account, AccountKeyVault, AccountSecret, AdminAccount};
pub use azure_blob::AzureBlob;
pub use governance::{
    Admission, CapacityChange, Expulsion, Governance, HardforkChange, NamedContractChange, OperatorAccount,
    ParameterChange, PositionState, PositionStatus, ProposalStatus, ToSign, Vote,
};
pub use join::{CaBundle, ConfigMapRef, Join, KeyRef, NetworkInfoSource};
pub use publish::{Publish, PublishNetworkInfo, PublishService, PublishTls, PublishType};

use super::{
    conditions::Condition,
    formats::{ADDRESS, ALIAS, AMOUNT, HASH, LABEL, MILLISECONDS, SECONDS},
};
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network and this member's part in it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "quorate.dev",
    version = "v1alpha1",
    kind = "Consortium",
    plural = "consortia",
    namespaced,
    status = "ConsortiumStatus",
    derive = "PartialEq",
    category = "quorate",
    shortname = "cons",
    doc = "One permissioned network as this member sees it.",
    printcolumn(json_path = ".status.chainId", name = "Chain", type_ = "integer"),
    printcolumn(json_path = ".status.summary", name = "Seats", type_ = "string"),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"QuorumHealthy\")].status",
        name = "Quorum",
        type_ = "string"
    ),
    printcolumn(
        json_path = ".status.height",
        name = "Height",
        type_ = "integer",
        description = "At status.observedAt; written at most once a minute"
    ),
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
    validation = Rule::new("has(self.create) != has(self.join)")
        .message("exactly one of spec.create and spec.join must be set"),
    validation = Rule::new("has(self.create) == has(oldSelf.create) && has(self.join) == has(oldSelf.join)")
        .message("spec.create and spec.join are immutable: a Consortium stays with its network"),
)]
#[serde(rename_all = "camelCase")]
pub struct ConsortiumSpec {
    /// This member and its two accounts.
    pub member: Member,
    /// Start a new network. Exactly one of `create` and `join`; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// Join a network that exists. Exactly one of `create` and `join`; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// What this member wants of the network; votes follow from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governance: Option<Governance>,
    /// What this member publishes for those who want to join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub publish: Option<Publish>,
    /// Who may peer, members only or strangers too on a few read-only slots.
    #[serde(default)]
    pub admission: PeerAdmission,
}

/// Who may peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PeerAdmission {
    /// The network's nodes, and a few strangers that only read.
    #[default]
    Open,
    /// The network's nodes.
    Members,
}

/// This member and its accounts.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self == oldSelf").message("spec.member is immutable: the network knows the member by it"),
)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Name that the other members see.
    #[schemars(length(min = 1, max = 32), regex(pattern = ALIAS))]
    pub alias: String,
    /// The account that votes.
    // Atomic: under server-side apply `secret: {}` that loses its last field would be stored as null, which is refused.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub admin: AdminAccount,
    /// The account that seats and unseats this member's nodes.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub operator: Account,
}

/// A new network.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.chainId == oldSelf.chainId && self.fleets == oldSelf.fleets")
        .message("spec.create.chainId and spec.create.fleets are immutable: they are in the genesis"),
    validation = Rule::new("has(self.blockPeriod) == has(oldSelf.blockPeriod) && (!has(self.blockPeriod) || self.blockPeriod == oldSelf.blockPeriod) && has(self.requestTimeout) == has(oldSelf.requestTimeout) && (!has(self.requestTimeout) || self.requestTimeout == oldSelf.requestTimeout)")
        .message("spec.create.blockPeriod and spec.create.requestTimeout are immutable: they are in the genesis"),
    validation = Rule::new("has(self.gasLimit) == has(oldSelf.gasLimit) && (!has(self.gasLimit) || self.gasLimit == oldSelf.gasLimit) && has(self.capacity) == has(oldSelf.capacity) && (!has(self.capacity) || self.capacity == oldSelf.capacity) && has(self.hardfork) == has(oldSelf.hardfork) && (!has(self.hardfork) || self.hardfork == oldSelf.hardfork)")
        .message("spec.create.gasLimit, capacity and hardfork are immutable: they are in the genesis"),
    validation = Rule::new("has(self.accounts) == has(oldSelf.accounts) && (!has(self.accounts) || self.accounts == oldSelf.accounts)")
        .message("spec.create.accounts are immutable: they are in the genesis"),
    validation = Rule::new("!has(oldSelf.genesisHash) || (has(self.genesisHash) && self.genesisHash == oldSelf.genesisHash)")
        .message("spec.create.genesisHash is immutable once set"),
)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// EIP-155 chain id, different from every network that its users also use.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    pub chain_id: i64,
    /// Names of the `Validator` objects whose identities are the first seats; the genesis waits for all of them.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 40), regex(pattern = LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub fleets: Vec<String>,
    /// Whole seconds between blocks, `2s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = SECONDS))]
    pub block_period: Option<String>,
    /// How long a proposer has from the moment a block is due, `1500ms` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = MILLISECONDS))]
    pub request_timeout: Option<String>,
    /// Gas limit of blocks, 250000000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16_777_216, max = 10_000_000_000_i64))]
    pub gas_limit: Option<i64>,
    /// Newest hardfork, active from block 0; `osaka` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardfork: Option<Hardfork>,
    /// Seats this member may hold, 16 when absent; also what later members get unless their admission says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub capacity: Option<i32>,
    /// Balances at block 0. Gas is free, so nobody needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".into()]))]
    pub accounts: Vec<FundedAccount>,
    /// Pin copied from `status.genesisHash`: another genesis is then refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 66), regex(pattern = HASH))]
    pub genesis_hash: Option<String>,
}

/// Hardforks that a new network can start with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Hardfork {
    /// All up to and including Osaka.
    #[default]
    Osaka,
}

/// A balance at block 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FundedAccount {
    /// Address of the account that gets the balance, 20 bytes in hex with `0x`.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// Balance of the account at block 0, as `1000 ether`; also `gwei` and `wei`.
    #[schemars(length(max = 34), regex(pattern = AMOUNT))]
    pub balance: String,
}

/// What the operator has observed of the network.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ConsortiumStatus {
    /// Generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Joined, QuorumHealthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Addresses of this member's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberAccounts>,
    /// Chain id of the genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<i64>,
    /// Hash of block 0; copy it to `spec.create.genesisHash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 66))]
    pub genesis_hash: Option<String>,
    /// The seats of the next block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Seats>,
    /// `4/4 seats, tolerates 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub summary: Option<String>,
    /// The members, in on-chain order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["alias".into()]))]
    pub members: Vec<MemberSeats>,
    /// Every open proposal, ours and others'.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub proposals: Vec<ProposalStatus>,
    /// Where each line of `spec.governance` stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["line".into()]))]
    pub positions: Vec<PositionStatus>,
    /// Transactions of an admin account whose key is held elsewhere, in the order in which to send them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub to_sign: Vec<ToSign>,
    /// Newest block seen, at `observedAt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// When `height` and the seats were read, RFC 3339; written at most once a minute unless something else changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub observed_at: Option<String>,
    /// ConfigMap with the signed network info.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub network_info: Option<String>,
}

/// Addresses of this member's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberAccounts {
    /// Admin account.
    #[schemars(length(max = 42))]
    pub address: String,
    /// Operator account.
    #[schemars(length(max = 42))]
    pub operator: String,
    /// This cluster's place among the member's clusters that hold seats, when there are several: they share the member's turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// A cluster's place among those of its member that hold seats, in the order of their operator accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// From 1.
    #[schemars(range(min = 1, max = 512))]
    pub place: i32,
    /// Clusters that hold seats.
    #[schemars(range(min = 2, max = 512))]
    pub of: i32,
}

/// Seats of the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seats {
    /// N, the seats in the validator set.
    pub total: i32,
    /// Seats heard within the last 2N blocks and max(2N block periods, 15 s).
    pub live: i32,
    /// Q = ceil(2N/3).
    pub quorum: i32,
    /// live − Q; negative when the network is halted.
    pub tolerates: i32,
}

/// A member's seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberSeats {
    /// Name that the other members see.
    #[schemars(length(max = 32))]
    pub alias: String,
    /// Admin account.
    #[schemars(length(max = 42))]
    pub admin: String,
    /// Seats it may hold.
    pub capacity: i32,
    /// Seats it holds.
    pub seats: i32,
    /// Of those, heard lately.
    pub live: i32,
}
