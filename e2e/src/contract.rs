//! One storage slot as a contract: empty call data reads it; 32 bytes of call data set it and are logged.
//!
//! ```text
//! CALLDATASIZE PUSH1 set JUMPI      PUSH0 SLOAD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
//! set: JUMPDEST PUSH0 CALLDATALOAD  DUP1 PUSH0 SSTORE  PUSH0 MSTORE PUSH1 32 PUSH0 LOG0  STOP
//! ```

use alloy_primitives::{B256, Bytes, U256, bytes};

/// Code that deploys the contract: nine bytes that return the 25 after them.
pub const REGISTER: Bytes = bytes!("60198060095f395ff336600c575f545f5260205ff35b5f35805f555f5260205fa000");

/// Call data that sets the slot.
#[must_use]
pub fn set(value: u64) -> Bytes {
    B256::from(U256::from(value)).0.into()
}
