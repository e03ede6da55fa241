//! Fields as the official files write them, leniently: numbers with leading zeros, decimals, keys that say nothing to us.

use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeMap;

/// A number in any of the forms that the files hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub U256);

impl Number {
    /// The value, or the highest one.
    #[must_use]
    pub fn u64(self) -> u64 {
        self.0.saturating_to()
    }

    /// The value, or the highest one.
    #[must_use]
    pub fn u128(self) -> u128 {
        self.0.saturating_to()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(input)? {
            Form::Number(number) => Ok(Self(U256::from(number))),
            Form::Text(text) => {
                parse(&text).map(Self).ok_or_else(|| D::Error::custom(format!("no number: {text}")))
            }
        }
    }
}

/// Numbers that are meant to be too large are written `0x:bigint 0x…`, and are the highest one here.
fn parse(text: &str) -> Option<U256> {
    if let Some(large) = text.strip_prefix("0x:bigint ") {
        return Some(parse(large).unwrap_or(U256::MAX));
    }
    match text.strip_prefix("0x") {
        Some("") => Some(U256::ZERO),
        Some(digits) => U256::from_str_radix(digits, 16).ok(),
        None if text.is_empty() => Some(U256::ZERO),
        None => U256::from_str_radix(text, 10).ok(),
    }
}

/// Bytes, with or without `0x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hex(pub Bytes);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let bytes = alloy_primitives::hex::decode(&text).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// An account before or after a test.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    balance: Number,
    #[serde(default)]
    nonce: Number,
    #[serde(default)]
    code: Hex,
    #[serde(default)]
    storage: BTreeMap<Number, Number>,
}

/// State before or after a test.
pub type State = BTreeMap<Address, Account>;

/// The state as a genesis holds it.
#[must_use]
pub fn alloc(state: &State) -> BTreeMap<Address, GenesisAccount> {
    state.iter().map(|(address, account)| (*address, account.genesis())).collect()
}

impl Account {
    fn genesis(&self) -> GenesisAccount {
        let word = |number: &Number| B256::from(number.0);
        let set = self.storage.iter().filter(|(_, value)| !value.0.is_zero());
        GenesisAccount {
            balance: self.balance.0,
            nonce: Some(self.nonce.u64()),
            code: Some(self.code.0.clone()).filter(|code| !code.is_empty()),
            storage: Some(set.map(|(slot, value)| (word(slot), word(value))).collect()),
            ..GenesisAccount::default()
        }
    }
}

/// What newer files say of the chain that a test runs on.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Config {
    /// EIP-155 chain id.
    #[serde(default, alias = "chainId")]
    pub chainid: Option<Number>,
    /// Blob parameters by fork (EIP-7840).
    #[serde(default, rename = "blobSchedule")]
    pub blob_schedule: BTreeMap<String, Blobs>,
}

/// Blob parameters of one fork.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blobs {
    /// Blobs aimed at in a block.
    pub target: Number,
    /// Blobs in a block at most.
    pub max: Number,
    /// How fast the price moves.
    pub base_fee_update_fraction: Number,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_that_the_files_hold_and_too_large_ones_are_the_highest() {
        let read = |json: &str| serde_json::from_str::<Number>(json).map(|number| number.0).ok();
        for json in ["7", "\"7\"", "\"0x7\"", "\"0x07\"", "\"0x:bigint 0x07\""] {
            assert_eq!(read(json), Some(U256::from(7)), "{json}");
        }
        for json in ["\"\"", "\"0x\""] {
            assert_eq!(read(json), Some(U256::ZERO), "{json}");
        }
        assert_eq!(read(&format!("\"0x:bigint 0x1{}\"", "0".repeat(64))), Some(U256::MAX));
        assert_eq!(read("\"0xzz\""), None);
    }
}
