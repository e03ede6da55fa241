//! A pass over one `Consortium`.

mod votes;

use super::{
    Steps,
    pass::{self, Decided, Looked, Passed},
    publish::{Published, genesis, publish},
};
use crate::{
    account::Account,
    apply::{apply, create_once, stamped},
    chain_access::Chain,
    context::{Action, Context},
    error::Error,
    events, keygen,
    observe::{self, Observation},
    write,
};
use alloy_primitives::Address;
use kube::ResourceExt;
use operator_core::{
    api::{
        Condition, Consortium, ConsortiumStatus,
        conditions::{QUORUM_HEALTHY, READY, reasons},
    },
    build,
    cache::{Cache, KeptError, Kind, NetworkKey},
    names::ConsortiumName,
    observed::ConsortiumObserved,
    plan::{self, ConsortiumPlan, SeatMove, Wait},
    status,
    validate::{self, Network, ValidConsortium},
    votes::AdminMove,
};
use std::{sync::Arc, time::Duration};

impl Passed for Consortium {
    type Status = ConsortiumStatus;
    const NAME: &'static str = "Consortium";
    // Every round of answers wakes it before.
    const SETTLED: Duration = Duration::from_mins(1);

    fn known(cache: &Cache, namespace: &str, name: &str) -> Option<Result<Arc<Self>, KeptError>> {
        cache.consortium(namespace, name).cloned().map(Ok)
    }

    fn network_of(cache: &Cache, namespace: &str, name: &str) -> Option<NetworkKey> {
        cache.consortium(namespace, name).map(|object| object.network())
    }

    fn status(&self) -> Option<&ConsortiumStatus> {
        self.status.as_ref()
    }

    fn network(&self) -> NetworkKey {
        observe::key(&self.namespace().unwrap_or_default(), &ConsortiumName(self.name_any()))
    }

    fn conditions(status: &ConsortiumStatus) -> &[Condition] {
        &status.conditions
    }

    fn judged(
        status: &ConsortiumStatus,
        generation: Option<i64>,
        conditions: Vec<Condition>,
    ) -> ConsortiumStatus {
        ConsortiumStatus { observed_generation: generation, conditions, ..status.clone() }
    }

    async fn decided(&self, context: &Context, steps: &Steps<'_>, looked: Looked) -> Result<Decided, Error> {
        Box::pin(decided(self, context, steps, looked)).await
    }
}

/// A seat is moved, and a genesis made for good, only when that would be done still by what the API server and the nodes say now:
/// a cache that began with the past has keys that are gone.
async fn decided(
    object: &Consortium,
    context: &Context,
    steps: &Steps<'_>,
    looked: Looked,
) -> Result<Decided, Error> {
    let is_deleted = object.metadata.deletion_timestamp.is_some();
    if is_deleted
        && (!write::is_kept(object) || observe::named_by(&context.cache(), &object.network()).is_empty())
    {
        return let_go(object, context, looked).await;
    }
    let valid = match validate::consortium(object) {
        Ok(valid) => valid,
        Err(error) => return pass::refused(object, context, &error.to_string()).await,
    };
    if !is_deleted {
        write::finalizer(context, object, true).await?;
    }
    let observation = steps.of("observe", observe::consortium(context, object, &valid)).await?;
    let observed = &observation.observed;
    let mut plan = steps.thought("plan", || plan::consortium(&valid, observed));
    context.vaults.want(&observe::object_of(object), plan.vault.as_ref());
    let admin = valid.admin.address(&observed.admin);
    let vote = votes::chosen(context, &valid, admin, observation.entry.as_deref(), &mut plan).await;
    let is_final = plan.genesis.is_some() || plan.seat_move.is_some() || vote.is_some();
    if is_final && looked == Looked::AtCache {
        return Ok(Decided::Final);
    }
    let published = match steps
        .of("apply", Box::pin(perform(object, context, &valid, &observation, vote.as_ref(), &mut plan)))
        .await
    {
        Err(Error::Child(message)) => return pass::refused(object, context, &message).await,
        published => published?,
    };
    let reported = report(object, context, (&valid, admin), observed, &plan, &published);
    let settled = steps.of("status", reported).await?;
    let view = observed.governance.as_ref();
    votes::announce(object, context, observation.entry.as_deref(), admin, view).await;
    Ok(Decided::Done(match (plan.accounts.is_empty(), settled && plan.seat_move.is_none()) {
        (false, _) => Action::requeue(Duration::ZERO),
        (true, true) => Action::requeue(Consortium::SETTLED),
        (true, false) => Action::requeue(context.busy()),
    }))
}

/// Nothing names it any more: seats are given up, or kept by word of a person. A spec that is refused does not keep it.
async fn let_go(object: &Consortium, context: &Context, looked: Looked) -> Result<Decided, Error> {
    if write::is_kept(object) && looked == Looked::AtCache {
        return Ok(Decided::Final);
    }
    context.vaults.want(&observe::object_of(object), None);
    write::finalizer(context, object, false).await?;
    Ok(Decided::Done(Action::await_change()))
}

/// Carries the plan out; what others read then.
async fn perform(
    object: &Consortium,
    context: &Context,
    valid: &ValidConsortium,
    observation: &Observation,
    vote: Option<&AdminMove>,
    plan: &mut ConsortiumPlan,
) -> Result<Published, Error> {
    let observed = &observation.observed;
    // Nothing is made once a deletion is asked for.
    let is_deleted = observed.deleting.is_some();
    if !is_deleted {
        Box::pin(make(object, context, valid, plan)).await?;
    }
    protect(context, valid, observed, plan).await?;
    let published = if is_deleted {
        as_it_was(valid, observed)
    } else {
        published(context, valid, observed, plan).await?
    };
    Box::pin(send(object, context, valid, observation, vote, plan)).await;
    Ok(published)
}

/// A vault that is away keeps nothing else from being done.
async fn published(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &mut ConsortiumPlan,
) -> Result<Published, Error> {
    match Box::pin(publish(context, valid, observed, plan)).await {
        Err(Error::Account(error)) => {
            let message = format!("the network info is not signed: {error}");
            plan.waits.push(Wait::passing(reasons::VAULT_UNREACHABLE, message));
            Ok(as_it_was(valid, observed))
        }
        published => published,
    }
}

/// What was published before stays.
fn as_it_was(valid: &ValidConsortium, observed: &ConsortiumObserved) -> Published {
    let config_map = observed.sources.published.then(|| valid.name.network_info());
    Published { config_map, ..Published::default() }
}

/// At most one transaction of each account.
async fn send(
    object: &Consortium,
    context: &Context,
    valid: &ValidConsortium,
    observation: &Observation,
    vote: Option<&AdminMove>,
    plan: &mut ConsortiumPlan,
) {
    let observed = &observation.observed;
    if let (Some(ip), true) = (&observation.entry, plan.seat_move.is_some())
        && let Err(error) = move_seat(object, context, valid, ip, observed, plan).await
    {
        tracing::warn!(%error, "transaction not sent");
        if matches!(
            plan.seat_move,
            Some(SeatMove::Seat { .. } | SeatMove::Replace { .. } | SeatMove::Unseat { .. })
        ) {
            let message = format!("transaction not sent: {error}");
            plan.waits.insert(0, Wait::passing(reasons::MOVING_SEATS, message));
        }
    }
    if let (Some(ip), Some(vote), Some(genesis), Some(account)) =
        (&observation.entry, vote, genesis(observed, plan), &observed.admin_account)
        && let Err(error) = votes::send(object, context, valid, ip, (genesis, account), vote).await
    {
        tracing::warn!(%error, "vote not sent");
        plan.waits.insert(0, Wait::passing(reasons::VOTING, format!("vote not sent: {error}")));
    }
}

/// Accounts and genesis: created, never changed. What others publish is kept as it is now.
async fn make(
    object: &Consortium,
    context: &Context,
    valid: &ValidConsortium,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    for name in &plan.accounts {
        let key = keygen::key()?;
        create_once(context, build::account_secret(&valid.namespace, &valid.name, name.clone(), &key))
            .await?;
        context.decided("key");
    }
    // Before the genesis, with which nodes begin: they read whom to dial when they start.
    if let Some(learned) = &plan.learned {
        apply(context, build::learned(valid, learned)?).await?;
    }
    if let Some(genesis) = &plan.genesis {
        create_once(context, build::genesis(valid, genesis)).await?;
        let (reason, what) = match valid.network {
            Network::Create(_) => ("GenesisMade", "the network begins"),
            Network::Join(_) => ("GenesisRead", "the network's genesis is that of spec.join.genesisHash"),
        };
        let note = format!("{what}: chain {}, genesis {}", genesis.chain_id, genesis.hash);
        events::decided(context, object, "genesis", reason, &note).await;
        tracing::info!(namespace = valid.namespace, network = valid.name.0, hash = %genesis.hash, "{what}");
    }
    Ok(())
}

/// The budget of evictions. While nobody can say who votes it stays as it is.
async fn protect(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    if !observed.fleets.iter().any(|fleet| fleet.seats) {
        return Ok(());
    }
    let budget = build::disruption_budget(valid, plan.min_available);
    let is_there = |cache: &Cache| {
        cache.child(Kind::PodDisruptionBudget, &valid.namespace, &valid.name.disruption_budget()).is_some()
    };
    if observed.deleting.is_some() && !is_there(&context.cache()) {
        return Ok(());
    }
    match plan.evictable {
        Some(_) => stamped(context, budget).await.map(drop),
        None => create_once(context, budget).await.map(drop),
    }
}

async fn move_seat(
    object: &Consortium,
    context: &Context,
    valid: &ValidConsortium,
    ip: &str,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    let (Some(wanted), Some(genesis)) = (&plan.seat_move, genesis(observed, plan)) else { return Ok(()) };
    let Some(account) = Account::open(context, &valid.namespace, &valid.operator).await? else {
        return Ok(());
    };
    if !context.leadership.leads() {
        return Err(Error::NotLeading);
    }
    // Before it is sent: an answer may be lost.
    context.cache().remember_moving(&object.network(), true);
    let sent =
        Chain { nodes: &context.nodes, ip }.move_seat(context, genesis.chain_id, &account, wanted).await;
    context.cache().offered(&observe::key(&valid.namespace, &valid.name), account.address());
    sent?;
    let told = match wanted {
        SeatMove::Seat { node, .. } => Some(("NodeSeating", format!("transaction sent: {node} gets a seat"))),
        SeatMove::Replace { node, before, .. } => {
            Some(("SeatReplaced", format!("transaction sent: {node} gets the seat of {before}")))
        }
        SeatMove::Unseat { node, .. } => {
            Some(("NodeLeaving", format!("transaction sent: {node} gives its seat up")))
        }
        // An object that is settled is silent.
        SeatMove::Allow { .. } | SeatMove::Forget { .. } => None,
    };
    match told {
        Some((reason, note)) => events::decided(context, object, "seat-move", reason, &note).await,
        None => context.decided("node-id"),
    }
    tracing::info!(?wanted, "transaction sent");
    Ok(())
}

async fn report(
    object: &Consortium,
    context: &Context,
    (valid, admin): (&ValidConsortium, Option<Address>),
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
    published: &Published,
) -> Result<bool, Error> {
    let before = object.status.clone().unwrap_or_default();
    let now = k8s_openapi::jiff::Timestamp::now();
    let at = status::ConsortiumContext {
        valid,
        before: &before,
        generation: object.metadata.generation,
        network_info: published.config_map.as_deref(),
        publication: published.publication.as_ref(),
        admin,
        now,
    };
    let after = status::consortium(&at, observed, plan);
    let news = !status::conditions_equal(&before.conditions, &after.conditions);
    pass::waits_told::<Consortium>(context, &plan.waits, news);
    if status::consortium_worth_writing(&before, &after, now) {
        pass::store(object, context, &before, &after).await?;
    }
    // A network that is not heard is looked at often: its return is news.
    Ok(status::is_settled(&after.conditions, &[READY, QUORUM_HEALTHY]))
}
