//! What a member wants of its network, as positions; and what the network decides, as its status tells it.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::formats::{ADDRESS, ALIAS, MILLISECONDS, ONCHAIN_NAME, SECONDS};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This member's positions: each line is proposed once if nobody has, voted for if somebody has, and taken back when it goes.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.admit) || !has(self.expel) || self.admit.all(a, self.expel.all(e, a.address.lowerAscii() != e.address.lowerAscii()))")
        .message("spec.governance.admit and spec.governance.expel name the same address: keep one of the two"),
)]
#[serde(rename_all = "camelCase")]
pub struct Governance {
    /// Accounts that are to be members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".into()]))]
    pub admit: Vec<Admission>,
    /// Members that are to go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".into()]))]
    pub expel: Vec<Expulsion>,
    /// Seats that members may hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".into()]))]
    pub capacity: Vec<CapacityChange>,
    /// Operator accounts of this member's other clusters: the admin registers each, without a vote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".into()]))]
    pub operators: Vec<OperatorAccount>,
    /// Open proposals to vote against, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(range(min = 1, max = 9_007_199_254_740_991_i64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub oppose: Vec<i64>,
    /// Parameters of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub parameters: Option<ParameterChange>,
    /// A hardfork to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub hardfork: Option<HardforkChange>,
    /// Contracts that the network knows by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub named_contracts: Vec<NamedContractChange>,
}

/// A member to be.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.operator) || self.operator.lowerAscii() != self.address.lowerAscii()")
        .message("spec.governance.admit.operator is the admin account: every account needs a key of its own"),
)]
#[serde(rename_all = "camelCase")]
pub struct Admission {
    /// Its admin account, as its own `status.member.address` shows it.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// Name that the members see.
    #[schemars(length(min = 1, max = 32), regex(pattern = ALIAS))]
    pub alias: String,
    /// Seats it may hold; the network's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub capacity: Option<i32>,
    /// Its operator account, as its `status.member.operator` shows it; it may register one itself later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub operator: Option<String>,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// A member that is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expulsion {
    /// Its admin account.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// Seats that a member may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapacityChange {
    /// Its admin account.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// Seats; fewer than it holds take none away.
    #[schemars(range(min = 0, max = 512))]
    pub capacity: i32,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// An operator account of another cluster of this member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperatorAccount {
    /// The account, as that cluster's `status.member.operator` shows it.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// What it is for; another memo registers it once more if it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// Parameters of the network; what is absent stays as it is.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.blockPeriod) || has(self.requestTimeout) || has(self.gasLimit) || has(self.defaultCapacity) || has(self.votingBlocks)")
        .message("spec.governance.parameters changes nothing: name a parameter"),
)]
#[serde(rename_all = "camelCase")]
pub struct ParameterChange {
    /// Whole seconds between blocks, as `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = SECONDS))]
    pub block_period: Option<String>,
    /// How long a proposer has from the moment a block is due, as `1500ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = MILLISECONDS))]
    pub request_timeout: Option<String>,
    /// Gas limit that blocks walk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16_777_216, max = 10_000_000_000_i64))]
    pub gas_limit: Option<i64>,
    /// Capacity of members that are admitted without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub default_capacity: Option<i32>,
    /// Blocks that a proposal stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 10_000_000))]
    pub voting_blocks: Option<i64>,
    /// First block for which the change holds; the block after the deciding vote when absent or past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    pub from_block: Option<i64>,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// A hardfork to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HardforkChange {
    /// Its name.
    #[schemars(length(min = 1, max = 32), regex(pattern = ONCHAIN_NAME))]
    pub name: String,
    /// Its first block, at least 100 after the deciding vote.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    pub at_block: i64,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// A contract that the network knows by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedContractChange {
    /// Its name.
    #[schemars(length(min = 1, max = 32), regex(pattern = ONCHAIN_NAME))]
    pub name: String,
    /// Where it is; the zero address takes the name out.
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: String,
    /// Why, for the other members; another memo is another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub memo: Option<String>,
}

/// A proposal that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalStatus {
    /// Its id on chain; `oppose` takes it.
    pub id: i64,
    /// What it would do, in the contract's word.
    #[schemars(length(max = 32))]
    pub kind: String,
    /// To whom or what.
    #[schemars(length(max = 128))]
    pub subject: String,
    /// With which values.
    #[schemars(length(max = 256))]
    pub values: String,
    /// What its proposer says.
    #[schemars(length(max = 256))]
    pub memo: String,
    /// Members for it.
    #[serde(rename = "for")]
    pub votes_for: i32,
    /// Members against it.
    pub against: i32,
    /// Members that have not voted, by alias; the first 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 42)))]
    pub missing: Vec<String>,
    /// Votes that decide.
    pub needed: i32,
    /// Last block in which it can be voted on.
    pub expires: i64,
    /// This member's vote.
    pub ours: Vote,
}

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Vote {
    /// For it.
    For,
    /// Against it.
    Against,
    /// Not yet, or taken back.
    None,
}

/// Where a position stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PositionStatus {
    /// Which line of `spec.governance`.
    #[schemars(length(max = 64))]
    pub line: String,
    /// Tells this wording of the line from every other.
    #[schemars(length(max = 16))]
    pub edit: String,
    /// How far it is.
    pub state: PositionState,
    /// Why, as one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why, for a person.
    #[schemars(length(max = 512))]
    pub message: String,
    /// The proposal it is about, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<i64>,
}

/// How far a position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PositionState {
    /// The chain is as the line says.
    InForce,
    /// Our vote is cast; the others' are awaited.
    Open,
    /// A transaction is on its way.
    Sending,
    /// A transaction waits in `status.toSign` for its signature.
    ToSign,
    /// It was outvoted, has expired, or was undone: nothing is sent until the line is edited.
    Rejected,
    /// The contract would refuse it now.
    Blocked,
    /// The chain does not say yet.
    Unknown,
}

/// A transaction for the admin account to sign, whose key is held elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToSign {
    /// What it does.
    #[schemars(length(max = 256))]
    pub what: String,
    /// Whom to call.
    #[schemars(length(max = 42))]
    pub to: String,
    /// Call data, to be signed exactly as it is.
    #[schemars(length(max = 4096))]
    pub data: String,
}
