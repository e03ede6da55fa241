//! JSON objects read by keys in any case, and values in the forms that clients write.

use super::{
    GenesisError,
    keys::{Section, Treatment},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, U256};
use serde_json::{Map, Value};

/// An object of the file: its path in it, and its fields by the names that the section table gives them.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    path: String,
    fields: BTreeMap<&'static str, &'a Value>,
}

impl<'a> Fields<'a> {
    /// Takes an object whose keys must all be in `section`; what is refused there must say nothing.
    pub(super) fn new(
        path: &str,
        object: &'a Map<String, Value>,
        section: Section,
    ) -> Result<Self, GenesisError> {
        let mut fields = BTreeMap::new();
        for (key, value) in object {
            // A file has no other place for remarks.
            if key.starts_with('_') || key.eq_ignore_ascii_case("comment") {
                continue;
            }
            let name = || format!("{path}.{key}");
            let known = section.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
            let Some((known, treatment)) = known else {
                return Err(GenesisError::UnknownKey { key: name() });
            };
            let refused = match treatment {
                Treatment::Understood | Treatment::Ignored => false,
                Treatment::OnlyZero => says_something(value) && quantity(value) != Some(U256::ZERO),
                Treatment::Refused => says_something(value),
            };
            if refused {
                return Err(GenesisError::Unsupported { key: name(), got: shown(value) });
            }
            if !value.is_null() && fields.insert(*known, value).is_some() {
                return Err(GenesisError::Twice { key: name() });
            }
        }
        Ok(Self { path: path.to_string(), fields })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).copied()
    }

    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.fields.contains_key(key))
    }

    /// A whole number: JSON number, decimal or `0x` hexadecimal string.
    pub(super) fn uint(&self, key: &str) -> Result<Option<u64>, GenesisError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = quantity(value).and_then(|number| u64::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.bad(key, "a whole number below 2^64"))
    }

    /// An amount, up to 256 bits.
    pub(super) fn amount(&self, key: &str) -> Result<Option<U256>, GenesisError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        quantity(value).map(Some).ok_or_else(|| self.bad(key, "a whole number below 2^256"))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, GenesisError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.bad(key, "true or false"))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, GenesisError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.bad(key, "a string"))
    }

    /// An address; the empty string stands for none, and so does zero, which nobody can own.
    pub(super) fn address(&self, key: &str) -> Result<Option<Address>, GenesisError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.is_empty() {
            return Ok(None);
        }
        let address = text.parse::<Address>().map_err(|_| self.bad(key, "an address of 20 bytes"))?;
        Ok(Some(address).filter(|address| !address.is_zero()))
    }

    /// A list of addresses, empty when absent.
    pub(super) fn addresses(&self, key: &str) -> Result<Vec<Address>, GenesisError> {
        let bad = || self.bad(key, "a list of addresses");
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(bad)?.iter();
        items.map(|item| item.as_str().and_then(|text| text.parse().ok()).ok_or_else(bad)).collect()
    }

    pub(super) fn parsed<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        want: &'static str,
    ) -> Result<Option<T>, GenesisError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        serde_json::from_value(value.clone()).map(Some).map_err(|_| self.bad(key, want))
    }

    /// The value of `key` is not what it should be.
    pub(super) fn bad(&self, key: &str, want: &'static str) -> GenesisError {
        let got = self.get(key).map_or_else(|| "absent".to_string(), shown);
        GenesisError::Value { key: format!("{}.{key}", self.path), got, want }
    }
}

/// A number in any of the forms that clients write.
pub(super) fn quantity(value: &Value) -> Option<U256> {
    match value {
        Value::Number(number) => number.as_u64().map(U256::from),
        Value::String(text) => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some("") => Some(U256::ZERO),
            Some(digits) => U256::from_str_radix(digits, 16).ok(),
            None if text.is_empty() => None,
            None => U256::from_str_radix(text, 10).ok(),
        },
        _ => None,
    }
}

/// Whether a value says anything. A fork at 0 does, and so does an empty section: it names another engine.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(set) => *set,
        Value::String(text) => !text.trim_start_matches("0x").trim_matches('0').is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Number(_) | Value::Object(_) => true,
    }
}

/// The value as an error shows it: short.
pub(super) fn shown(value: &Value) -> String {
    format!("{:.80}", value.to_string())
}
