// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {Ballots} from "./Ballots.sol";

/// Proposals and votes: one member, one vote; a strict majority of the present members decides.
/// A vote is a bit at the member's place; a place is given again only after its bits are cleared.
abstract contract Votes is Ballots {
    /// Opens a proposal and votes for it. If the same (kind, subject, values) is open, only votes for that one.
    function propose(Kind kind, bytes32 subject, bytes memory values, string memory memo) external returns (uint64 id)
    {
        uint32 member = _requireRole(Role.Admin);
        _sweep();
        id = newestByContent[_content(kind, subject, values)];
        if (proposalById[id].status != Status.Open) id = _open(member, kind, subject, values, bytes(memo));
        _vote(id, member, true);
    }

    function voteFor(uint64 id) external {
        uint32 member = _requireRole(Role.Admin);
        _requireOpen(id);
        _vote(id, member, true);
    }

    function voteAgainst(uint64 id) external {
        uint32 member = _requireRole(Role.Admin);
        _requireOpen(id);
        _vote(id, member, false);
    }

    /// Takes the caller's vote back. A proposal that nobody supports any more is closed as Withdrawn.
    function rescind(uint64 id) external {
        uint32 member = _requireRole(Role.Admin);
        Proposal storage p = _requireOpen(id);
        uint256 bit = 1 << memberById[member].place;
        if ((p.votesFor | p.votesAgainst) & bit == 0) revert NotVoted(id, member);
        p.votesFor &= ~bit;
        p.votesAgainst &= ~bit;
        emit VoteRescinded(id, member);
        if (p.votesFor == 0) _close(id, Status.Withdrawn);
    }

    /// Carries out a proposal that has its majority but could not be executed, or got it by a membership
    /// change. Anyone may call.
    function execute(uint64 id) external {
        Proposal storage p = _requireOpen(id);
        uint256 needed = _votesNeeded();
        if (_count(p.votesFor) < needed) revert NotPassed(id, _count(p.votesFor), needed);
        _requireUnobstructed(p.kind, p.subject, p.values);
        _execute(id);
    }

    /// Closes what has expired. Anyone may call; `propose` does it too.
    function sweep() external {
        _sweep();
    }

    /// Leaves the network: seats, accounts and votes of the caller's member go.
    function resign() external {
        uint32 member = _requireRole(Role.Admin);
        _requireUnobstructed(Kind.ExpelMember, bytes32(uint256(member)), "");
        _recount(1 << _remove(member, true));
    }

    function _open(uint32 member, Kind kind, bytes32 subject, bytes memory values, bytes memory memo)
        private
        returns (uint64 id)
    {
        _requireWellFormed(kind, subject, values);
        _requireUnobstructed(kind, subject, values);
        _requireLimit("memo", memo.length, MAX_MEMO_BYTES);
        _requireRoom("open proposals", openIds.length, MAX_OPEN_PROPOSALS);
        _requireRoom("own open proposals", memberById[member].openProposals++, MAX_OPEN_PER_MEMBER);
        id = ++lastProposalId;
        Proposal storage p = proposalById[id];
        p.kind = kind;
        p.status = Status.Open;
        p.openIndex = uint8(openIds.length);
        p.proposer = member;
        p.openedAt = uint64(block.number);
        p.expiresAt = uint64(block.number) + _parameterAt(Parameter.VotingBlocks, block.number + 1);
        p.subject = subject;
        p.values = values;
        p.memo = memo;
        openIds.push(id);
        newestByContent[_content(kind, subject, values)] = id;
        emit ProposalOpened(id, kind, subject, member, p.expiresAt, values, string(memo));
    }

    /// Records a vote, replacing an opposite one, and closes or executes what it decides.
    function _vote(uint64 id, uint32 member, bool inFavour) private {
        Proposal storage p = proposalById[id];
        uint256 bit = 1 << memberById[member].place;
        if ((inFavour ? p.votesFor : p.votesAgainst) & bit != 0) revert AlreadyVoted(id, member, inFavour);
        p.votesFor = inFavour ? p.votesFor | bit : p.votesFor & ~bit;
        p.votesAgainst = inFavour ? p.votesAgainst & ~bit : p.votesAgainst | bit;
        emit VoteCast(id, member, inFavour);
        if (_settleLost(id)) return;
        if (_count(p.votesFor) >= _votesNeeded() && _announce(id)) _execute(id);
    }

    /// True if nothing hinders the execution of a proposal that has its majority.
    function _announce(uint64 id) private returns (bool) {
        Proposal storage p = proposalById[id];
        (Obstacle obstacle,,) = _obstacle(p.kind, p.subject, p.values);
        emit ProposalPassed(id, obstacle);
        return obstacle == Obstacle.None;
    }

    function _execute(uint64 id) private {
        Proposal storage p = proposalById[id];
        (Kind kind, bytes32 subject, bytes memory values) = (p.kind, p.subject, p.values);
        _close(id, Status.Executed);
        uint256 freed = _apply(kind, subject, values);
        if (kind == Kind.AdmitMember || kind == Kind.ExpelMember) _recount(freed);
    }

    /// After a membership change: clears the votes of a freed place, closes what is void or lost, announces what
    /// now has its majority. It executes nothing, so that its gas stays bounded; `execute` does.
    function _recount(uint256 freed) private {
        uint256 needed = _votesNeeded();
        for (uint256 i = openIds.length; i > 0; --i) {
            uint64 id = openIds[i - 1];
            Proposal storage p = proposalById[id];
            p.votesFor &= ~freed;
            p.votesAgainst &= ~freed;
            if (block.number > p.expiresAt) {
                _close(id, Status.Expired);
            } else if (_isStale(p.kind, p.subject)) {
                _close(id, Status.Superseded);
            } else if (!_settleLost(id) && _count(p.votesFor) >= needed) {
                _announce(id);
            }
        }
    }

    /// Closes a proposal without supporters, or with so many against that no majority is left to win.
    function _settleLost(uint64 id) private returns (bool) {
        Proposal storage p = proposalById[id];
        if (_count(p.votesAgainst) * 2 >= _count(places)) _close(id, Status.Rejected);
        else if (p.votesFor == 0) _close(id, Status.Withdrawn);
        else return false;
        return true;
    }

    function _sweep() private {
        for (uint256 i = openIds.length; i > 0; --i) {
            uint64 id = openIds[i - 1];
            if (block.number > proposalById[id].expiresAt) _close(id, Status.Expired);
        }
    }

    /// Ends a proposal. What it said and how it stood stay readable: clearing them would make a recount of many cost
    /// more than one transaction should. Vote bits then name the places as they were at the end.
    function _close(uint64 id, Status status) private {
        Proposal storage p = proposalById[id];
        emit ProposalClosed(
            id, status, uint16(_count(p.votesFor)), uint16(_count(p.votesAgainst)), uint16(_count(places))
        );
        uint8 index = p.openIndex;
        uint64 moved = openIds[openIds.length - 1];
        if (moved != id) {
            openIds[index] = moved;
            proposalById[moved].openIndex = index;
        }
        openIds.pop();
        Member storage proposer = memberById[p.proposer];
        if (proposer.openProposals > 0) --proposer.openProposals;
        p.status = status;
        p.openIndex = 0;
        p.closedAt = uint64(block.number);
    }

    function _requireUnobstructed(Kind kind, bytes32 subject, bytes memory values) private view {
        (Obstacle obstacle, uint256 got, uint256 limit) = _obstacle(kind, subject, values);
        if (obstacle != Obstacle.None) revert Obstructed(obstacle, got, limit);
    }

    function _requireOpen(uint64 id) private view returns (Proposal storage p) {
        p = proposalById[id];
        if (p.status != Status.Open) revert ProposalNotOpen(id, p.status);
        if (block.number > p.expiresAt) revert ProposalExpired(id, p.expiresAt, block.number);
    }
}
