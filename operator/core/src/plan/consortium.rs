//! The consortium's plan: accounts, genesis, network info, and at most one seat to move.

use super::{Wait, join};
use crate::{
    api::conditions::reasons,
    genesis::{self, StoredGenesis},
    liveness::{Hearing, settling, silent, unheard},
    names::{ConsortiumName, FleetName},
    network_info::Learned,
    observed::{ConsortiumObserved, FleetSummary, MemberObserved, SecretState, StoredKey},
    policy::{Evicting, Joining, Leaving, Refusal, Verdict, may_evict, may_leave, may_seat},
    validate::{Chain, Network, ValidConsortium},
};
use alloy_primitives::Address;
use chain::status::{NodeStatus, SeatProof};
use std::collections::BTreeSet;

/// What to do for a consortium.
#[derive(Clone, Debug, Default)]
pub struct ConsortiumPlan {
    /// Account Secrets to make.
    pub accounts: Vec<String>,
    /// Genesis to store.
    pub genesis: Option<StoredGenesis>,
    /// What is kept of other members' network infos.
    pub learned: Option<Learned>,
    /// Whether our network info can be published.
    pub publish: bool,
    /// The one transaction to send.
    pub seat_move: Option<SeatMove>,
    /// Whether a drain may stop a node now; `None` while nobody can say.
    pub evictable: Option<Verdict>,
    /// Seats of ours whose nodes are well and that nobody hears: not counted on, and not waited for.
    pub unheard: BTreeSet<Address>,
    /// Nodes that must stay up while somebody else, as a drain, wants to stop one.
    pub min_available: i32,
    /// What is not as wanted.
    pub waits: Vec<Wait>,
}

/// A transaction to the governance contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatMove {
    /// Give an identity a seat.
    Seat {
        /// The node's name.
        node: String,
        /// Its identity.
        identity: Address,
        /// The identity's signature.
        proof: SeatProof,
    },
    /// Give a seat up.
    Unseat {
        /// The node's name.
        node: String,
        /// Its identity.
        identity: Address,
    },
}

/// Plans one pass.
#[must_use]
pub fn consortium(valid: &ValidConsortium, observed: &ConsortiumObserved) -> ConsortiumPlan {
    let mut plan = ConsortiumPlan { learned: join::learned(valid, observed), ..ConsortiumPlan::default() };
    let Some((admin, operator)) = accounts(valid, observed, &mut plan) else { return plan };
    let Some(genesis) = stored_genesis(valid, observed, admin, operator, &mut plan) else { return plan };
    plan.publish = publishes(valid, observed, operator.key.address);
    plan.min_available = min_available(observed, 0, true);
    seats(&genesis, observed, operator.key.address, &mut plan);
    plan
}

/// The creator from the first block on, so that others can join; the others once they are members, since nobody believes a
/// stranger. While the chain is not read, what was published stays.
fn publishes(valid: &ValidConsortium, observed: &ConsortiumObserved, operator: Address) -> bool {
    match (&valid.network, &observed.governance) {
        (Network::Create(_), _) => true,
        (Network::Join(_), Some(view)) => join::operators(view).contains(&operator),
        (Network::Join(_), None) => observed.sources.published,
    }
}

/// Both account keys, or what is missing for them. A key that a genesis already names is never made anew.
fn accounts<'a>(
    valid: &ValidConsortium,
    observed: &'a ConsortiumObserved,
    plan: &mut ConsortiumPlan,
) -> Option<(&'a StoredKey, &'a StoredKey)> {
    for (name, state) in
        [(&valid.admin_secret, &observed.admin), (&valid.operator_secret, &observed.operator)]
    {
        match state {
            SecretState::Present(_) => {}
            SecretState::Malformed(error) => {
                plan.waits.push(Wait::stalled(reasons::SECRET_MALFORMED, error.to_string()));
            }
            SecretState::Absent if observed.genesis.is_some() => plan.waits.push(Wait::stalled(
                reasons::KEY_LOST,
                format!("Secret {name} is gone, but the genesis names its account; restore it from a backup"),
            )),
            SecretState::Absent => plan.accounts.push(name.clone()),
        }
    }
    if !plan.accounts.is_empty() {
        plan.waits.push(Wait::passing(reasons::WAITING_FOR_IDENTITIES, "account keys are being made"));
    }
    Some((observed.admin.key()?, observed.operator.key()?))
}

fn stored_genesis(
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    admin: &StoredKey,
    operator: &StoredKey,
    plan: &mut ConsortiumPlan,
) -> Option<StoredGenesis> {
    let found = match &observed.genesis {
        Some(Ok(stored)) => {
            let agreed = genesis::agrees(stored, valid).map(|()| stored.clone());
            agreed
                .and_then(|stored| genesis::same_member(stored, admin.key.address))
                .map_err(|error| error.to_string())
        }
        Some(Err(error)) => Err(error.clone()),
        None => match &valid.network {
            Network::Create(chain) => {
                let identities = first_identities(valid, chain, observed, plan)?;
                genesis::make(valid, admin.key.address, operator.key.address, &identities)
                    .map_err(|error| error.to_string())
            }
            Network::Join(joined) => Ok(join::genesis(joined, observed, admin.key.address, plan)?),
        },
    };
    match found {
        Ok(stored) => {
            if observed.genesis.is_none() {
                plan.genesis = Some(stored.clone());
            }
            Some(stored)
        }
        Err(message) => {
            plan.waits.push(Wait::stalled(reasons::GENESIS_MISMATCH, message));
            None
        }
    }
}

/// The identities of all fleets named in the spec, once every one of them exists.
fn first_identities(
    valid: &ValidConsortium,
    chain: &Chain,
    observed: &ConsortiumObserved,
    plan: &mut ConsortiumPlan,
) -> Option<BTreeSet<Address>> {
    let mut identities = BTreeSet::new();
    let mut complete = true;
    for name in &chain.fleets {
        match first_fleet(name, &valid.name, &observed.fleets) {
            Ok(addresses) => identities.extend(addresses),
            Err(wait) => {
                complete = false;
                plan.waits.push(wait);
            }
        }
    }
    complete.then_some(identities)
}

fn first_fleet(
    name: &FleetName,
    network: &ConsortiumName,
    fleets: &[FleetSummary],
) -> Result<Vec<Address>, Wait> {
    let Some(fleet) = fleets.iter().find(|fleet| fleet.name == *name && !fleet.deleting) else {
        return Err(Wait::passing(
            reasons::WAITING_FOR_FLEETS,
            format!(
                "spec.create.fleets names {}: apply a Validator of that name with consortiumRef {}",
                name.0, network.0
            ),
        ));
    };
    if !fleet.seats {
        return Err(Wait::stalled(
            reasons::INVALID_SPEC,
            format!(
                "spec.create.fleets names {}, whose role is Observer: name fleets with role Validator",
                name.0
            ),
        ));
    }
    let wanted: Vec<_> =
        (0..fleet.replicas).filter_map(|index| fleet.identities.get(&index).copied()).collect();
    if wanted.len() == fleet.replicas as usize {
        return Ok(wanted);
    }
    Err(Wait::passing(
        reasons::WAITING_FOR_IDENTITIES,
        format!("{} has {} of {} identities", name.0, wanted.len(), fleet.replicas),
    ))
}

/// At most one seat moves per pass: joins first, since they make the network stronger; then leaves, highest index first.
fn seats(
    genesis: &StoredGenesis,
    observed: &ConsortiumObserved,
    operator: Address,
    plan: &mut ConsortiumPlan,
) {
    let Some(heard) = Hearing::from_nodes(&observed.nodes, genesis.block_period_s) else {
        plan.waits.push(Wait::passing(reasons::NO_NODE_ANSWERS, "no node of the network answers yet"));
        return;
    };
    let own = observed.fleets.iter().flat_map(|fleet| fleet.identities.values().copied()).collect();
    let settling = settling(&own, &heard, &observed.nodes);
    plan.unheard = unheard(&own, &heard, &observed.nodes);
    let silent = silent(&own, &heard, &observed.nodes);
    let hearing = heard.without(&silent);
    if !hearing.starting() {
        let verdict = may_evict(&Evicting { hearing: &hearing, settling: &settling });
        let seated = hearing.seats.iter().filter(|seat| own.contains(*seat)).count();
        plan.min_available = min_available(observed, seated, verdict.is_ok());
        plan.evictable = Some(verdict);
    }
    let member =
        observed.governance.as_ref().and_then(|view| view.members.iter().find(|m| m.admin == genesis.member));
    let context = Context { observed, hearing: &hearing, member, operator };
    let moves = context.joins().into_iter().chain(context.leaves());
    for wanted in moves {
        match wanted {
            Err((reason, message)) => plan.waits.push(Wait::passing(reason, message)),
            Ok(wanted) if observed.in_flight || plan.seat_move.is_some() => {
                let (SeatMove::Seat { node, .. } | SeatMove::Unseat { node, .. }) = &wanted;
                plan.waits.push(Wait::passing(
                    reasons::MOVING_SEATS,
                    format!("{node} waits for its turn: one seat moves at a time"),
                ));
            }
            Ok(wanted) => {
                let message = match &wanted {
                    SeatMove::Seat { node, .. } => format!("{node} is being seated"),
                    SeatMove::Unseat { node, .. } => format!("the seat of {node} is being given up"),
                };
                plan.waits.push(Wait::passing(reasons::MOVING_SEATS, message));
                plan.seat_move = Some(wanted);
            }
        }
    }
}

/// Whatever counts most of our nodes is taken: those wanted, those that still run, those that still hold seats.
fn min_available(observed: &ConsortiumObserved, seated: usize, open: bool) -> i32 {
    let fleets = observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.deleting);
    let wanted: u32 = fleets.map(|fleet| fleet.replicas).sum();
    let most = usize::try_from(wanted).unwrap_or(usize::MAX).max(seated).max(observed.running);
    i32::try_from(most.saturating_sub(usize::from(open))).unwrap_or(i32::MAX)
}

struct Context<'a> {
    observed: &'a ConsortiumObserved,
    hearing: &'a Hearing,
    member: Option<&'a MemberObserved>,
    operator: Address,
}

type Wanted = Result<SeatMove, (&'static str, String)>;

impl Context<'_> {
    /// None while this member is not, or no more, in the contract: that is the others' to decide, and `Joined` says so.
    fn joins(&self) -> Vec<Wanted> {
        if self.observed.governance.is_some() && self.member.is_none() {
            return Vec::new();
        }
        let fleets = self.observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.deleting);
        let wanted = fleets.flat_map(|fleet| {
            fleet
                .identities
                .iter()
                .filter(|(index, _)| **index < fleet.replicas)
                .map(move |node| (fleet, node))
        });
        wanted
            .filter(|(_, (_, identity))| !self.hearing.seats.contains(*identity))
            .filter_map(|(fleet, (index, identity))| {
                self.join(&fleet.name.node(*index).to_string(), *identity)
            })
            .collect()
    }

    /// `None` while the node itself is not up: its fleet says so already.
    fn join(&self, node: &str, identity: Address) -> Option<Wanted> {
        let status = self.status_of(identity)?;
        let height = self.observed.governance.as_ref().map_or(self.hearing.height, |view| view.height);
        let joining = Joining {
            node,
            status: Some(status),
            hearing: self.hearing,
            member: self.member,
            operator: self.operator,
            height,
        };
        let proof = status.identity.as_ref().and_then(|id| id.seat_proof.clone());
        match (may_seat(&joining), proof) {
            (Ok(()), Some(proof)) => Some(Ok(SeatMove::Seat { node: node.to_owned(), identity, proof })),
            (Ok(()), None) => None,
            (Err(refusal), _) => Some(Err(explained(node, "seat", &refusal))),
        }
    }

    fn leaves(&self) -> Vec<Wanted> {
        let fleets = self.observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.skip_unseat);
        let mut wanted = Vec::new();
        for fleet in fleets.filter(|fleet| !(fleet.deleting && self.is_whole_network(fleet))) {
            let keep = if fleet.deleting { 0 } else { fleet.replicas };
            let going = fleet.identities.iter().rev().filter(|(index, _)| **index >= keep);
            for (index, identity) in going.filter(|(_, identity)| self.ours_to_unseat(**identity)) {
                wanted.push(self.leave(&fleet.name.node(*index).to_string(), *identity));
            }
        }
        wanted
    }

    fn leave(&self, node: &str, identity: Address) -> Wanted {
        may_leave(&Leaving { node, identity, hearing: self.hearing })
            .map(|()| SeatMove::Unseat { node: node.to_owned(), identity })
            .map_err(|refusal| explained(node, "leave", &refusal))
    }

    /// A fleet that holds every seat is let go with them: giving up all but one would only weaken what comes back.
    fn is_whole_network(&self, fleet: &FleetSummary) -> bool {
        let own: BTreeSet<_> = fleet.identities.values().copied().collect();
        self.hearing.seats.iter().all(|seat| own.contains(seat))
    }

    fn ours_to_unseat(&self, identity: Address) -> bool {
        let seats = self.observed.governance.as_ref().map(|view| view.seats.as_slice()).unwrap_or_default();
        seats.iter().any(|seat| seat.identity == identity && seat.operator == self.operator)
    }

    fn status_of(&self, identity: Address) -> Option<&NodeStatus> {
        self.observed
            .nodes
            .iter()
            .find(|node| node.identity.as_ref().is_some_and(|id| id.address == identity))
    }
}

fn explained(node: &str, what: &str, refusal: &Refusal) -> (&'static str, String) {
    (refusal.reason, format!("{node} does not {what} yet: {}", refusal.message))
}
