// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Everything outside may be bounded by these; each table of the contract names its own limit.
uint256 constant MAX_MEMBERS = 256;
uint256 constant MAX_SEATS = 512;
uint256 constant MAX_OPERATORS = 8;
uint256 constant MAX_OPEN_PROPOSALS = 64;
uint256 constant MAX_OPEN_PER_MEMBER = 8;
uint256 constant MAX_MEMO_BYTES = 256;
uint256 constant MAX_NODE_IDS = 32;
uint256 constant MAX_RECORDS = 32;
uint256 constant MAX_RECORD_BYTES = 512;
uint256 constant MAX_HARDFORKS = 16;
uint256 constant MAX_NAMED_CONTRACTS = 64;

// Blocks between two added seats of one member, and length of its first batch.
uint256 constant SEAT_INTERVAL = 30;
// A seat proof may cite a block at most this old: the reach of BLOCKHASH.
uint256 constant PROOF_WINDOW = 256;
// Lead that every node operator gets before a hardfork or a move of this contract.
uint256 constant NOTICE_BLOCKS = 100;

/// What an address is to the network. One address has one role.
enum Role {
    None,
    Admin,
    Operator,
    Identity
}

/// What a vote may do. See contracts/README.md for subject and values of each.
enum Kind {
    AdmitMember,
    ExpelMember,
    SetCapacity,
    SetParameters,
    ScheduleHardfork,
    SetNamedContract,
    Upgrade
}

/// Where a proposal stands. All but Open are final.
enum Status {
    None,
    Open,
    Executed,
    Rejected,
    Expired,
    Withdrawn,
    Superseded
}

/// Why a proposal cannot be executed in the state as it is.
enum Obstacle {
    None,
    AccountInUse,
    AliasInUse,
    TooManyMembers,
    UnknownMember,
    LastMember,
    LastSeats,
    TooSoon,
    TooMany,
    UnknownName,
    AlreadyActive
}

/// Who writes a directory record: operators write Routing, the admin writes Key.
enum RecordKind {
    Routing,
    Key
}

/// Network parameters, in the order of their storage and of the values of a SetParameters vote.
enum Parameter {
    BlockPeriodSeconds,
    RequestTimeoutMillis,
    GasLimit,
    DefaultCapacity,
    VotingBlocks
}

// ---------------------------------------------------------------- stored

/// Two slots. `getValidators` reads the first one only.
struct Seat {
    address identity;
    uint32 member;
    uint64 seatedAt;
    address operator;
}

struct Account {
    uint32 member;
    Role role;
}

/// Five slots: [admin, capacity, seats, place, openProposals, seatedOnce], [alias], [firstSeatAt, lastSeatAt,
/// joinedAt], [offeredAdmin], [operators.length].
struct Member {
    address admin;
    uint16 capacity;
    uint16 seats;
    uint8 place;
    uint8 openProposals;
    bool seatedOnce;
    bytes32 label;
    uint64 firstSeatAt;
    uint64 lastSeatAt;
    uint64 joinedAt;
    address offeredAdmin;
    address[] operators;
}

/// `next` replaces `value` for block heights >= `from`; `from` 0 means that nothing is scheduled.
struct Scheduled {
    uint64 value;
    uint64 next;
    uint64 from;
}

struct Hardfork {
    bytes32 name;
    uint64 atBlock;
}

struct Successor {
    address location;
    uint64 atBlock;
}

struct Proposal {
    Kind kind;
    Status status;
    uint8 openIndex;
    uint32 proposer;
    uint64 openedAt;
    uint64 expiresAt;
    uint64 closedAt;
    bytes32 subject;
    uint256 votesFor;
    uint256 votesAgainst;
    bytes values;
    bytes memo;
}

/// A node's public key without its 0x04 prefix.
struct NodeId {
    bytes32 x;
    bytes32 y;
}

struct Directory {
    bytes32[] keys;
    mapping(bytes32 key => bytes) values;
}

// ---------------------------------------------------------------- genesis

struct GenesisMember {
    bytes32 label;
    address admin;
    address operator;
    uint16 capacity;
}

struct GenesisSeat {
    address identity;
    uint16 memberIndex;
}

struct GenesisParameters {
    uint64 blockPeriodSeconds;
    uint64 requestTimeoutMillis;
    uint64 gasLimit;
    uint64 defaultCapacity;
    uint64 votingBlocks;
}

// ---------------------------------------------------------------- views

struct MemberView {
    uint32 id;
    bytes32 label;
    address admin;
    address offeredAdmin;
    uint8 place;
    uint16 capacity;
    uint16 seats;
    uint64 joinedAt;
    uint64 nextSeatBlock;
    address[] operators;
}

struct ProposalView {
    uint64 id;
    Kind kind;
    Status status;
    uint32 proposer;
    uint64 openedAt;
    uint64 expiresAt;
    uint64 closedAt;
    uint16 countFor;
    uint16 countAgainst;
    uint256 votesFor;
    uint256 votesAgainst;
    bytes32 subject;
    bytes values;
    string memo;
}

struct ParametersView {
    uint64 blockPeriodSeconds;
    uint64 requestTimeoutMillis;
    uint64 gasLimit;
    uint64 defaultCapacity;
    uint64 votingBlocks;
    Hardfork[] hardforks;
    Successor successor;
}

struct NamedContract {
    bytes32 name;
    address location;
}

struct Snapshot {
    uint64 blockNumber;
    uint16 votesNeeded;
    MemberView[] members;
    Seat[] seats;
    ProposalView[] proposals;
    ParametersView parameters;
    Scheduled[5] schedule;
    NamedContract[] namedContracts;
}
