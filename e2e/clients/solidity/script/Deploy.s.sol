// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Probe} from "../src/Probe.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// What `forge script` sends: a contract, and a transaction to it.
contract Deploy {
    Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    function run() external returns (Probe probe) {
        VM.startBroadcast();
        probe = new Probe();
        probe.set(21);
        VM.stopBroadcast();
        require(probe.value() == 21, "set had no effect");
    }
}
