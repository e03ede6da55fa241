// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";

/// Gas at 200 members with 400 seats: none of the calls may come near the 16.7 M that a transaction may use.
contract GasTest is Harness {
    event Gas(string call, uint256 gas);

    uint256 private constant MOST = 10_000_000;

    function setUp() public {
        network(200, 2, 400);
    }

    function bounded(string memory call, uint256 before) private {
        uint256 used = before - gasleft();
        emit Gas(call, used);
        if (used > MOST) revert(string.concat(call, " uses ", decimal(used)));
    }

    function test_calls_of_a_large_network_stay_below_ten_million_gas() public {
        uint256 before = gasleft();
        gov.getValidators();
        bounded("getValidators", before);
        before = gasleft();
        gov.snapshot();
        bounded("snapshot", before);
        before = gasleft();
        gov.parametersAt(1001);
        bounded("parametersAt", before);
        bytes memory signature = proof(500, 1, 999);
        address who = identity(500);
        vm.prank(operator(0));
        before = gasleft();
        gov.seat(who, 999, signature);
        bounded("seat", before);
        vm.prank(operator(0));
        before = gasleft();
        gov.unseat(who);
        bounded("unseat", before);
        vm.prank(admin(0));
        before = gasleft();
        gov.replaceOperator(operator(0), address(77));
        bounded("replaceOperator", before);
    }

    function test_a_vote_that_expels_with_every_proposal_slot_taken_stays_below() public {
        string memory memo = string(new bytes(256));
        for (uint256 i; i < 63; ++i) {
            vm.prank(admin(i / 8));
            gov.propose(Kind.SetCapacity, bytes32(uint256(200)), abi.encode(10 + i), memo);
        }
        uint64 id = propose(50, Kind.ExpelMember, bytes32(uint256(200)), "");
        for (uint256 i; i < 99; ++i) {
            vm.prank(admin(i + 51));
            gov.voteFor(id);
        }
        vm.prank(admin(3));
        uint256 before = gasleft();
        gov.voteFor(id);
        bounded("deciding vote: expels, 63 proposals superseded", before);
        eq(status(id), Status.Executed, "status");
    }

    function test_sweeping_every_slot_stays_below() public {
        string memory memo = string(new bytes(256));
        for (uint256 i; i < 64; ++i) {
            vm.prank(admin(i / 8));
            gov.propose(Kind.AdmitMember, wordOf(admin(300 + i)), admission(300 + i, 4), memo);
        }
        vm.roll(5000);
        uint256 before = gasleft();
        gov.sweep();
        bounded("sweep of 64", before);
    }

    function test_removing_a_member_with_half_or_nearly_all_seats_stays_below() public {
        uint256[2] memory held = [uint256(200), 399];
        for (uint256 k; k < 2; ++k) {
            GenesisMember[] memory list = new GenesisMember[](2);
            list[0] = GenesisMember(label(0), admin(0), operator(0), 400);
            list[1] = GenesisMember(label(1), admin(1), operator(1), 400);
            GenesisSeat[] memory seated = new GenesisSeat[](400);
            for (uint256 i; i < 400; ++i) {
                seated[i] = GenesisSeat(address(uint160(0x900000 + i)), i < held[k] ? 0 : 1);
            }
            deploy(abi.encode(list, seated, parameters()));
            vm.prank(admin(0));
            uint256 before = gasleft();
            gov.resign();
            bounded(string.concat("resign with ", decimal(held[k]), " of 400 seats"), before);
            eq(gov.getValidators().length, 400 - held[k], "seats");
        }
    }
}
