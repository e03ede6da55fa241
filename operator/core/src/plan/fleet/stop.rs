//! Nodes that stop for good, and whether a fleet that is being deleted may be let go.

use super::{Planner, Release};
use crate::{
    api::{conditions::reasons, validator::Role},
    names::{NodeName, SKIP_UNSEAT},
    observed::NodeObserved,
    plan::Wait,
    policy::{Leaving, may_leave},
};
use alloy_primitives::Address;
use std::collections::BTreeSet;

impl Planner<'_> {
    /// A node above `replicas` stops once nobody counts on it: its identity is out of the set at head.
    pub(super) fn stop(&mut self) {
        let above = self.observed.nodes.iter().filter(|(index, _)| !self.valid.wants(**index));
        for (index, node) in above.filter(|(_, node)| node.statefulset.is_some()) {
            let name = self.name(*index);
            let never_ran = self.observed.genesis.is_none() || self.valid.role == Role::Observer;
            match self.seated(node.address()) {
                _ if never_ran || self.valid.skip_unseat => self.plan.stop.push(name),
                _ if name.is_spare() => self.stop_spare(*index, node, name),
                _ if self.valid.stands_by() => self.plan.stop.push(name),
                Some(false) => self.stop_unseated(name, node),
                Some(true) => self.leaving(&name.to_string(), node.address()),
                None => self.plan.waits.push(Wait::passing(
                    reasons::NO_NODE_ANSWERS,
                    format!("{name} stops once a node of the network shows that it holds no seat; to stop it now set the annotation {SKIP_UNSEAT}=true"),
                )),
            }
        }
    }

    /// A spare that votes stops once somebody takes over from it: then it gives the identity up as it ends.
    fn stop_spare(&mut self, index: u32, node: &NodeObserved, name: NodeName) {
        if node.status.is_none() && node.is_up() {
            let message = format!(
                "{name} stops once it says whether it votes for somebody: its status is not read; to stop it now set the annotation {SKIP_UNSEAT}=true"
            );
            return self.plan.waits.push(Wait::passing(reasons::NO_NODE_ANSWERS, message));
        }
        let held = self.votes_for(index).filter(|identity| self.seated(Some(*identity)) != Some(false));
        let Some(identity) = held else { return self.plan.stop.push(name) };
        if let Some(successor) = self.successor(index, identity) {
            self.claimed.insert(successor);
            return self.plan.stop.push(name);
        }
        let of = self.owner(identity).map_or_else(|| identity.to_string(), |owner| owner.to_string());
        let message = format!(
            "{name} votes for {of}: it stops once {of} or another spare is ready to take over; to stop it now set the annotation {SKIP_UNSEAT}=true"
        );
        self.plan.waits.push(Wait::passing(reasons::LEAVING, message));
    }

    /// Its identity is retired with it: first no spare stands by for it any more. One that is down hands nothing over; while its pod is
    /// there it takes the eviction that a spare needs to restart.
    fn stop_unseated(&mut self, name: NodeName, node: &NodeObserved) {
        let retired = node.address().filter(|_| node.is_up());
        let Some(spare) = retired.and_then(|identity| self.standing_by_for(identity)) else {
            return self.plan.stop.push(name);
        };
        let message = format!("{name} stops once {spare} no longer stands by for its identity");
        self.plan.waits.push(Wait::passing(reasons::LEAVING, message));
    }

    /// Of two operators that both lead for a moment, one may configure what the other has just stopped.
    pub(super) fn unconfigure(&mut self) {
        let above = self.observed.configured.iter().filter(|name| !self.valid.wants(name.index));
        self.plan.unconfigure = above.cloned().collect();
    }

    /// The Consortium gives the seat up; when it may not, the arithmetic stands here too.
    fn leaving(&mut self, node: &str, identity: Option<Address>) {
        let steady = self.steady();
        let turn = self.observed.turn;
        let leaving = steady.as_ref().zip(identity).map(|(hearing, identity)| Leaving {
            node,
            identity,
            hearing,
            turn,
        });
        let wait = match leaving.map_or(Ok(()), |leaving| may_leave(&leaving)) {
            Ok(()) => Wait::passing(reasons::LEAVING, format!("{node} gives its seat up before it stops")),
            Err(refusal) => {
                Wait::passing(refusal.reason, format!("{node} does not leave yet: {}", refusal.message))
            }
        };
        self.plan.waits.push(wait);
    }

    pub(super) fn release(&mut self) -> Option<Release> {
        let release = |reason, message: String| {
            let overridden = self.valid.skip_unseat;
            Some(Release { reason, message, overridden })
        };
        if self.valid.skip_unseat {
            return release(
                "SeatsKept",
                format!("annotation {SKIP_UNSEAT}=true: let go with whatever seats it holds"),
            );
        }
        if self.valid.stands_by() {
            let message = "it stands by for identities of another cluster, which has their seats";
            return release("SeatsAreOthers", message.to_owned());
        }
        if self.valid.role == Role::Observer || self.observed.genesis.is_none() {
            return release(
                "NoSeats",
                "no seat can be given up: the fleet observes, or its network is gone".to_owned(),
            );
        }
        let own: BTreeSet<Address> = self.observed.nodes.values().filter_map(NodeObserved::address).collect();
        let Some(seats) = &self.seats else {
            if self.observed.member == Some(false) {
                let message = "no seat can be given up: its member is not in the governance contract";
                return release("NoSeats", message.to_owned());
            }
            return self.held_back(
                reasons::NO_NODE_ANSWERS,
                "no node of the network that has caught up answers, so seats cannot be given up",
            );
        };
        let (held, total) = (seats.intersection(&own).count(), seats.len());
        if held == total {
            let message = format!(
                "the fleet holds all {held} seats of the network, which keeps at least one: let go with them; keys and disks stay"
            );
            return release("NetworkStops", message);
        }
        match (held, self.observed.consortium_exists) {
            // What is under way could give a seat to a node that nobody runs any more.
            (0, true) if self.observed.moving != Some(false) => {
                self.held_back(reasons::MOVING_SEATS, "a transaction that moves a seat may wait for a block still")
            }
            (0, _) => release("SeatsGivenUp", "no identity of the fleet holds a seat".to_owned()),
            (_, true) => self.held_back(reasons::LEAVING, &format!("{held} of {total} seats are given up first")),
            (_, false) => self.held_back(
                reasons::CONSORTIUM_MISSING,
                &format!("{held} of {total} seats are given up through the Consortium, which is gone: apply it again"),
            ),
        }
    }

    fn held_back(&mut self, reason: &'static str, why: &str) -> Option<Release> {
        let message =
            format!("{why}; to let the fleet go with its seats set the annotation {SKIP_UNSEAT}=true");
        self.plan.waits.push(Wait::passing(reason, message));
        None
    }
}
