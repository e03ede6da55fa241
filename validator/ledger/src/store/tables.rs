//! Every table of both files. Integers in keys are big-endian where order matters across a prefix.

use redb::TableDefinition;

/// A trie path as a key: nibbles packed and padded to 32 bytes, then their number; so a prefix sorts before what
/// extends it.
pub(crate) type PathKey = [u8; 33];
/// `keccak(address) ‖ PathKey`.
pub(crate) type StoragePathKey = [u8; 65];
/// `keccak(address) ‖ keccak(slot)`.
pub(crate) type SlotKey = [u8; 64];
/// `keccak(address) ‖ be64(block)`.
pub(crate) type AccountHistoryKey = [u8; 40];
/// `SlotKey ‖ be64(block)`.
pub(crate) type SlotHistoryKey = [u8; 72];

/// blocks: number → on-chain hash ‖ header RLP.
pub(crate) const HEADERS: TableDefinition<u64, &[u8]> = TableDefinition::new("headers");
/// blocks: number → body RLP.
pub(crate) const BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("bodies");
/// blocks: on-chain hash → number.
pub(crate) const NUMBERS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("numbers");

/// both: name → value.
pub(crate) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

/// state: keccak(address) → account.
pub(crate) const ACCOUNTS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("accounts");
/// state: slot → value without leading zeros.
pub(crate) const STORAGE: TableDefinition<&SlotKey, &[u8]> = TableDefinition::new("storage");
/// state: code hash → code.
pub(crate) const CODE: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("code");
/// state: path → branch of the account trie.
pub(crate) const ACCOUNT_NODES: TableDefinition<&PathKey, &[u8]> = TableDefinition::new("account_nodes");
/// state: account and path → branch of its storage trie.
pub(crate) const STORAGE_NODES: TableDefinition<&StoragePathKey, &[u8]> =
    TableDefinition::new("storage_nodes");
/// state: account and block → account before that block, empty when it did not exist.
pub(crate) const ACCOUNT_HISTORY: TableDefinition<&AccountHistoryKey, &[u8]> =
    TableDefinition::new("account_history");
/// state: slot and block → value before that block, empty for zero.
pub(crate) const SLOT_HISTORY: TableDefinition<&SlotHistoryKey, &[u8]> = TableDefinition::new("slot_history");
/// state: block → keys it changed, for pruning.
pub(crate) const CHANGED: TableDefinition<u64, &[u8]> = TableDefinition::new("changed");
/// state: block and part → more of these keys, where a block changed many.
pub(crate) const CHANGED_MORE: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("changed_more");
/// state: block → receipts without blooms.
pub(crate) const RECEIPTS: TableDefinition<u64, &[u8]> = TableDefinition::new("receipts");
/// state: block → 20 bytes per sender.
pub(crate) const SENDERS: TableDefinition<u64, &[u8]> = TableDefinition::new("senders");
/// state: transaction hash → block, index.
pub(crate) const TRANSACTIONS: TableDefinition<&[u8; 32], (u64, u32)> = TableDefinition::new("transactions");

/// META of blocks: hash of the genesis block.
pub(crate) const GENESIS: &str = "genesis";
/// META of state: number, hash and root of the block whose state this is.
pub(crate) const STATE_HEAD: &str = "state_head";
/// META of state: changes up to and including this block are no longer kept.
pub(crate) const PRUNED: &str = "pruned";
