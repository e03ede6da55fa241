// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// What clients must be able to do with a contract: write, read, emit, and fail in each way that has a reason.
contract Probe {
    uint256 public value;

    event Changed(address indexed by, uint256 value);

    error TooLarge(uint256 got, uint256 most);

    function set(uint256 next) external {
        value = next;
        emit Changed(msg.sender, next);
    }

    function fail() external pure {
        revert("nope");
    }

    function refuse(uint256 got) external pure {
        revert TooLarge(got, 10);
    }

    function divide(uint256 by) external pure returns (uint256) {
        return 100 / by;
    }
}
