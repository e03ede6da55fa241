//! What a block has read and changed so far, over the state of its parent. Dropping it leaves no trace.

use crate::{
    LedgerError,
    ledger::Chain,
    store::{codec::SlimAccount, view::StateView},
    trie::{
        ahead::{Ahead, Reading, Touched},
        root::{AccountDelta, NewCode},
    },
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256, map::HashMap};
use revm::{
    Database, DatabaseCommit, DatabaseRef,
    bytecode::Bytecode,
    primitives::AddressMap,
    state::{Account, AccountInfo},
};
use std::{collections::BTreeMap, sync::Arc};

/// The EVM's database for one block or one call.
pub(crate) struct Overlay<'a> {
    view: &'a StateView,
    chain: &'a Chain,
    accounts: HashMap<Address, Entry>,
    code: HashMap<B256, Bytecode>,
    /// Hashes that stand in for the chain's; once set, blocks that are nowhere have the hash zero instead of none.
    hashes: Option<BTreeMap<u64, B256>>,
    /// The first change that could not be applied; asked for at the end, since revm's commit cannot fail.
    failed: Option<LedgerError>,
    /// Told of each account and slot when it is first asked for.
    ahead: Option<Ahead>,
}

struct Entry {
    hashed: B256,
    original: Option<SlimAccount>,
    current: Option<AccountInfo>,
    wiped: bool,
    storage: HashMap<U256, Slot>,
}

struct Slot {
    original: U256,
    current: U256,
}

fn info(account: SlimAccount) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(view: &'a StateView, chain: &'a Chain) -> Self {
        Self {
            view,
            chain,
            accounts: HashMap::default(),
            code: HashMap::default(),
            hashes: None,
            failed: None,
            ahead: None,
        }
    }

    /// Lets the tries be read ahead while transactions run.
    pub(crate) fn read_ahead(&mut self, ahead: Ahead) {
        self.ahead = Some(ahead);
    }

    /// Ends that, and gives what was read.
    pub(crate) fn end_reading_ahead(&mut self) -> Option<Arc<Reading>> {
        self.ahead.take().map(Ahead::finish)
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, LedgerError> {
        use std::collections::hash_map::Entry as Slot;
        match self.accounts.entry(address) {
            Slot::Occupied(entry) => Ok(entry.into_mut()),
            Slot::Vacant(vacant) => {
                let hashed = keccak256(address);
                let original = self.view.account(&hashed)?;
                let current = original.map(info);
                if let Some(ahead) = &mut self.ahead {
                    ahead.touch(Touched::Account(hashed));
                }
                Ok(vacant.insert(Entry {
                    hashed,
                    original,
                    current,
                    wiped: false,
                    storage: HashMap::default(),
                }))
            }
        }
    }

    /// Adds to a balance out of nothing. It touches the account, which is gone if that leaves it empty (EIP-161).
    pub(crate) fn credit(
        &mut self,
        address: Address,
        amount: U256,
        clears_empty: bool,
    ) -> Result<(), LedgerError> {
        let entry = self.entry(address)?;
        let mut account = entry.current.take().unwrap_or_default();
        account.balance = account.balance.saturating_add(amount);
        entry.current = Some(account).filter(|account| !(clears_empty && account.is_empty()));
        Ok(())
    }

    /// What changed against the parent's state, and code that is new.
    pub(crate) fn into_changes(self) -> Result<(Vec<AccountDelta>, Vec<NewCode>), LedgerError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        Ok(self.changes())
    }

    /// The same while the block goes on.
    pub(crate) fn changes(&self) -> (Vec<AccountDelta>, Vec<NewCode>) {
        let deltas = self.accounts.values().filter_map(Entry::delta).collect();
        let code = self.code.iter().map(|(hash, code)| (*hash, code.original_bytes())).collect();
        (deltas, code)
    }

    /// The account's next nonce.
    pub(crate) fn nonce(&mut self, address: Address) -> Result<u64, LedgerError> {
        Ok(self.entry(address)?.current.as_ref().map_or(0, |account| account.nonce))
    }

    /// Sets parts of an account, which exists from then on.
    pub(crate) fn set_account(
        &mut self,
        address: Address,
        balance: Option<U256>,
        nonce: Option<u64>,
        code: Option<&Bytes>,
    ) -> Result<(), LedgerError> {
        let code = code.map(|code| {
            Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code.clone()))
        });
        let hash = code.as_ref().map(Bytecode::hash_slow);
        let account = self.entry(address)?.current.get_or_insert_default();
        account.balance = balance.unwrap_or(account.balance);
        account.nonce = nonce.unwrap_or(account.nonce);
        if let Some(hash) = hash {
            // Asked for by its hash, as that of any other account.
            (account.code_hash, account.code) = (hash, None);
        }
        self.code.extend(hash.zip(code));
        Ok(())
    }

    /// Empties an account's storage.
    pub(crate) fn replace_storage(&mut self, address: Address) -> Result<(), LedgerError> {
        self.entry(address)?.wipe();
        Ok(())
    }

    /// Sets one slot.
    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), LedgerError> {
        self.storage(address, slot)?;
        if let Some(slot) = self.entry(address)?.storage.get_mut(&slot) {
            slot.current = value;
        }
        Ok(())
    }

    /// BLOCKHASH as a block sees it that need not be on this chain.
    pub(crate) fn set_block_hashes(&mut self, hashes: BTreeMap<u64, B256>) {
        self.hashes.get_or_insert_default().extend(hashes);
    }

    fn hash_of(&self, number: u64) -> Result<B256, LedgerError> {
        if let Some(hash) = self.hashes.as_ref().and_then(|hashes| hashes.get(&number)) {
            return Ok(*hash);
        }
        if let Some(hash) = self.view.pending_hash(number) {
            return Ok(hash);
        }
        match self.chain.blocks.hash(number)? {
            Some(hash) => Ok(hash),
            None if self.hashes.is_some() => Ok(B256::ZERO),
            None => Err(LedgerError::UnknownBlock(number.to_string())),
        }
    }

    fn apply(&mut self, address: Address, account: Account) -> Result<(), LedgerError> {
        let entry = self.entry(address)?;
        if account.is_selfdestructed() || account.is_created() {
            entry.wipe();
        }
        // Touched and empty: gone (EIP-161). Before that, revm calls what is empty and stays created.
        if account.is_selfdestructed() || (account.is_empty() && !account.is_created()) {
            entry.current = None;
            return Ok(());
        }
        for (slot, value) in account.changed_storage_slots() {
            let original = if entry.wiped { U256::ZERO } else { value.original_value };
            let known = entry.storage.entry(*slot).or_insert(Slot { original, current: original });
            known.current = value.present_value;
        }
        let mut info = account.info;
        let code = info.code.take();
        let code_hash = info.code_hash;
        let is_new = entry.original.is_none_or(|original| original.code_hash != code_hash);
        entry.current = Some(info);
        if let Some(code) = code.filter(|_| is_new && code_hash != KECCAK256_EMPTY) {
            self.code.insert(code_hash, code);
        }
        Ok(())
    }
}

impl Entry {
    fn wipe(&mut self) {
        self.wiped = true;
        for slot in self.storage.values_mut() {
            slot.current = U256::ZERO;
        }
    }

    fn delta(&self) -> Option<AccountDelta> {
        // Of a wiped storage everything that is set counts as new, even what it was before.
        let wiped = self.wiped;
        let is_change =
            |slot: &Slot| if wiped { !slot.current.is_zero() } else { slot.original != slot.current };
        let changed = self.storage.iter().filter(|(_, slot)| is_change(slot));
        let mut slots: Vec<_> = changed
            .map(|(slot, value)| (keccak256(B256::from(*slot)), value.original, value.current))
            .collect();
        slots.sort_unstable_by_key(|(slot, _, _)| *slot);
        let next = self.current.as_ref().map(|info| SlimAccount {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            storage_root: self.original.unwrap_or_default().storage_root,
        });
        let same = next == self.original && slots.is_empty() && !self.wiped;
        (!same).then_some(AccountDelta {
            account: self.hashed,
            previous: self.original,
            next,
            wiped: self.wiped,
            slots,
        })
    }
}

impl Database for Overlay<'_> {
    type Error = LedgerError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, LedgerError> {
        Ok(self.entry(address)?.current.clone())
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, LedgerError> {
        if let Some(code) = self.code.get(&hash) {
            return Ok(code.clone());
        }
        self.chain.code(self.view, hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, LedgerError> {
        let view = self.view;
        let entry = self.entry(address)?;
        if let Some(slot) = entry.storage.get(&slot) {
            return Ok(slot.current);
        }
        let stored = entry.original.filter(|account| !entry.wiped && account.has_storage());
        let Some(account) = stored else {
            entry.storage.insert(slot, Slot { original: U256::ZERO, current: U256::ZERO });
            return Ok(U256::ZERO);
        };
        let (hashed, key) = (entry.hashed, keccak256(B256::from(slot)));
        let value = view.slot(&hashed, &key)?;
        entry.storage.insert(slot, Slot { original: value, current: value });
        if let Some(ahead) = &mut self.ahead {
            ahead.touch(Touched::Slot(hashed, account.storage_root, key));
        }
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, LedgerError> {
        self.hash_of(number)
    }
}

/// Reads that leave nothing behind, for tracers that ask what was there before.
impl DatabaseRef for Overlay<'_> {
    type Error = LedgerError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, LedgerError> {
        match self.accounts.get(&address) {
            Some(entry) => Ok(entry.current.clone()),
            None => Ok(self.view.account(&keccak256(address))?.map(info)),
        }
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, LedgerError> {
        match self.code.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.chain.code(self.view, hash),
        }
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, LedgerError> {
        let entry = self.accounts.get(&address);
        if let Some(known) = entry.and_then(|entry| entry.storage.get(&slot)) {
            return Ok(known.current);
        }
        if entry.is_some_and(|entry| entry.wiped) {
            return Ok(U256::ZERO);
        }
        self.view.slot(&keccak256(address), &keccak256(B256::from(slot)))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, LedgerError> {
        self.hash_of(number)
    }
}

impl DatabaseCommit for Overlay<'_> {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if account.is_touched()
                && let Err(error) = self.apply(address, account)
            {
                self.failed.get_or_insert(error);
            }
        }
    }
}
