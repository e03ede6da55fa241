//! What a contract said when it reverted: `Error(string)` and `Panic(uint256)` in go-ethereum's words.

use super::error::Failure;
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{Panic, Revert, SolError};

/// Longest reason that is repeated in the message; the data has it whole.
const MAX_REASON_CHARS: usize = 1024;

/// The error for revert data.
pub(super) fn failure(data: Bytes) -> Failure {
    let message = match reason(&data) {
        Some(reason) => {
            let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
            format!("execution reverted: {reason}")
        }
        None => "execution reverted".to_string(),
    };
    Failure::Revert { message, data }
}

fn reason(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(revert.reason);
    }
    Panic::abi_decode(data).ok().map(|panic| panic_text(panic.code))
}

/// Solidity's panic codes.
fn panic_text(code: U256) -> String {
    let text = match u64::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn reverts_are_worded_as_go_ethereum_does() {
        let error = hex!(
            "08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000046e6f7065000000000000000000000000000000000000000000000000000000 00"
        );
        let panic = hex!("4e487b710000000000000000000000000000000000000000000000000000000000000011");
        let table: [(&[u8], &str); 4] = [
            (&error, "execution reverted: nope"),
            (&panic, "execution reverted: arithmetic underflow or overflow"),
            (&[], "execution reverted"),
            (&hex!("deadbeef"), "execution reverted"),
        ];
        for (data, want) in table {
            assert_eq!(failure(Bytes::copy_from_slice(data)).to_string(), want);
        }
    }
}
