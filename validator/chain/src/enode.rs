//! `enode://<128 hex>@<host>:<tcp>[?discport=<udp>]`; the host may be a DNS name, resolved at every dial.
//!
//! That the id is a point of the curve is checked where the key is used: by `devp2p`, before it dials.

use alloc::{
    format,
    string::{String, ToString},
};
use alloy_primitives::{B512, hex};
use core::{fmt, net::Ipv6Addr, str::FromStr};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a node is and which key it must prove to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Enode {
    /// Uncompressed public key without its `04` prefix: the node's p2p identity.
    pub id: B512,
    /// IPv4 address, IPv6 address without brackets, or DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Why a text is not an enode URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnodeError {
    /// Not of the form `enode://<id>@<host>:<port>`.
    #[error("enode url must read enode://<128 hex digits>@<host>:<port>, got {got:?}")]
    Shape {
        /// The text, cut to 200 characters.
        got: String,
    },
    /// The id is not 64 bytes of hex.
    #[error("enode id must be 128 hex digits (64 bytes), got {digits} hex digits in {got} characters")]
    Id {
        /// Characters found.
        got: usize,
        /// Hex digits among them.
        digits: usize,
    },
    /// The host is neither an address nor a name.
    #[error("enode host must be a name, an IPv4 address or an IPv6 address in brackets, got {got:?}")]
    Host {
        /// The text, cut to 200 characters.
        got: String,
    },
    /// The port is not in 1..=65535.
    #[error("enode port must be 1..=65535, got {got:?}")]
    Port {
        /// The text, cut to 200 characters.
        got: String,
    },
    /// The discovery port is not in 0..=65535.
    #[error("enode discport must be 0..=65535 (0: no discovery), got {got:?}; it may be left out")]
    Discport {
        /// The text, cut to 200 characters.
        got: String,
    },
}

/// Enough of a refused text to recognise it by, and a bound on what a log line repeats.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

impl FromStr for Enode {
    type Err = EnodeError;

    fn from_str(text: &str) -> Result<Self, EnodeError> {
        let shape = || EnodeError::Shape { got: cut(text) };
        let rest = text.strip_prefix("enode://").ok_or_else(shape)?;
        let (id, place) = rest.split_once('@').ok_or_else(shape)?;
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (host, port_text) = place.rsplit_once(':').ok_or_else(shape)?;
        let id = parse_id(id)?;
        let host = parse_host(host)?;
        let port = parse_port(port_text)
            .filter(|p| *p > 0)
            .ok_or_else(|| EnodeError::Port { got: cut(port_text) })?;
        check_query(query)?;
        Ok(Self { id, host, port })
    }
}

fn parse_id(text: &str) -> Result<B512, EnodeError> {
    let wrong = || EnodeError::Id {
        got: text.chars().count(),
        digits: text.chars().filter(char::is_ascii_hexdigit).count(),
    };
    let mut bytes = [0u8; 64];
    // The length first: the decoder by itself lets a `0x` prefix pass.
    if text.len() != 128 || hex::decode_to_slice(text, &mut bytes).is_err() {
        return Err(wrong());
    }
    Ok(B512::from(bytes))
}

/// The host without brackets. A colon outside brackets is refused: it could belong to the address or to the port.
fn parse_host(text: &str) -> Result<String, EnodeError> {
    /// Longest DNS name in text form (RFC 1035 §2.3.4).
    const LONGEST: usize = 253;
    let bracketed = text.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let valid = bracketed.map_or_else(
        || (1..=LONGEST).contains(&text.len()) && text.chars().all(name),
        |address| address.parse::<Ipv6Addr>().is_ok(),
    );
    if valid { Ok(bracketed.unwrap_or(text).to_string()) } else { Err(EnodeError::Host { got: cut(text) }) }
}

/// Digits alone: the integer parser by itself lets a sign pass.
fn parse_port(text: &str) -> Option<u16> {
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// As other clients do: `discport`, unless empty, must be a port, although nothing here uses it; other keys
/// (`raftport`) are ignored.
fn check_query(query: &str) -> Result<(), EnodeError> {
    match query.split('&').find_map(|pair| pair.strip_prefix("discport=")) {
        Some(got) if !got.is_empty() && parse_port(got).is_none() => {
            Err(EnodeError::Discport { got: cut(got) })
        }
        _ => Ok(()),
    }
}

impl Enode {
    /// `host:port`, an IPv6 address in brackets.
    #[must_use]
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Enode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enode://{}@{}", hex::encode(self.id), self.place())
    }
}

impl Serialize for Enode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Enode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
