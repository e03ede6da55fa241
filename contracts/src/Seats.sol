// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Types.sol";
import {State} from "./State.sol";

/// Seats: given and taken by a member's operators within its capacity, without a vote.
abstract contract Seats is State {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PROOF_TYPE =
        keccak256("SeatProof(uint32 member,address identity,uint64 blockNumber,bytes32 blockHash)");
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// Seats `identity` for the caller's member. `signature` is the identity's own, over `seatDigest`.
    function seat(address identity, uint64 proofBlock, bytes calldata signature) external {
        uint32 id = _requireRole(Role.Operator);
        _requireProof(id, identity, proofBlock, signature);
        Member storage member = memberById[id];
        uint256 allowedFrom = _nextSeatBlock(member, block.number);
        if (block.number < allowedFrom) revert SeatTooSoon(block.number, allowedFrom);
        _place(id, identity, msg.sender);
    }

    /// Gives a seat up: by the operator account that owns it, or by the member's admin.
    function unseat(address identity) external {
        uint256 index = _requireSeat(identity);
        _requireOwner(seatList[index], true);
        if (seatList.length == 1) revert LastSeat(identity);
        _drop(index);
    }

    /// Replaces one identity by another in one step; the number of seats stays, so no waiting applies.
    function rotateSeat(address old, address identity, uint64 proofBlock, bytes calldata signature) external {
        uint256 index = _requireSeat(old);
        Seat storage held = seatList[index];
        _requireOwner(held, false);
        uint32 id = held.member;
        _requireProof(id, identity, proofBlock, signature);
        _requireUnused(identity);
        delete seatNumber[old];
        seatNumber[identity] = index + 1;
        held.identity = identity;
        held.seatedAt = uint64(block.number);
        emit Unseated(old, id, msg.sender);
        emit Seated(identity, id, msg.sender);
    }

    /// Moves the ownership of a seat to another operator account of the same member. Admin only.
    function assignSeat(address identity, address operator) external {
        uint32 id = _requireRole(Role.Admin);
        Seat storage held = seatList[_requireSeat(identity)];
        if (held.member != id) revert NotSeatOwner(msg.sender, held.operator, held.member);
        Account memory to = accounts[operator];
        if (to.member != id || to.role != Role.Operator) revert NotPermitted(operator, to.role, Role.Operator);
        emit SeatAssigned(identity, held.operator, operator);
        held.operator = operator;
    }

    /// What an identity signs (EIP-712) to be seated for `member`.
    function seatDigest(uint32 member, address identity, uint64 blockNumber, bytes32 blockHash)
        public
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPE, keccak256("Quorate Seat"), keccak256("1"), block.chainid, address(this))
        );
        bytes32 proof = keccak256(abi.encode(PROOF_TYPE, member, identity, blockNumber, blockHash));
        return keccak256(abi.encodePacked(hex"1901", domain, proof));
    }

    /// Earliest block, not before `height`, in which the member may add a seat. The first batch is the blocks
    /// [first, first + 30) counted from its first seat ever; the genesis counts as block 0.
    function _nextSeatBlock(Member storage member, uint256 height) internal view returns (uint256) {
        if (!member.seatedOnce || height < member.firstSeatAt + SEAT_INTERVAL) return height;
        uint256 next = member.lastSeatAt + SEAT_INTERVAL;
        return next > height ? next : height;
    }

    function _place(uint32 id, address identity, address operator) internal {
        _requireUnused(identity);
        Member storage member = memberById[id];
        if (member.seats >= member.capacity) revert CapacityReached(id, member.seats, member.capacity);
        _requireRoom("seats", seatList.length, MAX_SEATS);
        if (!member.seatedOnce) {
            member.seatedOnce = true;
            member.firstSeatAt = uint64(block.number);
        }
        member.lastSeatAt = uint64(block.number);
        ++member.seats;
        seatList.push(Seat(identity, id, uint64(block.number), operator));
        seatNumber[identity] = seatList.length;
        emit Seated(identity, id, operator);
    }

    /// Removes a seat. The caller keeps at least one.
    function _drop(uint256 index) internal {
        --memberById[seatList[index].member].seats;
        _shorten(_vacate(index, seatList.length));
    }

    /// Removes every seat of a member that goes; each seat that stays moves once at most.
    function _dropAll(uint32 id) internal {
        uint256 n = seatList.length;
        for (uint256 i; i < n; ++i) {
            if (seatList[i].member != id) continue;
            while (n - 1 > i && seatList[n - 1].member == id) n = _vacate(n - 1, n);
            n = _vacate(i, n);
        }
        _shorten(n);
    }

    /// Takes a seat out of the first `n`, the last of which moves into its place; how many are left.
    function _vacate(uint256 index, uint256 n) private returns (uint256) {
        Seat storage gone = seatList[index];
        emit Unseated(gone.identity, gone.member, msg.sender);
        delete seatNumber[gone.identity];
        if (--n != index) {
            seatList[index] = seatList[n];
            seatNumber[gone.identity] = index + 1;
        }
        return n;
    }

    /// What is beyond the length stays as it was until a seat is added there: clearing it would be the most expensive
    /// part of an expulsion.
    function _shorten(uint256 n) private {
        assembly ("memory-safe") {
            sstore(seatList.slot, n)
        }
    }

    function _requireSeat(address identity) private view returns (uint256 index) {
        uint256 number = seatNumber[identity];
        if (number == 0) revert UnknownIdentity(identity);
        return number - 1;
    }

    function _requireOwner(Seat storage held, bool orAdmin) private view {
        Account memory caller = accounts[msg.sender];
        if (caller.member == held.member) {
            if (caller.role == Role.Operator && held.operator == msg.sender) return;
            if (caller.role == Role.Admin && orAdmin) return;
        }
        revert NotSeatOwner(msg.sender, held.operator, held.member);
    }

    function _requireProof(uint32 member, address identity, uint64 proofBlock, bytes calldata signature) private view {
        uint256 oldest = block.number > PROOF_WINDOW ? block.number - PROOF_WINDOW : 0;
        if (proofBlock < oldest || proofBlock >= block.number) {
            revert ProofBlockOutOfWindow(proofBlock, oldest, block.number - 1);
        }
        bytes32 digest = seatDigest(member, identity, proofBlock, blockhash(proofBlock));
        address signer = _recover(digest, signature);
        if (signer == address(0) || signer != identity) revert BadSignature(signer, identity);
    }

    /// Zero for anything but 65 bytes r, s, v with the low s and v 27 or 28.
    function _recover(bytes32 digest, bytes calldata signature) private pure returns (address) {
        if (signature.length != 65) return address(0);
        bytes32 r = bytes32(signature[:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(signature[64]), r, s);
    }
}
