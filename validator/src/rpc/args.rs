//! Positional arguments, with go-ethereum's complaints.

use super::error::Failure;
use jsonrpsee::types::Params;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;

/// The arguments of one call and who sent it.
#[derive(Debug)]
pub(super) struct Args {
    values: Vec<Value>,
    /// Address of the client.
    pub(super) client: IpAddr,
}

impl Args {
    /// Reads the array; `most` is how many the method knows.
    pub(super) fn new(params: &Params<'_>, most: usize, client: IpAddr) -> Result<Self, Failure> {
        let text = params.as_str().unwrap_or("[]").trim();
        if !text.starts_with('[') {
            return Err(Failure::params("non-array args"));
        }
        let values: Vec<Value> = serde_json::from_str(text)
            .map_err(|error| Failure::params(format!("invalid arguments: {error}")))?;
        if values.len() > most {
            return Err(Failure::params(format!("too many arguments, want at most {most}")));
        }
        Ok(Self { values, client })
    }

    /// The argument at `index`, which must be there.
    pub(super) fn required<T: DeserializeOwned>(&self, index: usize) -> Result<T, Failure> {
        self.optional(index)?
            .ok_or_else(|| Failure::params(format!("missing value for required argument {index}")))
    }

    /// The argument at `index`, if it is there and not null.
    pub(super) fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, Failure> {
        match self.values.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| Failure::params(format!("invalid argument {index}: {error}"))),
        }
    }
}
