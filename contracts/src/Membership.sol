// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Seats} from "./Seats.sol";

/// Members and their accounts. Joining and expelling is voted; a member changes its own accounts itself.
abstract contract Membership is Seats {
    /// First half of an admin change: the new account must accept, so that a typing error locks nobody out.
    /// Offering the zero address takes an offer back.
    function offerAdmin(address offered) external {
        uint32 id = _requireRole(Role.Admin);
        if (offered != address(0)) _requireUnused(offered);
        memberById[id].offeredAdmin = offered;
        emit AdminOffered(id, offered);
    }

    /// Second half, sent by the offered account. Votes already cast stay: they are the member's.
    function acceptAdmin(uint32 id) external {
        Member storage member = _requireMember(id);
        if (member.offeredAdmin != msg.sender) revert NotPermitted(msg.sender, Role.None, Role.Admin);
        _requireUnused(msg.sender);
        address before = member.admin;
        delete accounts[before];
        accounts[msg.sender] = Account(id, Role.Admin);
        member.admin = msg.sender;
        member.offeredAdmin = address(0);
        emit AdminRotated(id, before, msg.sender);
    }

    function addOperator(address operator) external {
        _addOperator(_requireRole(Role.Admin), operator);
    }

    /// Takes the role at once. Seats the account owned stay; the admin unseats or assigns them.
    function removeOperator(address operator) external {
        _removeOperator(_requireRole(Role.Admin), operator);
    }

    /// New account for old one, which loses its role; every seat of the old one becomes the new one's.
    function replaceOperator(address old, address operator) external {
        uint32 id = _requireRole(Role.Admin);
        _removeOperator(id, old);
        _addOperator(id, operator);
        for (uint256 i; i < seatList.length; ++i) {
            Seat storage held = seatList[i];
            if (held.member == id && held.operator == old) {
                held.operator = operator;
                emit SeatAssigned(held.identity, old, operator);
            }
        }
    }

    function _addOperator(uint32 id, address operator) internal {
        _requireUnused(operator);
        address[] storage list = memberById[id].operators;
        _requireRoom("operators", list.length, MAX_OPERATORS);
        list.push(operator);
        accounts[operator] = Account(id, Role.Operator);
        emit OperatorAdded(id, operator);
    }

    function _removeOperator(uint32 id, address operator) private {
        Account memory found = accounts[operator];
        if (found.member != id || found.role != Role.Operator) revert NotPermitted(operator, found.role, Role.Operator);
        address[] storage list = memberById[id].operators;
        uint256 i;
        while (list[i] != operator) ++i;
        list[i] = list[list.length - 1];
        list.pop();
        delete accounts[operator];
        emit OperatorRemoved(id, operator);
    }

    /// `capacity` 0 stands for the default of the parameters.
    function _admit(bytes32 label, address admin, address operator, uint16 capacity) internal returns (uint32 id) {
        uint256 place = _freePlace();
        id = ++lastMemberId;
        if (capacity == 0) capacity = uint16(_parameterAt(Parameter.DefaultCapacity, block.number + 1));
        Member storage member = memberById[id];
        member.admin = admin;
        member.capacity = capacity;
        member.place = uint8(place);
        member.label = label;
        member.joinedAt = uint64(block.number);
        accounts[admin] = Account(id, Role.Admin);
        memberByLabel[label] = id;
        memberAtPlace[place] = id;
        places |= 1 << place;
        emit MemberAdmitted(id, label, admin, operator, capacity);
        if (operator != address(0)) _addOperator(id, operator);
    }

    /// Takes every seat, account and the place of a member. `_removalObstacle` was asked first. Node ids and
    /// records stay in storage but cannot be reached any more: member ids are never used twice.
    function _remove(uint32 id, bool resigned) internal returns (uint256 place) {
        Member storage member = memberById[id];
        uint16 dropped = member.seats;
        _dropAll(id);
        address[] storage list = member.operators;
        for (uint256 i; i < list.length; ++i) {
            delete accounts[list[i]];
        }
        place = member.place;
        emit MemberRemoved(id, member.label, member.admin, dropped, resigned);
        delete accounts[member.admin];
        delete memberByLabel[member.label];
        delete memberAtPlace[place];
        delete memberById[id];
        places &= ~(1 << place);
    }

    /// Neither the last member nor the last seats may go.
    function _removalObstacle(uint256 id) internal view returns (Obstacle, uint256 got, uint256 limit) {
        if (!_isMember(id)) return (Obstacle.UnknownMember, id, lastMemberId);
        if (_count(places) == 1) return (Obstacle.LastMember, 1, 1);
        uint256 seats = memberById[uint32(id)].seats;
        if (seats == seatList.length) return (Obstacle.LastSeats, seats, seatList.length);
        return (Obstacle.None, 0, 0);
    }

    function _isMember(uint256 id) internal view returns (bool) {
        return id <= type(uint32).max && memberById[uint32(id)].admin != address(0);
    }

    function _freePlace() private view returns (uint256 place) {
        uint256 taken = places;
        if (taken == type(uint256).max) revert LimitReached("members", MAX_MEMBERS, MAX_MEMBERS);
        while (taken & 1 == 1) {
            taken >>= 1;
            ++place;
        }
    }
}
