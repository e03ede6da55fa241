//! The node's status document, JSON at `GET /status`: everything the operator needs to know, in one answer.

use crate::enode::Enode;
use alloc::{string::String, vec::Vec};
use alloy_primitives::{Address, B256, B512};
use serde::{Deserialize, Serialize};

/// Version of the document; readers refuse any other.
pub const STATUS_VERSION: u32 = 1;

/// What a node says of itself. Times are Unix milliseconds by the node's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// [`STATUS_VERSION`].
    pub version: u32,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// The p2p key's public part.
    pub node_id: B512,
    /// When the document was made.
    pub now_ms: u64,
    /// When the process started.
    pub started_ms: u64,
    /// Newest durable block.
    pub head: Head,
    /// Highest head that connected peers claim; equal to or below our own when caught up.
    pub best_peer_head: u64,
    /// What `/readyz` answers: caught up, has peers unless it is the only seat, and has voted if it holds one.
    pub ready: bool,
    /// Why not, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ready_reason: Option<String>,
    /// Connected peers.
    pub peers: Vec<Peer>,
    /// The identity, for nodes that have one: a spare, while it holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What a spare stands by for, the identity that it holds among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standby_for: Vec<Standby>,
    /// The seats of the next block in ascending order, and when each was last heard.
    pub seats: Vec<SeatHeard>,
    /// Which node carries which seat, as far as the seats announced it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<Carrier>,
    /// Consensus, while the node takes part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consensus: Option<Consensus>,
    /// Transactions waiting.
    pub pool: Pool,
    /// Local faults that need a person (disk full, block differs from a sealed one), newest last, at most 16.
    pub faults: Vec<String>,
}

/// A block's place in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Number.
    pub number: u64,
    /// On-chain hash.
    pub hash: B256,
    /// Header timestamp, Unix seconds.
    pub timestamp: u64,
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Its public key.
    pub node_id: B512,
    /// Client name it gave, cut to 64 characters.
    pub client: String,
    /// `address:port` of the connection.
    pub remote: String,
    /// Who dialled: `true` when the peer did.
    pub inbound: bool,
    /// Highest head it claimed.
    pub head: u64,
}

/// The identity a node votes with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its address.
    pub address: Address,
    /// Whether it is in the validator set of the next block.
    pub seated: bool,
    /// Whether the node would sign a vote now.
    pub voting: bool,
    /// Where its signatures come from; absent in documents of older nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// The vote journal.
    pub journal: Journal,
    /// Which node votes, where the identity can move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// Proof of possession with which the operator can seat the identity; made anew as blocks pass, absent once seated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_proof: Option<SeatProof>,
}

/// Where an identity's signatures come from, and whether they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// Where the key is.
    pub home: SignerHome,
    /// How it stands.
    pub state: SignerState,
    /// Why it is not [`SignerState::Ready`], for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The vault's newest version of the key or secret, where that is not the one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_version: Option<String>,
}

/// Where an identity's key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignerHome {
    /// In a file on the node.
    File,
    /// In Azure Key Vault, where it stays.
    AzureKeyVaultKey,
    /// In the node's memory, from a secret of Azure Key Vault.
    AzureKeyVaultSecret,
}

/// How a signer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignerState {
    /// It signs.
    Ready,
    /// It has no key yet and goes on asking for it.
    Waiting,
    /// It has signed, and at the moment the vault does not.
    Failing,
    /// It has been given something that it will not sign with. A person has to correct it.
    Refused,
}

/// An identity that a spare takes over when its holder is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// Its address.
    pub address: Address,
    /// Whether this node has a key that signs for it.
    pub signer_ready: bool,
    /// Which node votes.
    pub fence: Fence,
}

/// How this node stands towards an identity that can move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fence {
    /// What this node is.
    pub role: FenceRole,
    /// Name of the node that holds the identity, as far as this node knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Take-overs so far.
    pub epoch: u64,
    /// Whether this node has read a record of the identity: its making is over then.
    #[serde(default)]
    pub recorded: bool,
    /// What is wrong, in one word: `record_missing`, `record_unreadable`, `record_foreign`, `record_set_back`, `journal_ahead`,
    /// `store_away`, `twin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for a person, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a node is to an identity that can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FenceRole {
    /// It votes for nothing, and takes over when it may.
    Standby,
    /// It votes.
    Holder,
    /// It does nothing until something outside has changed: `reason` says what.
    Stopped,
}

/// State of the vote journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Id of the journal in use; the operator records it beside the identity.
    pub id: B256,
    /// Why the node sits out, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sitting_out: Option<String>,
}

/// An identity's EIP-712 signature over (member, identity, recent block), for the governance contract's `seat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatProof {
    /// Admin account of the member that may use the proof.
    pub member: Address,
    /// Number of the recent block.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: B256,
    /// `r ‖ s ‖ v`, `v` 27 or 28 as `ecrecover` wants it.
    pub signature: alloy_primitives::Bytes,
}

/// A seat and when a valid message of it was last heard, late votes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatHeard {
    /// The identity's address.
    pub address: Address,
    /// Height of the newest message, 0 when never.
    pub height: u64,
    /// When it was heard, 0 when never.
    pub at_ms: u64,
}

/// The node that carries a seat, by the seat's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carrier {
    /// The identity's address.
    pub identity: Address,
    /// The node's p2p key, public part.
    pub node_id: B512,
    /// Where it can be dialled, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enode: Option<Enode>,
    /// When it was announced.
    pub announced_ms: u64,
}

/// Where consensus stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consensus {
    /// Height being decided.
    pub height: u64,
    /// Current round.
    pub round: u32,
    /// Whose turn it is.
    pub proposer: Address,
}

/// Transactions waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Executable now.
    pub pending: usize,
    /// Waiting for an earlier nonce.
    pub queued: usize,
}

#[cfg(test)]
mod tests;
