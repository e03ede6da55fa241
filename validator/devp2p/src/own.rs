//! `quorate/1`: what nodes of this program tell each other to spare work; offered to everybody, a peer without it gets the
//! messages of eth instead.
//!
//! One message so far, id 0: transactions with the accounts that signed them, `[[transaction, sender], …]`, the transaction
//! as a byte string. The receiver checks each signature; that it is told by whom lets it check many at once.

use crate::eth::{
    limits::MAX_TRANSACTIONS,
    list::{DecodeError, list_with},
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

/// Data of the message.
pub(crate) fn encode(transactions: &[&Announced]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&Announced, Announced>(transactions, &mut out);
    out
}

/// Reads the message: EIP-2718 bytes and the account that is said to have signed them.
pub fn decode(mut data: &[u8]) -> Result<Vec<(Bytes, Address)>, DecodeError> {
    let both = list_with(&mut data, MAX_TRANSACTIONS, |buf| {
        let mut body = Header::decode_bytes(buf, true)?;
        let raw = Header::decode_bytes(&mut body, false)?;
        let sender = Address::decode(&mut body)?;
        if !body.is_empty() {
            return Err(DecodeError::Trailing(body.len()));
        }
        Ok((Bytes::copy_from_slice(raw), sender))
    })?;
    if data.is_empty() { Ok(both) } else { Err(DecodeError::Trailing(data.len())) }
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
        let mut data = encode(&all.iter().collect::<Vec<_>>());
        let read = decode(&data).unwrap();
        assert_eq!(read, all.map(|one| (one.raw, one.sender)));
        data.push(0);
        assert_eq!(decode(&data), Err(DecodeError::Trailing(1)));
        let most = vec![announced(0); MAX_TRANSACTIONS + 1];
        let refused = decode(&encode(&most.iter().collect::<Vec<_>>()));
        assert_eq!(refused, Err(DecodeError::TooMany { max: MAX_TRANSACTIONS }));
    }
}
