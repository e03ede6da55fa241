//! Joining: the genesis comes from a document that carries the trusted hash; what others publish is kept.

use super::{ConsortiumPlan, Wait};
use crate::{
    api::conditions::reasons,
    genesis::StoredGenesis,
    network_info::{Learned, Outcome, Seen},
    observed::{ConsortiumObserved, Governance},
    validate::{JoinedNetwork, ValidConsortium},
};
use alloy_primitives::Address;
use chain::network_info::NetworkInfo;
use std::collections::BTreeSet;

/// Sources named in one message.
const NAMED: usize = 4;

/// The genesis that the first good document carries; why there is none otherwise.
pub(super) fn genesis(
    joined: &JoinedNetwork,
    observed: &ConsortiumObserved,
    admin: Address,
    plan: &mut ConsortiumPlan,
) -> Option<StoredGenesis> {
    let Some(seen) = &observed.sources.seen else {
        let message = "the network infos of spec.join.networkInfo are being read";
        plan.waits.push(Wait::passing(reasons::WAITING_FOR_SOURCES, message));
        return None;
    };
    match seen.iter().find_map(|seen| seen.outcome.document()).map(|info| of(info, joined, admin)) {
        Some(Ok(genesis)) => Some(genesis),
        Some(Err(error)) => {
            plan.waits.push(Wait::stalled(reasons::GENESIS_MISMATCH, error));
            None
        }
        None => {
            plan.waits.push(none_read(seen));
            None
        }
    }
}

fn of(info: &NetworkInfo, joined: &JoinedNetwork, admin: Address) -> Result<StoredGenesis, String> {
    crate::genesis::joined(&info.genesis, joined.genesis_hash, admin).map_err(|error| error.to_string())
}

/// What a person must correct stalls, unless another source may yet answer.
fn none_read(seen: &[Seen]) -> Wait {
    let said = trouble(seen).join("; ");
    let unreachable = seen.iter().any(|seen| matches!(seen.outcome, Outcome::Unreachable(_)));
    let other_network = |seen: &Seen| matches!(seen.outcome, Outcome::Refused { pin: true, .. });
    match (unreachable, seen.iter().any(other_network)) {
        (true, _) => Wait::passing(reasons::SOURCE_UNREACHABLE, said),
        (false, true) => Wait::stalled(reasons::GENESIS_MISMATCH, said),
        (false, false) => Wait::stalled(reasons::SOURCE_REFUSED, said),
    }
}

/// What is wrong with the sources, each in a sentence.
pub(crate) fn trouble(seen: &[Seen]) -> Vec<String> {
    let said = seen.iter().filter_map(|seen| match &seen.outcome {
        Outcome::Read(_) => None,
        Outcome::Unreachable(why) => Some(format!("{} is not reached: {why}", seen.source)),
        Outcome::Refused { message, .. } => Some(format!("{} {message}", seen.source)),
    });
    let mut said: Vec<_> = said.collect();
    let more = said.len().saturating_sub(NAMED);
    said.truncate(NAMED);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    said
}

/// What is to be kept of the documents: with what was read now, without what strangers published once the chain tells who is a
/// member.
pub(super) fn learned(valid: &ValidConsortium, observed: &ConsortiumObserved) -> Option<Learned> {
    valid.network.join()?;
    let seen = observed.sources.seen.iter().flatten();
    let read = seen.filter_map(|seen| seen.outcome.document().cloned());
    let all = observed.sources.learned.with(read);
    let kept = match &observed.governance {
        Some(view) => all.of_members(&operators(view)),
        None => all,
    };
    (!kept.is_empty()).then_some(kept)
}

/// Operator accounts of all members.
pub(crate) fn operators(view: &Governance) -> BTreeSet<Address> {
    view.members.iter().flat_map(|member| member.operators.iter().copied()).collect()
}
