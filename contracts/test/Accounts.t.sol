// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";
import {Journal} from "../src/Journal.sol";

contract AccountsTest is Harness {
    address private constant FRESH = address(0xf00d);

    function setUp() public {
        network(2, 2, 4);
    }

    function test_an_admin_is_changed_in_two_steps_and_its_votes_stay() public {
        uint64 id = propose(0, Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9));
        vm.prank(admin(0));
        gov.offerAdmin(FRESH);
        eq(gov.member(1).offeredAdmin, FRESH, "offered");
        vm.expectRevert(abi.encodeWithSelector(Journal.NotPermitted.selector, address(2), Role.None, Role.Admin));
        vm.prank(address(2));
        gov.acceptAdmin(1);
        vm.prank(FRESH);
        gov.acceptAdmin(1);
        eq(gov.member(1).admin, FRESH, "admin");
        eq(gov.member(1).offeredAdmin, address(0), "offer");
        vm.expectRevert(abi.encodeWithSelector(Journal.AlreadyVoted.selector, id, 1, true));
        vm.prank(FRESH);
        gov.voteFor(id);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotPermitted.selector, admin(0), Role.None, Role.Admin));
        vm.prank(admin(0));
        gov.rescind(id);
    }

    function test_operators_are_added_and_removed_by_their_admin_only() public {
        vm.expectRevert(
            abi.encodeWithSelector(Journal.NotPermitted.selector, operator(0), Role.Operator, Role.Admin)
        );
        vm.prank(operator(0));
        gov.addOperator(FRESH);
        vm.prank(admin(0));
        gov.addOperator(FRESH);
        vm.expectRevert(
            abi.encodeWithSelector(Journal.NotPermitted.selector, FRESH, Role.Operator, Role.Operator)
        );
        vm.prank(admin(1));
        gov.removeOperator(FRESH);
        vm.prank(admin(0));
        gov.removeOperator(FRESH);
        eq(gov.member(1).operators.length, 1, "operators");
    }

    function test_a_removed_operators_seats_stay_and_the_admin_handles_them() public {
        vm.prank(admin(0));
        gov.removeOperator(operator(0));
        address who = identity(0);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotSeatOwner.selector, operator(0), operator(0), 1));
        vm.prank(operator(0));
        gov.unseat(who);
        vm.prank(admin(0));
        gov.unseat(who);
    }

    function test_a_replaced_operator_hands_its_seats_over() public {
        vm.prank(admin(0));
        gov.replaceOperator(operator(0), FRESH);
        Seat[] memory list = gov.seats();
        eq(list[0].operator, FRESH, "first");
        eq(list[1].operator, FRESH, "second");
        eq(list[2].operator, operator(1), "another member's");
    }

    function test_operators_are_bounded_and_accounts_unique() public {
        for (uint256 i = 1; i < 8; ++i) {
            vm.prank(admin(0));
            gov.addOperator(address(uint160(0xaa00 + i)));
        }
        vm.expectRevert(abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("operators"), 8, 8));
        vm.prank(admin(0));
        gov.addOperator(FRESH);
        vm.expectRevert(abi.encodeWithSelector(Journal.AddressInUse.selector, operator(0), Role.Operator, 1));
        vm.prank(admin(1));
        gov.addOperator(operator(0));
        vm.expectRevert();
        vm.prank(admin(1));
        gov.addOperator(address(0));
    }

    function test_node_ids_are_a_bounded_list_of_the_member() public {
        for (uint256 i; i < 32; ++i) {
            vm.prank(i % 2 == 0 ? operator(0) : admin(0));
            gov.addNodeId(bytes32(i), bytes32(i + 1));
        }
        vm.expectRevert(abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("node ids"), 32, 32));
        vm.prank(operator(0));
        gov.addNodeId(bytes32(uint256(99)), 0);
        vm.prank(operator(0));
        gov.removeNodeId(bytes32(uint256(3)), bytes32(uint256(4)));
        eq(gov.nodeIds(1).length, 31, "node ids");
        vm.expectRevert(abi.encodeWithSelector(Journal.NothingToChange.selector));
        vm.prank(operator(0));
        gov.removeNodeId(bytes32(uint256(3)), bytes32(uint256(4)));
        vm.expectRevert(abi.encodeWithSelector(Journal.NotPermitted.selector, FRESH, Role.None, Role.Operator));
        vm.prank(FRESH);
        gov.addNodeId(bytes32(uint256(1)), 0);
    }

    function test_routing_is_the_operators_to_write_and_keys_the_admins() public {
        vm.prank(operator(0));
        gov.setRecord(RecordKind.Routing, "agreements", "https://bank-a.example");
        vm.expectRevert(
            abi.encodeWithSelector(Journal.NotPermitted.selector, operator(0), Role.Operator, Role.Admin)
        );
        vm.prank(operator(0));
        gov.setRecord(RecordKind.Key, "sealing", hex"01");
        vm.prank(admin(0));
        gov.setRecord(RecordKind.Key, "sealing", hex"0102");
        eq(gov.record(1, RecordKind.Key, "sealing").length, 2, "key");
        eq(gov.recordKeys(1, RecordKind.Routing).length, 1, "routing");
        vm.prank(operator(0));
        gov.setRecord(RecordKind.Routing, "agreements", "");
        eq(gov.recordKeys(1, RecordKind.Routing).length, 0, "removed");
        vm.expectRevert(abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("record"), 513, 512));
        vm.prank(operator(0));
        gov.setRecord(RecordKind.Routing, "agreements", new bytes(513));
    }

    function test_records_are_bounded() public {
        for (uint256 i = 1; i <= 32; ++i) {
            vm.prank(operator(0));
            gov.setRecord(RecordKind.Routing, bytes32(i), hex"01");
        }
        vm.expectRevert(abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("records"), 32, 32));
        vm.prank(operator(0));
        gov.setRecord(RecordKind.Routing, bytes32(uint256(33)), hex"01");
    }
}
