//! What may be sent to the contract, and how it may end.

use alloy_primitives::{Address, B256, Bytes};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// An operator account seats an identity of its member.
    Seat {
        /// Who gets the seat.
        identity: Address,
        /// That it wants it.
        proof: Proof,
    },
    /// The owner of a seat, or its member's admin, gives it up.
    Unseat {
        /// Whose seat.
        identity: Address,
    },
    /// The owner of a seat puts another identity in it.
    RotateSeat {
        /// Who has it.
        old: Address,
        /// Who gets it.
        identity: Address,
        /// That it wants it.
        proof: Proof,
    },
    /// An admin gives a seat of its member to another operator account of its.
    AssignSeat {
        /// Whose seat.
        identity: Address,
        /// New owner.
        operator: Address,
    },
    /// An admin adds an operator account.
    AddOperator(Address),
    /// An admin removes an operator account; its seats stay.
    RemoveOperator(Address),
    /// An admin replaces an operator account; its seats go over.
    ReplaceOperator {
        /// Goes.
        old: Address,
        /// Comes.
        operator: Address,
    },
    /// An admin offers its place; to the zero address to take an offer back.
    OfferAdmin(Address),
    /// The account that was offered the place in this member takes it.
    AcceptAdmin(u32),
    /// An admin leaves the network with its member.
    Resign,
    /// An admin opens a proposal, or votes for the same if it is open.
    Propose {
        /// What for.
        motion: Motion,
        /// Why, in the words of the proposer.
        memo: String,
    },
    /// An admin votes for.
    VoteFor(u64),
    /// An admin votes against.
    VoteAgainst(u64),
    /// An admin takes its vote back.
    Rescind(u64),
    /// Anybody carries out what has its majority.
    Execute(u64),
    /// Anybody closes what has expired.
    Sweep,
    /// An account of a member lets a node peer.
    AddNodeId(NodeId),
    /// An account of a member takes a node off the list.
    RemoveNodeId(NodeId),
    /// An operator account or an admin, by kind, writes a record of its member; an empty value removes it.
    SetRecord {
        /// Who writes it.
        kind: RecordKind,
        /// Its name.
        key: B256,
        /// What it says.
        value: Bytes,
    },
}

/// A node's public key: x and y.
pub type NodeId = (B256, B256);

/// Who writes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Operator accounts.
    Routing,
    /// The admin.
    Key,
}

/// An identity's signature over (member, identity, block, hash of that block); the identity stands in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whose key signed.
    pub signer: Address,
    /// For which member.
    pub member: u32,
    /// The block cited.
    pub block: u64,
    /// The hash signed is that of the cited block on this chain.
    pub is_of_this_chain: bool,
}

/// Content of a proposal. Numbers are as wide as voters may send them where the contract checks their range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Motion {
    /// A new member.
    Admit {
        /// Its voting account.
        admin: Address,
        /// Its name on chain.
        alias: B256,
        /// Seats it may have; 0 for the default.
        capacity: u64,
        /// Its first operator account; zero for none.
        operator: Address,
    },
    /// A member goes, with its seats.
    Expel(u32),
    /// Seats a member may have.
    SetCapacity {
        /// Which.
        member: u32,
        /// How many.
        capacity: u64,
    },
    /// Network parameters.
    SetParameters(Changes),
    /// A fork at a block.
    ScheduleHardfork {
        /// Its name on chain.
        name: B256,
        /// First block.
        at_block: u64,
    },
    /// A contract's name; the zero address takes it out.
    SetNamedContract {
        /// Its name on chain.
        name: B256,
        /// Where.
        location: Address,
    },
    /// Another governance contract from a block on.
    Upgrade {
        /// Where.
        successor: Address,
        /// First block.
        at_block: u64,
    },
}

/// A change of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changes {
    /// New values in the order of [`super::PARAMETERS`]; 0 leaves one as it is.
    pub values: [u64; 5],
    /// First height they hold for; 0 for the next block.
    pub from_block: u64,
}

/// How a proposal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Carried out.
    Executed,
    /// A majority for it has become impossible.
    Rejected,
    /// Not decided in time.
    Expired,
    /// Nobody supports it.
    Withdrawn,
    /// Its subject is gone, or admitted already.
    Superseded,
}

/// What keeps a proposal from being carried out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "contracts/README.md has them")]
pub enum Obstacle {
    AccountInUse,
    AliasInUse,
    TooManyMembers,
    UnknownMember,
    LastMember,
    LastSeats,
    TooSoon,
    TooMany,
    UnknownName,
    AlreadyActive,
}

/// Why a call changes nothing: the contract's errors by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "contracts/README.md and Journal.sol have them")]
pub enum Refused {
    NotPermitted,
    UnknownMember,
    UnknownIdentity,
    AddressInUse,
    BadLabel,
    OutOfRange,
    LimitReached,
    NothingToChange,
    CapacityReached,
    SeatTooSoon,
    LastSeat,
    NotSeatOwner,
    ProofBlockOutOfWindow,
    BadSignature,
    Obstructed(Obstacle),
    ProposalNotOpen,
    ProposalExpired,
    AlreadyVoted,
    NotVoted,
    NotPassed,
}
