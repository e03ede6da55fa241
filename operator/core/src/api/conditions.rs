//! Conditions: types and reasons as constants, so that a script can match them and tests can name them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything for this generation is done.
pub const READY: &str = "Ready";
/// Work towards this generation is going on (kstatus).
pub const RECONCILING: &str = "Reconciling";
/// A person must act (kstatus).
pub const STALLED: &str = "Stalled";
/// The member belongs to the network.
pub const JOINED: &str = "Joined";
/// The network infos that are to be read are read, and published by members; only on a Consortium that joins.
pub const NETWORK_INFO_CURRENT: &str = "NetworkInfoCurrent";
/// The network info is in the container of `publish.networkInfo.azureBlob`; only on a Consortium that names one.
pub const NETWORK_INFO_PUBLISHED: &str = "NetworkInfoPublished";
/// At least a quorum of the seats is heard.
pub const QUORUM_HEALTHY: &str = "QuorumHealthy";
/// The fleet works, but a node of it does not.
pub const DEGRADED: &str = "Degraded";
/// The node pool that the operator makes is as the fleet needs it; only on fleets with `nodePool.manage: ASO`.
pub const NODE_POOL_READY: &str = "NodePoolReady";
/// Members in other clusters can dial the nodes; only on fleets with `peering.type: LoadBalancer`.
pub const PEERING_READY: &str = "PeeringReady";
/// The keys of the nodes or accounts are in their vault as they are on record; only with `azureKeyVault`.
pub const KEY_ACCESS: &str = "KeyAccess";

/// A person has told the operator, by annotation, to disregard something.
pub const OVERRIDDEN: &str = "Overridden";
/// A node of ours may be drained now.
pub const DRAINABLE: &str = "Drainable";

/// Reasons, CamelCase words.
pub mod reasons {
    /// All is as the spec says.
    pub const SETTLED: &str = "Settled";
    /// Nothing keeps the object from going on.
    pub const NOT_STALLED: &str = "NotStalled";
    /// A field has a value that cannot be carried out.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// A fleet named in `create.fleets` does not exist.
    pub const WAITING_FOR_FLEETS: &str = "WaitingForFleets";
    /// A fleet has not made all of its identities.
    pub const WAITING_FOR_IDENTITIES: &str = "WaitingForIdentities";
    /// It is being deleted, and fleets name it still.
    pub const FLEETS_REMAIN: &str = "FleetsRemain";
    /// The `Consortium` does not exist.
    pub const CONSORTIUM_MISSING: &str = "ConsortiumMissing";
    /// The network has no genesis yet.
    pub const WAITING_FOR_GENESIS: &str = "WaitingForGenesis";
    /// No node of the network answers.
    pub const NO_NODE_ANSWERS: &str = "NoNodeAnswers";
    /// A Secret has not the shape it must have.
    pub const SECRET_MALFORMED: &str = "SecretMalformed";
    /// A key that was in use is gone.
    pub const KEY_LOST: &str = "KeyLost";
    /// The stored genesis, or the one the spec gives, is not the one expected.
    pub const GENESIS_MISMATCH: &str = "GenesisMismatch";
    /// Nodes are coming up or catching up.
    pub const NODES_STARTING: &str = "NodesStarting";
    /// A synced node waits for its seat.
    pub const AWAITING_SEAT: &str = "AwaitingSeat";
    /// A node gives its seat up before it stops.
    pub const LEAVING: &str = "Leaving";
    /// A pod runs an older template and waits for its turn to restart.
    pub const RESTARTING: &str = "Restarting";
    /// A node is ready again, and another one holds its identity still.
    pub const HANDING_BACK: &str = "HandingBack";
    /// An identity has a record in a fence that the spec does not name any more.
    pub const FENCE_GONE: &str = "FenceGone";
    /// The record of an identity is gone.
    pub const FENCE_RECORD_MISSING: &str = "FenceRecordMissing";
    /// The record of an identity is damaged, or of a later format.
    pub const FENCE_RECORD_UNREADABLE: &str = "FenceRecordUnreadable";
    /// The record is another identity's.
    pub const FENCE_RECORD_FOREIGN: &str = "FenceRecordForeign";
    /// The store shows an older record than it did.
    pub const FENCE_RECORD_SET_BACK: &str = "FenceRecordSetBack";
    /// The node's own journal has later votes than the record.
    pub const FENCE_JOURNAL_AHEAD: &str = "FenceJournalAhead";
    /// The store of the records does not answer, or refuses the node.
    pub const FENCE_STORE_AWAY: &str = "FenceStoreAway";
    /// A second process runs under the node's name.
    pub const FENCE_TWIN: &str = "FenceTwin";
    /// The fence says something that this operator does not know.
    pub const FENCE_TROUBLED: &str = "FenceTroubled";
    /// A node that worked does not.
    pub const NODE_FAILED: &str = "NodeFailed";
    /// No annotation overrides anything.
    pub const NO_OVERRIDE: &str = "NoOverride";
    /// An annotation overrides something.
    pub const ANNOTATED: &str = "Annotated";
    /// One node may be drained: the others are a quorum.
    pub const QUORUM_WITHOUT_ONE: &str = "QuorumWithoutOne";
    /// Kubernetes refused an eviction: the disruption budget is used up, or a drain is under way.
    pub const DISRUPTION_BUDGET: &str = "DisruptionBudget";
    /// A node of ours is down, and another one may not be.
    pub const ANOTHER_NODE_DOWN: &str = "AnotherNodeDown";
    /// A node of ours is up again, and has not been heard since it started.
    pub const AWAITING_VOTES: &str = "AwaitingVotes";
    /// A node of ours is up and well for minutes, and nobody hears it vote.
    pub const NOT_HEARD: &str = "NotHeard";
    /// No Kubernetes node takes a pod.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// A disk grows, or waits for its turn to.
    pub const VOLUME_GROWING: &str = "VolumeGrowing";
    /// The storage driver reports that a disk's growth failed.
    pub const VOLUME_GROWTH_FAILED: &str = "VolumeGrowthFailed";
    /// Kubernetes does not let a disk grow: its storage class does not allow it.
    pub const VOLUME_NOT_EXPANDABLE: &str = "VolumeNotExpandable";
    /// A quorum of seats is heard.
    pub const QUORUM_HEARD: &str = "QuorumHeard";
    /// Fewer seats than a quorum are heard.
    pub const QUORUM_LOST: &str = "QuorumLost";
    /// This member is in the governance contract.
    pub const MEMBER: &str = "Member";
    /// This member is not, or not yet, in the governance contract.
    pub const NOT_MEMBER: &str = "NotMember";
    /// This member was in the governance contract, and is no more.
    pub const EXPELLED: &str = "Expelled";
    /// The contract does not know the operator account.
    pub const OPERATOR_UNKNOWN: &str = "OperatorUnknown";
    /// No network info has been asked for yet.
    pub const WAITING_FOR_SOURCES: &str = "WaitingForSources";
    /// All network infos were read.
    pub const SOURCES_READ: &str = "SourcesRead";
    /// A network info was not reached.
    pub const SOURCE_UNREACHABLE: &str = "SourceUnreachable";
    /// A network info is not one of this network.
    pub const SOURCE_REFUSED: &str = "SourceRefused";
    /// A network info was published by somebody who is not a member's operator account.
    pub const PUBLISHER_NOT_MEMBER: &str = "PublisherNotMember";
    /// The web server with the network info runs the operator's image, which is not known.
    pub const OPERATOR_IMAGE_UNKNOWN: &str = "OperatorImageUnknown";
    /// Nothing is published yet: nobody would believe it before this member is in the contract.
    pub const NOTHING_TO_PUBLISH: &str = "NothingToPublish";
    /// The network info is on its way.
    pub const PUBLISHING: &str = "Publishing";
    /// The network info is in the container.
    pub const PUBLISHED: &str = "Published";
    /// The operator's pod has no workload identity.
    pub const AZURE_IDENTITY_MISSING: &str = "AzureIdentityMissing";
    /// Microsoft Entra gave the operator's workload identity no token.
    pub const AZURE_TOKEN_REFUSED: &str = "AzureTokenRefused";
    /// The operator sends its identity's tokens to Azure's storage only.
    pub const AZURE_HOST_REFUSED: &str = "AzureHostRefused";
    /// The container does not let the operator's workload identity.
    pub const CONTAINER_REFUSED: &str = "ContainerRefused";
    /// The vault has not been asked yet.
    pub const VAULT_ASKED: &str = "VaultAsked";
    /// The keys are in the vault as they are on record.
    pub const KEYS_PINNED: &str = "KeysPinned";
    /// A key has a later version than the one on record, which nobody uses.
    pub const NEWER_KEY_VERSION: &str = "NewerKeyVersion";
    /// There is a key of that name in the vault which was made for somebody else.
    pub const KEY_FOREIGN: &str = "KeyForeign";
    /// A key in the vault is disabled, or out of its time.
    pub const KEY_DISABLED: &str = "KeyDisabled";
    /// A key of that name was deleted in the vault, and can be recovered.
    pub const KEY_DELETED: &str = "KeyDeleted";
    /// What is in the vault under that name is no key that signs for Ethereum.
    pub const KEY_UNFIT: &str = "KeyUnfit";
    /// The vault does not let the operator's workload identity, whose roles may not be in force yet.
    pub const PROPAGATING: &str = "Propagating";
    /// The vault does not let the operator's workload identity.
    pub const KEY_ACCESS_REFUSED: &str = "KeyAccessRefused";
    /// A node does not reach its key yet, or for the moment.
    pub const NODE_KEY_ACCESS: &str = "NodeKeyAccess";
    /// A node has been given something by the vault that it will not sign with.
    pub const NODE_KEY_REFUSED: &str = "NodeKeyRefused";
    /// The vault is asked too much.
    pub const VAULT_THROTTLED: &str = "VaultThrottled";
    /// The vault was not reached, or answers something else.
    pub const VAULT_UNREACHABLE: &str = "VaultUnreachable";
    /// There is no such container.
    pub const CONTAINER_MISSING: &str = "ContainerMissing";
    /// The container was not reached, or answers something else.
    pub const CONTAINER_UNREACHABLE: &str = "ContainerUnreachable";
    /// The first blocks are awaited.
    pub const STARTING: &str = "Starting";
    /// A vote of this member is on its way to the chain.
    pub const VOTING: &str = "Voting";
    /// A transaction in `status.toSign` waits for its signature.
    pub const AWAITING_SIGNATURE: &str = "AwaitingSignature";
    /// A seat is being given or taken.
    pub const MOVING_SEATS: &str = "MovingSeats";
    /// The load balancer for peers has its address, and members in other clusters are told.
    pub const ADDRESS_GIVEN: &str = "AddressGiven";
    /// The load balancer for peers has no address yet.
    pub const WAITING_FOR_ADDRESS: &str = "WaitingForAddress";
    /// The pool is to be made by Azure Service Operator, which is not there.
    pub const AZURE_SERVICE_OPERATOR_MISSING: &str = "AzureServiceOperatorMissing";
    /// The operator has no right to Azure Service Operator's kind.
    pub const NODE_POOL_FORBIDDEN: &str = "NodePoolForbidden";
    /// The pool object was made by somebody else.
    pub const NODE_POOL_FOREIGN: &str = "NodePoolForeign";
    /// Another fleet makes the pool.
    pub const NODE_POOL_CLAIMED: &str = "NodePoolClaimed";
    /// The pool object is not accepted.
    pub const NODE_POOL_REFUSED: &str = "NodePoolRefused";
    /// Azure Service Operator has given up.
    pub const NODE_POOL_FAILED: &str = "NodePoolFailed";
    /// Azure Service Operator works on the pool.
    pub const NODE_POOL_PROVISIONING: &str = "NodePoolProvisioning";
    /// A bound of the pool's size leaves pods without a node.
    pub const NODE_POOL_TOO_SMALL: &str = "NodePoolTooSmall";
}

/// One condition, by the conventions of the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which condition.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, as one word.
    #[schemars(length(min = 1, max = 64))]
    pub reason: String,
    /// Why, for a person.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Generation it was computed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When `status` last changed, RFC 3339.
    #[schemars(length(max = 40), extend("format" = "date-time"))]
    pub last_transition_time: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known.
    Unknown,
}
