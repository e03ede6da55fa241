// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Probe} from "../src/Probe.sol";

interface Vm {
    function envAddress(string calldata name) external view returns (address);
    function envString(string calldata name) external view returns (string memory);
    function expectRevert(bytes calldata data) external;
    function rpc(string calldata method, string calldata params) external returns (bytes memory data);
}

/// Runs on a fork of the node (`--fork-url`): PROBE is a contract there, SET the hash of a transaction that called its set().
contract ForkTest {
    Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Probe probe;

    function setUp() public {
        probe = Probe(VM.envAddress("PROBE"));
    }

    function test_state_of_the_node_is_read_and_written_over() public {
        require(probe.value() == 21, "value of the fork");
        probe.set(22);
        require(probe.value() == 22, "value after a write");
    }

    function test_revert_reason() public view {
        try probe.fail() {
            revert("fail() succeeded");
        } catch Error(string memory reason) {
            require(keccak256(bytes(reason)) == keccak256("nope"), reason);
        }
    }

    function test_custom_error() public {
        VM.expectRevert(abi.encodeWithSelector(Probe.TooLarge.selector, 11, 10));
        probe.refuse(11);
    }

    /// Traced by the node, unlike all else here, which the fork's EVM runs.
    function test_nodes_own_trace() public {
        string memory hash = VM.envString("SET");
        bytes memory trace = VM.rpc("debug_traceTransaction", string.concat('["', hash, '",{"tracer":"4byteTracer"}]'));
        require(abi.decode(trace, (uint256)) == 1, "one call of set(uint256)");
    }
}
