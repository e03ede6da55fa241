//! The contract's ABI. A test compares every selector with `contracts/artifacts/Governance.json`.
#![expect(missing_docs, reason = "contracts/README.md explains each item")]

use alloy_sol_types::sol;

sol! {
    #[derive(Debug, PartialEq, Eq)]
    enum Role { None, Admin, Operator, Identity }

    #[derive(Debug, PartialEq, Eq)]
    enum Kind { AdmitMember, ExpelMember, SetCapacity, SetParameters, ScheduleHardfork, SetNamedContract, Upgrade }

    #[derive(Debug, PartialEq, Eq)]
    enum Status { None, Open, Executed, Rejected, Expired, Withdrawn, Superseded }

    #[derive(Debug, PartialEq, Eq)]
    enum Obstacle {
        None, AccountInUse, AliasInUse, TooManyMembers, UnknownMember, LastMember, LastSeats, TooSoon, TooMany,
        UnknownName, AlreadyActive
    }

    #[derive(Debug, PartialEq, Eq)]
    enum RecordKind { Routing, Key }

    #[derive(Debug, PartialEq, Eq)]
    struct SeatProof { uint32 member; address identity; uint64 blockNumber; bytes32 blockHash; }

    #[derive(Debug, PartialEq, Eq)]
    struct Seat { address identity; uint32 member; uint64 seatedAt; address operator; }

    #[derive(Debug, PartialEq, Eq)]
    struct Scheduled { uint64 value; uint64 next; uint64 from; }

    #[derive(Debug, PartialEq, Eq)]
    struct Hardfork { bytes32 name; uint64 atBlock; }

    #[derive(Debug, PartialEq, Eq)]
    struct Successor { address location; uint64 atBlock; }

    #[derive(Debug, PartialEq, Eq)]
    struct NodeId { bytes32 x; bytes32 y; }

    #[derive(Debug, PartialEq, Eq)]
    struct NamedContract { bytes32 name; address location; }

    #[derive(Debug, PartialEq, Eq)]
    struct MemberView {
        uint32 id; bytes32 label; address admin; address offeredAdmin; uint8 place; uint16 capacity; uint16 seats;
        uint64 joinedAt; uint64 nextSeatBlock; address[] operators;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct ProposalView {
        uint64 id; Kind kind; Status status; uint32 proposer; uint64 openedAt; uint64 expiresAt; uint64 closedAt;
        uint16 countFor; uint16 countAgainst; uint256 votesFor; uint256 votesAgainst; bytes32 subject; bytes values;
        string memo;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct ParametersView {
        uint64 blockPeriodSeconds; uint64 requestTimeoutMillis; uint64 gasLimit; uint64 defaultCapacity;
        uint64 votingBlocks; Hardfork[] hardforks; Successor successor;
    }

    #[derive(Debug, PartialEq, Eq)]
    struct Snapshot {
        uint64 blockNumber; uint16 votesNeeded; MemberView[] members; Seat[] seats; ProposalView[] proposals;
        ParametersView parameters; Scheduled[5] schedule; NamedContract[] namedContracts;
    }

    #[derive(Debug, PartialEq, Eq)]
    interface Governance {
        event AdminOffered(uint32 indexed member, address indexed offered);
        event AdminRotated(uint32 indexed member, address indexed before, address indexed admin);
        event CapacitySet(uint32 indexed member, uint16 before, uint16 capacity);
        event HardforkScheduled(bytes32 indexed name, uint64 atBlock);
        event MemberAdmitted(uint32 indexed member, bytes32 indexed label, address admin, address operator, uint16 capacity);
        event MemberRemoved(uint32 indexed member, bytes32 indexed label, address admin, uint16 seatsDropped, bool resigned);
        event NamedContractSet(bytes32 indexed name, address before, address location);
        event NodeIdAdded(uint32 indexed member, bytes32 x, bytes32 y);
        event NodeIdRemoved(uint32 indexed member, bytes32 x, bytes32 y);
        event OperatorAdded(uint32 indexed member, address indexed operator);
        event OperatorRemoved(uint32 indexed member, address indexed operator);
        event ParameterScheduled(uint8 indexed parameter, uint64 before, uint64 value, uint64 from);
        event ProposalClosed(uint64 indexed id, Status status, uint16 countFor, uint16 countAgainst, uint16 members);
        event ProposalOpened(uint64 indexed id, Kind indexed kind, bytes32 indexed subject, uint32 proposer, uint64 expiresAt, bytes values, string memo);
        event ProposalPassed(uint64 indexed id, Obstacle obstacle);
        event RecordSet(uint32 indexed member, RecordKind indexed kind, bytes32 indexed key, bytes value);
        event SeatAssigned(address indexed identity, address indexed before, address indexed operator);
        event Seated(address indexed identity, uint32 indexed member, address indexed operator);
        event Unseated(address indexed identity, uint32 indexed member, address indexed by);
        event UpgradeScheduled(address indexed successor, uint64 atBlock);
        event VoteCast(uint64 indexed id, uint32 indexed member, bool inFavour);
        event VoteRescinded(uint64 indexed id, uint32 indexed member);

        error AddressInUse(address account, Role as_, uint32 member);
        error AliasInUse(bytes32 label, uint32 member);
        error AlreadyVoted(uint256 id, uint32 member, bool inFavour);
        error BadLabel(bytes32 label);
        error BadSignature(address recovered, address want);
        error CapacityReached(uint32 member, uint256 seats, uint256 capacity);
        error LastSeat(address identity);
        error LimitReached(bytes32 what, uint256 got, uint256 most);
        error NotPassed(uint256 id, uint256 countFor, uint256 needed);
        error NotPermitted(address caller, Role has, Role needs);
        error NotSeatOwner(address caller, address owner, uint32 member);
        error NotVoted(uint256 id, uint32 member);
        error NothingToChange();
        error Obstructed(Obstacle obstacle, uint256 got, uint256 limit);
        error OutOfRange(bytes32 what, uint256 got, uint256 least, uint256 most);
        error ProofBlockOutOfWindow(uint256 citedBlock, uint256 oldest, uint256 newest);
        error ProposalExpired(uint256 id, uint256 expiredAt, uint256 blockNumber);
        error ProposalNotOpen(uint256 id, Status status);
        error SeatTooSoon(uint256 blockNumber, uint256 allowedFrom);
        error UnknownIdentity(address identity);
        error UnknownMember(uint256 member);
        error ValuesLength(Kind kind, uint256 got, uint256 want);

        function acceptAdmin(uint32 id) external;
        function addNodeId(bytes32 x, bytes32 y) external;
        function addOperator(address operator) external;
        function assignSeat(address identity, address operator) external;
        function execute(uint64 id) external;
        function getValidators() external view returns (address[] memory set);
        function member(uint32 id) external view returns (MemberView memory v);
        function memberOf(address account) external view returns (uint32 id, Role role);
        function members() external view returns (MemberView[] memory list);
        function namedContract(bytes32 name) external view returns (address);
        function namedContracts() external view returns (NamedContract[] memory list);
        function nodeIds(uint32 member) external view returns (NodeId[] memory);
        function offerAdmin(address offered) external;
        function parametersAt(uint64 height) external view returns (ParametersView memory p);
        function proposal(uint64 id) external view returns (ProposalView memory v);
        function proposals() external view returns (ProposalView[] memory list);
        function propose(Kind kind, bytes32 subject, bytes memory values, string memory memo) external returns (uint64 id);
        function record(uint32 member, RecordKind kind, bytes32 key) external view returns (bytes memory);
        function recordKeys(uint32 member, RecordKind kind) external view returns (bytes32[] memory);
        function removeNodeId(bytes32 x, bytes32 y) external;
        function removeOperator(address operator) external;
        function replaceOperator(address old, address operator) external;
        function rescind(uint64 id) external;
        function resign() external;
        function rotateSeat(address old, address identity, uint64 proofBlock, bytes memory signature) external;
        function seat(address identity, uint64 proofBlock, bytes memory signature) external;
        function seatDigest(uint32 member, address identity, uint64 blockNumber, bytes32 blockHash) external view returns (bytes32);
        function seats() external view returns (Seat[] memory);
        function setRecord(RecordKind kind, bytes32 key, bytes memory value) external;
        function snapshot() external view returns (Snapshot memory s);
        function sweep() external;
        function unseat(address identity) external;
        function voteAgainst(uint64 id) external;
        function voteFor(uint64 id) external;
    }
}
