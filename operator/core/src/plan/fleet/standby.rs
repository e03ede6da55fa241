//! Identities that can move: who holds which, which have a record, what spares stand by for, and what is wrong with a fence.

use super::Planner;
use crate::{
    api::{
        conditions::reasons,
        validator::{Phase, Role},
    },
    names::{FIRST_SPARE, NodeName},
    observed::{FleetObserved, LeaseState, NodeObserved, StoredKey},
    plan::Wait,
    validate::{FenceStore, FleetFence, ValidFleet},
};
use alloy_primitives::Address;
use chain::status::{Fence, FenceRole, NodeStatus};
use std::collections::BTreeMap;

/// A fence's trouble, for a node's standing.
pub(super) struct FenceTrouble {
    /// One word.
    pub(super) reason: &'static str,
    /// What is, and what to do.
    pub(super) message: String,
}

impl Planner<'_> {
    /// Who holds a node's identity, where that is another one.
    pub(super) fn held_by(&self, index: u32) -> Option<String> {
        let identity = self.observed.nodes.get(&index)?.address()?;
        let holder = self.holders.get(&identity)?;
        (*holder != self.name(index).to_string()).then(|| holder.clone())
    }

    /// The node whose identity a spare holds, and the identity.
    pub(super) fn holds(&self, spare: u32) -> Option<(u32, Address)> {
        let name = self.name(spare).to_string();
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let mut held = originals.filter_map(|(index, node)| Some((*index, node.address()?)));
        held.find(|(_, identity)| self.holders.get(identity) == Some(&name))
    }

    /// The identity that a spare votes with: by its own word, though that key's Secret is not read, else by the newest record.
    pub(super) fn votes_for(&self, spare: u32) -> Option<Address> {
        let status = self.observed.nodes.get(&spare).and_then(|node| node.status.as_ref());
        let said = status.and_then(|status| status.identity.as_ref()).map(|identity| identity.address);
        said.or_else(|| self.holds(spare).map(|(_, identity)| identity))
    }

    /// The seat that would be silent without this node: its own, or that of the identity that it holds; none while another holds its own.
    pub(super) fn carries(&self, index: u32) -> Option<Address> {
        if self.name(index).is_spare() {
            return self.votes_for(index);
        }
        let own = self.observed.nodes.get(&index)?.address()?;
        self.held_by(index).is_none().then_some(own)
    }

    /// Whether the fence has had a record of a node's identity, by whoever knows.
    pub(super) fn is_recorded(&self, node: &NodeObserved) -> bool {
        let Some(stored) = node.identity.key() else { return false };
        let statuses = self.observed.nodes.values().filter_map(|other| other.status.as_ref());
        let seen =
            || statuses.flat_map(|status| fences(status, stored.key.address)).any(|view| view.recorded);
        stored.recorded || node.lease == LeaseState::Recorded || seen()
    }

    /// Records to remember, beside the keys: whatever else is lost, none is made a second time.
    pub(super) fn records(&mut self) {
        if self.valid.fence.is_none() {
            return;
        }
        let news = |node: &NodeObserved| {
            node.identity.key().is_some_and(|stored| !stored.recorded) && self.is_recorded(node)
        };
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let seen = originals.filter(|(_, node)| news(node)).map(|(index, _)| self.name(*index).identity());
        self.plan.records = seen.collect();
    }

    /// The identities' Leases: all of them, and those to make. One that is lost after there was a record in it stays lost until a person
    /// brings it back: what was signed is nowhere else. None are named while an identity is not read whose node may vote: the right stays
    /// as it was given.
    pub(super) fn leases(&mut self) -> Vec<String> {
        if self.valid.fence.as_ref().is_none_or(|fence| fence.store != FenceStore::Leases) {
            return Vec::new();
        }
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let exists = originals.filter(|(index, node)| self.wanted(**index) || node.statefulset.is_some());
        let exists: Vec<_> = exists.collect();
        let is_unread = |node: &NodeObserved| node.statefulset.is_some() && node.address().is_none();
        let is_unread = exists.iter().any(|(_, node)| is_unread(node));
        // Without a record there has been no vote by such a right.
        let is_given = exists.iter().any(|(_, node)| self.is_recorded(node));
        let identities =
            exists.iter().filter_map(|(index, node)| Some((self.name(**index), *node, node.address()?)));
        let identities: Vec<_> = identities.collect();
        let missing = identities
            .iter()
            .filter(|(_, node, _)| node.lease == LeaseState::Absent && !self.is_recorded(node))
            .map(|(name, _, identity)| (name.clone(), *identity));
        self.plan.leases = missing.collect();
        if is_unread && is_given {
            return Vec::new();
        }
        identities.into_iter().map(|(name, _, identity)| name.lease(identity)).collect()
    }

    /// What spares stand by for: identities that stay and have a record.
    pub(super) fn standby_for(&self) -> Vec<(NodeName, StoredKey)> {
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let kept = originals.filter(|(index, node)| self.wanted(**index) && self.is_recorded(node));
        kept.filter_map(|(index, node)| Some((self.name(*index), node.identity.key()?.clone()))).collect()
    }

    /// Seated identities that have no record yet, and whose nodes will make one. Spares wait for them, since what a spare stands by for it
    /// reads only when it starts; a node that cannot go on by itself keeps none waiting.
    pub(super) fn unrecorded(&self) -> Vec<String> {
        let failed = |name: &str| self.plan.failures.iter().any(|failure| failure.node == name);
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let waits = originals.filter(|(index, node)| {
            let is_seated = self.seated(node.address()) != Some(false);
            self.wanted(**index) && is_seated && !self.is_recorded(node)
        });
        waits.map(|(index, _)| self.name(*index).to_string()).filter(|name| !failed(name)).collect()
    }

    /// Whether the objects of a spare are made, or kept as they should be.
    pub(super) fn spare_is_due(&self, node: &NodeObserved) -> bool {
        let made = node.statefulset.is_some();
        !self.standby_for().is_empty() && (made || self.unrecorded().is_empty())
    }

    /// Who is ready to take over at once what a spare holds: the identity's own node, or a spare that holds nothing and that nobody else
    /// needs.
    pub(super) fn successor(&self, holder: u32, identity: Address) -> Option<u32> {
        let own = self.owner(identity).map(|owner| owner.index);
        if let Some(own) = own.filter(|own| self.could_vote(*own, identity)) {
            return Some(own);
        }
        // What one that ends gives up is not yet seen with who takes it.
        if self.ending(holder).next().is_some() {
            return None;
        }
        let spares = self.observed.nodes.range(FIRST_SPARE..).filter(|(index, _)| **index != holder);
        let mut free = spares.map(|(index, _)| *index).filter(|index| {
            let is_free = !self.claimed.contains(index) && self.votes_for(*index).is_none();
            is_free && self.is_signer(*index, identity) && self.could_vote(*index, identity)
        });
        free.nth(self.orphans(identity))
    }

    /// Whether a node that stays is up, and nothing is wrong between it and an identity's fence.
    fn could_vote(&self, index: u32, identity: Address) -> bool {
        let node = self.observed.nodes.get(&index).filter(|_| self.wanted(index));
        let up = node.filter(|node| node.is_up()).and_then(|node| node.status.as_ref());
        let status = up.filter(|status| status.ready);
        status.is_some_and(|status| fences(status, identity).all(|view| view.reason.is_none()))
    }

    fn is_signer(&self, spare: u32, identity: Address) -> bool {
        let status = self.observed.nodes.get(&spare).and_then(|node| node.status.as_ref());
        let mut listed = status.into_iter().flat_map(|status| &status.standby_for);
        listed.any(|of| of.address == identity && of.signer_ready)
    }

    /// Seats that wait for a spare already: whoever held them is down, and so is their own node.
    fn orphans(&self, but: Address) -> usize {
        let is_up = |name: NodeName| self.observed.nodes.get(&name.index).is_some_and(NodeObserved::is_up);
        let is_held = |identity: Address| {
            let holder = self.holders.get(&identity);
            holder.is_some_and(|holder| NodeName::parse(&self.valid.name.0, holder).is_none_or(is_up))
        };
        let originals = self.observed.nodes.range(..FIRST_SPARE);
        let recorded = originals.filter(|(_, node)| self.is_recorded(node));
        let identities = recorded.filter_map(|(index, node)| Some((*index, node.address()?)));
        let others = identities.filter(|(_, of)| *of != but && self.seated(Some(*of)) != Some(false));
        others.filter(|(index, of)| !is_held(*of) && !self.could_vote(*index, *of)).count()
    }

    /// Spares that end, and give up what they hold; none whose Kubernetes node is lost.
    pub(super) fn ending(&self, but: u32) -> impl Iterator<Item = NodeName> {
        let ends = |node: &NodeObserved| {
            let pod = node.pod.as_ref().filter(|pod| pod.trouble.is_none());
            pod.is_some_and(|pod| pod.terminating || node.statefulset.is_none())
        };
        let spares = self.observed.nodes.range(FIRST_SPARE..);
        let ending = spares.filter(move |(index, node)| **index != but && ends(node));
        ending.map(|(index, _)| self.name(*index))
    }

    /// Spares that are up and stand by for an identity.
    pub(super) fn standing_by_for(&self, identity: Address) -> Option<NodeName> {
        let mut spares = self.observed.nodes.range(FIRST_SPARE..);
        let lists = |node: &NodeObserved| {
            let listed = |status: &NodeStatus| status.standby_for.iter().any(|of| of.address == identity);
            node.is_up() && node.status.as_ref().is_some_and(listed)
        };
        spares.find(|(_, node)| lists(node)).map(|(index, _)| self.name(*index))
    }

    /// A key that has a record in a fence is used by nobody who asks none: somebody may wake who does.
    pub(super) fn unfenced(&mut self) {
        if self.valid.fence.is_some() || self.valid.role == Role::Observer {
            return;
        }
        let recorded = self.observed.nodes.iter().filter(|(_, node)| self.is_unfenced(node));
        let names: Vec<_> = recorded.map(|(index, _)| self.name(*index).identity()).collect();
        if let Some(first) = names.first() {
            let message = format!(
                "the identity of Secret {first} (one of {}) has a record in a fence, by annotation {}: set spec.fence as it was, or spec.standbys",
                names.len(),
                crate::names::FENCE,
            );
            self.plan.waits.push(Wait::stalled(reasons::FENCE_GONE, message));
        }
    }

    pub(super) fn is_unfenced(&self, node: &NodeObserved) -> bool {
        self.valid.fence.is_none() && node.identity.key().is_some_and(|stored| stored.recorded)
    }

    /// What is wrong with the fence of what a node holds or stands by for.
    pub(super) fn fence_trouble(&self, node: &NodeObserved, status: &NodeStatus) -> Option<FenceTrouble> {
        let fence = self.valid.fence.as_ref()?;
        let own = status.identity.as_ref().and_then(|identity| identity.fence.as_ref());
        let own = own.map(|view| (None, view));
        let others = status.standby_for.iter().map(|of| (Some(of.address), &of.fence));
        // The last process of a node that ended uncleanly is its twin until it is ready to take over from it.
        let word = |view: &Fence| view.reason.clone().filter(|word| status.ready || word != "twin");
        let (of, view, word) =
            own.into_iter().chain(others).find_map(|(of, view)| Some((of, view, word(view)?)))?;
        // The cluster where the identities belong makes the records, perhaps later.
        if word == "record_missing" && !fence.preferred && !self.is_recorded(node) {
            return None;
        }
        let of = of.and_then(|identity| self.owner(identity)).map(|name| format!("identity of {name}: "));
        let said = still(&word).or(view.message.as_deref()).unwrap_or(&word);
        let cure = cure(&word, fence, &self.valid.name.fence_role());
        let message = format!("{}{said}{cure}", of.unwrap_or_default());
        Some(FenceTrouble { reason: reason(&word), message })
    }

    /// The node that an identity belongs to.
    pub(super) fn owner(&self, identity: Address) -> Option<NodeName> {
        let mut originals = self.observed.nodes.range(..FIRST_SPARE);
        originals.find(|(_, node)| node.address() == Some(identity)).map(|(index, _)| self.name(*index))
    }

    /// Nodes that hold nothing of their own, whose phase another one's word decides.
    pub(super) fn standby_phase(&self, index: u32, status: &NodeStatus) -> Option<(Phase, Option<String>)> {
        if self.name(index).is_spare() {
            let held = self.holds(index).filter(|_| status.identity.is_some());
            let Some((original, identity)) = held else { return Some((Phase::Standby, None)) };
            let seated = self.seated(Some(identity)) != Some(false);
            let why = format!("holds the identity of {}", self.name(original));
            return Some((if seated { Phase::Validating } else { Phase::Standby }, Some(why)));
        }
        let holder = self.held_by(index)?;
        let why = if self.valid.stands_by() {
            format!("{holder} holds its identity")
        } else {
            format!("{holder} holds its identity, and gives it back")
        };
        Some((Phase::Standby, Some(why)))
    }
}

/// Which node holds which identity: by its own word, else by the newest record that any node has read. A node of another cluster is named
/// with its site.
pub(super) fn holders(valid: &ValidFleet, observed: &FleetObserved) -> BTreeMap<Address, String> {
    let Some(fence) = &valid.fence else { return BTreeMap::new() };
    let mut newest: BTreeMap<Address, ((bool, u64), String)> = BTreeMap::new();
    for (index, node) in &observed.nodes {
        let Some(status) = &node.status else { continue };
        let own = status.identity.as_ref().and_then(|own| Some((own.address, own.fence.as_ref()?)));
        let listed = status.standby_for.iter().map(|of| (of.address, &of.fence));
        for (identity, view) in own.into_iter().chain(listed) {
            let holds = view.role == FenceRole::Holder;
            let named = view.holder.as_deref().map(|holder| fence.named(holder).to_owned());
            let name = if holds { Some(valid.name.node(*index).to_string()) } else { named };
            let Some(name) = name else { continue };
            let weight = (holds, view.epoch);
            if newest.get(&identity).is_none_or(|(best, _)| weight > *best) {
                newest.insert(identity, (weight, name));
            }
        }
    }
    newest.into_iter().map(|(identity, (_, name))| (identity, name)).collect()
}

/// What one node says of an identity's fence.
fn fences(status: &NodeStatus, identity: Address) -> impl Iterator<Item = &Fence> {
    let own = status.identity.as_ref().filter(|own| own.address == identity);
    let listed = status.standby_for.iter().filter(move |of| of.address == identity);
    own.and_then(|own| own.fence.as_ref()).into_iter().chain(listed.map(|of| &of.fence))
}

/// The node's word as a reason.
fn reason(word: &str) -> &'static str {
    match word {
        "record_missing" => reasons::FENCE_RECORD_MISSING,
        "record_unreadable" => reasons::FENCE_RECORD_UNREADABLE,
        "record_foreign" => reasons::FENCE_RECORD_FOREIGN,
        "record_set_back" => reasons::FENCE_RECORD_SET_BACK,
        "journal_ahead" => reasons::FENCE_JOURNAL_AHEAD,
        "store_away" => reasons::FENCE_STORE_AWAY,
        "twin" => reasons::FENCE_TWIN,
        _ => reasons::FENCE_TROUBLED,
    }
}

/// Of words whose messages have numbers that move the same without them, so that nothing is written for nothing.
fn still(word: &str) -> Option<&'static str> {
    match word {
        "record_set_back" => {
            Some("the store shows an older record than it did: it was set back (its log says by how much)")
        }
        "journal_ahead" => Some(
            "its vote journal has later votes than the fence's record (its log says which): the store was set back, or votes were cast without it",
        ),
        _ => None,
    }
}

/// What the node cannot know of.
fn cure(word: &str, fence: &FleetFence, role: &str) -> String {
    match (word, &fence.store) {
        ("store_away", FenceStore::Leases) => format!(
            "; its seat is silent until the API server answers: see that Role and RoleBinding {role} are there, and that network policies let the pod reach it"
        ),
        ("store_away", FenceStore::Blobs(container)) => format!(
            "; its seat is silent until {} answers: see that the nodes' workload identity may read and write blobs there",
            container.url
        ),
        ("record_missing" | "record_unreadable" | "record_set_back" | "journal_ahead", _) => {
            "; nothing makes another record: docs/standbys.md says how to bring it back, or to give the identity up".to_owned()
        }
        _ => String::new(),
    }
}
