//! Committing a sealed block.

use crate::{
    Block, CommitError, CommittedBlock, HeadInfo, InvalidBlock, Ledger,
    execute::block::Executed,
    ledger::{Chain, Head},
    reseat::undecided,
    validate::{check_body, check_rules, execute},
};
use alloy_consensus::{Header, proofs};
use alloy_primitives::{Address, B256};
use chain::{Extra, genesis::Engine, hash, quorum::quorum, signature};
use rayon::prelude::*;
use std::sync::Arc;

impl Ledger {
    /// Checks the seals, executes what was not executed before, then moves the head. When it returns every read sees the
    /// block; block and state are written behind it ([`Ledger::durable`]), and a commit waits where that is too far behind.
    pub fn commit(&self, sealed: Block) -> Result<Arc<CommittedBlock>, CommitError> {
        let chain = &*self.chain;
        let _one_at_a_time = chain.committing.lock();
        let parent = chain.head();
        check_place(&parent, &sealed.header)?;
        let hash = chain.genesis.block_hash(&sealed.header).map_err(CommitError::ExtraData)?;
        match chain.genesis.engine {
            Engine::Qbft => {
                let validators = parent.validators_of(chain, &sealed.header).map_err(undecided)?;
                check_seals(&sealed.header, &validators)?;
            }
            Engine::Ethereum => {}
        }
        let candidate = chain.candidates.get(&hash);
        check_contents(chain, &sealed, candidate.as_deref())?;
        let executed = match candidate {
            Some(executed) => executed,
            None => Arc::new(run(chain, &parent, &sealed, hash)?),
        };
        chain.state.room()?;
        let header = Arc::new(sealed.header.clone());
        let committed = Arc::new(committed(sealed, hash, &executed));
        chain.blocks.append(Arc::clone(&committed))?;
        chain.advance(HeadInfo { number: header.number, hash, header }, executed)?;
        Ok(committed)
    }
}

pub(crate) fn check_place(parent: &Head, header: &Header) -> Result<(), CommitError> {
    let want = parent.info.number + 1;
    if header.number != want {
        return Err(CommitError::NotNext { got: header.number, want });
    }
    if header.parent_hash != parent.info.hash {
        return Err(CommitError::Parent { got: header.parent_hash, want: parent.info.hash });
    }
    Ok(())
}

/// At least a quorum of seals, each over the commit hash of the header's round, each of another validator
/// (`qbft-facts` §1.5, as strict as Besu).
pub(crate) fn check_seals(header: &Header, validators: &[Address]) -> Result<(), CommitError> {
    // Refused before paying for their recovery.
    let extra = count_seals(header, validators.len())?;
    let signed = hash::commit_hash(header, extra.round).map_err(CommitError::ExtraData)?;
    let recovered = extra.seals.par_iter().enumerate().map(|(index, seal)| {
        signature::recover(signed, seal).map_err(|source| CommitError::Seal { index, source })
    });
    // All are looked at, so that every node tells of the same one.
    let recovered: Vec<Result<Address, CommitError>> = recovered.collect();
    let mut signers = recovered.into_iter().collect::<Result<Vec<Address>, _>>()?;
    if let Some(foreign) = signers.iter().find(|signer| !validators.contains(signer)) {
        return Err(CommitError::ForeignSeal(*foreign));
    }
    signers.sort_unstable();
    let twice = signers.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map_or(Ok(()), |pair| Err(CommitError::DuplicateSeal(pair[0])))
}

/// As many seals as can make a quorum of these validators; whose they are is not looked at.
pub(crate) fn count_seals(header: &Header, validators: usize) -> Result<Extra, CommitError> {
    let extra = Extra::decode_exact(&header.extra_data).map_err(CommitError::ExtraData)?;
    let (got, want) = (extra.seals.len(), quorum(validators));
    if got < want || want == 0 {
        return Err(CommitError::Seals { got, want, validators });
    }
    if got > validators {
        return Err(CommitError::TooManySeals { got, validators });
    }
    Ok(extra)
}

/// The body is the one that was sealed. Nobody sealed a wrong one, so a mismatch is the deliverer's fault. Transactions
/// that were executed under this header need no second root.
pub(crate) fn check_contents(
    chain: &Chain,
    sealed: &Block,
    executed: Option<&Executed>,
) -> Result<(), CommitError> {
    check_body(chain, sealed).map_err(|reason| CommitError::Body {
        field: "ommers and withdrawals",
        got: reason.to_string(),
        want: "what its header says".to_string(),
    })?;
    if executed.is_some_and(|executed| executed.is_of(&sealed.body.transactions)) {
        return Ok(());
    }
    let (got, want) =
        (proofs::calculate_transaction_root(&sealed.body.transactions), sealed.header.transactions_root);
    if got == want {
        return Ok(());
    }
    Err(CommitError::Body { field: "transactionsRoot", got: got.to_string(), want: want.to_string() })
}

/// Executes a block that a quorum sealed: whatever is wrong with it now is wrong with this node.
fn run(chain: &Chain, parent: &Head, sealed: &Block, hash: B256) -> Result<Executed, CommitError> {
    let header = &sealed.header;
    let executed = check_rules(chain, parent, header).and_then(|()| execute(chain, parent, sealed, hash));
    executed.map_err(|reason| match reason {
        InvalidBlock::Ledger(error) => CommitError::Ledger(error),
        reason => CommitError::Diverged { number: header.number, hash, reason: Box::new(reason) },
    })
}

pub(crate) fn committed(block: Block, hash: B256, executed: &Executed) -> CommittedBlock {
    let Executed { transaction_hashes, senders, receipts, .. } = executed;
    CommittedBlock {
        block,
        hash,
        transaction_hashes: Arc::clone(transaction_hashes),
        senders: Arc::clone(senders),
        receipts: Arc::clone(receipts),
    }
}
