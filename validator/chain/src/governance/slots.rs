//! Writes Solidity storage: a word map with the addressing of mappings and dynamic arrays.

use alloc::collections::BTreeMap;
use alloy_primitives::{Address, B256, U256, keccak256};

/// Storage under construction. Zero words are never stored, as in the state trie.
#[derive(Debug, Default)]
pub(super) struct Slots(BTreeMap<B256, B256>);

impl Slots {
    pub(super) fn set(&mut self, slot: U256, value: U256) {
        if !value.is_zero() {
            self.0.insert(slot.into(), value.into());
        }
    }

    pub(super) fn finish(self) -> BTreeMap<B256, B256> {
        self.0
    }
}

/// Slot of `mapping[key]`, for a mapping in slot `base`.
pub(super) fn mapped(key: U256, base: u64) -> U256 {
    let mut preimage = [0u8; 64];
    preimage[..32].copy_from_slice(&key.to_be_bytes::<32>());
    preimage[32..].copy_from_slice(&U256::from(base).to_be_bytes::<32>());
    keccak256(preimage).into()
}

/// First slot of the elements of a dynamic array whose length is in `slot`.
pub(super) fn elements(slot: U256) -> U256 {
    keccak256(slot.to_be_bytes::<32>()).into()
}

/// Slot `offset` words after `slot`.
pub(super) fn after(slot: U256, offset: u64) -> U256 {
    slot.wrapping_add(U256::from(offset))
}

/// An address as a word.
pub(super) fn word(address: Address) -> U256 {
    address.into_word().into()
}

/// One word from `(value, first bit)` fields, lowest first.
pub(super) fn packed(fields: &[(U256, usize)]) -> U256 {
    fields.iter().fold(U256::ZERO, |word, (value, bit)| word | value.wrapping_shl(*bit))
}
