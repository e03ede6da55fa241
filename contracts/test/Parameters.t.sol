// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";
import {Journal} from "../src/Journal.sol";

contract ParametersTest is Harness {
    function setUp() public {
        network(1, 1, 4);
    }

    function set(uint256 period, uint256 gasLimit, uint256 from) private {
        propose(0, Kind.SetParameters, 0, abi.encode(period, 0, gasLimit, 0, 0, from));
    }

    function test_a_change_holds_from_the_next_block_or_the_named_one() public {
        set(1, 0, 0);
        eq(gov.parametersAt(1000).blockPeriodSeconds, 2, "this block");
        eq(gov.parametersAt(1001).blockPeriodSeconds, 1, "next block");
        set(0, 300_000_000, 5000);
        eq(gov.parametersAt(4999).gasLimit, 250_000_000, "before");
        eq(gov.parametersAt(5000).gasLimit, 300_000_000, "from");
        eq(gov.parametersAt(5000).blockPeriodSeconds, 1, "the other change stays");
        eq(gov.snapshot().schedule[2].from, 5000, "schedule");
    }

    function test_a_later_vote_replaces_a_waiting_change_and_keeps_what_holds() public {
        set(5, 0, 0);
        vm.roll(1100);
        set(7, 0, 2000);
        set(9, 0, 3000);
        eq(gov.parametersAt(2500).blockPeriodSeconds, 5, "replaced");
        eq(gov.parametersAt(3000).blockPeriodSeconds, 9, "new");
    }

    function test_values_out_of_bounds_or_none_are_refused() public {
        vm.expectRevert(
            abi.encodeWithSelector(Journal.OutOfRange.selector, bytes32("blockPeriodSeconds"), 3601, 1, 3600)
        );
        set(3601, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(Journal.OutOfRange.selector, bytes32("gasLimit"), 1, 1 << 24, 10_000_000_000)
        );
        set(0, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Journal.NothingToChange.selector));
        set(0, 0, 0);
    }

    function test_a_hardfork_has_a_hundred_blocks_notice_and_moves_only_before_it_is_active() public {
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.TooSoon, 1099, 1100));
        propose(0, Kind.ScheduleHardfork, "amsterdam", abi.encode(1099));
        propose(0, Kind.ScheduleHardfork, "amsterdam", abi.encode(1100));
        propose(0, Kind.ScheduleHardfork, "amsterdam", abi.encode(1200));
        Hardfork[] memory forks = gov.parametersAt(1001).hardforks;
        eq(forks.length, 1, "forks");
        eq(forks[0].atBlock, 1200, "at");
        vm.roll(1200);
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.AlreadyActive, 1200, 1200));
        propose(0, Kind.ScheduleHardfork, "amsterdam", abi.encode(1400));
    }

    function test_named_contracts_are_set_changed_and_taken_out() public {
        propose(0, Kind.SetNamedContract, "agreements.v1", abi.encode(address(7)));
        eq(gov.namedContract("agreements.v1"), address(7), "set");
        propose(0, Kind.SetNamedContract, "agreements.v1", abi.encode(address(8)));
        eq(gov.namedContracts().length, 1, "names");
        propose(0, Kind.SetNamedContract, "agreements.v1", abi.encode(address(0)));
        eq(gov.namedContracts().length, 0, "names");
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.UnknownName, 0, 0));
        propose(0, Kind.SetNamedContract, "agreements.v1", abi.encode(address(0)));
    }

    function test_an_upgrade_has_notice_and_is_final_once_active() public {
        propose(0, Kind.Upgrade, wordOf(address(9)), abi.encode(1100));
        eq(gov.parametersAt(1001).successor.location, address(9), "successor");
        propose(0, Kind.Upgrade, wordOf(address(10)), abi.encode(1150));
        vm.roll(1150);
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.AlreadyActive, 1150, 1150));
        propose(0, Kind.Upgrade, wordOf(address(11)), abi.encode(1400));
    }
}
