// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/Types.sol";
import {Governance} from "../src/Governance.sol";

/// The cheat codes used here.
interface Vm {
    function prank(address sender) external;
    function roll(uint256 blockNumber) external;
    function addr(uint256 key) external returns (address);
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata data) external;
    function expectRevert() external;
    function readFile(string calldata path) external view returns (string memory);
    function parseBytes(string calldata text) external pure returns (bytes memory);
}

/// Deploys the shipped bytecode and speaks to it as its members would.
abstract contract Harness {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Governance internal gov;

    function admin(uint256 i) internal pure returns (address) {
        return address(uint160(0x10000 + i * 16));
    }

    function operator(uint256 i) internal pure returns (address) {
        return address(uint160(0x10001 + i * 16));
    }

    function keyOf(uint256 n) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("identity", n))) >> 1;
    }

    function identity(uint256 n) internal returns (address) {
        return vm.addr(keyOf(n));
    }

    function label(uint256 i) internal pure returns (bytes32) {
        bytes memory text = "m-0000";
        for (uint256 end = 5; i > 0; --end) {
            text[end] = bytes1(uint8(48 + i % 10));
            i /= 10;
        }
        return bytes32(text);
    }

    function parameters() internal pure returns (GenesisParameters memory) {
        return GenesisParameters(2, 1500, 250_000_000, 4, 1000);
    }

    /// `members` members of capacity `capacity`, each with `each` seats; identities are numbered from 0.
    function network(uint256 members, uint256 each, uint16 capacity) internal {
        GenesisMember[] memory list = new GenesisMember[](members);
        GenesisSeat[] memory seated = new GenesisSeat[](members * each);
        for (uint256 i; i < members; ++i) {
            list[i] = GenesisMember(label(i), admin(i), operator(i), capacity);
            for (uint256 k; k < each; ++k) {
                seated[i * each + k] = GenesisSeat(identity(i * each + k), uint16(i));
            }
        }
        deploy(abi.encode(list, seated, parameters()));
    }

    function deploy(bytes memory arguments) internal {
        vm.roll(0);
        bytes memory code = abi.encodePacked(
            vm.parseBytes(string.concat("0x", vm.readFile("artifacts/Governance.creation.hex"))), arguments
        );
        address created;
        assembly {
            created := create(0, add(code, 32), mload(code))
            if iszero(created) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
        gov = Governance(created);
        vm.roll(1000);
    }

    function proof(uint256 n, uint32 member, uint64 cited) internal returns (bytes memory) {
        bytes32 digest = gov.seatDigest(member, identity(n), cited, blockhash(cited));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(n), digest);
        return abi.encodePacked(r, s, v);
    }

    /// Seats identity `n` for the member at index `i` by its operator; expects `refusal` if not empty.
    function seat(uint256 i, uint256 n, bytes memory refusal) internal {
        uint64 cited = uint64(block.number - 1);
        bytes memory signature = proof(n, uint32(i + 1), cited);
        address who = identity(n);
        if (refusal.length != 0) vm.expectRevert(refusal);
        vm.prank(operator(i));
        gov.seat(who, cited, signature);
    }

    function propose(uint256 i, Kind kind, bytes32 subject, bytes memory values) internal returns (uint64) {
        vm.prank(admin(i));
        return gov.propose(kind, subject, values, "memo");
    }

    /// The strict majority of the first `n` members votes for `id`; member 0 proposed it.
    function carry(uint64 id, uint256 n) internal {
        for (uint256 i = 1; i <= n / 2; ++i) {
            vm.prank(admin(i));
            gov.voteFor(id);
        }
    }

    function status(uint64 id) internal view returns (Status) {
        return gov.proposal(id).status;
    }

    function wordOf(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function admission(uint256 i, uint16 capacity) internal pure returns (bytes memory) {
        return abi.encode(label(i), uint256(capacity), operator(i));
    }

    function eq(uint256 got, uint256 want, string memory what) internal pure {
        if (got != want) revert(string.concat(what, ": got ", decimal(got), ", want ", decimal(want)));
    }

    function eq(address got, address want, string memory what) internal pure {
        eq(uint256(uint160(got)), uint256(uint160(want)), what);
    }

    function eq(Status got, Status want, string memory what) internal pure {
        eq(uint256(got), uint256(want), what);
    }

    function decimal(uint256 n) internal pure returns (string memory text) {
        do {
            text = string.concat(string(abi.encodePacked(bytes1(uint8(48 + n % 10)))), text);
            n /= 10;
        } while (n != 0);
    }
}
