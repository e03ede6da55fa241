//! The one pod to restart: outdated ones, broken ones first, the others as the policy lets them.

use super::Planner;
use crate::{
    api::conditions::reasons,
    names::{FIRST_SPARE, IGNORE_QUORUM, NodeName},
    observed::{NodeObserved, PodObserved},
    plan::Wait,
    policy::{Other, Refusal, Restarting, may_restart},
};

/// A pod to restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Its node.
    pub node: NodeName,
    /// The very pod that was looked at: its successor is not meant.
    pub uid: Option<String>,
    /// Deleted, past the disruption budget: it is down already, or the user takes the risk. Otherwise evicted, so that
    /// no drain and no other operator stops a second one in the same moment.
    pub forced: bool,
    /// To be told once it is done.
    pub note: Option<Note>,
}

/// Something that the user is told once, as an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// One word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Planner<'_> {
    pub(super) fn restart(&mut self) {
        let outdated = self.observed.nodes.iter().filter_map(|(index, node)| Some((*index, outdated(node)?)));
        let mut outdated: Vec<_> = outdated.collect();
        // Spares go first: what does not start is found where it costs no vote.
        outdated.sort_by_key(|(index, _)| !self.name(*index).is_spare());
        if let Some((index, pod)) = outdated.iter().find(|(index, pod)| self.is_broken(*index, pod)) {
            self.chosen(*index, pod, true, None);
        }
        for (index, pod) in outdated {
            match self.decide(index) {
                _ if self.plan.restart.as_ref().is_some_and(|restart| restart.node.index == index) => {}
                Ok(_) if self.plan.restart.is_some() => {
                    let name = self.name(index);
                    self.waits_to_restart(
                        reasons::RESTARTING,
                        format!("{name} restarts after the one before it"),
                    );
                }
                Ok((forced, note)) => self.chosen(index, pod, forced, note),
                Err(refusal) => self.waits_to_restart(refusal.reason, refusal.message),
            }
        }
    }

    fn chosen(&mut self, index: u32, pod: &PodObserved, forced: bool, note: Option<Note>) {
        let node = self.name(index);
        self.waits_to_restart(reasons::RESTARTING, format!("{node} is being restarted"));
        self.plan.restart = Some(Restart { node, uid: pod.uid.clone(), forced, note });
    }

    /// It does its work no more: its pod is not ready, the others miss its votes, and the node itself does not say that it is
    /// about to vote, before its pod's condition shows it. Replacing it costs nothing.
    fn is_broken(&self, index: u32, pod: &PodObserved) -> bool {
        let node = self.observed.nodes.get(&index);
        let says_ready = node.and_then(|node| node.status.as_ref()).is_some_and(|status| status.ready);
        let seat = self.carries(index);
        let heard =
            self.hearing.as_ref().zip(seat).is_some_and(|(heard, seat)| heard.present.contains(&seat));
        !pod.ready && !says_ready && !heard
    }

    fn decide(&self, index: u32) -> Result<(bool, Option<Note>), Refusal> {
        let node = self.name(index).to_string();
        // Who holds nothing may be the one to take over.
        if let Some(spare) = self.stopping(index).filter(|_| self.carries(index).is_none()) {
            let message = format!("{node} waits until {spare} is gone, which may hand an identity to it");
            return Err(Refusal { reason: reasons::RESTARTING, message });
        }
        let (steady, other) = (self.steady(), self.other(index));
        let restarting = Restarting {
            node: &node,
            identity: self.carries(index),
            other: other
                .as_ref()
                .map(|(name, up)| if *up { Other::NotVoting(name) } else { Other::Down(name) }),
            hearing: steady.as_ref(),
            turn: self.observed.turn,
            ignore_quorum: false,
        };
        match may_restart(&restarting) {
            Ok(()) => Ok((false, restarting.pauses().then(|| pause(&restarting)))),
            Err(refusal) if self.valid.ignore_quorum => {
                may_restart(&Restarting { ignore_quorum: true, ..restarting })?;
                Ok((true, Some(ignored(&node, &refusal))))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Another node of this member that is not up (`false`), or up and not voting (`true`). Nodes of other fleets count
    /// while they hold seats or are just stopping.
    fn other(&self, index: u32) -> Option<(String, bool)> {
        let own = self.observed.nodes.iter().filter(|(other, _)| **other != index);
        // One that has given its seat up and goes is nobody's vote, and a spare that waits for records comes by restarts.
        let own = own.filter(|(other, node)| {
            let stays = self.wanted(**other) || self.seated(node.address()) != Some(false);
            stays && (node.statefulset.is_some() || !self.name(**other).is_spare())
        });
        let own = own.map(|(other, node)| (self.name(*other), node.pod.as_ref(), node.address()));
        let neighbours = self.observed.neighbours.iter();
        let neighbours = neighbours
            .filter(|other| other.address.is_some() || other.pod.as_ref().is_some_and(|pod| pod.terminating))
            .map(|other| (other.name.clone(), other.pod.as_ref(), other.address));
        let others: Vec<_> = own.chain(neighbours).collect();
        let down = others.iter().find(|(_, pod, _)| !pod.is_some_and(PodObserved::is_up));
        let silent = |seat: &Option<_>| seat.is_some_and(|seat| self.silent.contains(&seat));
        let not_voting =
            || others.iter().find(|(_, _, seat)| silent(seat)).map(|(name, ..)| (name.to_string(), true));
        // What a spare votes for meanwhile is not to be silent because that one goes too.
        let originals = self.observed.nodes.range(..FIRST_SPARE).map(|(other, _)| *other);
        let mut waiting = originals.filter(|other| *other != index && self.awaits_its_own(*other));
        let awaits = || waiting.next().map(|other| (self.name(other).to_string(), true));
        down.map(|(name, ..)| (name.to_string(), false)).or_else(not_voting).or_else(awaits)
    }

    /// A spare that ends for good, or is told to in this pass.
    fn stopping(&self, but: u32) -> Option<NodeName> {
        let told = self.plan.stop.iter().filter(|name| name.is_spare() && name.index != but);
        told.cloned().chain(self.ending(but).filter(|name| !self.wanted(name.index))).next()
    }

    /// Its identity is still with a spare of this fleet.
    fn awaits_its_own(&self, index: u32) -> bool {
        let holder = self.held_by(index).and_then(|holder| NodeName::parse(&self.valid.name.0, &holder));
        self.wanted(index) && holder.is_some_and(|holder| holder.is_spare())
    }

    fn waits_to_restart(&mut self, reason: &'static str, message: String) {
        self.plan.waits.push(Wait::passing(reason, message));
    }
}

fn outdated(node: &NodeObserved) -> Option<&PodObserved> {
    let (set, pod) = (node.statefulset.as_ref()?, node.pod.as_ref()?);
    let known = set.revision.is_some() && pod.revision.is_some();
    (known && set.revision != pod.revision && !pod.terminating).then_some(pod)
}

fn pause(restarting: &Restarting<'_>) -> Note {
    let seats = restarting.hearing.map_or(0, crate::liveness::Hearing::total);
    let message = format!(
        "{} restarts: of {seats} seats all are needed for a block, so the network pauses until it votes again",
        restarting.node
    );
    Note { reason: "NetworkPauses", message }
}

fn ignored(node: &str, refusal: &Refusal) -> Note {
    let why = refusal.message.split("; to restart all the same").next().unwrap_or_default();
    let message =
        format!("annotation {IGNORE_QUORUM}=true: {node} restarts in spite of {}: {why}", refusal.reason);
    Note { reason: "QuorumIgnored", message }
}
