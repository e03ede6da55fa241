// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";
import {Journal} from "../src/Journal.sol";

contract VotesTest is Harness {
    function capacityVote(uint256 by, uint256 capacity) internal returns (uint64) {
        return propose(by, Kind.SetCapacity, bytes32(uint256(1)), abi.encode(capacity));
    }

    /// Every split of for and against in networks of 1 to 7 members: passes exactly when for > n / 2, is rejected
    /// exactly when a majority has become impossible, else stays open.
    function test_every_split_of_small_networks_is_decided_by_strict_majority() public {
        for (uint256 n = 1; n <= 7; ++n) {
            for (uint256 inFavour = 1; inFavour <= n; ++inFavour) {
                for (uint256 against; inFavour + against <= n; ++against) {
                    split(n, inFavour, against);
                }
            }
        }
    }

    function split(uint256 n, uint256 inFavour, uint256 against) private {
        network(n, 1, 4);
        uint64 id = capacityVote(0, 9);
        for (uint256 i = 1; i < inFavour && status(id) == Status.Open; ++i) {
            vm.prank(admin(i));
            gov.voteFor(id);
        }
        for (uint256 i = inFavour; i < inFavour + against && status(id) == Status.Open; ++i) {
            vm.prank(admin(i));
            gov.voteAgainst(id);
        }
        Status want = inFavour * 2 > n ? Status.Executed : against * 2 >= n ? Status.Rejected : Status.Open;
        eq(status(id), want, string.concat(decimal(n), " members, for ", decimal(inFavour)));
        eq(gov.member(1).capacity, want == Status.Executed ? 9 : 4, "capacity");
    }

    function test_only_admins_propose_and_vote() public {
        network(2, 1, 4);
        vm.expectRevert(
            abi.encodeWithSelector(Journal.NotPermitted.selector, operator(0), Role.Operator, Role.Admin)
        );
        vm.prank(operator(0));
        gov.propose(Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9), "");
        uint64 id = capacityVote(0, 9);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotPermitted.selector, address(1), Role.None, Role.Admin));
        vm.prank(address(1));
        gov.voteFor(id);
    }

    function test_the_same_content_proposed_again_is_a_vote_for_the_open_one() public {
        network(5, 1, 4);
        uint64 id = capacityVote(0, 9);
        eq(capacityVote(1, 9), id, "id");
        uint64 other = capacityVote(1, 8);
        eq(other, id + 1, "other values");
        eq(gov.proposal(id).countFor, 2, "votes");
        eq(gov.proposals().length, 2, "open");
        capacityVote(2, 9);
        eq(status(id), Status.Executed, "status");
        eq(status(other), Status.Open, "other");
    }

    function test_a_vote_counts_once_and_may_change_sides() public {
        network(5, 1, 4);
        uint64 id = capacityVote(0, 9);
        vm.prank(admin(1));
        gov.voteAgainst(id);
        vm.expectRevert(abi.encodeWithSelector(Journal.AlreadyVoted.selector, id, 2, false));
        vm.prank(admin(1));
        gov.voteAgainst(id);
        vm.prank(admin(1));
        gov.voteFor(id);
        ProposalView memory p = gov.proposal(id);
        eq(p.countFor, 2, "for");
        eq(p.countAgainst, 0, "against");
    }

    function test_rescinding_the_last_support_withdraws() public {
        network(5, 1, 4);
        uint64 id = capacityVote(0, 9);
        vm.expectRevert(abi.encodeWithSelector(Journal.NotVoted.selector, id, 2));
        vm.prank(admin(1));
        gov.rescind(id);
        vm.prank(admin(0));
        gov.rescind(id);
        eq(status(id), Status.Withdrawn, "status");
        eq(gov.proposals().length, 0, "open");
        vm.expectRevert(abi.encodeWithSelector(Journal.ProposalNotOpen.selector, id, Status.Withdrawn));
        vm.prank(admin(1));
        gov.voteFor(id);
    }

    function test_a_proposal_expires_by_blocks_and_can_be_made_anew() public {
        network(3, 1, 4);
        uint64 id = capacityVote(0, 9);
        vm.roll(2000);
        eq(status(id), Status.Open, "at its last block");
        vm.roll(2001);
        eq(status(id), Status.Expired, "after");
        vm.expectRevert(abi.encodeWithSelector(Journal.ProposalExpired.selector, id, 2000, 2001));
        vm.prank(admin(1));
        gov.voteFor(id);
        uint64 again = capacityVote(1, 9);
        eq(again, id + 1, "new id");
        eq(gov.proposals().length, 1, "open");
    }

    function test_open_proposals_are_bounded_for_a_member_and_in_all() public {
        network(9, 1, 4);
        for (uint256 i; i < 64; ++i) {
            capacityVote(i / 8, 10 + i);
        }
        vm.expectRevert(
            abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("open proposals"), 64, 64)
        );
        capacityVote(8, 500);
        vm.prank(admin(0));
        gov.rescind(1);
        capacityVote(8, 500);
        vm.prank(admin(8));
        gov.rescind(65);
        vm.expectRevert(
            abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("own open proposals"), 8, 8)
        );
        capacityVote(1, 500);
    }

    function test_a_long_memo_and_wrong_values_are_refused() public {
        network(2, 1, 4);
        vm.expectRevert(abi.encodeWithSelector(Journal.LimitReached.selector, bytes32("memo"), 257, 256));
        vm.prank(admin(0));
        gov.propose(Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9), string(new bytes(257)));
        vm.expectRevert(abi.encodeWithSelector(Journal.ValuesLength.selector, Kind.SetCapacity, 64, 32));
        propose(0, Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9, 9));
        vm.expectRevert(abi.encodeWithSelector(Journal.OutOfRange.selector, bytes32("capacity"), 513, 0, 512));
        capacityVote(0, 513);
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.UnknownMember, 7, 2));
        propose(0, Kind.SetCapacity, bytes32(uint256(7)), abi.encode(9));
        vm.expectRevert(abi.encodeWithSelector(Journal.BadLabel.selector, bytes32("Bank")));
        propose(0, Kind.AdmitMember, wordOf(admin(5)), abi.encode(bytes32("Bank"), 4, address(0)));
    }

    function test_admission_gives_a_vote_a_capacity_and_an_operator() public {
        network(2, 1, 4);
        uint64 id = propose(0, Kind.AdmitMember, wordOf(admin(5)), admission(5, 0));
        carry(id, 2);
        MemberView memory m = gov.member(3);
        eq(m.admin, admin(5), "admin");
        eq(m.operators[0], operator(5), "operator");
        eq(m.capacity, 4, "default capacity");
        eq(gov.snapshot().votesNeeded, 2, "majority of three");
        capacityVote(5, 9);
    }

    function test_names_and_accounts_are_unique() public {
        network(2, 1, 4);
        uint256 asNumber = uint256(wordOf(operator(1)));
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.AccountInUse, asNumber, 2));
        propose(0, Kind.AdmitMember, wordOf(operator(1)), admission(5, 0));
        vm.expectRevert(
            abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.AliasInUse, uint256(label(1)), 2)
        );
        propose(0, Kind.AdmitMember, wordOf(admin(5)), abi.encode(label(1), 4, address(0)));
    }

    function test_two_admissions_of_one_account_end_with_one_superseded() public {
        network(3, 1, 4);
        uint64 first = propose(0, Kind.AdmitMember, wordOf(admin(5)), admission(5, 4));
        uint64 second = propose(0, Kind.AdmitMember, wordOf(admin(5)), admission(5, 8));
        carry(first, 3);
        eq(status(first), Status.Executed, "first");
        eq(status(second), Status.Superseded, "second");
    }

    function test_expelling_drops_seats_accounts_votes_and_what_concerned_the_member() public {
        network(4, 2, 4);
        uint64 its = propose(3, Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9));
        uint64 about = propose(1, Kind.SetCapacity, bytes32(uint256(4)), abi.encode(9));
        uint64 shared = propose(3, Kind.SetCapacity, bytes32(uint256(2)), abi.encode(9));
        vm.prank(admin(1));
        gov.voteFor(shared);
        uint64 id = propose(0, Kind.ExpelMember, bytes32(uint256(4)), "");
        carry(id, 4);
        eq(status(id), Status.Executed, "expulsion");
        eq(gov.getValidators().length, 6, "seats");
        eq(status(its), Status.Withdrawn, "only supporter left");
        eq(status(about), Status.Superseded, "about the expelled");
        eq(gov.proposal(shared).countFor, 1, "its vote is gone");
        (, Role role) = gov.memberOf(admin(3));
        eq(uint256(role), 0, "admin");
        (, role) = gov.memberOf(operator(3));
        eq(uint256(role), 0, "operator");
        vm.expectRevert(abi.encodeWithSelector(Journal.UnknownMember.selector, 4));
        gov.member(4);
    }

    function test_a_freed_place_is_given_again_without_old_votes() public {
        network(5, 1, 4);
        uint64 open = propose(0, Kind.SetCapacity, bytes32(uint256(1)), abi.encode(9));
        vm.prank(admin(4));
        gov.voteFor(open);
        vm.prank(admin(4));
        gov.resign();
        carry(propose(0, Kind.AdmitMember, wordOf(admin(7)), admission(7, 4)), 4);
        eq(gov.member(6).place, 4, "place");
        eq(gov.proposal(open).countFor, 1, "votes");
        vm.prank(admin(7));
        gov.voteFor(open);
        eq(gov.proposal(open).countFor, 2, "votes");
    }

    function test_a_majority_won_by_a_departure_waits_for_execute() public {
        network(4, 1, 4);
        uint64 id = capacityVote(0, 9);
        vm.prank(admin(1));
        gov.voteFor(id);
        eq(status(id), Status.Open, "two of four");
        vm.expectRevert(abi.encodeWithSelector(Journal.NotPassed.selector, id, 2, 3));
        gov.execute(id);
        vm.prank(admin(3));
        gov.resign();
        eq(status(id), Status.Open, "two of three, not executed");
        gov.execute(id);
        eq(status(id), Status.Executed, "executed");
    }

    function test_the_last_seats_and_the_last_member_cannot_be_removed() public {
        network(3, 1, 4);
        for (uint256 i = 1; i < 3; ++i) {
            address who = identity(i);
            vm.prank(admin(i));
            gov.unseat(who);
        }
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.LastSeats, 1, 1));
        propose(1, Kind.ExpelMember, bytes32(uint256(1)), "");
        vm.prank(admin(1));
        gov.resign();
        vm.prank(admin(2));
        gov.resign();
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.LastMember, 1, 1));
        vm.prank(admin(0));
        gov.resign();
    }

    function test_a_passed_but_hindered_proposal_stays_open_until_it_can_be_executed() public {
        network(3, 1, 4);
        uint64 id = propose(1, Kind.ExpelMember, bytes32(uint256(1)), "");
        for (uint256 i = 1; i < 3; ++i) {
            address who = identity(i);
            vm.prank(admin(i));
            gov.unseat(who);
        }
        vm.prank(admin(2));
        gov.voteFor(id);
        eq(status(id), Status.Open, "hindered");
        vm.expectRevert(abi.encodeWithSelector(Journal.Obstructed.selector, Obstacle.LastSeats, 1, 1));
        gov.execute(id);
        seat(1, 30, "");
        gov.execute(id);
        eq(status(id), Status.Executed, "executed");
        eq(gov.getValidators().length, 1, "seats");
    }

    function test_an_admin_may_be_a_contract() public {
        network(1, 1, 4);
        Wallet wallet = new Wallet();
        propose(0, Kind.AdmitMember, wordOf(address(wallet)), abi.encode(bytes32("dao"), 4, address(0)));
        uint64 id = capacityVote(0, 9);
        wallet.send(address(gov), abi.encodeCall(gov.voteFor, (id)));
        eq(status(id), Status.Executed, "status");
    }
}

contract Wallet {
    function send(address to, bytes calldata data) external {
        (bool done,) = to.call(data);
        require(done, "call failed");
    }
}
