//! Answers to requests.

use super::{
    EthVersion,
    limits::{ASK_BODIES, ASK_HEADERS, ASK_POOLED, ASK_RECEIPTS, SOFT_REPLY},
    list::{DecodeError, check_density, list, list_with, raw_item, with_request_id, wrap},
    message::{encode_transactions, id},
    receipt::{self, WithoutBlooms},
    transaction,
};
use crate::BlockBody;
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::Bytes;
use alloy_rlp::Encodable;

/// An answer. One that holds more items than this node ever asks for does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Headers, in the order asked for.
    Headers(Vec<Header>),
    /// Bodies, unknown ones left out.
    Bodies(Vec<BlockBody>),
    /// Transactions, EIP-2718 bytes.
    Pooled(Vec<Bytes>),
    /// Receipts of each block.
    Receipts(Vec<Vec<ReceiptEnvelope>>),
    /// Trie nodes: always empty.
    NodeData,
}

impl Reply {
    /// Items in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Headers(items) => items.len(),
            Self::Bodies(items) => items.len(),
            Self::Pooled(items) => items.len(),
            Self::Receipts(items) => items.len(),
            Self::NodeData => 0,
        }
    }

    /// True when it holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Message id and data under a request id, whatever its size.
    #[must_use]
    pub fn encode(&self, version: EthVersion, request: u64) -> (u8, Vec<u8>) {
        let (id, body) = match self {
            Self::Headers(headers) => (id::HEADERS, alloy_rlp::encode(headers)),
            Self::Bodies(bodies) => (id::BODIES, alloy_rlp::encode(bodies)),
            Self::Receipts(receipts) => {
                let mut blocks = Vec::new();
                for block in receipts {
                    encode_receipts(version, block, &mut blocks);
                }
                (id::RECEIPTS, wrap(&blocks))
            }
            Self::Pooled(raw) => (id::POOLED, encode_transactions(raw)),
            Self::NodeData => (id::NODE_DATA, wrap(&[])),
        };
        (id, with_request_id(request, &body))
    }

    /// Reads what follows the request id.
    pub(super) fn decode(version: EthVersion, id: u8, body: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(match id {
            id::HEADERS => Self::Headers(list(body, ASK_HEADERS)?),
            id::BODIES => Self::Bodies(list_with(body, ASK_BODIES, decode_body)?),
            id::POOLED => Self::Pooled(list_with(body, ASK_POOLED, transaction::decode)?),
            id::RECEIPTS => Self::Receipts(list_with(body, ASK_RECEIPTS, |b| decode_receipts(version, b))?),
            other => return Err(DecodeError::Id(other)),
        })
    }
}

/// A block of 600 M gas holds at most 28,571 transactions of 21,000.
const RECEIPTS_OF_A_BLOCK: usize = 65_536;

fn decode_receipts(version: EthVersion, buf: &mut &[u8]) -> Result<Vec<ReceiptEnvelope>, DecodeError> {
    if version >= EthVersion::V69 {
        list_with(buf, RECEIPTS_OF_A_BLOCK, receipt::decode)
    } else {
        list(buf, RECEIPTS_OF_A_BLOCK)
    }
}

fn encode_receipts(version: EthVersion, receipts: &Vec<ReceiptEnvelope>, out: &mut Vec<u8>) {
    if version >= EthVersion::V69 {
        WithoutBlooms(receipts).encode(out);
    } else {
        receipts.encode(out);
    }
}

fn decode_body(buf: &mut &[u8]) -> Result<BlockBody, DecodeError> {
    let body = raw_item(buf)?;
    let mut fields = alloy_rlp::Header::decode_bytes(&mut &*body, true)?;
    check_density(raw_item(&mut fields)?)?;
    Ok(alloy_rlp::decode_exact(body)?)
}

/// An answer under construction: takes items until it is large enough.
pub(crate) struct ReplyBuilder {
    id: u8,
    payload: Vec<u8>,
}

impl ReplyBuilder {
    pub(crate) const fn new(id: u8) -> Self {
        Self { id, payload: Vec::new() }
    }

    /// True when no further item should be added.
    pub(crate) const fn full(&self) -> bool {
        self.payload.len() >= SOFT_REPLY
    }

    /// Adds an item, unless the answer is full.
    pub(crate) fn push(&mut self, item: &impl Encodable) {
        if !self.full() {
            item.encode(&mut self.payload);
        }
    }

    /// Adds a transaction from its EIP-2718 bytes, unless the answer is full.
    pub(crate) fn push_transaction(&mut self, raw: &[u8]) {
        if !self.full() {
            transaction::encode(raw, &mut self.payload);
        }
    }

    /// Adds the receipts of a block, unless the answer is full.
    pub(crate) fn push_receipts(&mut self, version: EthVersion, receipts: &Vec<ReceiptEnvelope>) {
        if !self.full() {
            encode_receipts(version, receipts, &mut self.payload);
        }
    }

    /// Message id and data.
    pub(crate) fn finish(self, request: u64) -> (u8, Vec<u8>) {
        (self.id, with_request_id(request, &wrap(&self.payload)))
    }
}
