//! The admin account's transactions: each is tried on the chain's state first, one goes out in a pass.

use crate::{
    account::Account,
    chain_access::{Chain, ChainError},
    context::Context,
    error::Error,
    events, observe, write,
};
use alloy_primitives::Address;
use chain::governance::{GOVERNANCE, Status};
use operator_core::{
    api::{Consortium, conditions::reasons, consortium::ToSign},
    genesis::StoredGenesis,
    observed::{AdminObserved, Governance},
    plan::{ConsortiumPlan, Wait},
    validate::{AdminAccount, ValidConsortium},
    votes::{AdminMove, Ballot, described, kind_name, outcome},
};

/// Moves tried in one pass, and transactions shown to be signed.
const MOST: usize = 16;

/// What goes out in this pass: the first move that the contract would take. Those that it would refuse say why in the plan.
pub(super) async fn chosen(
    context: &Context,
    valid: &ValidConsortium,
    admin: Option<Address>,
    entry: Option<&str>,
    plan: &mut ConsortiumPlan,
) -> Option<AdminMove> {
    let (Some(ip), Some(admin)) = (entry, admin) else { return None };
    let chain = Chain { nodes: &context.nodes, ip };
    let moves: Vec<AdminMove> = plan.votes.moves.iter().take(MOST).cloned().collect();
    for wanted in moves {
        match chain.would_take(admin, &wanted.call_data()).await {
            Ok(()) if matches!(valid.admin, AdminAccount::Held(_)) => {
                plan.waits.push(Wait::passing(reasons::VOTING, format!("being sent: {}", wanted.what)));
                return Some(wanted);
            }
            Ok(()) => to_sign(plan, &wanted),
            Err(ChainError::Refused(why)) => refused(plan, &wanted, &why),
            Err(error) => {
                tracing::warn!(%error, "votes are not tried");
                plan.waits.push(Wait::passing(reasons::VOTING, format!("votes are not tried: {error}")));
                return None;
            }
        }
    }
    None
}

fn to_sign(plan: &mut ConsortiumPlan, wanted: &AdminMove) {
    let what: String = wanted.what.chars().take(256).collect();
    plan.waits.push(Wait::passing(reasons::AWAITING_SIGNATURE, format!("to be signed: {what}")));
    plan.to_sign.push(ToSign { what, to: GOVERNANCE.to_string(), data: wanted.call_data().to_string() });
    if let Some(line) = &wanted.line {
        plan.votes.to_sign(line);
    }
}

fn refused(plan: &mut ConsortiumPlan, wanted: &AdminMove, why: &str) {
    match (&wanted.line, &wanted.ballot) {
        (Some(line), _) => plan.votes.block(line, why),
        (None, Ballot::AddOperator(operator)) => plan.waits.push(Wait::passing(
            reasons::OPERATOR_UNKNOWN,
            format!("the operator account {operator} cannot be registered: {why}"),
        )),
        (None, _) => tracing::info!(what = wanted.what, why, "not sent"),
    }
}

/// Sends it. What was decided from an object that has been edited since is not: the API server is asked with the version that
/// was read, and writes nothing.
pub(super) async fn send(
    object: &Consortium,
    context: &Context,
    valid: &ValidConsortium,
    ip: &str,
    (genesis, account): (&StoredGenesis, &AdminObserved),
    wanted: &AdminMove,
) -> Result<(), Error> {
    let AdminAccount::Held(of) = &valid.admin else { return Ok(()) };
    write::unchanged(context, object).await?;
    let Some(admin) = Account::open(context, &valid.namespace, of).await? else { return Ok(()) };
    if !context.leadership.leads() {
        return Err(Error::NotLeading);
    }
    let chain = Chain { nodes: &context.nodes, ip };
    let sent = chain.vote(context, genesis.chain_id, &admin, account.nonce, wanted.call_data()).await;
    context.cache().offered(&observe::key(&valid.namespace, &valid.name), admin.address());
    sent?;
    events::decided(context, object, "vote", "Voting", &format!("transaction sent: {}", wanted.what)).await;
    tracing::info!(what = wanted.what, nonce = account.nonce, "vote sent");
    Ok(())
}

/// Tells of proposals that the others have opened since the last pass, and how those ended that were open then.
pub(super) async fn announce(
    object: &Consortium,
    context: &Context,
    entry: Option<&str>,
    admin: Option<Address>,
    view: Option<&Governance>,
) {
    let (Some(ip), Some(view)) = (entry, view) else { return };
    let before: Vec<(u64, String)> = object
        .status
        .iter()
        .flat_map(|status| &status.proposals)
        .filter_map(|open| {
            Some((u64::try_from(open.id).ok()?, format!("{} {} {}", open.kind, open.subject, open.values)))
        })
        .collect();
    let us = view.members.iter().find(|member| Some(member.admin) == admin).map(|member| member.id);
    let about = kube::Resource::object_ref(object, &());
    let open = || view.proposals.iter().filter(|open| !open.expired);
    for new in open().filter(|open| before.iter().all(|(id, _)| *id != open.id) && Some(open.proposer) != us)
    {
        let (subject, values) = described(&new.content, view);
        let by = view.members.iter().find(|member| member.id == new.proposer);
        let by = by.map_or_else(|| format!("member {}", new.proposer), |member| member.alias.clone());
        let kind = kind_name(new.content.kind);
        let note = format!(
            "{by} proposes ({}): {kind} {subject} {values}; \"{}\"; open until block {}",
            new.id, new.memo, new.expires_at
        );
        events::publish(context, &about, events::EventType::Normal, "ProposalOpened", &note).await;
    }
    let chain = Chain { nodes: &context.nodes, ip };
    for (id, what) in before.iter().filter(|(id, _)| open().all(|open| open.id != *id)) {
        let Ok(status) = chain.proposal_status(*id).await else { continue };
        let kind = match status {
            Status::Executed => events::EventType::Normal,
            _ => events::EventType::Warning,
        };
        let note = format!("proposal {id} {}: {what}", outcome(status));
        events::publish(context, &about, kind, "ProposalClosed", &note).await;
    }
}
