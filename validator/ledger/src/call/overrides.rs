//! State and block that a caller wants to differ for one call (`eth_call` and relatives).

use super::{precompiles::MovablePrecompiles, scene::word};
use crate::{CallError, execute::overlay::Overlay};
use alloy_primitives::{
    Address, U256,
    map::{AddressSet, HashMap},
};
use alloy_rpc_types_eth::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use revm::{context::BlockEnv, context_interface::block::BlobExcessGasAndPrice};

/// What differs from the chain for one call; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Accounts.
    pub state: StateOverride,
    /// Header fields.
    pub block: BlockOverrides,
}

/// Accounts and slots that all overrides of one call may set together.
const MAX_OVERRIDES: usize = 100_000;

/// Lays `wanted` over the block; fields that only a simulated chain can have are refused.
pub(super) fn block(block: &mut BlockEnv, wanted: &BlockOverrides) -> Result<(), CallError> {
    let refuse = |name| {
        Err(CallError::Override(format!("block override {name} is not supported for this RPC method")))
    };
    if wanted.beacon_root.is_some() {
        return refuse("beaconRoot");
    }
    if let Some(number) = wanted.number {
        block.number = U256::from(word("block number", number)?);
    }
    if let Some(time) = wanted.time {
        block.timestamp = U256::from(time);
    }
    block.difficulty = wanted.difficulty.unwrap_or(block.difficulty);
    block.gas_limit = wanted.gas_limit.unwrap_or(block.gas_limit);
    block.beneficiary = wanted.coinbase.unwrap_or(block.beneficiary);
    block.prevrandao = wanted.random.or(block.prevrandao);
    if let Some(base_fee) = wanted.base_fee {
        block.basefee = word("base fee", base_fee)?;
    }
    if let Some(price) = wanted.blob_base_fee {
        let blob_gasprice = u128::from(word("blob base fee", price)?);
        block.blob_excess_gas_and_price = Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice });
    }
    Ok(())
}

/// Lays `wanted` over the state.
pub(crate) fn state(
    overlay: &mut Overlay<'_>,
    precompiles: &mut MovablePrecompiles,
    wanted: &StateOverride,
) -> Result<(), CallError> {
    let slots = |account: &AccountOverride| {
        [&account.state, &account.state_diff].into_iter().flatten().map(HashMap::len).sum::<usize>()
    };
    let size = wanted.len() + wanted.values().map(slots).sum::<usize>();
    if size > MAX_OVERRIDES {
        return Err(CallError::Override(format!(
            "{size} accounts and slots, at most {MAX_OVERRIDES} are allowed"
        )));
    }
    // In the order of their addresses, as go-ethereum: what is moved twice ends where it was moved last.
    let mut addresses: Vec<_> = wanted.keys().copied().collect();
    addresses.sort_unstable();
    let mut targets = AddressSet::default();
    for address in addresses {
        let Some(account) = wanted.get(&address) else { continue };
        if targets.contains(&address) {
            return Err(CallError::Override(format!(
                "account {address} has already been overridden by a precompile"
            )));
        }
        if let Some(to) = account.move_precompile_to {
            move_precompile(precompiles, wanted, address, to)?;
            targets.insert(to);
        }
        // An account that a caller sets is what he set, no precompile.
        precompiles.remove(address);
        one(overlay, address, account)?;
    }
    Ok(())
}

fn move_precompile(
    precompiles: &mut MovablePrecompiles,
    wanted: &StateOverride,
    from: Address,
    to: Address,
) -> Result<(), CallError> {
    if !precompiles.contains(&from) {
        return Err(CallError::Override(format!("account {from} is not a precompile")));
    }
    if wanted.contains_key(&to) {
        return Err(CallError::Override(format!("account {to} is already overridden")));
    }
    precompiles.relocate(from, to);
    Ok(())
}

fn one(overlay: &mut Overlay<'_>, address: Address, account: &AccountOverride) -> Result<(), CallError> {
    if account.state.is_some() && account.state_diff.is_some() {
        return Err(CallError::Override(format!("account {address} has both 'state' and 'stateDiff'")));
    }
    let AccountOverride { balance, nonce, code, state, state_diff, .. } = account;
    // What is only moved away does not come to be.
    let sets =
        balance.is_some() || nonce.is_some() || code.is_some() || state.is_some() || state_diff.is_some();
    if !sets {
        return Ok(());
    }
    overlay.set_account(address, *balance, *nonce, code.as_ref())?;
    if let Some(slots) = state {
        overlay.replace_storage(address)?;
        for (slot, value) in slots {
            overlay.set_slot(address, (*slot).into(), (*value).into())?;
        }
    }
    for (slot, value) in state_diff.iter().flatten() {
        overlay.set_slot(address, (*slot).into(), (*value).into())?;
    }
    Ok(())
}
