//! `quorate/1`: what nodes of this program tell each other to spare work; offered to everybody, a peer without it gets the
//! messages of eth instead.
//!
//! Message id 0: `[told, [[transaction, sender], …]]`, transactions as byte strings, each with the account that signed it.
//! The receiver checks each signature; that it is told by whom lets it check many at once. `told` holds the first eight bytes
//! of the id of every peer that gets the same: those need not be told again.
//! Ids 1 to 3: consensus payloads without the transactions that the other end holds ([`compact`]). Id 4: what a proposer is
//! about to propose ([`preview`]). Ids 5 and 6: signed documents ([`notice`]).

pub mod compact;
pub(crate) mod held;
pub mod notice;
pub mod preview;
pub(crate) mod searches;

use crate::PeerId;
use crate::eth::{
    limits::MAX_TRANSACTIONS,
    list::{DecodeError, list_with, whole},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{BufMut, Decodable, Encodable, Header};

/// Message id of transactions with their senders.
pub(crate) const SIGNED: u8 = 0;

/// A transaction on its way to peers.
#[derive(Clone, Debug)]
pub struct Announced {
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Their hash.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
}

impl Encodable for Announced {
    fn encode(&self, out: &mut dyn BufMut) {
        self.header().encode(out);
        self.raw.encode(out);
        self.sender.encode(out);
    }

    fn length(&self) -> usize {
        self.header().length_with_payload()
    }
}

impl Announced {
    fn header(&self) -> Header {
        Header { list: true, payload_length: self.raw.length() + self.sender.length() }
    }
}

/// Bytes that name a peer.
const NAME: usize = 8;
/// Peers that one message names.
const MAX_TOLD: usize = 64;

/// Transactions and who signed them, and who else was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// EIP-2718 bytes and the account that is said to have signed them.
    pub transactions: Vec<(Bytes, Address)>,
    told: Vec<[u8; NAME]>,
}

impl Signed {
    /// Whether a peer is said to have got the same.
    pub fn was_sent_to(&self, peer: &PeerId) -> bool {
        self.told.contains(&name(peer))
    }
}

fn name(peer: &PeerId) -> [u8; NAME] {
    peer.first_chunk().copied().unwrap_or_default()
}

/// Data of the message.
pub(crate) fn encode(told: &[PeerId], transactions: &[&Announced]) -> Vec<u8> {
    let told: Vec<u8> = told.iter().take(MAX_TOLD).flat_map(name).collect();
    let mut list = Vec::new();
    alloy_rlp::encode_list::<&Announced, Announced>(transactions, &mut list);
    let mut out = Vec::with_capacity(list.len() + told.len() + 16);
    Header { list: true, payload_length: told.as_slice().length() + list.len() }.encode(&mut out);
    told.as_slice().encode(&mut out);
    out.extend_from_slice(&list);
    out
}

/// Reads the message.
pub fn decode(data: &[u8]) -> Result<Signed, DecodeError> {
    whole(data, |body| {
        let names = Header::decode_bytes(body, false)?.as_chunks();
        if !names.1.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength.into());
        }
        if names.0.len() > MAX_TOLD {
            return Err(DecodeError::TooMany { max: MAX_TOLD });
        }
        let transactions = list_with(body, MAX_TRANSACTIONS, |buf| {
            let mut body = Header::decode_bytes(buf, true)?;
            let raw = Header::decode_bytes(&mut body, false)?;
            let sender = Address::decode(&mut body)?;
            if !body.is_empty() {
                return Err(DecodeError::Trailing(body.len()));
            }
            Ok((Bytes::copy_from_slice(raw), sender))
        })?;
        Ok(Signed { transactions, told: names.0.to_vec() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_reads_back_and_nothing_longer_does() {
        let announced = |len: usize| Announced {
            raw: vec![2; len].into(),
            hash: B256::ZERO,
            sender: Address::repeat_byte(7),
        };
        let all = [announced(1), announced(60), announced(300)];
        let peers = [1, 2].map(PeerId::repeat_byte);
        let mut data = encode(&peers, &all.iter().collect::<Vec<_>>());
        let read = decode(&data).unwrap();
        assert_eq!(read.transactions, all.map(|one| (one.raw, one.sender)));
        assert_eq!([1, 2, 3].map(|byte| read.was_sent_to(&PeerId::repeat_byte(byte))), [true, true, false]);
        data.push(0);
        assert_eq!(decode(&data), Err(DecodeError::Trailing(1)));
        let most = vec![announced(0); MAX_TRANSACTIONS + 1];
        let refused = decode(&encode(&[], &most.iter().collect::<Vec<_>>()));
        assert_eq!(refused, Err(DecodeError::TooMany { max: MAX_TRANSACTIONS }));
        let names = |bytes: usize| alloy_rlp::encode(vec![alloy_rlp::encode(vec![0_u8; bytes].as_slice())]);
        assert!(decode(&names(NAME + 1)).is_err());
    }
}
