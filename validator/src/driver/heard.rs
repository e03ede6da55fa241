//! When each seat was last heard: any authentic message counts, late votes too.

use alloy_primitives::Address;
use chain::status::SeatHeard;
use std::collections::BTreeMap;

/// Only seats of the current set are kept, so the table is as bounded as the set.
#[derive(Debug, Default)]
pub(super) struct Heard {
    seats: BTreeMap<Address, (u64, u64)>,
}

impl Heard {
    /// Notes a message; authors without a seat are not kept.
    pub(super) fn note(&mut self, author: Address, height: u64, now_ms: u64) {
        if let Some((newest, at_ms)) = self.seats.get_mut(&author) {
            *newest = height.max(*newest);
            *at_ms = now_ms;
        }
    }

    /// The set changed: forgets those who left, makes room for those who came.
    pub(super) fn keep(&mut self, validators: &[Address]) {
        if self.seats.len() == validators.len() && validators.iter().all(|v| self.seats.contains_key(v)) {
            return;
        }
        let old = std::mem::take(&mut self.seats);
        self.seats = validators.iter().map(|v| (*v, old.get(v).copied().unwrap_or_default())).collect();
    }

    /// The table, in the set's order.
    pub(super) fn table(&self, validators: &[Address]) -> Vec<SeatHeard> {
        let row = |address: &Address| {
            let (height, at_ms) = self.seats.get(address).copied().unwrap_or_default();
            SeatHeard { address: *address, height, at_ms }
        };
        validators.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_votes_count_as_heard_and_strangers_are_not_kept() {
        let (seat, stranger) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let mut heard = Heard::default();
        heard.keep(&[seat]);
        heard.note(seat, 9, 100);
        heard.note(seat, 8, 200);
        heard.note(stranger, 9, 100);
        assert_eq!(heard.table(&[seat]), [SeatHeard { address: seat, height: 9, at_ms: 200 }]);
        heard.keep(&[stranger]);
        assert_eq!(heard.table(&[seat, stranger]).iter().map(|s| s.height).sum::<u64>(), 0);
    }
}
