// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Every call writes slots that nobody wrote before, for `make bench-chain`.
contract Filler {
    mapping(address => uint256) public filled;
    mapping(address => mapping(uint256 => bytes32)) public slots;

    function fill(uint256 count) external {
        uint256 from = filled[msg.sender];
        for (uint256 i = from; i < from + count; i++) {
            slots[msg.sender][i] = keccak256(abi.encode(i));
        }
        filled[msg.sender] = from + count;
    }
}
