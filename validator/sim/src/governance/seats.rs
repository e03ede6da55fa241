//! Seats: given and taken by a member's operators within its capacity, without a vote.

use super::{Proof, Refused, Role, Seat, Turn, state::Member};
use alloy_primitives::Address;
use chain::governance::{MAX_SEATS, PROOF_WINDOW, SEAT_INTERVAL};

impl Turn {
    pub(super) fn seat(&mut self, identity: Address, proof: &Proof) -> Result<(), Refused> {
        let member = self.require(Role::Operator)?;
        self.check_proof(member, identity, proof)?;
        let held = self.state.seats_of(member) as u64;
        let is_known = self.state.role_of(identity).is_some();
        let is_full = self.state.seats.len() >= MAX_SEATS;
        let block = self.block;
        let entry = self.state.members.get_mut(&member).ok_or(Refused::UnknownMember)?;
        if block < entry.next_seat_block(block) {
            return Err(Refused::SeatTooSoon);
        }
        if is_known {
            return Err(Refused::AddressInUse);
        }
        if held >= entry.capacity {
            return Err(Refused::CapacityReached);
        }
        if is_full {
            return Err(Refused::LimitReached);
        }
        let first = entry.seated.map_or(block, |(first, _)| first);
        entry.seated = Some((first, block));
        let seat = Seat { member, operator: self.caller, seated_at: block };
        self.state.seats.insert(identity, seat);
        Ok(())
    }

    pub(super) fn unseat(&mut self, identity: Address) -> Result<(), Refused> {
        let seat = self.seat_of(identity)?;
        let is_admin = self.state.role_of(self.caller) == Some((seat.member, Role::Admin));
        if !is_admin && !self.is_owner(&seat) {
            return Err(Refused::NotSeatOwner);
        }
        if self.state.seats.len() == 1 {
            return Err(Refused::LastSeat);
        }
        self.state.seats.remove(&identity);
        Ok(())
    }

    /// The number of seats stays, so neither capacity nor waiting applies.
    pub(super) fn rotate_seat(
        &mut self,
        old: Address,
        identity: Address,
        proof: &Proof,
    ) -> Result<(), Refused> {
        let seat = self.seat_of(old)?;
        if !self.is_owner(&seat) {
            return Err(Refused::NotSeatOwner);
        }
        self.check_proof(seat.member, identity, proof)?;
        self.require_unused(identity)?;
        self.state.seats.remove(&old);
        self.state.seats.insert(identity, Seat { seated_at: self.block, ..seat });
        Ok(())
    }

    pub(super) fn assign_seat(&mut self, identity: Address, operator: Address) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        let seat = self.seat_of(identity)?;
        if seat.member != member {
            return Err(Refused::NotSeatOwner);
        }
        if self.state.role_of(operator) != Some((member, Role::Operator)) {
            return Err(Refused::NotPermitted);
        }
        self.state.seats.insert(identity, Seat { operator, ..seat });
        Ok(())
    }

    fn seat_of(&self, identity: Address) -> Result<Seat, Refused> {
        self.state.seats.get(&identity).copied().ok_or(Refused::UnknownIdentity)
    }

    /// Only while it still has its role may the account that owns a seat use it.
    fn is_owner(&self, seat: &Seat) -> bool {
        seat.operator == self.caller && self.state.role_of(self.caller) == Some((seat.member, Role::Operator))
    }

    fn check_proof(&self, member: u32, identity: Address, proof: &Proof) -> Result<(), Refused> {
        if proof.block >= self.block || proof.block + PROOF_WINDOW < self.block {
            return Err(Refused::ProofBlockOutOfWindow);
        }
        let is_good = proof.signer == identity && proof.member == member && proof.is_of_this_chain;
        if is_good { Ok(()) } else { Err(Refused::BadSignature) }
    }
}

impl Member {
    /// Earliest block, not before `height`, in which the member may add a seat: at once within its first batch, the
    /// blocks `[F, F + 30)` from its first seat ever, and after it 30 blocks since the last one.
    #[must_use]
    pub fn next_seat_block(&self, height: u64) -> u64 {
        match self.seated {
            Some((first, last)) if height >= first + SEAT_INTERVAL => height.max(last + SEAT_INTERVAL),
            _ => height,
        }
    }
}
