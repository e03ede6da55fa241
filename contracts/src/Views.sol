// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Records} from "./Records.sol";

/// Reads. `getValidators` and `parametersAt` are what consensus calls, on the state after block H - 1 for H.
abstract contract Views is Records {
    /// The validator set (selector 0xb7ab4db5), in no particular order: clients sort.
    function getValidators() external view returns (address[] memory set) {
        uint256 n = seatList.length;
        set = new address[](n);
        for (uint256 i; i < n; ++i) {
            set[i] = seatList[i].identity;
        }
    }

    /// All that a node needs to make or check block `height`.
    function parametersAt(uint64 height) public view returns (ParametersView memory p) {
        p.blockPeriodSeconds = _parameterAt(Parameter.BlockPeriodSeconds, height);
        p.requestTimeoutMillis = _parameterAt(Parameter.RequestTimeoutMillis, height);
        p.gasLimit = _parameterAt(Parameter.GasLimit, height);
        p.defaultCapacity = _parameterAt(Parameter.DefaultCapacity, height);
        p.votingBlocks = _parameterAt(Parameter.VotingBlocks, height);
        p.hardforks = hardforkList;
        p.successor = successor;
    }

    /// Member and role of an address: admin, operator account or seated identity. (0, None) for a stranger.
    function memberOf(address account) external view returns (uint32 id, Role role) {
        return _roleOf(account);
    }

    function member(uint32 id) public view returns (MemberView memory v) {
        Member storage m = _requireMember(id);
        v.id = id;
        v.label = m.label;
        v.admin = m.admin;
        v.offeredAdmin = m.offeredAdmin;
        v.place = m.place;
        v.capacity = m.capacity;
        v.seats = m.seats;
        v.joinedAt = m.joinedAt;
        v.nextSeatBlock = uint64(_nextSeatBlock(m, block.number + 1));
        v.operators = m.operators;
    }

    /// Members in on-chain order, that is by place.
    function members() public view returns (MemberView[] memory list) {
        uint256 taken = places;
        list = new MemberView[](_count(taken));
        uint256 n;
        for (uint256 place; taken != 0; ++place) {
            if (taken & 1 == 1) list[n++] = member(memberAtPlace[place]);
            taken >>= 1;
        }
    }

    function seats() external view returns (Seat[] memory) {
        return seatList;
    }

    /// One proposal, open or closed: of a closed one, the votes as they stood at its end.
    function proposal(uint64 id) public view returns (ProposalView memory v) {
        Proposal storage p = proposalById[id];
        v.id = id;
        v.kind = p.kind;
        v.status = p.status == Status.Open && block.number > p.expiresAt ? Status.Expired : p.status;
        v.proposer = p.proposer;
        v.openedAt = p.openedAt;
        v.expiresAt = p.expiresAt;
        v.closedAt = p.closedAt;
        v.votesFor = p.votesFor;
        v.votesAgainst = p.votesAgainst;
        v.countFor = uint16(_count(v.votesFor));
        v.countAgainst = uint16(_count(v.votesAgainst));
        v.subject = p.subject;
        v.values = p.values;
        v.memo = string(p.memo);
    }

    /// Open proposals; one that expired but was not swept shows as Expired.
    function proposals() public view returns (ProposalView[] memory list) {
        uint256 n = openIds.length;
        list = new ProposalView[](n);
        for (uint256 i; i < n; ++i) {
            list[i] = proposal(openIds[i]);
        }
    }

    function namedContract(bytes32 name) external view returns (address) {
        return contractByName[name];
    }

    function namedContracts() public view returns (NamedContract[] memory list) {
        uint256 n = contractNames.length;
        list = new NamedContract[](n);
        for (uint256 i; i < n; ++i) {
            list[i] = NamedContract(contractNames[i], contractByName[contractNames[i]]);
        }
    }

    /// Everything a dashboard needs in one call.
    function snapshot() external view returns (Snapshot memory s) {
        s.blockNumber = uint64(block.number);
        s.votesNeeded = uint16(_votesNeeded());
        s.members = members();
        s.seats = seatList;
        s.proposals = proposals();
        s.parameters = parametersAt(uint64(block.number) + 1);
        s.schedule = parameterList;
        s.namedContracts = namedContracts();
    }
}
