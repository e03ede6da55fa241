//! `enode://<128 hex>@<host>:<tcp>[?discport=<udp>]`; the host may be a DNS name, resolved at every dial.

use alloc::string::{String, ToString};
use alloy_primitives::{B512, hex};
use core::{fmt, str::FromStr};
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
    #[error("enode id must be 128 hex digits (64 bytes), got {got} characters")]
    Id {
        /// Characters found.
        got: usize,
    },
    /// The port is not in 1..=65535.
    #[error("enode port must be 1..=65535, got {got:?}")]
    Port {
        /// The text found.
        got: String,
    },
}

impl FromStr for Enode {
    type Err = EnodeError;

    fn from_str(text: &str) -> Result<Self, EnodeError> {
        let shape = || EnodeError::Shape { got: text.chars().take(200).collect() };
        let rest = text.strip_prefix("enode://").ok_or_else(shape)?;
        let (id, place) = rest.split_once('@').ok_or_else(shape)?;
        // Query keys (discport, raftport) say nothing about TCP and are ignored, as other clients do.
        let place = place.split_once('?').map_or(place, |(place, _)| place);
        let (host, port) = place.rsplit_once(':').ok_or_else(shape)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(shape());
        }
        let mut bytes = [0u8; 64];
        hex::decode_to_slice(id, &mut bytes).map_err(|_| EnodeError::Id { got: id.len() })?;
        let port = port.parse().ok().filter(|p| *p > 0).ok_or(EnodeError::Port { got: port.to_string() })?;
        Ok(Self { id: B512::from(bytes), host: host.to_string(), port })
    }
}

impl fmt::Display for Enode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = hex::encode(self.id);
        if self.host.contains(':') {
            write!(f, "enode://{id}@[{}]:{}", self.host, self.port)
        } else {
            write!(f, "enode://{id}@{}:{}", self.host, self.port)
        }
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
