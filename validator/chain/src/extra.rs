//! QBFT `extraData`: `rlp([vanity, validators, vote, round, seals])`, canonical, exactly five items; a sixth, ours alone, in
//! the block that begins with other seats ([`crate::reseat`]).
//!
//! Source: `QbftExtraDataCodec` of Besu, `QBFTExtra` of GoQuorum; drafts with a fixed-width round are refused.

use crate::{reseat::Reseat, signature::Seal};
use alloc::vec::Vec;
use alloy_primitives::{Address, Bytes};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};

/// A header vote of block-header mode: add or drop one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whom the vote is about.
    pub recipient: Address,
    /// `true` adds, `false` drops.
    pub add: bool,
}

/// The decoded `extraData` of a QBFT header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Free bytes, 32 by convention; any length is accepted.
    pub vanity: Bytes,
    /// Validators in ascending order in block-header mode; empty in contract mode.
    pub validators: Vec<Address>,
    /// The vote carried, if any; always absent in contract mode.
    pub vote: Option<Vote>,
    /// The round in which the block was proposed (unsealed) or committed (sealed).
    pub round: u32,
    /// Commit seals in arrival order; empty while unsealed.
    pub seals: Vec<Seal>,
    /// The record by which other seats decided this block.
    pub reseat: Option<Reseat>,
}

impl Extra {
    /// The `extraData` of an unsealed block in contract mode: 32 zero bytes of vanity, nothing else.
    #[must_use]
    pub fn unsealed(round: u32) -> Self {
        Self { vanity: Bytes::from_static(&[0; 32]), round, ..Self::default() }
    }

    /// Decodes a header's `extraData`; refuses trailing bytes and non-canonical scalars.
    pub fn decode_exact(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let mut rest = bytes;
        let extra = Self::decode(&mut rest)?;
        if rest.is_empty() { Ok(extra) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }

    /// The bytes of the header field.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.length());
        self.encode(&mut out);
        out.into()
    }

    fn payload_length(&self) -> usize {
        let vote = self.vote.map_or(1, |vote| vote.length());
        [self.vanity.length(), self.validators.length(), vote, self.round.length(), self.seals.length()]
            .into_iter()
            .fold(0, usize::saturating_add)
            .saturating_add(self.reseat.as_ref().map_or(0, Encodable::length))
    }
}

impl Encodable for Extra {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        Header { list: true, payload_length: self.payload_length() }.encode(out);
        self.vanity.encode(out);
        self.validators.encode(out);
        match &self.vote {
            Some(vote) => vote.encode(out),
            None => out.put_u8(EMPTY_LIST_CODE),
        }
        self.round.encode(out);
        self.seals.encode(out);
        if let Some(reseat) = &self.reseat {
            reseat.encode(out);
        }
    }

    fn length(&self) -> usize {
        let payload_length = self.payload_length();
        payload_length.saturating_add(Header { list: true, payload_length }.length())
    }
}

impl Decodable for Extra {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut items = Header::decode_bytes(buf, true)?;
        let extra = Self {
            vanity: Bytes::decode(&mut items)?,
            validators: Vec::decode(&mut items)?,
            vote: decode_vote(&mut items)?,
            round: u32::decode(&mut items)?,
            seals: Vec::decode(&mut items)?,
            reseat: if items.is_empty() { None } else { Some(Reseat::decode(&mut items)?) },
        };
        if items.is_empty() { Ok(extra) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

fn decode_vote(items: &mut &[u8]) -> alloy_rlp::Result<Option<Vote>> {
    if items.first() == Some(&EMPTY_LIST_CODE) {
        *items = items.get(1..).unwrap_or_default();
        return Ok(None);
    }
    Vote::decode(items).map(Some)
}

/// An added recipient is marked by the byte `0xff`, a dropped one by the empty string.
impl Encodable for Vote {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let payload_length = self.recipient.length().saturating_add(if self.add { 2 } else { 1 });
        Header { list: true, payload_length }.encode(out);
        self.recipient.encode(out);
        if self.add {
            out.put_slice(&[0x81, 0xff]);
        } else {
            out.put_u8(EMPTY_STRING_CODE);
        }
    }
}

impl Decodable for Vote {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut items = Header::decode_bytes(buf, true)?;
        let recipient = Address::decode(&mut items)?;
        let add = match items {
            [0x81, 0xff] => true,
            [EMPTY_STRING_CODE] => false,
            _ => return Err(alloy_rlp::Error::Custom("vote type is neither 0xff (add) nor empty (drop)")),
        };
        Ok(Self { recipient, add })
    }
}
