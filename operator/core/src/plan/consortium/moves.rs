//! Which seats are to be given, taken over and given up.

use super::SeatMove;
use crate::{
    liveness::Hearing,
    observed::{ConsortiumObserved, FleetSummary, MemberObserved},
    policy::{Joining, Leaving, Refusal, may_leave, may_replace, may_seat},
};
use alloy_primitives::Address;
use chain::status::{Fence, FenceRole, NodeStatus};
use std::collections::BTreeSet;

/// Everything that seats move by.
pub(super) struct Moves<'a> {
    pub(super) observed: &'a ConsortiumObserved,
    pub(super) hearing: &'a Hearing,
    pub(super) member: Option<&'a MemberObserved>,
    pub(super) operator: Address,
}

/// A move, or why it is not made.
type Move = Result<SeatMove, (&'static str, String)>;

fn replaces(new: &FleetSummary, old: &FleetSummary) -> bool {
    new.replaces.as_ref() == Some(&old.name) && !new.deleting && new.seats
}

impl Moves<'_> {
    /// None while this member is not, or no more, in the contract: that is the others' to decide, and `Joined` says so. A fleet
    /// that is replaced gets no seat any more, nor does any of a Consortium that is being deleted.
    pub(super) fn joins(&self) -> Vec<Move> {
        let is_stranger = self.observed.governance.is_some() && self.member.is_none();
        if is_stranger || self.observed.deleting.is_some() {
            return Vec::new();
        }
        let fleets = self.observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.deleting);
        // Where a fleet stands by, the other cluster gives and takes the seats.
        let fleets = fleets.filter(|fleet| !fleet.stands_by);
        let fleets = fleets.filter(|fleet| !self.observed.fleets.iter().any(|other| replaces(other, fleet)));
        let wanted = fleets.flat_map(|fleet| {
            fleet
                .identities
                .iter()
                .filter(|(index, _)| **index < fleet.replicas)
                .map(move |node| (fleet, node))
        });
        wanted
            .filter(|(_, (_, identity))| !self.hearing.seats.contains(*identity))
            .filter_map(|(fleet, (index, identity))| self.join(fleet, *index, *identity))
            .collect()
    }

    /// `None` while the node itself is not up: its fleet says so already.
    fn join(&self, fleet: &FleetSummary, index: u32, identity: Address) -> Option<Move> {
        let node = fleet.name.node(index).to_string();
        let status = self.status_of(identity)?;
        let height = self.observed.governance.as_ref().map_or(self.hearing.height, |view| view.height);
        let from = self.seat_to_take(fleet, index);
        let joining = Joining {
            node: &node,
            status: Some(status),
            fence: self.fence_of(identity),
            hearing: self.hearing,
            member: self.member,
            operator: self.operator,
            height,
        };
        let proof = status.identity.as_ref().and_then(|id| id.seat_proof.clone());
        let verdict = match &from {
            Some((_, old)) => may_replace(&joining, *old),
            None => may_seat(&joining),
        };
        match (verdict, proof) {
            (Ok(()), Some(proof)) => Some(Ok(match from {
                Some((before, old)) => SeatMove::Replace { node, identity, before, old, proof },
                None => SeatMove::Seat { node, identity, proof },
            })),
            (Ok(()), None) => None,
            (Err(refusal), _) => Some(Err(explained(&node, "seat", &refusal))),
        }
    }

    /// The seat that a node takes over from the fleet that its own replaces: that of the node with its number, else any whose
    /// number the new fleet has not.
    fn seat_to_take(&self, fleet: &FleetSummary, index: u32) -> Option<(String, Address)> {
        let name = fleet.replaces.as_ref()?;
        let old = self.observed.fleets.iter().find(|old| old.name == *name && old.seats)?;
        let own = old.identities.get(&index).map(|identity| (index, *identity));
        let beyond = old.identities.iter().filter(|(index, _)| **index >= fleet.replicas);
        let seats = own.into_iter().chain(beyond.map(|(index, identity)| (*index, *identity)));
        let mut seats = seats.filter(|(_, identity)| self.ours_to_unseat(*identity));
        seats.next().map(|(index, identity)| (old.name.node(index).to_string(), identity))
    }

    pub(super) fn leaves(&self) -> Vec<Move> {
        let fleets =
            self.observed.fleets.iter().filter(|fleet| fleet.seats && !fleet.skip_unseat && !fleet.stands_by);
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

    fn leave(&self, node: &str, identity: Address) -> Move {
        may_leave(&Leaving { node, identity, hearing: self.hearing, turn: self.observed.turn })
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

    /// The fence of an identity where it stands best: with a ready node that it grants votes to, whichever that is. `None` where the
    /// identity cannot move.
    fn fence_of(&self, identity: Address) -> Option<&Fence> {
        let ready = self.observed.nodes.iter().filter(|node| node.ready);
        let speak = ready.filter_map(|node| node.identity.as_ref()).filter(|id| id.address == identity);
        let grants = |fence: &Fence| fence.role == FenceRole::Holder && fence.reason.is_none();
        speak.map(|id| id.fence.as_ref()).max_by_key(|fence| fence.is_none_or(grants)).flatten()
    }

    /// Of several nodes that speak of an identity the one that has the most to say: who proves it, is ready, votes.
    fn status_of(&self, identity: Address) -> Option<&NodeStatus> {
        let speaks = |node: &&NodeStatus| node.identity.as_ref().is_some_and(|id| id.address == identity);
        let weight = |node: &&NodeStatus| {
            let own = node.identity.as_ref();
            let proves = own.is_some_and(|id| id.seat_proof.is_some());
            (proves, node.ready, own.is_some_and(|id| id.voting))
        };
        self.observed.nodes.iter().rev().filter(speaks).max_by_key(weight)
    }
}

fn explained(node: &str, what: &str, refusal: &Refusal) -> (&'static str, String) {
    (refusal.reason, format!("{node} does not {what} yet: {}", refusal.message))
}
