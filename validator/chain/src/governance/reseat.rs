//! The seats of a recovery record, written into the contract's storage (ADR 34): what is left is as if those seats, in this
//! order, had been placed by the contract, each identity that had none before at the record's height.

use super::genesis::{ACCOUNTS, MEMBER_BY_ID, SEAT_LIST, SEAT_NUMBER};
use super::slots::{after, elements, mapped, packed, word};
use crate::reseat::NamedSeat;
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, U256};

/// The contract's storage while seats are written: what is asked for is read once, what is written is kept.
struct Storage<R> {
    read: R,
    words: BTreeMap<U256, U256>,
}

impl<E, R: FnMut(U256) -> Result<U256, E>> Storage<R> {
    fn get(&mut self, slot: U256) -> Result<U256, E> {
        if let Some(value) = self.words.get(&slot) {
            return Ok(*value);
        }
        (self.read)(slot)
    }

    fn set(&mut self, slot: U256, value: U256) {
        self.words.insert(slot, value);
    }

    /// Writes some bits of a word.
    fn set_bits(&mut self, slot: U256, from: usize, bits: usize, value: U256) -> Result<(), E> {
        let mask = U256::MAX.wrapping_shr(256_usize.saturating_sub(bits)).wrapping_shl(from);
        let rest = self.get(slot)? & !mask;
        self.set(slot, rest | (value.wrapping_shl(from) & mask));
        Ok(())
    }
}

/// The words to write so that the contract holds exactly `seats` from `height` on. `read` gives the words before; the
/// seats were checked against the members of that state.
pub fn reseat_storage<E>(
    seats: &[NamedSeat],
    height: u64,
    read: impl FnMut(U256) -> Result<U256, E>,
) -> Result<BTreeMap<U256, U256>, E> {
    let mut storage = Storage { read, words: BTreeMap::new() };
    let before = storage.take_seats()?;
    for (seat, index) in seats.iter().zip(0u64..) {
        storage.place(seat, index, height, &before)?;
    }
    storage.set(U256::from(SEAT_LIST), U256::from(seats.len()));
    Ok(storage.words)
}

/// A seat of before: whose, and since when.
struct Held {
    identity: Address,
    member: U256,
    seated_at: U256,
}

impl<E, R: FnMut(U256) -> Result<U256, E>> Storage<R> {
    /// Takes all seats out; what they were.
    fn take_seats(&mut self) -> Result<Vec<Held>, E> {
        let count: u64 = self.get(U256::from(SEAT_LIST))?.saturating_to();
        let mut before = Vec::new();
        for index in 0..count {
            let entry = entry(index);
            let packed = self.get(entry)?;
            let member = packed.wrapping_shr(160) & U256::from(u32::MAX);
            let held = Held { identity: address(packed), member, seated_at: packed.wrapping_shr(192) };
            self.set(entry, U256::ZERO);
            self.set(after(entry, 1), U256::ZERO);
            self.set(mapped(word(held.identity), SEAT_NUMBER), U256::ZERO);
            self.set_bits(mapped(member, MEMBER_BY_ID), SEATS_AT, SEATS_BITS, U256::ZERO)?;
            before.push(held);
        }
        Ok(before)
    }

    fn place(&mut self, seat: &NamedSeat, index: u64, height: u64, before: &[Held]) -> Result<(), E> {
        let account = self.get(mapped(word(seat.operator), ACCOUNTS))?;
        let member = account & U256::from(u32::MAX);
        let base = mapped(member, MEMBER_BY_ID);
        let kept = before.iter().find(|held| held.identity == seat.identity && held.member == member);
        let seated_at = kept.map_or_else(|| U256::from(height), |held| held.seated_at);
        if kept.is_none() {
            self.seated_now(base, height)?;
        }
        let held = self.get(base)?.wrapping_shr(SEATS_AT) & U256::from(u16::MAX);
        self.set_bits(base, SEATS_AT, SEATS_BITS, held.saturating_add(U256::from(1)))?;
        let entry = entry(index);
        self.set(entry, packed(&[(word(seat.identity), 0), (member, 160), (seated_at, 192)]));
        self.set(after(entry, 1), word(seat.operator));
        let number = U256::from(index.saturating_add(1));
        self.set(mapped(word(seat.identity), SEAT_NUMBER), number);
        Ok(())
    }

    /// The member has had a seat, and its last one at this height.
    fn seated_now(&mut self, base: U256, height: u64) -> Result<(), E> {
        let has_sat = self.get(base)?.bit(SEATED_ONCE_AT);
        let height = U256::from(height);
        if !has_sat {
            self.set_bits(base, SEATED_ONCE_AT, 1, U256::from(1))?;
            self.set_bits(after(base, 2), 0, 64, height)?;
        }
        self.set_bits(after(base, 2), 64, 64, height)
    }
}

/// Where a member's first word holds its number of seats, and whether it ever had one.
const SEATS_AT: usize = 176;
const SEATS_BITS: usize = 16;
const SEATED_ONCE_AT: usize = 208;

fn entry(index: u64) -> U256 {
    after(elements(U256::from(SEAT_LIST)), index.saturating_mul(2))
}

fn address(packed: U256) -> Address {
    Address::from_word(packed.into())
}
