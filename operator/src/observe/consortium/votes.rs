//! The admin account's votes: kept in memory while the process lives, read from the chain when it begins.

use super::super::network::key;
use crate::{
    chain_access::{Chain, ChainError},
    context::Context,
};
use alloy_primitives::{Address, B256};
use chain::governance::Status;
use operator_core::{
    cache::KeptVotes,
    observed::{AdminObserved, Governance, MemberObserved},
    validate::{AdminAccount, ValidConsortium},
    votes::{Aim, History},
};
use std::collections::BTreeSet;

/// What was known before the contract was read.
pub(super) struct Before {
    /// Hash of block 0.
    pub(super) genesis: B256,
    /// The admin account.
    pub(super) admin: Address,
    /// Its next nonce.
    pub(super) nonce: u64,
    /// A transaction of it is waited for.
    pub(super) in_flight: bool,
    /// A block that the nonce has counted.
    pub(super) head: u64,
}

/// Reads on from where the last pass ended.
pub(super) async fn read(
    context: &Context,
    valid: &ValidConsortium,
    chain: &Chain<'_>,
    view: &Governance,
    before: &Before,
) -> Result<AdminObserved, ChainError> {
    let Some(us) = view.members.iter().find(|member| member.admin == before.admin) else {
        return Ok(AdminObserved { nonce: before.nonce, ..AdminObserved::default() });
    };
    let network = key(&valid.namespace, &valid.name);
    let known = context.cache().take_votes(&network);
    let mut kept =
        known.filter(|kept| kept.of == (before.genesis, us.id)).unwrap_or_else(|| fresh(before, us));
    let voted = view.proposals.iter().any(|open| !open.expired && open.vote_of(us).is_some());
    let read = if (voted && valid.takes_back) || !valid.positions.is_empty() {
        read_on(chain, valid, view, before, us, &mut kept).await
    } else {
        Ok(())
    };
    let observed =
        AdminObserved { nonce: before.nonce, in_flight: before.in_flight, history: kept.history.clone() };
    // What is read is read, whatever came after it.
    context.cache().remember_votes(&network, kept);
    read.map(|()| observed)
}

fn fresh(before: &Before, us: &MemberObserved) -> KeptVotes {
    let history = History::from_block(us.joined_at);
    KeptVotes { of: (before.genesis, us.id), history, nonce: None }
}

/// An account whose key is ours has voted only if its nonce has moved; nobody's logs are searched for nothing.
async fn read_on(
    chain: &Chain<'_>,
    valid: &ValidConsortium,
    view: &Governance,
    before: &Before,
    us: &MemberObserved,
    kept: &mut KeptVotes,
) -> Result<(), ChainError> {
    let is_ours = matches!(valid.admin, AdminAccount::Held(_));
    if is_ours && (before.nonce == 0 || kept.nonce == Some(before.nonce)) {
        kept.history.upto = kept.history.upto.max(before.head);
        kept.history.complete = true;
    } else {
        chain.read_on(&mut kept.history, us.id, view.height).await?;
    }
    kept.nonce = kept.history.complete.then_some(before.nonce);
    outcomes(chain, valid, view, &mut kept.history).await
}

/// How the proposals ended that positions are about.
async fn outcomes(
    chain: &Chain<'_>,
    valid: &ValidConsortium,
    view: &Governance,
    history: &mut History,
) -> Result<(), ChainError> {
    let about = |aim: &Aim, mark| match aim {
        Aim::Oppose { id } => Some(*id),
        _ => history.spent_on(mark),
    };
    let ids: BTreeSet<u64> =
        valid.positions.iter().filter_map(|position| about(&position.aim, position.mark())).collect();
    history.ended.retain(|id, _| ids.contains(id));
    for id in ids {
        let open = view.proposals.iter().any(|open| open.id == id && !open.expired);
        if open || history.ended.contains_key(&id) {
            continue;
        }
        let status = chain.proposal_status(id).await?;
        // What does not exist may yet come to be; what has only just been opened is not over.
        if !matches!(status, Status::None | Status::Open) {
            history.ended.insert(id, status);
        }
    }
    Ok(())
}
