//! The contracts under load, deployed by CREATE2 so that their addresses are known when transactions are signed.

use alloy_primitives::{Address, B256, Bytes, address, keccak256};
use alloy_sol_types::{SolCall as _, sol};

/// Predeployed in every genesis of ours.
pub(crate) const DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
const TOKEN: &str = include_str!("../../../contracts/artifacts/BenchToken.creation.hex");
const FILLER: &str = include_str!("../../../contracts/artifacts/BenchFiller.creation.hex");

sol! {
    function mint(address[] to, uint256 value);
    function transfer(address to, uint256 value);
    function fill(uint256 count);
}

fn creation(hex: &str) -> Bytes {
    alloy_primitives::hex::decode(hex.trim()).unwrap_or_default().into()
}

fn deployed(hex: &str) -> Address {
    DEPLOYER.create2(B256::ZERO, keccak256(creation(hex)))
}

/// What the deployer is called with: salt and creation code.
fn deployment(hex: &str) -> Bytes {
    [B256::ZERO.as_slice(), &creation(hex)].concat().into()
}

pub(crate) fn token_address() -> Address {
    static AT: std::sync::LazyLock<Address> = std::sync::LazyLock::new(|| deployed(TOKEN));
    *AT
}

pub(crate) fn filler_address() -> Address {
    static AT: std::sync::LazyLock<Address> = std::sync::LazyLock::new(|| deployed(FILLER));
    *AT
}

pub(crate) fn deployments() -> [Bytes; 2] {
    [deployment(TOKEN), deployment(FILLER)]
}

pub(crate) fn mint(to: &[Address]) -> Bytes {
    mintCall { to: to.to_vec(), value: alloy_primitives::U256::from(1_000_000) }.abi_encode().into()
}

pub(crate) fn transfer(to: Address, value: u64) -> Bytes {
    transferCall { to, value: alloy_primitives::U256::from(value) }.abi_encode().into()
}

pub(crate) fn fill(count: u64) -> Bytes {
    fillCall { count: alloy_primitives::U256::from(count) }.abi_encode().into()
}
