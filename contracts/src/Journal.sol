// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Kind, Status, Obstacle, RecordKind, Role} from "./Types.sol";

/// Every event and every error of the contract. An error carries what was given and what was wanted.
interface Journal {
    event MemberAdmitted(uint32 indexed member, bytes32 indexed label, address admin, address operator, uint16 capacity);
    event MemberRemoved(uint32 indexed member, bytes32 indexed label, address admin, uint16 seatsDropped, bool resigned);
    event CapacitySet(uint32 indexed member, uint16 before, uint16 capacity);
    event AdminOffered(uint32 indexed member, address indexed offered);
    event AdminRotated(uint32 indexed member, address indexed before, address indexed admin);
    event OperatorAdded(uint32 indexed member, address indexed operator);
    event OperatorRemoved(uint32 indexed member, address indexed operator);
    event Seated(address indexed identity, uint32 indexed member, address indexed operator);
    event Unseated(address indexed identity, uint32 indexed member, address indexed by);
    event SeatAssigned(address indexed identity, address indexed before, address indexed operator);

    event ProposalOpened(
        uint64 indexed id,
        Kind indexed kind,
        bytes32 indexed subject,
        uint32 proposer,
        uint64 expiresAt,
        bytes values,
        string memo
    );
    event VoteCast(uint64 indexed id, uint32 indexed member, bool inFavour);
    event VoteRescinded(uint64 indexed id, uint32 indexed member);
    event ProposalPassed(uint64 indexed id, Obstacle obstacle);
    event ProposalClosed(uint64 indexed id, Status status, uint16 countFor, uint16 countAgainst, uint16 members);

    event ParameterScheduled(uint8 indexed parameter, uint64 before, uint64 value, uint64 from);
    event HardforkScheduled(bytes32 indexed name, uint64 atBlock);
    event NamedContractSet(bytes32 indexed name, address before, address location);
    event UpgradeScheduled(address indexed successor, uint64 atBlock);

    event NodeIdAdded(uint32 indexed member, bytes32 x, bytes32 y);
    event NodeIdRemoved(uint32 indexed member, bytes32 x, bytes32 y);
    event RecordSet(uint32 indexed member, RecordKind indexed kind, bytes32 indexed key, bytes value);

    /// The caller has another role, or none.
    error NotPermitted(address caller, Role has, Role needs);
    error UnknownMember(uint256 member);
    error UnknownIdentity(address identity);
    error AddressInUse(address account, Role as_, uint32 member);
    error AliasInUse(bytes32 label, uint32 member);
    /// Labels are 1 to 32 bytes of a-z, 0-9, '-' and '.', left aligned, zero padded.
    error BadLabel(bytes32 label);
    error OutOfRange(bytes32 what, uint256 got, uint256 least, uint256 most);
    error LimitReached(bytes32 what, uint256 got, uint256 most);
    error NothingToChange();

    error CapacityReached(uint32 member, uint256 seats, uint256 capacity);
    error SeatTooSoon(uint256 blockNumber, uint256 allowedFrom);
    error LastSeat(address identity);
    error NotSeatOwner(address caller, address owner, uint32 member);
    error ProofBlockOutOfWindow(uint256 citedBlock, uint256 oldest, uint256 newest);
    error BadSignature(address recovered, address want);

    error ValuesLength(Kind kind, uint256 got, uint256 want);
    error Obstructed(Obstacle obstacle, uint256 got, uint256 limit);
    error ProposalNotOpen(uint256 id, Status status);
    error ProposalExpired(uint256 id, uint256 expiredAt, uint256 blockNumber);
    error AlreadyVoted(uint256 id, uint32 member, bool inFavour);
    error NotVoted(uint256 id, uint32 member);
    error NotPassed(uint256 id, uint256 countFor, uint256 needed);
}
