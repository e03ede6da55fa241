//! The consortium's plan: accounts, genesis, network info, and at most one seat to move.

mod accounts;
mod moves;

use super::{Wait, join};
use crate::{
    api::{conditions::reasons, consortium::ToSign},
    genesis::{self, StoredGenesis},
    liveness::{Hearing, settling, silent, unheard},
    names::{ConsortiumName, FleetName, NETWORK_FINALIZER},
    network_info::Learned,
    observed::{ConsortiumObserved, FleetSummary, MemberObserved, PeerNode, StoredKey},
    policy::{Evicting, Refusal, Verdict, may_evict},
    validate::{Chain, Network, ValidConsortium},
    vault::{KeyState, Task},
    votes::{Ballot, VotesPlan, decide},
};
use accounts::accounts;
use alloy_primitives::{Address, B512};
use chain::status::SeatProof;
use moves::Moves;
use std::collections::BTreeSet;

/// Nodes that one member may have on the contract's list; `MAX_NODE_IDS` of the contract.
const MAX_NODE_IDS: usize = 32;
/// Fleets named in one message.
const NAMED: usize = 4;

/// What to do for a consortium.
#[derive(Clone, Debug, Default)]
pub struct ConsortiumPlan {
    /// Account Secrets to make.
    pub accounts: Vec<String>,
    /// What is wanted of vaults.
    pub vault: Option<Task>,
    /// How the keys stand that are in vaults.
    pub keys: Vec<KeyState>,
    /// Genesis to store.
    pub genesis: Option<StoredGenesis>,
    /// What is kept of other members' network infos.
    pub learned: Option<Learned>,
    /// Whether our network info can be published.
    pub publish: bool,
    /// The one transaction to send.
    pub seat_move: Option<SeatMove>,
    /// Where this member's positions stand, and what its admin account could send.
    pub votes: VotesPlan,
    /// What that account's holder is to sign.
    pub to_sign: Vec<ToSign>,
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
    /// Give an identity the seat of another, in one step.
    Replace {
        /// The node's name.
        node: String,
        /// Its identity.
        identity: Address,
        /// The node that had the seat.
        before: String,
        /// Its identity.
        old: Address,
        /// The new identity's signature.
        proof: SeatProof,
    },
    /// Give a seat up.
    Unseat {
        /// The node's name.
        node: String,
        /// Its identity.
        identity: Address,
    },
    /// Let a node peer.
    Allow {
        /// The node's name.
        node: String,
        /// Its public p2p key.
        id: B512,
    },
    /// No longer let a node peer.
    Forget {
        /// The node's name.
        node: String,
        /// Its public p2p key.
        id: B512,
    },
}

impl SeatMove {
    /// The node that it is about.
    #[must_use]
    pub fn node(&self) -> &str {
        match self {
            Self::Seat { node, .. }
            | Self::Replace { node, .. }
            | Self::Unseat { node, .. }
            | Self::Allow { node, .. }
            | Self::Forget { node, .. } => node,
        }
    }

    /// What becomes of that node, for a person.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Seat { node, .. } => format!("{node} is being seated"),
            Self::Replace { node, before, .. } => format!("{node} is being given the seat of {before}"),
            Self::Unseat { node, .. } => format!("the seat of {node} is being given up"),
            Self::Allow { node, .. } => format!("{node} is being allowed to peer"),
            Self::Forget { node, .. } => format!("{node} is no longer allowed to peer"),
        }
    }
}

/// Plans one pass.
#[must_use]
pub fn consortium(valid: &ValidConsortium, observed: &ConsortiumObserved) -> ConsortiumPlan {
    if let Some(fleets) = &observed.deleting {
        return ending(valid, observed, fleets);
    }
    let unknown = VotesPlan::unknown(&valid.positions, &observed.positions, "the chain is not read yet");
    let learned = join::learned(valid, observed);
    let mut plan = ConsortiumPlan { learned, votes: unknown, ..ConsortiumPlan::default() };
    let Some((admin, operator)) = accounts(valid, observed, &mut plan) else { return plan };
    let Some(genesis) = stored_genesis(valid, observed, admin, operator, &mut plan) else { return plan };
    plan.publish = publishes(valid, observed, operator.key.address);
    plan.min_available = min_available(observed, 0, true);
    seats(&genesis, observed, operator.key.address, &mut plan);
    votes(valid, observed, admin, operator.key.address, &mut plan);
    plan
}

/// What is left to do for one that is being deleted: seats are given up through it, and nothing is made any more.
fn ending(valid: &ValidConsortium, observed: &ConsortiumObserved, fleets: &[String]) -> ConsortiumPlan {
    let why = "the Consortium is being deleted";
    let votes = VotesPlan::unknown(&valid.positions, &observed.positions, why);
    let mut plan = ConsortiumPlan { votes, ..ConsortiumPlan::default() };
    plan.min_available = min_available(observed, 0, true);
    plan.waits.push(fleets_remain(fleets));
    if let (Some(Ok(genesis)), Some(operator)) = (&observed.genesis, observed.operator.key()) {
        seats(genesis, observed, operator.key.address, &mut plan);
    }
    plan
}

fn fleets_remain(fleets: &[String]) -> Wait {
    let named = fleets.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = fleets.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    let message = format!(
        "it goes once no Validator names it, since seats are given up through it: delete {named}{rest}; to take the deletion back remove its finalizer {NETWORK_FINALIZER} and apply it again"
    );
    Wait::passing(reasons::FLEETS_REMAIN, message)
}

/// What the admin account could send: nothing while one of its transactions waits for a block.
fn votes(
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    admin: Address,
    operator: Address,
    plan: &mut ConsortiumPlan,
) {
    let (Some(view), Some(account)) = (&observed.governance, &observed.admin_account) else { return };
    let Some(us) = view.members.iter().find(|member| member.admin == admin) else {
        let why = "this member is not in the governance contract yet";
        plan.votes = VotesPlan::unknown(&valid.positions, &observed.positions, why);
        return;
    };
    let decided = decide(&valid.positions, view, &account.history, us, Some(operator), &observed.positions);
    plan.votes = decided;
    if !valid.takes_back {
        plan.votes.moves.retain(|wanted| !matches!(wanted.ballot, Ballot::Rescind(_)));
    }
    if account.in_flight && !plan.votes.moves.is_empty() {
        plan.votes.moves.clear();
        let message = "a transaction of the admin account waits for a block";
        plan.waits.push(Wait::passing(reasons::VOTING, message));
    }
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

fn stored_genesis(
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    admin: Address,
    operator: &StoredKey,
    plan: &mut ConsortiumPlan,
) -> Option<StoredGenesis> {
    let found = match &observed.genesis {
        Some(Ok(stored)) => {
            let agreed = genesis::agrees(stored, valid).map(|()| stored.clone());
            agreed.and_then(|stored| genesis::same_member(stored, admin)).map_err(|error| error.to_string())
        }
        Some(Err(error)) => Err(error.clone()),
        None => match &valid.network {
            Network::Create(chain) => {
                let identities = first_identities(valid, chain, observed, plan)?;
                genesis::make(valid, admin, operator.key.address, &identities)
                    .map_err(|error| error.to_string())
            }
            Network::Join(joined) => Ok(join::genesis(joined, observed, admin, plan)?),
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
    let own = own(observed);
    let settling = settling(&own, &heard, &observed.nodes);
    plan.unheard = unheard(&own, &heard, &observed.nodes);
    let silent = silent(&own, &heard, &observed.nodes);
    let hearing = heard.without(&silent);
    if !hearing.starting() {
        let evicting = Evicting { hearing: &hearing, settling: &settling, broken: &observed.broken };
        let verdict = may_evict(&evicting);
        let seated = hearing.seats.iter().filter(|seat| own.contains(*seat)).count();
        plan.min_available = min_available(observed, seated, verdict.is_ok());
        // The budget stays open: what keeps evictions out goes by itself.
        plan.evictable = Some(verdict.and_then(|()| forgotten(observed)));
    }
    let member =
        observed.governance.as_ref().and_then(|view| view.members.iter().find(|m| m.admin == genesis.member));
    let moves = Moves { observed, hearing: &hearing, member, operator };
    let moves = moves.joins().into_iter().chain(moves.leaves());
    for wanted in moves {
        match wanted {
            Err((reason, message)) => plan.waits.push(Wait::passing(reason, message)),
            Ok(wanted) if observed.in_flight || plan.seat_move.is_some() => {
                let message = format!("{} waits for its turn: one seat moves at a time", wanted.node());
                plan.waits.push(Wait::passing(reasons::MOVING_SEATS, message));
            }
            Ok(wanted) => {
                plan.waits.push(Wait::passing(reasons::MOVING_SEATS, wanted.told()));
                plan.seat_move = Some(wanted);
            }
        }
    }
    // Seats come first; nobody waits for this, and Ready does not either.
    if observed.deleting.is_none() && plan.seat_move.is_none() && !observed.in_flight && hearing.healthy() {
        plan.seat_move = peering(observed, member, operator);
    }
}

/// No eviction that came to nothing is counted still.
fn forgotten(observed: &ConsortiumObserved) -> Verdict {
    match &observed.idle_eviction {
        None => Ok(()),
        Some(idle) => Err(Refusal {
            reason: reasons::DISRUPTION_BUDGET,
            message: format!("evictions wait: {idle}; a drain that tries again gets through then"),
        }),
    }
}

/// Identities whose votes come from here: those of a fleet that stands by only while one of its nodes votes.
fn own(observed: &ConsortiumObserved) -> BTreeSet<Address> {
    let speakers = observed.nodes.iter().filter_map(|node| node.identity.as_ref());
    let voting: BTreeSet<_> = speakers.filter(|id| id.voting).map(|id| id.address).collect();
    let of = |fleet: &FleetSummary| {
        let all = fleet.identities.values().copied();
        all.filter(|identity| !fleet.stands_by || voting.contains(identity)).collect::<Vec<_>>()
    };
    observed.fleets.iter().flat_map(of).collect()
}

/// The contract's list of nodes that may peer, one change at a time. Only ids whose keys are in this namespace are taken out: a second
/// cluster of this member has its nodes on the same list.
fn peering(
    observed: &ConsortiumObserved,
    member: Option<&MemberObserved>,
    operator: Address,
) -> Option<SeatMove> {
    let allowed = observed.allowed.as_ref()?;
    member.filter(|member| member.operators.contains(&operator))?;
    let former = observed.former.iter().find(|peer| allowed.contains(&peer.node_id));
    if let Some(PeerNode { name, node_id, .. }) = former {
        return Some(SeatMove::Forget { node: name.to_string(), id: *node_id });
    }
    let missing = observed.peers.iter().find(|peer| !allowed.contains(&peer.node_id));
    let PeerNode { name, node_id, .. } = missing.filter(|_| allowed.len() < MAX_NODE_IDS)?;
    Some(SeatMove::Allow { node: name.to_string(), id: *node_id })
}

/// Whatever counts most of our nodes is taken: those wanted, those that still run, those that still hold seats.
fn min_available(observed: &ConsortiumObserved, seated: usize, open: bool) -> i32 {
    let fleets = observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.deleting);
    let wanted: u32 = fleets.map(|fleet| fleet.replicas).sum();
    let most = usize::try_from(wanted).unwrap_or(usize::MAX).max(seated).max(observed.running);
    // A spare may vote for somebody. Those that are not made yet are not waited for: it is restarts that bring them.
    let most = most.saturating_add(observed.spares);
    // What is broken is down already, and the verdict has counted it: without it the one that may go would be it.
    let gone = if open { observed.broken.len() + 1 } else { 0 };
    i32::try_from(most.saturating_sub(gone)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::forgotten;
    use crate::observed::ConsortiumObserved;

    #[test]
    fn an_eviction_that_came_to_nothing_keeps_drains_waiting_and_says_how_long() {
        let mut observed = ConsortiumObserved::default();
        assert_eq!(forgotten(&observed), Ok(()));
        observed.idle_eviction = Some("an eviction of bank-a-1-0 came to nothing".to_owned());
        let refusal = forgotten(&observed).expect_err("counted still");
        assert_eq!(refusal.reason, "DisruptionBudget");
        assert!(refusal.message.contains("bank-a-1-0") && refusal.message.contains("tries again"));
    }
}
