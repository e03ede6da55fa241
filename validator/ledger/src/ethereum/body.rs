//! Ommers, withdrawals and blobs of a body against its header.

use super::header;
use crate::{
    Block, InvalidBlock, LedgerError,
    execute::rules,
    ledger::Chain,
    validate::{optional, same},
};
use alloy_consensus::{Header, Transaction, proofs};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use revm::primitives::hardfork::SpecId;
use std::collections::HashMap;

/// Ommers of a block at most.
const MAX_OMMERS: usize = 2;
/// Generations that an ommer may be old.
const OMMER_GENERATIONS: u64 = 7;

/// Whether the body is what its header says, and its ommers are relatives of the chain.
pub(crate) fn check(chain: &Chain, block: &Block) -> Result<(), InvalidBlock> {
    let (header, body) = (&block.header, &block.body);
    same("sha3Uncles", header.ommers_hash, proofs::calculate_ommers_root(&body.ommers))?;
    let withdrawals = body.withdrawals.as_ref().map(|list| proofs::calculate_withdrawals_root(list));
    optional("withdrawalsRoot", header.withdrawals_root, withdrawals)?;
    let blobs: u64 = body.transactions.iter().filter_map(Transaction::blob_count).sum();
    if let Some(used) = header.blob_gas_used {
        same("blobGasUsed", used, blobs.saturating_mul(DATA_GAS_PER_BLOB))?;
    }
    let is_osaka = rules::spec(&chain.genesis, header.number, header.timestamp).is_enabled_in(SpecId::OSAKA);
    if is_osaka && block.length() > rules::MAX_BLOCK_BYTES {
        return Err(InvalidBlock::Body("more bytes than EIP-7934 allows"));
    }
    check_ommers(chain, header, &body.ommers)
}

/// Each ommer: a valid header on an ancestor two to seven generations back, no ancestor itself, and in no block before.
fn check_ommers(chain: &Chain, header: &Header, ommers: &[Header]) -> Result<(), InvalidBlock> {
    if ommers.is_empty() {
        return Ok(());
    }
    if ommers.len() > MAX_OMMERS {
        return Err(InvalidBlock::Body("more than two ommers"));
    }
    let (ancestors, mut included) = family(chain, header)?;
    for ommer in ommers {
        let hash = ommer.hash_slow();
        if ancestors.contains_key(&hash) || included.contains(&hash) {
            return Err(InvalidBlock::Body("an ommer that the chain holds already"));
        }
        included.push(hash);
        let parent = ancestors.get(&ommer.parent_hash).filter(|_| ommer.parent_hash != header.parent_hash);
        let Some(parent) = parent else {
            return Err(InvalidBlock::Body("an ommer that is no near relative"));
        };
        same("number of an ommer", ommer.number, parent.number.saturating_add(1))?;
        header::check(&chain.genesis, parent, ommer)?;
    }
    Ok(())
}

/// The nearest ancestors by hash, and every ommer that they hold.
fn family(chain: &Chain, header: &Header) -> Result<(HashMap<B256, Header>, Vec<B256>), LedgerError> {
    let (mut ancestors, mut ommers) = (HashMap::new(), Vec::new());
    for number in header.number.saturating_sub(OMMER_GENERATIONS)..header.number {
        let Some((ancestor, hash)) = chain.blocks.header(number)? else { continue };
        ancestors.insert(hash, ancestor);
        let body = chain.blocks.body(number)?.unwrap_or_default();
        ommers.extend(body.ommers.iter().map(Header::hash_slow));
    }
    Ok((ancestors, ommers))
}
