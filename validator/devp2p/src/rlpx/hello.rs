//! Hello, the first message of both sides (devp2p `rlpx.md`): `[version, client, [[name, version]…], port, id, …]`.

use crate::PeerId;
use alloy_rlp::{Decodable, Encodable, Header};

/// p2p version spoken; from 5 on messages are compressed.
pub const P2P_VERSION: u64 = 5;
/// Longest Hello accepted, bytes.
pub const MAX_HELLO: usize = 2048;

/// One protocol offered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability {
    /// `eth`, `istanbul`, …
    pub name: String,
    /// Its version.
    pub version: u64,
}

/// A Hello message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// p2p version.
    pub version: u64,
    /// Client name.
    pub client: String,
    /// Protocols offered.
    pub capabilities: Vec<Capability>,
    /// Listening port; 0 when not told.
    pub port: u16,
    /// Identity, the same as proven by the handshake.
    pub id: PeerId,
}

impl Hello {
    /// Message data.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let fields: [&dyn Encodable; 5] =
            [&self.version, &self.client, &self.capabilities, &self.port, &self.id];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut out);
        out
    }

    /// Reads message data; extra items are ignored (EIP-8).
    pub fn decode(mut data: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let mut list = Header::decode_bytes(&mut data, true)?;
        let body = &mut list;
        Ok(Self {
            version: u64::decode(body)?,
            client: printable(Header::decode_bytes(body, false)?),
            capabilities: Vec::decode(body)?,
            port: u16::decode(body)?,
            id: PeerId::decode(body)?,
        })
    }
}

/// A peer's name goes into logs: at most 256 characters, none of them control characters.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(256).collect()
}

impl Encodable for Capability {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let fields: [&dyn Encodable; 2] = [&self.name, &self.version];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, out);
    }

    fn length(&self) -> usize {
        let payload = self.name.length() + self.version.length();
        payload + alloy_rlp::length_of_length(payload)
    }
}

impl Decodable for Capability {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut body = Header::decode_bytes(buf, true)?;
        Ok(Self {
            name: printable(Header::decode_bytes(&mut body, false)?),
            version: u64::decode(&mut body)?,
        })
    }
}
