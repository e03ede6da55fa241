// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Journal} from "./Journal.sol";

/// All storage of the contract, in slot order (contracts/STORAGE.md), and the lookups that every part shares.
/// Nothing below may be reordered: a genesis writes these slots without running the constructor.
abstract contract State is Journal {
    /// Bit c set = byte c may stand in a label: a-z, 0-9, '-', '.'.
    uint256 private constant LABEL_CHARS = ((2 ** 26 - 1) << 97) | ((2 ** 10 - 1) << 48) | (3 << 45);

    Seat[] internal seatList; // 0
    mapping(address identity => uint256) internal seatNumber; // 1: index + 1
    mapping(uint32 member => Member) internal memberById; // 2
    mapping(address account => Account) internal accounts; // 3
    mapping(bytes32 label => uint32) internal memberByLabel; // 4
    mapping(uint256 place => uint32) internal memberAtPlace; // 5
    uint256 internal places; // 6: bit p set = place p is taken
    uint32 internal lastMemberId; // 7, packed with
    uint64 internal lastProposalId; // 7
    Scheduled[5] internal parameterList; // 8..12
    Hardfork[] internal hardforkList; // 13
    Successor internal successor; // 14
    bytes32[] internal contractNames; // 15
    mapping(bytes32 name => address) internal contractByName; // 16
    uint64[] internal openIds; // 17
    mapping(uint64 id => Proposal) internal proposalById; // 18
    mapping(bytes32 content => uint64) internal newestByContent; // 19
    mapping(uint32 member => NodeId[]) internal nodeIdList; // 20
    mapping(uint32 member => mapping(RecordKind kind => Directory)) internal directory; // 21

    /// Role of any address; identities are looked up by their seat.
    function _roleOf(address account) internal view returns (uint32 member, Role role) {
        Account memory found = accounts[account];
        if (found.role != Role.None) return (found.member, found.role);
        uint256 number = seatNumber[account];
        if (number != 0) return (seatList[number - 1].member, Role.Identity);
    }

    function _requireRole(Role needs) internal view returns (uint32 member) {
        Role has;
        (member, has) = _roleOf(msg.sender);
        if (has != needs) revert NotPermitted(msg.sender, has, needs);
    }

    function _requireUnused(address account) internal view {
        if (account == address(0)) revert OutOfRange("address", 0, 1, type(uint160).max);
        (uint32 member, Role role) = _roleOf(account);
        if (role != Role.None) revert AddressInUse(account, role, member);
    }

    function _requireMember(uint256 member) internal view returns (Member storage found) {
        if (member > type(uint32).max) revert UnknownMember(member);
        found = memberById[uint32(member)];
        if (found.admin == address(0)) revert UnknownMember(member);
    }

    function _requireRange(bytes32 what, uint256 got, uint256 least, uint256 most) internal pure {
        if (got < least || got > most) revert OutOfRange(what, got, least, most);
    }

    function _requireLimit(bytes32 what, uint256 got, uint256 most) internal pure {
        if (got > most) revert LimitReached(what, got, most);
    }

    /// Refuses one more of `got`.
    function _requireRoom(bytes32 what, uint256 got, uint256 most) internal pure {
        if (got >= most) revert LimitReached(what, got, most);
    }

    function _requireLabel(bytes32 label) internal pure {
        bool ended = label[0] == 0;
        if (ended) revert BadLabel(label);
        for (uint256 i; i < 32; ++i) {
            uint256 c = uint8(label[i]);
            if (c == 0) ended = true;
            else if (ended || (LABEL_CHARS >> c) & 1 == 0) revert BadLabel(label);
        }
    }

    /// Value of a parameter for block `height`, by the state after `height` - 1.
    function _parameterAt(Parameter which, uint256 height) internal view returns (uint64) {
        Scheduled memory s = parameterList[uint256(which)];
        return s.from != 0 && height >= s.from ? s.next : s.value;
    }

    /// Takes `key`, which is in it, out of a list.
    function _removeKey(bytes32[] storage list, bytes32 key) internal {
        uint256 i;
        while (list[i] != key) ++i;
        list[i] = list[list.length - 1];
        list.pop();
    }

    /// Set bits of a word: sums of 2, 4, 8 and 16 bits side by side, then all of them by one product. A loop over the
    /// bits would cost more than all else in a recount of many proposals.
    function _count(uint256 bits) internal pure returns (uint256) {
        unchecked {
            bits -= (bits >> 1) & (type(uint256).max / 3);
            bits = (bits & (type(uint256).max / 5)) + ((bits >> 2) & (type(uint256).max / 5));
            bits = (bits + (bits >> 4)) & (type(uint256).max / 17);
            bits = (bits & (type(uint256).max / 257)) + ((bits >> 8) & (type(uint256).max / 257));
            return (bits * (type(uint256).max / 65_535)) >> 240;
        }
    }

    /// Votes that are a strict majority of the present members.
    function _votesNeeded() internal view returns (uint256) {
        return _count(places) / 2 + 1;
    }
}
