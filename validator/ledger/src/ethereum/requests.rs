//! Requests from contracts to the beacon chain and the hash over them (EIP-7685, EIP-6110).

use crate::{InvalidBlock, Receipt};
use alloy_primitives::{Address, B256, b256};
use sha2::{Digest, Sha256};

/// `keccak("DepositEvent(bytes,bytes,bytes,bytes,bytes)")`.
const DEPOSIT_EVENT: B256 = b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
/// Offset and size of each field of the event as the ABI puts them: key, credentials, amount, signature, index.
const DEPOSIT_FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];
const DEPOSIT_BYTES: usize = 576;

/// Deposits that a block's logs announce, one after the other.
pub(crate) fn deposits(contract: Address, receipts: &[Receipt]) -> Result<Vec<u8>, InvalidBlock> {
    let mut found = Vec::new();
    for log in receipts.iter().flat_map(Receipt::logs) {
        if log.address == contract && log.topics().first() == Some(&DEPOSIT_EVENT) {
            let layout =
                || InvalidBlock::System { contract, reason: "emits a deposit of another layout".into() };
            found.extend(deposit(&log.data.data).ok_or_else(layout)?);
        }
    }
    Ok(found)
}

/// The five fields, if they stand where the ABI puts them.
fn deposit(data: &[u8]) -> Option<Vec<u8>> {
    if data.len() != DEPOSIT_BYTES {
        return None;
    }
    let word = |at: usize| {
        let (high, low) = data.get(at..at.checked_add(32)?)?.split_last_chunk::<8>()?;
        let value = usize::try_from(u64::from_be_bytes(*low)).ok()?;
        high.iter().all(|byte| *byte == 0).then_some(value)
    };
    let mut out = Vec::with_capacity(192);
    for (index, (offset, size)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        if word(index * 32)? != offset || word(offset)? != size {
            return None;
        }
        out.extend_from_slice(data.get(offset + 32..offset + 32 + size)?);
    }
    Some(out)
}

/// SHA-256 over the SHA-256 of each request list that is not empty, its type in front.
pub(crate) fn hash(requests: &[(u8, Vec<u8>)]) -> B256 {
    let mut all = Sha256::new();
    for (ty, data) in requests.iter().filter(|(_, data)| !data.is_empty()) {
        all.update(Sha256::new().chain_update([*ty]).chain_update(data).finalize());
    }
    B256::new(all.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::genesis::EMPTY_REQUESTS_HASH;

    fn event() -> Vec<u8> {
        let mut data = vec![0; DEPOSIT_BYTES];
        for (index, (offset, size)) in DEPOSIT_FIELDS.into_iter().enumerate() {
            data[index * 32 + 24..index * 32 + 32].copy_from_slice(&(offset as u64).to_be_bytes());
            data[offset + 24..offset + 32].copy_from_slice(&(size as u64).to_be_bytes());
            data[offset + 32..offset + 32 + size].fill([1, 2, 3, 4, 5][index]);
        }
        data
    }

    #[test]
    fn no_requests_hash_to_sha256_of_nothing_and_empty_lists_do_not_count() {
        assert_eq!(hash(&[]), EMPTY_REQUESTS_HASH);
        assert_eq!(hash(&[(0, vec![]), (1, vec![])]), EMPTY_REQUESTS_HASH);
        assert_ne!(hash(&[(0, vec![1])]), hash(&[(1, vec![1])]));
    }

    #[test]
    fn a_deposit_is_its_five_fields_in_order_and_any_other_layout_is_refused() {
        let want: Vec<u8> =
            [(48, 1), (32, 2), (8, 3), (96, 4), (8, 5)].iter().flat_map(|(n, b)| vec![*b; *n]).collect();
        assert_eq!(deposit(&event()).unwrap(), want);
        for at in [0, 31, 160 + 31, 512] {
            let mut other = event();
            other[at] ^= 1;
            assert_eq!(deposit(&other), None, "byte {at}");
        }
        assert_eq!(deposit(&event()[1..]), None);
    }
}
