// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Parameters} from "./Parameters.sol";

/// What each kind of proposal means: which values are well formed, what stands in its way, what it does.
abstract contract Ballots is Parameters {
    /// Refuses values that could never be executed, whatever the state.
    function _requireWellFormed(Kind kind, bytes32 subject, bytes memory values) internal pure {
        uint256 want = kind == Kind.ExpelMember
            ? 0
            : kind == Kind.AdmitMember ? 96 : kind == Kind.SetParameters ? 192 : 32;
        if (values.length != want) revert ValuesLength(kind, values.length, want);
        if (kind == Kind.AdmitMember) {
            _requireAddress(subject);
            _requireLabel(bytes32(_word(values, 0)));
            _requireRange("capacity", _word(values, 1), 0, MAX_SEATS);
            _requireRange("operator", _word(values, 2), 0, type(uint160).max);
            if (_word(values, 2) == uint256(subject)) {
                revert AddressInUse(address(uint160(uint256(subject))), Role.Admin, 0);
            }
        } else if (kind == Kind.ExpelMember || kind == Kind.SetCapacity) {
            _requireRange("member", uint256(subject), 1, type(uint32).max);
            if (kind == Kind.SetCapacity) _requireRange("capacity", _word(values, 0), 0, MAX_SEATS);
        } else if (kind == Kind.SetParameters) {
            _requireRange("subject", uint256(subject), 0, 0);
            _requireChanges(values);
        } else if (kind == Kind.Upgrade) {
            _requireAddress(subject);
            _requireRange("atBlock", _word(values, 0), 1, type(uint64).max);
        } else {
            _requireLabel(subject);
            uint256 most = kind == Kind.ScheduleHardfork ? type(uint64).max : type(uint160).max;
            _requireRange("value", _word(values, 0), 0, most);
        }
    }

    /// What hinders the execution in the present state, with the two sides of it.
    function _obstacle(Kind kind, bytes32 subject, bytes memory values)
        internal
        view
        returns (Obstacle, uint256 got, uint256 limit)
    {
        if (kind == Kind.AdmitMember) return _admissionObstacle(subject, values);
        if (kind == Kind.ExpelMember) return _removalObstacle(uint256(subject));
        if (kind == Kind.SetCapacity) {
            if (!_isMember(uint256(subject))) return (Obstacle.UnknownMember, uint256(subject), lastMemberId);
            return (Obstacle.None, 0, 0);
        }
        if (kind == Kind.ScheduleHardfork) return _hardforkObstacle(subject, _word(values, 0));
        if (kind == Kind.SetNamedContract) return _namedObstacle(subject, _word(values, 0));
        if (kind == Kind.Upgrade) return _upgradeObstacle(_word(values, 0));
        return (Obstacle.None, 0, 0);
    }

    /// Carries a proposal out; `_obstacle` said None. Returns the place a removed member held, as a bit.
    function _apply(Kind kind, bytes32 subject, bytes memory values) internal returns (uint256 freed) {
        if (kind == Kind.AdmitMember) {
            address operator = address(uint160(_word(values, 2)));
            _admit(bytes32(_word(values, 0)), address(uint160(uint256(subject))), operator, uint16(_word(values, 1)));
        } else if (kind == Kind.ExpelMember) {
            freed = 1 << _remove(uint32(uint256(subject)), false);
        } else if (kind == Kind.SetCapacity) {
            Member storage member = memberById[uint32(uint256(subject))];
            uint16 capacity = uint16(_word(values, 0));
            emit CapacitySet(uint32(uint256(subject)), member.capacity, capacity);
            member.capacity = capacity;
        } else if (kind == Kind.SetParameters) {
            for (uint256 i; i < 5; ++i) {
                uint256 value = _word(values, i);
                if (value != 0) _schedule(Parameter(i), uint64(value), _word(values, 5));
            }
        } else if (kind == Kind.ScheduleHardfork) {
            _setHardfork(subject, uint64(_word(values, 0)));
        } else if (kind == Kind.SetNamedContract) {
            _setNamed(subject, address(uint160(_word(values, 0))));
        } else {
            _setSuccessor(address(uint160(uint256(subject))), uint64(_word(values, 0)));
        }
    }

    /// True once the subject of an open proposal can never be what was meant.
    function _isStale(Kind kind, bytes32 subject) internal view returns (bool) {
        if (kind == Kind.ExpelMember || kind == Kind.SetCapacity) return !_isMember(uint256(subject));
        if (kind != Kind.AdmitMember) return false;
        return accounts[address(uint160(uint256(subject)))].role == Role.Admin;
    }

    function _admissionObstacle(bytes32 subject, bytes memory values)
        private
        view
        returns (Obstacle, uint256 got, uint256 limit)
    {
        (uint32 member, Role role) = _roleOf(address(uint160(uint256(subject))));
        if (role != Role.None) return (Obstacle.AccountInUse, uint256(subject), member);
        uint256 operator = _word(values, 2);
        (member, role) = _roleOf(address(uint160(operator)));
        if (operator != 0 && role != Role.None) return (Obstacle.AccountInUse, operator, member);
        member = memberByLabel[bytes32(_word(values, 0))];
        if (member != 0) return (Obstacle.AliasInUse, _word(values, 0), member);
        if (places == type(uint256).max) return (Obstacle.TooManyMembers, MAX_MEMBERS, MAX_MEMBERS);
        return (Obstacle.None, 0, 0);
    }

    /// Five parameters, 0 = leave as it is, then the first height they hold for, 0 = the next block.
    function _requireChanges(bytes memory values) private pure {
        bool any;
        for (uint256 i; i < 5; ++i) {
            uint256 value = _word(values, i);
            if (value == 0) continue;
            any = true;
            _requireParameter(Parameter(i), value);
        }
        if (!any) revert NothingToChange();
        _requireRange("fromBlock", _word(values, 5), 0, type(uint64).max);
    }

    function _requireAddress(bytes32 subject) private pure {
        _requireRange("subject", uint256(subject), 1, type(uint160).max);
    }

    /// What makes two proposals the same.
    function _content(Kind kind, bytes32 subject, bytes memory values) internal pure returns (bytes32) {
        return keccak256(abi.encode(kind, subject, values));
    }

    /// Word `i` of abi-encoded static values, whose length was checked.
    function _word(bytes memory values, uint256 i) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(values, 32), mul(i, 32)))
        }
    }
}
