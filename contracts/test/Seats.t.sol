// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";
import {Journal} from "../src/Journal.sol";

contract SeatsTest is Harness {
    function setUp() public {
        network(2, 2, 4);
    }

    function test_a_member_seats_its_identity_and_the_validator_set_has_it() public {
        seat(0, 10, "");
        address[] memory set = gov.getValidators();
        eq(set.length, 5, "seats");
        eq(set[4], identity(10), "newest");
        (uint32 id, Role role) = gov.memberOf(identity(10));
        eq(id, 1, "member");
        eq(uint256(role), uint256(Role.Identity), "role");
    }

    function test_only_operator_accounts_seat() public {
        bytes memory signature = proof(10, 1, 999);
        address who = identity(10);
        address[2] memory callers = [admin(0), address(0xdead)];
        Role[2] memory roles = [Role.Admin, Role.None];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(Journal.NotPermitted.selector, callers[i], roles[i], Role.Operator)
            );
            vm.prank(callers[i]);
            gov.seat(who, 999, signature);
        }
    }

    function test_a_proof_for_another_member_is_refused() public {
        bytes memory signature = proof(10, 2, 999);
        address who = identity(10);
        vm.expectRevert();
        vm.prank(operator(0));
        gov.seat(who, 999, signature);
    }

    function test_a_proof_by_another_key_is_refused_with_both_addresses() public {
        address who = identity(11);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(10), gov.seatDigest(1, who, 999, blockhash(999)));
        vm.expectRevert(abi.encodeWithSelector(Journal.BadSignature.selector, identity(10), who));
        vm.prank(operator(0));
        gov.seat(who, 999, abi.encodePacked(r, s, v));
    }

    function test_a_malleable_or_cut_signature_is_refused() public {
        address who = identity(10);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(10), gov.seatDigest(1, who, 999, blockhash(999)));
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes memory twin = abi.encodePacked(r, bytes32(n - uint256(s)), uint8(v ^ 7));
        bytes memory cut = abi.encodePacked(r, s);
        vm.expectRevert(abi.encodeWithSelector(Journal.BadSignature.selector, address(0), who));
        vm.prank(operator(0));
        gov.seat(who, 999, twin);
        vm.expectRevert(abi.encodeWithSelector(Journal.BadSignature.selector, address(0), who));
        vm.prank(operator(0));
        gov.seat(who, 999, cut);
    }

    function test_a_proof_lives_256_blocks_and_cites_no_future() public {
        bytes memory signature = proof(10, 1, 999);
        address who = identity(10);
        vm.roll(999 + 257);
        vm.expectRevert(abi.encodeWithSelector(Journal.ProofBlockOutOfWindow.selector, 999, 1000, 1255));
        vm.prank(operator(0));
        gov.seat(who, 999, signature);
        vm.expectRevert(abi.encodeWithSelector(Journal.ProofBlockOutOfWindow.selector, 1256, 1000, 1255));
        vm.prank(operator(0));
        gov.seat(who, 1256, signature);
        vm.roll(999 + 256);
        vm.prank(operator(0));
        gov.seat(who, 999, signature);
    }

    function test_capacity_is_kept() public {
        seat(0, 10, "");
        vm.roll(1030);
        seat(0, 11, "");
        vm.roll(1060);
        seat(0, 12, abi.encodeWithSelector(Journal.CapacityReached.selector, 1, 4, 4));
    }

    function test_after_the_first_batch_one_seat_in_thirty_blocks() public {
        seat(0, 10, "");
        vm.roll(1029);
        seat(0, 11, abi.encodeWithSelector(Journal.SeatTooSoon.selector, 1029, 1030));
        eq(gov.member(1).nextSeatBlock, 1030, "next");
        vm.roll(1030);
        seat(0, 11, "");
    }

    function test_the_first_batch_is_thirty_blocks_from_the_first_seat() public {
        uint64 id = propose(0, Kind.AdmitMember, wordOf(admin(5)), admission(5, 8));
        carry(id, 2);
        uint64 cited;
        for (uint256 n = 20; n < 24; ++n) {
            vm.roll(2000 + (n - 20) * 9);
            cited = uint64(block.number - 1);
            bytes memory signature = proof(n, 3, cited);
            address who = identity(n);
            vm.prank(operator(5));
            gov.seat(who, cited, signature);
        }
        vm.roll(2030);
        bytes memory late = proof(24, 3, 2029);
        address last = identity(24);
        vm.expectRevert(abi.encodeWithSelector(Journal.SeatTooSoon.selector, 2030, 2057));
        vm.prank(operator(5));
        gov.seat(last, 2029, late);
    }

    function test_an_identity_holds_one_seat_and_no_other_role() public {
        seat(0, 10, "");
        address taken = identity(10);
        seat(1, 10, abi.encodeWithSelector(Journal.AddressInUse.selector, taken, Role.Identity, 1));
        vm.expectRevert(abi.encodeWithSelector(Journal.AddressInUse.selector, taken, Role.Identity, 1));
        vm.prank(admin(1));
        gov.addOperator(taken);
    }

    function test_operators_unseat_only_their_own_and_the_admin_any_of_its_member() public {
        vm.prank(admin(0));
        gov.addOperator(address(0xabc));
        address first = identity(0);
        address other = identity(1);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotSeatOwner.selector, address(0xabc), operator(0), 1));
        vm.prank(address(0xabc));
        gov.unseat(first);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotSeatOwner.selector, admin(1), operator(0), 1));
        vm.prank(admin(1));
        gov.unseat(other);
        vm.prank(operator(0));
        gov.unseat(other);
        vm.prank(admin(0));
        gov.unseat(first);
        eq(gov.getValidators().length, 2, "seats");
        eq(gov.member(1).seats, 0, "seats of the member");
    }

    function test_the_last_seat_stays() public {
        for (uint256 n; n < 3; ++n) {
            address who = identity(n);
            vm.prank(admin(n / 2));
            gov.unseat(who);
        }
        address last = identity(3);
        vm.expectRevert(abi.encodeWithSelector(Journal.LastSeat.selector, last));
        vm.prank(operator(1));
        gov.unseat(last);
    }

    function test_a_rotation_swaps_identities_at_once_without_waiting() public {
        seat(0, 10, "");
        address old = identity(0);
        address fresh = identity(11);
        bytes memory signature = proof(11, 1, 999);
        vm.prank(operator(0));
        gov.rotateSeat(old, fresh, 999, signature);
        eq(gov.getValidators().length, 5, "seats");
        eq(gov.getValidators()[0], fresh, "new identity");
        (, Role role) = gov.memberOf(old);
        eq(uint256(role), 0, "role of the old one");
    }

    function test_the_admin_moves_seats_between_its_operators() public {
        vm.prank(admin(0));
        gov.addOperator(address(0xabc));
        address who = identity(0);
        vm.expectRevert(
            abi.encodeWithSelector(Journal.NotPermitted.selector, operator(1), Role.Operator, Role.Operator)
        );
        vm.prank(admin(0));
        gov.assignSeat(who, operator(1));
        vm.prank(admin(0));
        gov.assignSeat(who, address(0xabc));
        vm.prank(address(0xabc));
        gov.unseat(who);
    }
}
