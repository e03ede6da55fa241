//! A genesis file in one form: keys as go-ethereum writes them, numbers as it reads them, forks without gaps.

use super::{
    GenesisError,
    fields::{Fields, quantity, shown},
};
use crate::profile::Family;
use alloc::{
    format,
    string::{String, ToString},
};
use alloy_primitives::{Address, hex};
use serde_json::{Map, Value};

/// Header fields of the file that are quantities.
const QUANTITIES: [&str; 7] =
    ["nonce", "timestamp", "gasLimit", "difficulty", "baseFeePerGas", "blobGasUsed", "excessBlobGas"];
/// Header fields of the file that are bytes.
const BYTES: [&str; 3] = ["extraData", "mixHash", "coinbase"];
/// Forks by number; each implies those before it.
const BLOCK_FORKS: [&str; 10] = [
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "berlinBlock",
    "londonBlock",
];
/// The same with what Besu counts as forks of their own; each implies those before it there too, Istanbul or London.
const BESU_BLOCK_FORKS: [&str; 14] = [
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
];
/// Forks by number of a file that stops at Berlin.
pub const UP_TO_BERLIN: [&str; 10] = [
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
];
/// Forks by time; each implies those before it.
pub const TIME_FORKS: [&str; 4] = ["shanghaiTime", "cancunTime", "pragueTime", "osakaTime"];
/// Forks that count in the fork id only if named.
const SILENT_FORKS: [&str; 9] = [
    "muirGlacierBlock",
    "arrowGlacierBlock",
    "grayGlacierBlock",
    "mergeNetsplitBlock",
    "bpo1Time",
    "bpo2Time",
    "bpo3Time",
    "bpo4Time",
    "bpo5Time",
];

/// The value of a top-level key, whatever its case.
pub(super) fn top<'a>(file: &'a Map<String, Value>, key: &str) -> Result<Option<&'a Value>, GenesisError> {
    let mut found = file.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key));
    match (found.next(), found.next()) {
        (_, Some((name, _))) => Err(GenesisError::Twice { key: name.clone() }),
        (found, None) => Ok(found.map(|(_, value)| value).filter(|value| !value.is_null())),
    }
}

/// The file as `alloy_genesis` reads it. What follows from the rest of it (roots, parent, gas used) is left out.
pub(super) fn canonical(
    file: &Map<String, Value>,
    config: &Fields<'_>,
    family: Family,
) -> Result<alloy_genesis::Genesis, GenesisError> {
    let mut out = Map::new();
    for key in QUANTITIES {
        if let Some(value) = top(file, key)? {
            let want = "a whole number, as JSON number, decimal or 0x hexadecimal string";
            let number = quantity(value).ok_or_else(|| GenesisError::Value {
                key: key.to_string(),
                got: shown(value),
                want,
            })?;
            out.insert(key.to_string(), format!("{number:#x}").into());
        }
    }
    for key in BYTES {
        if let Some(value) = top(file, key)? {
            out.insert(key.to_string(), prefixed(value));
        }
    }
    out.insert("config".to_string(), Value::Object(forks(config, family)?));
    out.insert("alloc".to_string(), Value::Object(accounts(top(file, "alloc")?)?));
    Ok(serde_json::from_value(Value::Object(out))?)
}

fn prefixed(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if !text.starts_with("0x") && !text.starts_with("0X") => format!("0x{text}").into(),
        _ => value.clone(),
    }
}

fn forks(config: &Fields<'_>, family: Family) -> Result<Map<String, Value>, GenesisError> {
    let mut out = Map::new();
    let chain_id = config.uint("chainId")?.ok_or_else(|| config.bad("chainId", "the EIP-155 chain id"))?;
    out.insert("chainId".to_string(), chain_id.into());
    for key in SILENT_FORKS {
        if let Some(at) = config.uint(key)? {
            out.insert(key.to_string(), at.into());
        }
    }
    let constantinople = config.uint("constantinopleBlock")?;
    let petersburg = match (config.uint("petersburgBlock")?, config.uint("constantinopleFixBlock")?) {
        (Some(_), Some(_)) => {
            return Err(GenesisError::Twice { key: "config.constantinopleFixBlock".to_string() });
        }
        // go-ethereum puts it with Constantinople when it stands nowhere.
        (None, None) if family == Family::GoQuorum => constantinople,
        (petersburg, fix) => petersburg.or(fix),
    };
    let by_block = |key: &'static str| match key {
        "petersburgBlock" => Ok(petersburg),
        key => config.uint(key),
    };
    let chain: &[_] = if family == Family::GoQuorum { &BLOCK_FORKS } else { &BESU_BLOCK_FORKS };
    let blocks = fill(config, chain, by_block, &mut out)?;
    let times = fill(config, &TIME_FORKS, |key| config.uint(key), &mut out)?;
    check_forks(config, &out, family, blocks, times)?;
    Ok(out)
}

/// Enters each fork, one that is not named at the place of the next that is; gives the first.
fn fill(
    config: &Fields<'_>,
    forks: &[&'static str],
    at: impl Fn(&'static str) -> Result<Option<u64>, GenesisError>,
    out: &mut Map<String, Value>,
) -> Result<Option<u64>, GenesisError> {
    let mut next = None;
    for key in forks.iter().rev() {
        let own = at(key)?;
        if let (Some(own), Some(later)) = (own, next)
            && own > later
        {
            return Err(config.bad(key, "a place not after the forks that build on it"));
        }
        next = own.or(next);
        if let Some(at) = next
            && !SILENT_FORKS.contains(key)
        {
            out.insert((*key).to_string(), at.into());
        }
    }
    Ok(next)
}

fn check_forks(
    config: &Fields<'_>,
    forks: &Map<String, Value>,
    family: Family,
    blocks: Option<u64>,
    times: Option<u64>,
) -> Result<(), GenesisError> {
    let at = |key: &str| forks.get(key).and_then(Value::as_u64);
    if blocks.is_none() || at("byzantiumBlock") != Some(0) {
        return Err(config.bad("byzantiumBlock", "0, or a later fork at 0: older rules are not supported"));
    }
    if at("constantinopleBlock") != at("petersburgBlock") {
        return Err(
            config.bad("petersburgBlock", "the block of Constantinople, whose EIP-1283 is not supported")
        );
    }
    if times.is_some() && at("londonBlock") != Some(0) {
        return Err(config.bad("londonBlock", "0, since the file names forks by time"));
    }
    if family == Family::GoQuorum && at("londonBlock").is_some() {
        return Err(config.bad("londonBlock", "no fork after Berlin: GoQuorum has none"));
    }
    Ok(())
}

fn accounts(alloc: Option<&Value>) -> Result<Map<String, Value>, GenesisError> {
    let mut out = Map::new();
    let Some(alloc) = alloc else { return Ok(out) };
    let bad = |key: String, got: &Value, want| GenesisError::Value { key, got: shown(got), want };
    let object = alloc.as_object().ok_or_else(|| bad("alloc".to_string(), alloc, "an object"))?;
    for (name, account) in object {
        let path = format!("alloc.{name}");
        let address: Address =
            name.parse().map_err(|_| bad(path.clone(), account, "an address of 20 bytes as key"))?;
        let fields = account.as_object().ok_or_else(|| bad(path.clone(), account, "an account object"))?;
        let known = account_fields(&path, fields)?;
        if out.insert(hex::encode_prefixed(address), Value::Object(known)).is_some() {
            return Err(GenesisError::Twice { key: path });
        }
    }
    Ok(out)
}

/// Balance, nonce, code and storage; clients skip the rest, remarks and keys of test accounts mostly.
fn account_fields(path: &str, account: &Map<String, Value>) -> Result<Map<String, Value>, GenesisError> {
    let number = |key: &str| -> Result<Value, GenesisError> {
        let Some(value) = top(account, key)? else { return Ok("0x0".into()) };
        let want = "a whole number, decimal or 0x hexadecimal";
        let number = quantity(value).ok_or_else(|| GenesisError::Value {
            key: format!("{path}.{key}"),
            got: shown(value),
            want,
        })?;
        Ok(format!("{number:#x}").into())
    };
    let mut out = Map::new();
    out.insert("balance".to_string(), number("balance")?);
    out.insert("nonce".to_string(), number("nonce")?);
    if let Some(code) = top(account, "code")?.filter(|code| code.as_str() != Some("")) {
        out.insert("code".to_string(), prefixed(code));
    }
    if let Some(storage) = top(account, "storage")?.and_then(Value::as_object) {
        let padded = storage.iter().map(|(slot, value)| {
            let value = value.as_str().map_or_else(|| value.clone(), |text| pad(text).into());
            (pad(slot), value)
        });
        out.insert("storage".to_string(), Value::Object(padded.collect()));
    }
    Ok(out)
}

/// Short slots and values (`0x0`, `0x01`) are left-padded to 32 bytes, as every client reads them.
fn pad(quantity: &str) -> String {
    format!("0x{:0>64}", quantity.strip_prefix("0x").unwrap_or(quantity))
}
