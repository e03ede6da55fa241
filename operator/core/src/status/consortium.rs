//! The status of a `Consortium`.

mod proposals;

use super::{
    Conditions, NAMED,
    joined::{joined, network_info_current},
    published::network_info_published,
    rfc3339, with_others,
};
use crate::{
    api::{
        ConsortiumStatus,
        conditions::{
            ConditionStatus, DRAINABLE, JOINED, NETWORK_INFO_CURRENT, NETWORK_INFO_PUBLISHED, QUORUM_HEALTHY,
            reasons,
        },
        consortium::{MemberAccounts, MemberSeats, Region, Seats},
    },
    genesis::StoredGenesis,
    liveness::Hearing,
    network_info::Publication,
    observed::{ConsortiumObserved, Governance},
    plan::ConsortiumPlan,
    validate::ValidConsortium,
    votes::Weighed,
};
use alloy_primitives::Address;
use k8s_openapi::jiff::Timestamp;
use std::collections::BTreeSet;

/// What the status is made from beside the observation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The spec.
    pub valid: &'a ValidConsortium,
    /// The status as it stands.
    pub before: &'a ConsortiumStatus,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Name of the published network info.
    pub network_info: Option<&'a str>,
    /// How its publication in a container goes.
    pub publication: Option<&'a Publication>,
    /// The admin account.
    pub admin: Option<Address>,
    /// Now.
    pub now: Timestamp,
}

/// Makes the status.
#[must_use]
pub fn consortium(
    context: &Context<'_>,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> ConsortiumStatus {
    let stored =
        observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok()).or(plan.genesis.as_ref());
    let hearing = stored.and_then(|genesis| Hearing::from_nodes(&observed.nodes, genesis.block_period_s));
    let mut conditions = Conditions::new(&context.before.conditions, context.generation, context.now);
    let admitted = is_member(stored, observed);
    let done = if admitted == Some(false) {
        "all is done that this operator can do; Joined says what its member waits for"
    } else {
        "the network runs as the spec says"
    };
    conditions.progress(&plan.waits, done);
    let (status, reason, message) =
        joined(context.valid, context.before, stored, observed.governance.as_ref());
    conditions.set(JOINED, status, reason, &message);
    if let Some((status, reason, message)) = network_info_current(context.valid, observed) {
        conditions.set(NETWORK_INFO_CURRENT, status, reason, &message);
    }
    if let Some((status, reason, message)) =
        network_info_published(context.valid, &context.before.conditions, context.publication)
    {
        conditions.set(NETWORK_INFO_PUBLISHED, status, reason, &message);
    }
    conditions
        .key_access(&plan.keys, "the operator signs with them by its own workload identity (docs/keys.md)");
    let (status, reason, message) = quorum_healthy(stored, hearing.as_ref());
    conditions.set(QUORUM_HEALTHY, status, reason, &message);
    let (status, reason, message) = drainable(plan);
    conditions.set(DRAINABLE, status, reason, &message);
    let seats = hearing.as_ref().map(seats);
    ConsortiumStatus {
        observed_generation: context.generation,
        conditions: with_others(&context.before.conditions, conditions.made),
        member: accounts(context, observed),
        chain_id: stored.and_then(|genesis| i64::try_from(genesis.chain_id).ok()),
        genesis_hash: stored.map(|genesis| genesis.hash.to_string()),
        seats: seats.or(context.before.seats),
        summary: hearing.as_ref().map(summary).or_else(|| context.before.summary.clone()),
        members: observed
            .governance
            .as_ref()
            .map_or_else(|| context.before.members.clone(), |view| members(view, hearing.as_ref())),
        proposals: observed
            .governance
            .as_ref()
            .map_or_else(|| context.before.proposals.clone(), |view| proposals::open(view, context.admin)),
        positions: plan.votes.positions.iter().map(Weighed::status).collect(),
        to_sign: plan.to_sign.clone(),
        height: hearing
            .as_ref()
            .and_then(|hearing| i64::try_from(hearing.height).ok())
            .or(context.before.height),
        observed_at: hearing
            .as_ref()
            .map(|_| rfc3339(context.now))
            .or_else(|| context.before.observed_at.clone()),
        network_info: context.network_info.map(str::to_owned),
    }
}

/// `None` while nobody has read the contract.
fn is_member(genesis: Option<&StoredGenesis>, observed: &ConsortiumObserved) -> Option<bool> {
    let members = &observed.governance.as_ref()?.members;
    Some(members.iter().any(|member| Some(member.admin) == genesis.map(|genesis| genesis.member)))
}

fn accounts(context: &Context<'_>, observed: &ConsortiumObserved) -> Option<MemberAccounts> {
    let (admin, operator) = (context.admin?, observed.operator.key()?.key.address);
    let known = || context.before.member.as_ref().and_then(|accounts| accounts.region);
    let region = observed.governance.as_ref().map_or_else(known, |view| region(view, admin, operator));
    Some(MemberAccounts { address: admin.to_string(), operator: operator.to_string(), region })
}

/// By who owns the member's seats: a cluster without one stops nobody who votes.
fn region(view: &Governance, admin: Address, operator: Address) -> Option<Region> {
    let us = view.members.iter().find(|member| member.admin == admin)?;
    let own = view.seats.iter().filter(|seat| seat.member == us.id);
    let clusters: BTreeSet<Address> = own.map(|seat| seat.operator).collect();
    let place = clusters.iter().position(|cluster| *cluster == operator).filter(|_| clusters.len() > 1)?;
    Some(Region { place: i32::try_from(place + 1).ok()?, of: i32::try_from(clusters.len()).ok()? })
}

fn quorum_healthy(
    genesis: Option<&StoredGenesis>,
    hearing: Option<&Hearing>,
) -> (ConditionStatus, &'static str, String) {
    if genesis.is_none() {
        return (
            ConditionStatus::Unknown,
            reasons::WAITING_FOR_GENESIS,
            "the network has no genesis yet".to_owned(),
        );
    }
    let Some(hearing) = hearing else {
        return (
            ConditionStatus::Unknown,
            reasons::NO_NODE_ANSWERS,
            "no node of the network answers".to_owned(),
        );
    };
    let message = format!(
        "{} of {} seats are heard, {} are needed for a block",
        hearing.live.len(),
        hearing.total(),
        hearing.quorum()
    );
    match hearing.healthy() {
        true => (ConditionStatus::True, reasons::QUORUM_HEARD, message),
        false if hearing.starting() => (ConditionStatus::Unknown, reasons::STARTING, message),
        false => (ConditionStatus::False, reasons::QUORUM_LOST, message),
    }
}

fn drainable(plan: &ConsortiumPlan) -> (ConditionStatus, &'static str, String) {
    match (&plan.evictable, plan.unheard.is_empty()) {
        (Some(Ok(())), _) => (
            ConditionStatus::True,
            reasons::QUORUM_WITHOUT_ONE,
            format!("one node may be drained at a time{}", unheard(plan)),
        ),
        (Some(Err(refusal)), all_heard) => {
            let own = all_heard || refusal.reason == reasons::DISRUPTION_BUDGET;
            let reason = if own { refusal.reason } else { reasons::NOT_HEARD };
            (ConditionStatus::False, reason, format!("{}{}", refusal.message, unheard(plan)))
        }
        (None, _) => (
            ConditionStatus::Unknown,
            reasons::NO_NODE_ANSWERS,
            "who votes is not known yet; the disruption budget stays as it is".to_owned(),
        ),
    }
}

fn unheard(plan: &ConsortiumPlan) -> String {
    let seats: Vec<_> = plan.unheard.iter().take(NAMED).map(ToString::to_string).collect();
    let more = plan.unheard.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    if seats.is_empty() {
        return String::new();
    }
    let seats = seats.join(", ");
    format!(
        "; not counted on: {seats}{rest}, up for minutes and not heard voting (kubectl describe validator)"
    )
}

fn seats(hearing: &Hearing) -> Seats {
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let (live, quorum) = (count(hearing.live.len()), count(hearing.quorum()));
    Seats { total: count(hearing.total()), live, quorum, tolerates: live.saturating_sub(quorum) }
}

fn summary(hearing: &Hearing) -> String {
    let seats = seats(hearing);
    if hearing.starting() {
        return format!("{} seats, starting", seats.total);
    }
    if seats.tolerates < 0 {
        return format!("{}/{} seats, halted: {} needed", seats.live, seats.total, seats.quorum);
    }
    format!("{}/{} seats, tolerates {}", seats.live, seats.total, seats.tolerates)
}

fn members(view: &Governance, hearing: Option<&Hearing>) -> Vec<MemberSeats> {
    let live = |address: Address| hearing.is_some_and(|hearing| hearing.live.contains(&address));
    let live_of = |id: u32| view.seats.iter().filter(|seat| seat.member == id && live(seat.identity)).count();
    let seats = |member: &crate::observed::MemberObserved| MemberSeats {
        alias: member.alias.clone(),
        admin: member.admin.to_string(),
        capacity: i32::from(member.capacity),
        seats: i32::from(member.seats),
        live: i32::try_from(live_of(member.id)).unwrap_or(i32::MAX),
    };
    view.members.iter().map(seats).collect()
}

#[cfg(test)]
mod tests {
    use super::{drainable, region, summary};
    use crate::{
        api::{conditions::ConditionStatus, consortium::Region},
        liveness::Hearing,
        observed::{Governance, MemberObserved, SeatObserved},
        plan::ConsortiumPlan,
        policy::Refusal,
        test_support::{address, hearing},
    };

    #[test]
    fn the_summary_says_what_is_tolerated_what_is_needed_or_that_it_is_too_early_to_say() {
        let young = |live| Hearing { young: true, ..hearing(4, live) };
        assert_eq!(summary(&hearing(4, 4)), "4/4 seats, tolerates 1");
        assert_eq!(summary(&hearing(4, 2)), "2/4 seats, halted: 3 needed");
        assert_eq!(summary(&young(2)), "4 seats, starting");
        assert_eq!(summary(&young(3)), "3/4 seats, tolerates 0");
    }

    #[test]
    fn a_seat_that_nobody_hears_is_named_where_drains_are_told_whether_they_may() {
        let refusal = Refusal { reason: "WouldLoseQuorum", message: "evictions wait".to_owned() };
        let counted = Refusal { reason: "DisruptionBudget", message: "it came to nothing".to_owned() };
        let plan = |evictable, unheard: &[u8]| ConsortiumPlan {
            evictable: Some(evictable),
            unheard: unheard.iter().copied().map(address).collect(),
            ..ConsortiumPlan::default()
        };
        let cases = [
            (plan(Ok(()), &[]), ConditionStatus::True, "QuorumWithoutOne"),
            (plan(Ok(()), &[2]), ConditionStatus::True, "QuorumWithoutOne"),
            (plan(Err(refusal.clone()), &[]), ConditionStatus::False, "WouldLoseQuorum"),
            (plan(Err(refusal), &[2]), ConditionStatus::False, "NotHeard"),
            (plan(Err(counted.clone()), &[]), ConditionStatus::False, "DisruptionBudget"),
            (plan(Err(counted), &[2]), ConditionStatus::False, "DisruptionBudget"),
        ];
        for (plan, status, reason) in cases {
            let (is, why, message) = drainable(&plan);
            assert_eq!((is, why), (status, reason), "{message}");
            assert_eq!(message.contains(&address(2).to_string()), !plan.unheard.is_empty(), "{message}");
        }
    }

    #[test]
    fn clusters_of_a_member_are_counted_by_the_accounts_that_own_its_seats() {
        let member = |id: u8| MemberObserved {
            id: u32::from(id),
            admin: address(id),
            operators: vec![address(id + 10), address(id + 20), address(id + 30)],
            ..MemberObserved::default()
        };
        let seat = |identity: u8, member: u8, operator: u8| SeatObserved {
            identity: address(identity),
            member: u32::from(member),
            operator: address(operator),
        };
        let mut view = Governance {
            members: vec![member(1), member(2)],
            seats: vec![seat(101, 1, 21), seat(102, 1, 21), seat(103, 2, 12), seat(104, 2, 22)],
            ..Governance::default()
        };
        assert_eq!(region(&view, address(1), address(21)), None, "one cluster");
        assert_eq!(region(&view, address(2), address(12)), Some(Region { place: 1, of: 2 }));
        assert_eq!(region(&view, address(2), address(22)), Some(Region { place: 2, of: 2 }));
        assert_eq!(region(&view, address(2), address(32)), None, "a cluster without seats");
        view.seats.push(seat(105, 1, 11));
        assert_eq!(region(&view, address(1), address(21)), Some(Region { place: 2, of: 2 }));
        assert_eq!(region(&view, address(3), address(21)), None, "no member");
    }
}
