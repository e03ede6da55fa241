//! Bytes of the values.

use super::tables::{PathKey, SlotKey, StoragePathKey};
use crate::{LedgerError, Receipt};
use alloy_consensus::{Eip658Value, TxReceipt as _, TxType};
use alloy_primitives::{B256, Bloom, KECCAK256_EMPTY, Log, U256};
use alloy_rlp::{BufMut, Decodable, Encodable, Header};
use alloy_trie::{BranchNodeCompact, EMPTY_ROOT_HASH, Nibbles, TrieAccount, TrieMask};

/// An account as the flat table holds it: with its storage root, so that a walk over unchanged siblings needs no other
/// table (`node-facts` D.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlimAccount {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) storage_root: B256,
}

impl Default for SlimAccount {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY, storage_root: EMPTY_ROOT_HASH }
    }
}

const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;

impl SlimAccount {
    /// Flags, RLP nonce, RLP balance, then code hash and storage root where they are not the empty ones.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut flags = 0;
        if self.code_hash != KECCAK256_EMPTY {
            flags |= HAS_CODE;
        }
        if self.storage_root != EMPTY_ROOT_HASH {
            flags |= HAS_STORAGE;
        }
        let mut out = Vec::with_capacity(108);
        out.push(flags);
        self.nonce.encode(&mut out);
        self.balance.encode(&mut out);
        if flags & HAS_CODE != 0 {
            out.extend_from_slice(self.code_hash.as_slice());
        }
        if flags & HAS_STORAGE != 0 {
            out.extend_from_slice(self.storage_root.as_slice());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        Self::parse(bytes).map_err(|_| LedgerError::Corrupt { what: "account" })
    }

    fn parse(bytes: &[u8]) -> alloy_rlp::Result<Self> {
        let (flags, mut rest) = bytes.split_first().ok_or(alloy_rlp::Error::InputTooShort)?;
        let nonce = u64::decode(&mut rest)?;
        let balance = U256::decode(&mut rest)?;
        let code_hash = take_hash(&mut rest, flags & HAS_CODE != 0, KECCAK256_EMPTY)?;
        let storage_root = take_hash(&mut rest, flags & HAS_STORAGE != 0, EMPTY_ROOT_HASH)?;
        if rest.is_empty() {
            Ok(Self { nonce, balance, code_hash, storage_root })
        } else {
            Err(alloy_rlp::Error::UnexpectedLength)
        }
    }

    pub(crate) fn has_storage(&self) -> bool {
        self.storage_root != EMPTY_ROOT_HASH
    }

    /// The leaf of the account trie.
    pub(crate) fn leaf(&self) -> Vec<u8> {
        let account = TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage_root,
            code_hash: self.code_hash,
        };
        alloy_rlp::encode(account)
    }
}

fn take_hash(rest: &mut &[u8], present: bool, absent: B256) -> alloy_rlp::Result<B256> {
    if !present {
        return Ok(absent);
    }
    let (hash, tail) = rest.split_at_checked(32).ok_or(alloy_rlp::Error::InputTooShort)?;
    *rest = tail;
    Ok(B256::from_slice(hash))
}

/// A slot's value without leading zeros; empty for zero.
pub(crate) fn encode_slot(value: U256) -> Vec<u8> {
    value.to_be_bytes_trimmed_vec()
}

pub(crate) fn decode_slot(bytes: &[u8]) -> Result<U256, LedgerError> {
    U256::try_from_be_slice(bytes).ok_or(LedgerError::Corrupt { what: "storage slot" })
}

pub(crate) fn slot_key(account: &B256, slot: &B256) -> SlotKey {
    let mut key = [0; 64];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(slot.as_slice());
    key
}

/// `key ‖ be64(block)`; `M` is `N + 8`.
pub(crate) fn history_key<const N: usize, const M: usize>(key: &[u8; N], block: u64) -> [u8; M] {
    let mut out = [0; M];
    out[..N].copy_from_slice(key);
    out[N..].copy_from_slice(&block.to_be_bytes());
    out
}

pub(crate) fn path_key(path: &Nibbles) -> PathKey {
    let mut key = [0; 33];
    path.pack_to(&mut key[..path.len().div_ceil(2)]);
    // A path is at most 64 nibbles, which its type guarantees.
    key[32] = u8::try_from(path.len()).unwrap_or(u8::MAX);
    key
}

pub(crate) fn path_from_key(key: &PathKey) -> Nibbles {
    Nibbles::unpack(&key[..32]).slice(..usize::from(key[32]).min(64))
}

pub(crate) fn storage_path_key(account: &B256, path: &PathKey) -> StoragePathKey {
    let mut key = [0; 65];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(path);
    key
}

/// Three masks, then the hashes.
pub(crate) fn encode_node(node: &BranchNodeCompact) -> Vec<u8> {
    let mut out = Vec::with_capacity(6 + node.hashes.len() * 32);
    for mask in [node.state_mask, node.tree_mask, node.hash_mask] {
        out.extend_from_slice(&mask.get().to_be_bytes());
    }
    for hash in node.hashes.iter() {
        out.extend_from_slice(hash.as_slice());
    }
    out
}

pub(crate) fn decode_node(bytes: &[u8]) -> Result<BranchNodeCompact, LedgerError> {
    let corrupt = LedgerError::Corrupt { what: "trie node" };
    let Some((masks, hashes)) = bytes.split_at_checked(6) else { return Err(corrupt) };
    let [state, tree, hash] = [0, 2, 4].map(|i| TrieMask::new(u16::from_be_bytes([masks[i], masks[i + 1]])));
    let hashes: Vec<B256> = hashes.chunks_exact(32).map(B256::from_slice).collect();
    let whole = bytes.len() == 6 + hashes.len() * 32;
    let fits = hash.count_ones() as usize == hashes.len();
    if whole && fits && tree.is_subset_of(state) && hash.is_subset_of(state) {
        Ok(BranchNodeCompact::new(state, tree, hash, hashes, None))
    } else {
        Err(corrupt)
    }
}

/// Receipts as a list of `[type, status, cumulative gas, logs]`; blooms are cheaper to recompute than to store.
pub(crate) fn encode_receipts(receipts: &[Receipt]) -> Vec<u8> {
    let mut payload = Vec::new();
    for receipt in receipts {
        let fields = (receipt.tx_type() as u8, receipt.status_or_post_state(), receipt.cumulative_gas_used());
        let logs = receipt.logs();
        let payload_length = fields.0.length() + fields.1.length() + fields.2.length() + list_length(logs);
        Header { list: true, payload_length }.encode(&mut payload);
        fields.0.encode(&mut payload);
        fields.1.encode(&mut payload);
        fields.2.encode(&mut payload);
        alloy_rlp::encode_list::<Log, Log>(logs, &mut payload);
    }
    let mut out = Vec::with_capacity(payload.len() + 5);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.put_slice(&payload);
    out
}

fn list_length(logs: &[Log]) -> usize {
    alloy_rlp::list_length::<Log, Log>(logs)
}

pub(crate) fn decode_receipts(mut bytes: &[u8]) -> Result<Vec<Receipt>, LedgerError> {
    let corrupt = |_| LedgerError::Corrupt { what: "receipts" };
    let mut items = Header::decode_bytes(&mut bytes, true).map_err(corrupt)?;
    let mut receipts = Vec::new();
    while !items.is_empty() {
        receipts.push(decode_receipt(&mut items).map_err(corrupt)?);
    }
    Ok(receipts)
}

fn decode_receipt(items: &mut &[u8]) -> alloy_rlp::Result<Receipt> {
    let mut fields = Header::decode_bytes(items, true)?;
    let ty = u8::decode(&mut fields)?;
    let ty = TxType::try_from(ty).map_err(|_| alloy_rlp::Error::Custom("transaction type"))?;
    let status = Eip658Value::decode(&mut fields)?;
    let cumulative_gas_used = u64::decode(&mut fields)?;
    let logs = Vec::<Log>::decode(&mut fields)?;
    Ok(receipt(ty, status, cumulative_gas_used, logs))
}

/// A receipt with its bloom.
pub(crate) fn receipt(ty: TxType, status: Eip658Value, cumulative_gas_used: u64, logs: Vec<Log>) -> Receipt {
    let receipt = alloy_consensus::Receipt { status, cumulative_gas_used, logs };
    let logs_bloom: Bloom = receipt.logs.iter().collect();
    Receipt::from_typed(ty, alloy_consensus::ReceiptWithBloom { receipt, logs_bloom })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, Bytes};

    #[test]
    fn an_account_reads_back_with_and_without_code_and_storage() {
        let plain = SlimAccount { nonce: 7, balance: U256::from(1_000_000), ..SlimAccount::default() };
        let contract =
            SlimAccount { code_hash: B256::repeat_byte(1), storage_root: B256::repeat_byte(2), ..plain };
        for account in [SlimAccount::default(), plain, contract] {
            assert_eq!(SlimAccount::decode(&account.encode()).unwrap(), account);
        }
        assert!(SlimAccount::decode(&contract.encode()[..40]).is_err());
    }

    #[test]
    fn a_path_key_sorts_a_prefix_before_its_extensions_and_reads_back() {
        let paths =
            [&[][..], &[1], &[1, 0], &[1, 0, 0], &[1, 0, 5], &[1, 1], &[2]].map(Nibbles::from_nibbles);
        let keys = paths.map(|path| path_key(&path));
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| path_from_key(&key)), paths);
    }

    #[test]
    fn receipts_read_back_with_their_blooms() {
        let log =
            Log::new_unchecked(Address::repeat_byte(3), vec![B256::repeat_byte(4)], Bytes::from_static(b"x"));
        let receipts = vec![
            receipt(TxType::Legacy, Eip658Value::Eip658(true), 21_000, vec![]),
            receipt(TxType::Legacy, Eip658Value::PostState(B256::repeat_byte(5)), 30_000, vec![]),
            receipt(TxType::Eip1559, Eip658Value::Eip658(false), 50_000, vec![log.clone(), log]),
        ];
        assert_eq!(decode_receipts(&encode_receipts(&receipts)).unwrap(), receipts);
        assert!(decode_receipts(&[0xc2, 0x01]).is_err());
    }
}
