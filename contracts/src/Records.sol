// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Votes} from "./Votes.sol";

/// What a member publishes about itself: the node ids that may peer, and its directory of records.
abstract contract Records is Votes {
    /// Lets a node peer. Sent by an operator account or the admin.
    function addNodeId(bytes32 x, bytes32 y) external {
        uint32 id = _requireAccount();
        NodeId[] storage list = nodeIdList[id];
        if (_nodeIndex(list, x, y) != list.length) revert NothingToChange();
        _requireRoom("node ids", list.length, MAX_NODE_IDS);
        list.push(NodeId(x, y));
        emit NodeIdAdded(id, x, y);
    }

    function removeNodeId(bytes32 x, bytes32 y) external {
        uint32 id = _requireAccount();
        NodeId[] storage list = nodeIdList[id];
        uint256 i = _nodeIndex(list, x, y);
        if (i == list.length) revert NothingToChange();
        list[i] = list[list.length - 1];
        list.pop();
        emit NodeIdRemoved(id, x, y);
    }

    /// Writes a record of the caller's member; an empty value removes it. Routing is the operators' to write,
    /// Key the admin's: what is trusted for encryption must not hang on a day-to-day account.
    function setRecord(RecordKind kind, bytes32 key, bytes memory value) external {
        uint32 id = _requireRole(kind == RecordKind.Key ? Role.Admin : Role.Operator);
        _requireLimit("record", value.length, MAX_RECORD_BYTES);
        Directory storage d = directory[id][kind];
        bool known = d.values[key].length != 0;
        if (!known && value.length == 0) revert NothingToChange();
        if (!known) {
            _requireRoom("records", d.keys.length, MAX_RECORDS);
            d.keys.push(key);
        } else if (value.length == 0) {
            _removeKey(d.keys, key);
        }
        d.values[key] = value;
        emit RecordSet(id, kind, key, value);
    }

    function nodeIds(uint32 member) external view returns (NodeId[] memory) {
        _requireMember(member);
        return nodeIdList[member];
    }

    function recordKeys(uint32 member, RecordKind kind) external view returns (bytes32[] memory) {
        _requireMember(member);
        return directory[member][kind].keys;
    }

    /// Empty if there is none.
    function record(uint32 member, RecordKind kind, bytes32 key) external view returns (bytes memory) {
        _requireMember(member);
        return directory[member][kind].values[key];
    }

    function _requireAccount() private view returns (uint32) {
        Account memory caller = accounts[msg.sender];
        if (caller.role == Role.None) revert NotPermitted(msg.sender, Role.None, Role.Operator);
        return caller.member;
    }

    function _nodeIndex(NodeId[] storage list, bytes32 x, bytes32 y) private view returns (uint256 i) {
        while (i < list.length && !(list[i].x == x && list[i].y == y)) ++i;
    }
}
