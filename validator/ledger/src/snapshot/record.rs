//! Records of the state, and the order they must have.

use super::SnapshotError;
use crate::store::codec::SlimAccount;
use alloy_primitives::{B256, Bytes, U256, keccak256};

const CODE: u8 = 1;
const ACCOUNT: u8 = 2;
const SLOT: u8 = 3;

/// One thing of the state.
pub(super) enum Record {
    Code(B256, Bytes),
    Account(B256, SlimAccount),
    /// Of the account before.
    Slot(B256, U256),
}

pub(super) fn put_code(out: &mut Vec<u8>, code: &[u8]) {
    out.push(CODE);
    out.extend_from_slice(&u32::try_from(code.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(code);
}

pub(super) fn put_account(out: &mut Vec<u8>, key: &B256, account: &SlimAccount) {
    put_short(out, ACCOUNT, key, &account.encode());
}

pub(super) fn put_slot(out: &mut Vec<u8>, key: &B256, value: U256) {
    put_short(out, SLOT, key, &value.to_be_bytes_trimmed_vec());
}

fn put_short(out: &mut Vec<u8>, tag: u8, key: &B256, value: &[u8]) {
    out.push(tag);
    out.extend_from_slice(key.as_slice());
    // An account has 108 bytes at most, a slot 32.
    out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(value);
}

/// Reads the records of one frame, and remembers what must come before the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) account: Option<B256>,
    pub(super) slot: Option<B256>,
}

impl Order {
    /// The next record of a frame.
    pub(super) fn next(&mut self, frame: u64, rest: &mut &[u8]) -> Result<Option<Record>, SnapshotError> {
        let Some((tag, mut tail)) = rest.split_first() else { return Ok(None) };
        let malformed = |what| SnapshotError::Malformed { frame, what };
        let record = match *tag {
            CODE => {
                let code = long(&mut tail).ok_or(malformed("code that ends too early"))?;
                Record::Code(keccak256(code), Bytes::copy_from_slice(code))
            }
            ACCOUNT => {
                let (key, value) = short(&mut tail).ok_or(malformed("account that ends too early"))?;
                let account =
                    SlimAccount::decode(value).map_err(|_| malformed("account that does not decode"))?;
                if self.account.is_some_and(|before| key <= before) {
                    return Err(malformed("accounts out of order"));
                }
                *self = Self { account: Some(key), slot: None };
                Record::Account(key, account)
            }
            SLOT => {
                let (key, value) = short(&mut tail).ok_or(malformed("slot that ends too early"))?;
                let value = U256::try_from_be_slice(value).filter(|number| {
                    !number.is_zero() && number.to_be_bytes_trimmed_vec().len() == value.len()
                });
                if self.account.is_none() || self.slot.is_some_and(|before| key <= before) {
                    return Err(malformed("slots out of order"));
                }
                self.slot = Some(key);
                Record::Slot(key, value.ok_or(malformed("slot whose value is not canonical"))?)
            }
            _ => return Err(malformed("record of an unknown kind")),
        };
        *rest = tail;
        Ok(Some(record))
    }
}

fn long<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (code, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = tail;
    Some(code)
}

fn short<'a>(rest: &mut &'a [u8]) -> Option<(B256, &'a [u8])> {
    let (key, tail) = rest.split_at_checked(32)?;
    let (length, tail) = tail.split_first()?;
    let (value, tail) = tail.split_at_checked(usize::from(*length))?;
    *rest = tail;
    Some((B256::from_slice(key), value))
}
