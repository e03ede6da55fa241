// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Views} from "./Views.sol";

/// The governance of one network, and its validator set. No owner, no upgrade key, no calls to others, no ether.
///
/// A network has it in its genesis, where no constructor runs: the genesis then holds the very storage that this
/// constructor would have written in block 0 (contracts/STORAGE.md; a test compares the two).
contract Governance is Views {
    constructor(
        GenesisMember[] memory firstMembers,
        GenesisSeat[] memory firstSeats,
        GenesisParameters memory parameters
    ) {
        _first(Parameter.BlockPeriodSeconds, parameters.blockPeriodSeconds);
        _first(Parameter.RequestTimeoutMillis, parameters.requestTimeoutMillis);
        _first(Parameter.GasLimit, parameters.gasLimit);
        _first(Parameter.DefaultCapacity, parameters.defaultCapacity);
        _first(Parameter.VotingBlocks, parameters.votingBlocks);
        _requireRange("members", firstMembers.length, 1, MAX_MEMBERS);
        _requireRange("seats", firstSeats.length, 1, MAX_SEATS);
        for (uint256 i; i < firstMembers.length; ++i) {
            GenesisMember memory m = firstMembers[i];
            _requireLabel(m.label);
            _requireRange("capacity", m.capacity, 0, MAX_SEATS);
            if (memberByLabel[m.label] != 0) revert AliasInUse(m.label, memberByLabel[m.label]);
            _requireUnused(m.admin);
            _admit(m.label, m.admin, m.operator, m.capacity);
        }
        for (uint256 i; i < firstSeats.length; ++i) {
            GenesisSeat memory s = firstSeats[i];
            _requireRange("memberIndex", s.memberIndex, 0, firstMembers.length - 1);
            _place(uint32(s.memberIndex) + 1, s.identity, firstMembers[s.memberIndex].operator);
        }
    }

    function _first(Parameter which, uint64 value) private {
        _requireParameter(which, value);
        parameterList[uint256(which)].value = value;
    }
}
