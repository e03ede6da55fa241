// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Harness.sol";

/// Random calls by the members of a small network; a call that is refused is part of the game.
contract Actors is Harness {
    uint256 private next = 100;

    constructor() {
        network(4, 2, 4);
    }

    function governance() external view returns (Governance) {
        return gov;
    }

    function who(uint256 seed) private view returns (MemberView memory) {
        MemberView[] memory list = gov.members();
        return list[seed % list.length];
    }

    function pass(uint256 blocks) external {
        vm.roll(block.number + blocks % 60 + 1);
    }

    function seatNew(uint256 seed) external {
        MemberView memory m = who(seed);
        if (m.operators.length == 0) return;
        uint64 cited = uint64(block.number - 1);
        uint256 n = next++;
        bytes memory signature = proof(n, m.id, cited);
        address fresh = identity(n);
        vm.prank(m.operators[seed % m.operators.length]);
        gov.seat(fresh, cited, signature);
    }

    function unseat(uint256 seed, bool byAdmin) external {
        Seat[] memory list = gov.seats();
        Seat memory s = list[seed % list.length];
        vm.prank(byAdmin ? gov.member(s.member).admin : s.operator);
        gov.unseat(s.identity);
    }

    function proposeAdmission(uint256 seed, uint256 i) external {
        vm.prank(who(seed).admin);
        gov.propose(Kind.AdmitMember, wordOf(admin(10 + i % 6)), admission(10 + i % 6, 3), "");
    }

    function proposeExpulsion(uint256 seed, uint256 target) external {
        bytes32 subject = bytes32(uint256(who(target).id));
        vm.prank(who(seed).admin);
        gov.propose(Kind.ExpelMember, subject, "", "");
    }

    function proposeCapacity(uint256 seed, uint256 target, uint256 capacity) external {
        bytes32 subject = bytes32(uint256(who(target).id));
        vm.prank(who(seed).admin);
        gov.propose(Kind.SetCapacity, subject, abi.encode(capacity % 6), "");
    }

    function vote(uint256 seed, uint256 which, uint256 how) external {
        ProposalView[] memory open = gov.proposals();
        if (open.length == 0) return;
        uint64 id = open[which % open.length].id;
        vm.prank(who(seed).admin);
        if (how % 4 == 0) gov.voteAgainst(id);
        else if (how % 4 == 1) gov.rescind(id);
        else gov.voteFor(id);
    }

    function execute(uint256 which) external {
        ProposalView[] memory open = gov.proposals();
        if (open.length != 0) gov.execute(open[which % open.length].id);
    }

    function resign(uint256 seed) external {
        if (seed % 5 != 0) return;
        vm.prank(who(seed).admin);
        gov.resign();
    }
}

contract InvariantsTest is Harness {
    Actors private actors;

    function setUp() public {
        actors = new Actors();
        gov = actors.governance();
    }

    function targetContracts() public view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(actors);
    }

    function invariant_the_state_is_consistent() public view {
        Snapshot memory s = gov.snapshot();
        require(s.seats.length > 0 && s.members.length > 0, "a network has a member and a seat");
        uint256 taken;
        uint256 held;
        for (uint256 i; i < s.members.length; ++i) {
            MemberView memory m = s.members[i];
            taken |= 1 << m.place;
            held += m.seats;
            (uint32 id, Role role) = gov.memberOf(m.admin);
            require(id == m.id && role == Role.Admin, "the admin's account");
            uint256 count;
            for (uint256 k; k < s.seats.length; ++k) {
                if (s.seats[k].member == m.id) ++count;
            }
            eq(m.seats, count, "seats of a member");
            count = 0;
            for (uint256 k; k < s.proposals.length; ++k) {
                if (s.proposals[k].proposer == m.id) ++count;
            }
            require(count <= MAX_OPEN_PER_MEMBER, "open proposals of a member");
        }
        eq(held, s.seats.length, "seats");
        for (uint256 i; i < s.seats.length; ++i) {
            (uint32 id, Role role) = gov.memberOf(s.seats[i].identity);
            require(id == s.seats[i].member && role == Role.Identity, "the seat's identity");
        }
        for (uint256 i; i < s.proposals.length; ++i) {
            ProposalView memory p = s.proposals[i];
            require(p.votesFor & p.votesAgainst == 0, "one side each");
            require((p.votesFor | p.votesAgainst) & ~taken == 0, "only members' votes");
            require(p.votesFor != 0 || p.status != Status.Open, "somebody supports it");
            require(uint256(p.countAgainst) * 2 < s.members.length || p.status != Status.Open, "not lost");
        }
    }
}
