//! Which block peers are shown as the newest: one whose own seals are known to be right, since whoever fetches it checks them.

use crate::{At, HeadInfo, Ledger, LedgerError, commit::check_seals, ledger::Head, segment::CERTIFIED_EVERY};
use alloy_primitives::Address;
use chain::genesis::Engine;
use std::sync::{Arc, OnceLock};

impl Ledger {
    /// The newest block whose own seals were checked: the head, unless it is one that later blocks vouch for
    /// ([`Ledger::vouch`]) and these are still being fetched.
    pub fn sealed_head(&self) -> HeadInfo {
        let head = self.chain.head();
        head.sealed.clone().unwrap_or_else(|| head.info.clone())
    }

    /// Finds out after a start what a node that stopped between such a block and the next knew.
    pub(crate) fn find_sealed_head(&self) -> Result<(), LedgerError> {
        let head = self.chain.head();
        let number = head.info.number;
        if self.chain.genesis.engine == Engine::Ethereum || number == 0 || self.is_sealed(&head) {
            return Ok(());
        }
        let certified = (number - 1) / CERTIFIED_EVERY * CERTIFIED_EVERY;
        let at = At::Number(certified.max(self.earliest_block()));
        let Some((header, hash)) = self.hashed_header(at)? else { return Ok(()) };
        let shown = header.number;
        tracing::warn!(head = number, shown, "the head's seals do not hold, peers are shown an older block");
        let sealed = Some(HeadInfo { number: shown, hash, header: Arc::new(header) });
        let (info, view) = (head.info.clone(), head.view.clone());
        let (next, tally) = (head.next.clone(), head.tally.clone());
        *self.chain.head.write() = Arc::new(Head { info, view, next, tally, sealed });
        Ok(())
    }

    /// Whether the head's own seals hold. The set is most often that of the next height, which is asked for anyway; where the
    /// one before cannot be read, nothing speaks against them.
    fn is_sealed(&self, head: &Head) -> bool {
        let by = |validators: &[Address]| check_seals(&head.info.header, validators).is_ok();
        if head.validators(&self.chain).is_ok_and(|validators| by(&validators)) {
            return true;
        }
        let Ok(Some(parent)) = self.parent_of(head) else { return true };
        parent.validators_of(&self.chain, &head.info.header).map_or(true, |validators| by(&validators))
    }

    /// The head before this one.
    fn parent_of(&self, head: &Head) -> Result<Option<Head>, LedgerError> {
        let number = head.info.number.saturating_sub(1);
        let (view, header) = self.state_on(head, number)?;
        let Some(hash) = self.chain.blocks.hash(number)? else { return Ok(None) };
        let info = HeadInfo { number, hash, header };
        Ok(Some(Head { info, view, next: OnceLock::new(), tally: OnceLock::new(), sealed: None }))
    }
}
