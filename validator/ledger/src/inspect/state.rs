//! Whether the stored state is that of its block: every root worked out from the leaves again, and every stored branch
//! compared with the one that follows from them.

use super::{
    Files, InspectError,
    pass::{Leaves, PARTS, Pass},
    record::Record,
};
use crate::store::{codec::SlimAccount, state::StateHead, view::StateView};
use alloy_primitives::{B256, KECCAK256_EMPTY, keccak256};
use rayon::prelude::*;

/// What was found right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Block whose state it is.
    pub block: u64,
    /// Accounts.
    pub accounts: u64,
    /// Slots.
    pub slots: u64,
    /// Parts, of 256, that an earlier run found right and this one did not read.
    pub earlier: u16,
}

impl Files {
    /// Checks the state: storage roots, code, the state root, and the branches between. `progress` hears of the parts
    /// checked and of how many there are. Goes on where an earlier run was cut off, by a record beside the file, unless it is
    /// to begin `anew` or the record is of another file or head.
    pub fn verify_state(
        &self,
        anew: bool,
        mut progress: impl FnMut(u16, u16),
    ) -> Result<Verified, InspectError> {
        let head = self.state_head()?.ok_or(InspectError::NoState)?;
        let (header, hash) =
            self.blocks.header(head.number)?.ok_or(InspectError::NoBlock { number: head.number })?;
        let check = |what: &str, got: B256, want: B256| same(&head, what, got, want);
        check("block hash", head.hash, hash)?;
        check("state root", head.root, header.state_root)?;
        let view = self.state.view()?;
        let trie = view.account_trie();
        let mut pass = Pass::over("account", &trie)?;
        let mut verified = Verified { block: head.number, ..Verified::default() };
        let [_, state] = &self.paths;
        let mut record = Record::of(state, &head)?;
        if !anew && record.resume(&mut pass, &mut verified) {
            verified.earlier = pass.done;
        }
        while let Some(leaves) = pass.next_part()? {
            verified.slots += check_accounts(&view, &head, &leaves)?;
            verified.accounts += leaves.len() as u64;
            record.keep(&pass, &verified);
            progress(pass.done, PARTS);
        }
        check("state root worked out from the accounts", pass.root()?, header.state_root)?;
        record.forget();
        Ok(verified)
    }
}

/// Storage and code of some accounts; how many slots they have.
fn check_accounts(view: &StateView, head: &StateHead, leaves: &Leaves) -> Result<u64, InspectError> {
    let one = |(account, _): &(B256, Vec<u8>)| {
        let stored = view.account(account)?.unwrap_or_default();
        check_code(view, head, &stored)?;
        if !stored.has_storage() {
            return Ok(0);
        }
        let (name, trie) = (format!("storage of {account}"), view.storage_trie(*account));
        let mut pass = Pass::over(&name, &trie)?;
        let mut slots = 0;
        while let Some(leaves) = pass.next_part()? {
            slots += leaves.len() as u64;
        }
        let root = pass.root()?;
        same(head, &format!("storage root of {account}"), root, stored.storage_root)?;
        Ok(slots)
    };
    leaves.par_iter().map(one).sum()
}

fn check_code(view: &StateView, head: &StateHead, account: &SlimAccount) -> Result<(), InspectError> {
    if account.code_hash == KECCAK256_EMPTY {
        return Ok(());
    }
    let code = view.code(&account.code_hash)?;
    same(head, "code hash", code.map_or(B256::ZERO, keccak256), account.code_hash)
}

fn same(head: &StateHead, what: &str, got: B256, want: B256) -> Result<(), InspectError> {
    if got == want {
        return Ok(());
    }
    let (got, want) = (got.to_string(), want.to_string());
    Err(InspectError::State { number: head.number, what: what.to_string(), got, want })
}
