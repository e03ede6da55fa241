// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Membership} from "./Membership.sol";

/// Network parameters, hardforks, named contracts and the successor: changed by vote, read by every node.
abstract contract Parameters is Membership {
    /// Bounds of a parameter, the same at genesis and in votes.
    function _bounds(Parameter which) internal pure returns (bytes32 what, uint256 least, uint256 most) {
        if (which == Parameter.BlockPeriodSeconds) return ("blockPeriodSeconds", 1, 3600);
        if (which == Parameter.RequestTimeoutMillis) return ("requestTimeoutMillis", 100, 60_000);
        // One transaction may use 2^24 gas (EIP-7825); a smaller block could lock governance out.
        if (which == Parameter.GasLimit) return ("gasLimit", 1 << 24, 10_000_000_000);
        if (which == Parameter.DefaultCapacity) return ("defaultCapacity", 1, MAX_SEATS);
        return ("votingBlocks", 100, 10_000_000);
    }

    function _requireParameter(Parameter which, uint256 value) internal pure {
        (bytes32 what, uint256 least, uint256 most) = _bounds(which);
        _requireRange(what, value, least, most);
    }

    /// `value` holds for heights >= `from`, the next block at the earliest. A change still waiting is replaced.
    function _schedule(Parameter which, uint64 value, uint256 from) internal {
        uint64 before = _parameterAt(which, block.number + 1);
        if (from <= block.number) from = block.number + 1;
        parameterList[uint256(which)] = Scheduled(before, value, uint64(from));
        emit ParameterScheduled(uint8(which), before, value, uint64(from));
    }

    function _hardforkObstacle(bytes32 name, uint256 atBlock)
        internal
        view
        returns (Obstacle, uint256 got, uint256 limit)
    {
        uint256 earliest = block.number + NOTICE_BLOCKS;
        if (atBlock < earliest) return (Obstacle.TooSoon, atBlock, earliest);
        uint256 n = hardforkList.length;
        uint256 i = _hardforkIndex(name);
        if (i == n && n >= MAX_HARDFORKS) return (Obstacle.TooMany, n, MAX_HARDFORKS);
        if (i < n && hardforkList[i].atBlock <= block.number) {
            return (Obstacle.AlreadyActive, hardforkList[i].atBlock, block.number);
        }
        return (Obstacle.None, 0, 0);
    }

    function _setHardfork(bytes32 name, uint64 atBlock) internal {
        uint256 i = _hardforkIndex(name);
        if (i == hardforkList.length) hardforkList.push(Hardfork(name, atBlock));
        else hardforkList[i].atBlock = atBlock;
        emit HardforkScheduled(name, atBlock);
    }

    function _namedObstacle(bytes32 name, uint256 location) internal view returns (Obstacle, uint256 got, uint256 limit) {
        bool known = contractByName[name] != address(0);
        if (!known && location == 0) return (Obstacle.UnknownName, 0, contractNames.length);
        if (!known && contractNames.length >= MAX_NAMED_CONTRACTS) {
            return (Obstacle.TooMany, contractNames.length, MAX_NAMED_CONTRACTS);
        }
        return (Obstacle.None, 0, 0);
    }

    /// The zero address takes the name out.
    function _setNamed(bytes32 name, address location) internal {
        address before = contractByName[name];
        if (before == address(0)) contractNames.push(name);
        contractByName[name] = location;
        if (location == address(0)) _removeKey(contractNames, name);
        emit NamedContractSet(name, before, location);
    }

    function _upgradeObstacle(uint256 atBlock) internal view returns (Obstacle, uint256 got, uint256 limit) {
        uint256 earliest = block.number + NOTICE_BLOCKS;
        if (atBlock < earliest) return (Obstacle.TooSoon, atBlock, earliest);
        if (successor.location != address(0) && successor.atBlock <= block.number) {
            return (Obstacle.AlreadyActive, successor.atBlock, block.number);
        }
        return (Obstacle.None, 0, 0);
    }

    function _setSuccessor(address location, uint64 atBlock) internal {
        successor = Successor(location, atBlock);
        emit UpgradeScheduled(location, atBlock);
    }

    function _hardforkIndex(bytes32 name) private view returns (uint256 i) {
        while (i < hardforkList.length && hardforkList[i].name != name) ++i;
    }
}
