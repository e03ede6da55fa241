//! Which transactions may enter, judged without state. Sources: `node-facts` E.2 and E.4; EIP-155, 1559, 2028, 2681,
//! 2930, 3860, 7623, 7702, 7825.

use super::{PoolError, raw::MAX_TRANSACTION_BYTES};
use alloy_consensus::{Header, Transaction, TxEnvelope, TxType, transaction::SignerRecoverable};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, U256};
use chain::genesis::Genesis;

/// EIP-3860.
const MAX_INIT_CODE_BYTES: usize = 49_152;

const BASE_GAS: u64 = 21_000;
const CREATE_GAS: u64 = 32_000;
const ZERO_BYTE_GAS: u64 = 4;
const NONZERO_BYTE_GAS: u64 = 16;
/// Before EIP-2028.
const OLD_NONZERO_BYTE_GAS: u64 = 68;
const ACCESS_ADDRESS_GAS: u64 = 2_400;
const ACCESS_SLOT_GAS: u64 = 1_900;
const INIT_CODE_WORD_GAS: u64 = 2;
const AUTHORIZATION_GAS: u64 = 25_000;
const FLOOR_TOKEN_GAS: u64 = 10;
const TOKENS_PER_NONZERO_BYTE: u64 = 4;

/// What the next block demands of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one flag per fork, each independent in a genesis file")]
pub struct Rules {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Gas of the head block, which the next one can hardly exceed.
    pub block_gas_limit: u64,
    /// Base fee per gas of the head block, wei.
    pub base_fee: u64,
    /// Largest encoded transaction, bytes.
    pub max_bytes: usize,
    /// Whether gas may have a price.
    pub gas_price_allowed: bool,
    /// Calldata is cheap.
    pub istanbul: bool,
    /// Type 1 exists.
    pub berlin: bool,
    /// Type 2 exists.
    pub london: bool,
    /// Init code is bounded and charged.
    pub shanghai: bool,
    /// Type 4 and the calldata floor exist.
    pub prague: bool,
    /// Gas that one transaction may have, where it is capped (EIP-7825).
    pub transaction_gas_cap: Option<u64>,
}

impl Rules {
    /// Rules of the block after `head`.
    pub fn after(genesis: &Genesis, head: &Header) -> Self {
        let (number, time) = (head.number.saturating_add(1), head.timestamp.saturating_add(1));
        let by_time = |fork: Option<u64>| fork.is_some_and(|start| start <= time);
        let settings = genesis.schedule.at(number);
        Self {
            max_bytes: settings
                .max_transaction_size
                .unwrap_or(MAX_TRANSACTION_BYTES)
                .min(MAX_TRANSACTION_BYTES),
            gas_price_allowed: settings.gas_price_allowed,
            chain_id: genesis.config.chain_id,
            block_gas_limit: head.gas_limit,
            base_fee: if genesis.zero_base_fee { 0 } else { head.base_fee_per_gas.unwrap_or(0) },
            istanbul: genesis.config.is_istanbul_active_at_block(number),
            berlin: genesis.config.is_berlin_active_at_block(number),
            london: genesis.config.is_london_active_at_block(number),
            shanghai: by_time(genesis.config.shanghai_time),
            prague: by_time(genesis.config.prague_time),
            transaction_gas_cap: settings.transaction_gas_cap.filter(|_| by_time(genesis.config.osaka_time)),
        }
    }
}

impl Rules {
    /// The rules without those that may be otherwise tomorrow: for what was accepted before and promised to be kept.
    #[must_use]
    pub fn without_passing(self) -> Self {
        Self { base_fee: 0, block_gas_limit: u64::MAX, ..self }
    }
}

/// Checks everything that needs neither the sender nor state.
pub fn check(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    check_size(tx, rules)?;
    check_type(tx, rules)?;
    check_chain(tx, rules)?;
    check_init_code(tx, rules)?;
    check_fees(tx, rules)?;
    check_gas(tx, rules)?;
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax(tx.nonce()));
    }
    Ok(())
}

/// The sender; refuses signatures with a high `s` (EIP-2).
pub fn recover(tx: &TxEnvelope) -> Result<Address, PoolError> {
    tx.recover_signer().map_err(|_| PoolError::InvalidSender)
}

/// The most that the transaction can take from its sender: gas limit times fee cap, plus value.
pub fn cost(tx: &TxEnvelope) -> U256 {
    let gas = U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas()));
    gas.saturating_add(tx.value())
}

fn check_type(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    let supported = match tx.tx_type() {
        TxType::Legacy => true,
        TxType::Eip2930 => rules.berlin,
        TxType::Eip1559 => rules.london,
        TxType::Eip4844 => false,
        TxType::Eip7702 => rules.prague,
    };
    if !supported {
        return Err(PoolError::TypeNotSupported);
    }
    match tx.authorization_list() {
        Some([]) => Err(PoolError::EmptyAuthorizationList),
        _ => Ok(()),
    }
}

fn check_chain(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    match tx.chain_id() {
        None => Err(PoolError::NotReplayProtected),
        Some(got) if got != rules.chain_id => Err(PoolError::WrongChain { got, want: rules.chain_id }),
        Some(_) => Ok(()),
    }
}

fn check_init_code(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    let size = tx.input().len();
    if rules.shanghai && tx.is_create() && size > MAX_INIT_CODE_BYTES {
        return Err(PoolError::InitCodeTooLarge { size, limit: MAX_INIT_CODE_BYTES });
    }
    Ok(())
}

/// GoQuorum's `txnSizeLimit` can be below what is read from the wire.
fn check_size(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    let (size, limit) = (tx.encode_2718_len(), rules.max_bytes);
    if size > limit { Err(PoolError::Oversized { size, limit }) } else { Ok(()) }
}

fn check_fees(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    let cap = tx.max_fee_per_gas();
    if cap > 0 && !rules.gas_price_allowed {
        return Err(PoolError::GasPriceNotZero(cap));
    }
    if tx.max_priority_fee_per_gas().is_some_and(|tip| tip > cap) {
        return Err(PoolError::TipAboveFeeCap);
    }
    if cap < u128::from(rules.base_fee) {
        return Err(PoolError::FeeCapBelowBaseFee { cap, base_fee: rules.base_fee });
    }
    Ok(())
}

fn check_gas(tx: &TxEnvelope, rules: &Rules) -> Result<(), PoolError> {
    let gas = tx.gas_limit();
    if let Some(cap) = rules.transaction_gas_cap.filter(|cap| gas > *cap) {
        return Err(PoolError::GasLimitTooHigh { cap, gas });
    }
    if gas > rules.block_gas_limit {
        return Err(PoolError::ExceedsBlockGasLimit);
    }
    let needed = intrinsic_gas(tx, rules);
    if gas < needed {
        return Err(PoolError::IntrinsicGas { gas, needed });
    }
    let needed = floor_gas(tx, rules);
    if gas < needed {
        return Err(PoolError::FloorGas { gas, needed });
    }
    Ok(())
}

/// Gas that is charged before the first instruction. Sizes are bounded by 128 KiB, so nothing here can overflow.
fn intrinsic_gas(tx: &TxEnvelope, rules: &Rules) -> u64 {
    let (zeros, others) = byte_counts(tx.input());
    let nonzero_byte = if rules.istanbul { NONZERO_BYTE_GAS } else { OLD_NONZERO_BYTE_GAS };
    let mut gas = BASE_GAS + zeros * ZERO_BYTE_GAS + others * nonzero_byte;
    if tx.is_create() {
        gas += CREATE_GAS;
        if rules.shanghai {
            gas += (zeros + others).div_ceil(32) * INIT_CODE_WORD_GAS;
        }
    }
    for item in tx.access_list().map(|list| list.0.as_slice()).unwrap_or_default() {
        gas += ACCESS_ADDRESS_GAS + item.storage_keys.len() as u64 * ACCESS_SLOT_GAS;
    }
    gas + tx.authorization_list().map_or(0, |list| list.len() as u64) * AUTHORIZATION_GAS
}

fn floor_gas(tx: &TxEnvelope, rules: &Rules) -> u64 {
    if !rules.prague {
        return 0;
    }
    let (zeros, others) = byte_counts(tx.input());
    BASE_GAS + (zeros + others * TOKENS_PER_NONZERO_BYTE) * FLOOR_TOKEN_GAS
}

fn byte_counts(data: &[u8]) -> (u64, u64) {
    let others = data.iter().map(|byte| u64::from(*byte != 0)).sum();
    (data.len() as u64 - others, others)
}

#[cfg(test)]
mod tests;
