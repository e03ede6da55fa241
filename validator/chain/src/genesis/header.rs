//! The header of block 0 from a genesis file.

use super::GenesisError;
use crate::extra::Extra;
use alloc::{collections::BTreeMap, format, string::ToString};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, U256, b256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root};

/// `mixHash` of every QBFT header: the ASCII text "ctical byzantine fault tolerance".
pub const QBFT_MIX_HASH: B256 = b256!("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365");

/// EIP-7685 requests hash of a block without requests: SHA-256 of nothing.
pub const EMPTY_REQUESTS_HASH: B256 =
    b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Base fee of the first London block when the file names none (EIP-1559).
pub(super) const INITIAL_BASE_FEE: u64 = 1_000_000_000;

/// Computes the header; refuses what no QBFT chain can have.
pub fn genesis_header(file: &Genesis) -> Result<Header, GenesisError> {
    let extra = Extra::decode_exact(&file.extra_data).map_err(GenesisError::ExtraData)?;
    // Clients differ in whether these count in the hash of block 0; nobody proposed or sealed it.
    if extra.round != 0 {
        return Err(mismatch("extraData round", &extra.round, &0));
    }
    if !extra.seals.is_empty() {
        return Err(mismatch("extraData seals", &extra.seals.len(), &"none"));
    }
    if file.mix_hash != QBFT_MIX_HASH {
        return Err(mismatch("mixHash", &file.mix_hash, &QBFT_MIX_HASH));
    }
    if file.difficulty != U256::from(1) {
        return Err(mismatch("difficulty", &file.difficulty, &1));
    }
    if !file.coinbase.is_zero() {
        return Err(mismatch("coinbase", &file.coinbase, &"the zero address"));
    }
    Ok(header_of(file))
}

/// Computes the header of any chain, whatever it holds.
pub(super) fn header_of(file: &Genesis) -> Header {
    let header = Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: file.coinbase,
        state_root: state_root(&file.alloc),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: file.difficulty,
        gas_limit: file.gas_limit,
        timestamp: file.timestamp,
        extra_data: file.extra_data.clone(),
        mix_hash: file.mix_hash,
        nonce: file.nonce.into(),
        ..Header::default()
    };
    with_fork_fields(header, file)
}

/// State root by a full build.
pub(super) fn state_root(alloc: &BTreeMap<Address, GenesisAccount>) -> B256 {
    root::state_root_unhashed(alloc.iter().map(|(address, account)| (*address, trie_account(account))))
}

fn with_fork_fields(mut header: Header, file: &Genesis) -> Header {
    let config: &ChainConfig = &file.config;
    let time = file.timestamp;
    if config.is_london_active_at_block(0) {
        header.base_fee_per_gas = Some(initial_base_fee(file));
    }
    if config.is_shanghai_active_at_block_and_timestamp(0, time) {
        header.withdrawals_root = Some(EMPTY_ROOT_HASH);
    }
    if config.is_cancun_active_at_block_and_timestamp(0, time) {
        header.blob_gas_used = Some(file.blob_gas_used.unwrap_or_default());
        header.excess_blob_gas = Some(file.excess_blob_gas.unwrap_or_default());
        header.parent_beacon_block_root = Some(B256::ZERO);
    }
    if config.prague_time.is_some_and(|prague| prague <= time) {
        header.requests_hash = Some(EMPTY_REQUESTS_HASH);
    }
    header
}

/// Base fee of the first London block.
pub(super) fn initial_base_fee(file: &Genesis) -> u64 {
    file.base_fee_per_gas.and_then(|fee| u64::try_from(fee).ok()).unwrap_or(INITIAL_BASE_FEE)
}

/// The trie's view of a genesis account; zero-valued slots are not stored.
fn trie_account(account: &GenesisAccount) -> TrieAccount {
    let slots = account.storage.iter().flatten().filter(|(_, value)| !value.is_zero());
    TrieAccount {
        nonce: account.nonce.unwrap_or_default(),
        balance: account.balance,
        storage_root: root::storage_root_unhashed(
            slots.map(|(slot, value)| (*slot, U256::from_be_bytes(value.0))),
        ),
        code_hash: account.code.as_ref().map_or(alloy_primitives::KECCAK256_EMPTY, keccak256),
    }
}

fn mismatch(
    field: &'static str,
    got: &impl core::fmt::Display,
    want: &impl core::fmt::Display,
) -> GenesisError {
    GenesisError::Field { field, got: format!("{got:.100}"), want: want.to_string() }
}
