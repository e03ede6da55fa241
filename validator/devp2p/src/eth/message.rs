//! Messages of eth after Status (devp2p `caps/eth.md`).

use super::{
    EthVersion,
    limits::{MAX_ANNOUNCEMENTS, MAX_ASKED, MAX_BLOCK_HASHES, MAX_TRANSACTIONS, SERVE_HEADERS},
    list::{DecodeError, check_density, list, list_with, raw_item, with_request_id, wrap},
    range::BlockRange,
    reply::Reply,
    transaction,
};
use crate::{Block, BlockId};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, Header};

/// Message ids inside eth.
pub mod id {
    /// Status.
    pub const STATUS: u8 = 0x00;
    /// NewBlockHashes.
    pub const NEW_BLOCK_HASHES: u8 = 0x01;
    /// Transactions.
    pub const TRANSACTIONS: u8 = 0x02;
    /// GetBlockHeaders.
    pub const GET_HEADERS: u8 = 0x03;
    /// BlockHeaders.
    pub const HEADERS: u8 = 0x04;
    /// GetBlockBodies.
    pub const GET_BODIES: u8 = 0x05;
    /// BlockBodies.
    pub const BODIES: u8 = 0x06;
    /// NewBlock.
    pub const NEW_BLOCK: u8 = 0x07;
    /// NewPooledTransactionHashes.
    pub const TRANSACTION_HASHES: u8 = 0x08;
    /// GetPooledTransactions.
    pub const GET_POOLED: u8 = 0x09;
    /// PooledTransactions.
    pub const POOLED: u8 = 0x0a;
    /// GetNodeData, up to eth/66.
    pub const GET_NODE_DATA: u8 = 0x0d;
    /// NodeData, up to eth/66.
    pub const NODE_DATA: u8 = 0x0e;
    /// GetReceipts.
    pub const GET_RECEIPTS: u8 = 0x0f;
    /// Receipts.
    pub const RECEIPTS: u8 = 0x10;
    /// BlockRangeUpdate, from eth/69 on.
    pub const BLOCK_RANGE_UPDATE: u8 = 0x11;
}

/// Which headers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadersQuery {
    /// First header.
    pub origin: BlockId,
    /// At most so many, already cut to [`SERVE_HEADERS`].
    pub amount: usize,
    /// Headers left out between two.
    pub skip: u64,
    /// Towards genesis.
    pub reverse: bool,
}

/// What a peer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Headers.
    Headers(HeadersQuery),
    /// Bodies of blocks.
    Bodies(Vec<B256>),
    /// Pooled transactions.
    Pooled(Vec<B256>),
    /// Receipts of blocks.
    Receipts(Vec<B256>),
    /// Trie nodes, which nobody serves any more.
    NodeData,
}

/// A message of eth after Status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Blocks by hash and number.
    NewBlockHashes(Vec<(B256, u64)>),
    /// A block in full and the total difficulty up to it.
    NewBlock(Box<Block>, U256),
    /// Transactions in full, EIP-2718 bytes.
    Transactions(Vec<Bytes>),
    /// Transactions by hash, type and length.
    TransactionHashes(Vec<(B256, u8, u32)>),
    /// The blocks that the peer serves now.
    BlockRangeUpdate(BlockRange),
    /// A question and its id.
    Query(u64, Query),
    /// An answer and the question's id.
    Reply(u64, Reply),
}

impl Message {
    /// Reads message data.
    pub fn decode(version: EthVersion, id: u8, data: &[u8]) -> Result<Self, DecodeError> {
        let buf = &mut &*data;
        let message = match id {
            id::NEW_BLOCK_HASHES => Self::NewBlockHashes(list_with(buf, MAX_BLOCK_HASHES, hash_and_number)?),
            id::TRANSACTIONS => Self::Transactions(list_with(buf, MAX_TRANSACTIONS, transaction::decode)?),
            id::NEW_BLOCK => new_block(buf)?,
            id::TRANSACTION_HASHES => Self::TransactionHashes(announcement(version, buf)?),
            id::BLOCK_RANGE_UPDATE if version.has_ranges() => {
                Self::BlockRangeUpdate(BlockRange::decode(buf)?.check()?)
            }
            _ => {
                let mut body = Header::decode_bytes(buf, true)?;
                let request = u64::decode(&mut body)?;
                let message = match query(version, id, &mut body)? {
                    Some(query) => Self::Query(request, query),
                    None => Self::Reply(request, Reply::decode(version, id, &mut body)?),
                };
                ended(body)?;
                message
            }
        };
        ended(buf)?;
        Ok(message)
    }
}

impl Query {
    /// Message id and data under a request id.
    #[must_use]
    pub fn encode(&self, request: u64) -> (u8, Vec<u8>) {
        let (id, hashes) = match self {
            Self::Headers(query) => return (id::GET_HEADERS, with_request_id(request, &query.encode())),
            Self::NodeData => return (id::GET_NODE_DATA, with_request_id(request, &wrap(&[]))),
            Self::Bodies(hashes) => (id::GET_BODIES, hashes),
            Self::Pooled(hashes) => (id::GET_POOLED, hashes),
            Self::Receipts(hashes) => (id::GET_RECEIPTS, hashes),
        };
        (id, with_request_id(request, &alloy_rlp::encode(hashes)))
    }
}

impl HeadersQuery {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let fields: [&dyn Encodable; 4] = [&self.origin, &self.amount, &self.skip, &self.reverse];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut out);
        out
    }

    fn decode(buf: &mut &[u8]) -> Result<Self, DecodeError> {
        let mut body = Header::decode_bytes(buf, true)?;
        let query = Self {
            origin: BlockId::decode(&mut body)?,
            amount: usize::try_from(u64::decode(&mut body)?).unwrap_or(usize::MAX).min(SERVE_HEADERS),
            skip: u64::decode(&mut body)?,
            reverse: bool::decode(&mut body)?,
        };
        ended(body)?;
        Ok(query)
    }
}

fn query(version: EthVersion, id: u8, body: &mut &[u8]) -> Result<Option<Query>, DecodeError> {
    Ok(Some(match id {
        id::GET_HEADERS => Query::Headers(HeadersQuery::decode(body)?),
        id::GET_BODIES => Query::Bodies(list(body, MAX_ASKED)?),
        id::GET_POOLED => Query::Pooled(list(body, MAX_ASKED)?),
        id::GET_RECEIPTS => Query::Receipts(list(body, MAX_ASKED)?),
        id::GET_NODE_DATA if version == EthVersion::V66 => {
            list::<B256>(body, MAX_ASKED)?;
            Query::NodeData
        }
        _ => return Ok(None),
    }))
}

fn hash_and_number(buf: &mut &[u8]) -> Result<(B256, u64), DecodeError> {
    let mut body = Header::decode_bytes(buf, true)?;
    let entry = (B256::decode(&mut body)?, u64::decode(&mut body)?);
    ended(body)?;
    Ok(entry)
}

fn new_block(buf: &mut &[u8]) -> Result<Message, DecodeError> {
    let mut body = Header::decode_bytes(buf, true)?;
    let block = raw_item(&mut body)?;
    let mut fields = Header::decode_bytes(&mut &*block, true)?;
    raw_item(&mut fields)?;
    check_density(raw_item(&mut fields)?)?;
    let block = Box::new(alloy_rlp::decode_exact(block)?);
    let total_difficulty = U256::decode(&mut body)?;
    ended(body)?;
    Ok(Message::NewBlock(block, total_difficulty))
}

fn announcement(version: EthVersion, buf: &mut &[u8]) -> Result<Vec<(B256, u8, u32)>, DecodeError> {
    if version == EthVersion::V66 {
        let hashes: Vec<B256> = list(buf, MAX_ANNOUNCEMENTS)?;
        return Ok(hashes.into_iter().map(|hash| (hash, 0, 0)).collect());
    }
    let mut body = Header::decode_bytes(buf, true)?;
    let types = Header::decode_bytes(&mut body, false)?;
    let sizes: Vec<u32> = list(&mut body, MAX_ANNOUNCEMENTS)?;
    let hashes: Vec<B256> = list(&mut body, MAX_ANNOUNCEMENTS)?;
    ended(body)?;
    if types.len() != hashes.len() || sizes.len() != hashes.len() {
        return Err(DecodeError::Lengths { types: types.len(), sizes: sizes.len(), hashes: hashes.len() });
    }
    Ok(hashes.into_iter().zip(types).zip(sizes).map(|((hash, kind), size)| (hash, *kind, size)).collect())
}

fn ended(rest: &[u8]) -> Result<(), DecodeError> {
    if rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(rest.len())) }
}

/// Data of NewBlock.
#[must_use]
pub fn encode_new_block(block: &Block, total_difficulty: U256) -> Vec<u8> {
    let mut payload = Vec::with_capacity(block.length() + 40);
    block.encode(&mut payload);
    total_difficulty.encode(&mut payload);
    wrap(&payload)
}

/// Data of NewBlockHashes.
#[must_use]
pub fn encode_new_block_hashes(hashes: &[(B256, u64)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (hash, number) in hashes {
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&[hash, number], &mut payload);
    }
    wrap(&payload)
}

/// Data of Transactions, from EIP-2718 bytes.
pub fn encode_transactions<'a>(raw: impl IntoIterator<Item = &'a Bytes>) -> Vec<u8> {
    let mut payload = Vec::new();
    for raw in raw {
        transaction::encode(raw, &mut payload);
    }
    wrap(&payload)
}

/// Data of NewPooledTransactionHashes.
#[must_use]
pub fn encode_transaction_hashes(version: EthVersion, entries: &[(B256, u8, u32)]) -> Vec<u8> {
    let hashes: Vec<B256> = entries.iter().map(|e| e.0).collect();
    if version == EthVersion::V66 {
        return alloy_rlp::encode(&hashes);
    }
    let types: Bytes = entries.iter().map(|e| e.1).collect();
    let sizes: Vec<u32> = entries.iter().map(|e| e.2).collect();
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&[&types, &sizes, &hashes], &mut out);
    out
}

/// Type byte and length that an announcement of this transaction carries.
pub(crate) fn announced(raw: &Bytes) -> (u8, u32) {
    (transaction::kind(raw), u32::try_from(raw.len()).unwrap_or(u32::MAX))
}
