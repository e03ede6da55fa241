//! Keys to make and to adopt, journals to record.

use super::{KeyWanted, Planner};
use crate::{
    api::{conditions::reasons, validator::Role},
    build::adopted_secret,
    names::NodeName,
    observed::{NodeObserved, SecretState},
    plan::Wait,
    validate::IdentityKeys,
    vault::{self, Holder, KeyState, Task, Wanted},
};

impl Planner<'_> {
    pub(super) fn keys(&mut self) {
        self.vault();
        for index in self.valid.indices() {
            let node = self.observed.nodes.get(&index).cloned().unwrap_or_default();
            let name = self.name(index);
            if self.valid.role == Role::Validator && !name.is_spare() {
                self.identity_key(&name, &node);
            }
            if matches!(node.p2p, SecretState::Absent) {
                self.plan.keys.push(KeyWanted::P2p(name.clone()));
            }
            self.adopt(&name, &node);
            for secret in [&node.identity, &node.p2p] {
                if let SecretState::Malformed(error) = secret {
                    let message = format!("{error}; repair it, or restore it from a backup");
                    self.plan.waits.push(Wait::stalled(reasons::SECRET_MALFORMED, message));
                }
            }
        }
    }

    /// Only metadata is written: the key stays what it is.
    fn adopt(&mut self, name: &NodeName, node: &NodeObserved) {
        let (namespace, network) = (&self.valid.namespace, &self.valid.consortium);
        for (secret, identity) in [(&node.identity, true), (&node.p2p, false)] {
            if let Some(stored) = secret.key().filter(|stored| !stored.labelled) {
                self.plan.adopt.extend(adopted_secret(namespace, network, name, stored, identity));
            }
        }
    }

    fn identity_key(&mut self, name: &NodeName, node: &NodeObserved) {
        if !matches!(node.identity, SecretState::Absent) {
            return;
        }
        let secret = name.identity();
        if node.volume.is_some() {
            let message = format!(
                "Secret {secret} is gone, but the disk {} has belonged to it; restore it from a backup, or delete the disk to start {name} with a new identity",
                name.volume()
            );
            self.plan.waits.push(Wait::stalled(reasons::KEY_LOST, message));
            return;
        }
        match &self.valid.keys {
            IdentityKeys::Secrets { create: true } => self.plan.keys.push(KeyWanted::Identity(name.clone())),
            IdentityKeys::Secrets { create: false } => {
                let message = format!("spec.keys.secret.create is false: make Secret {secret} with data.key");
                self.plan.waits.push(Wait::passing(reasons::WAITING_FOR_IDENTITIES, message));
            }
            // It is wanted of the vault already.
            IdentityKeys::Vault(_) => {}
        }
    }

    /// What is wanted of the vault: a key for each node that has none on record and no disk that a key has belonged to, and news
    /// of those on record.
    fn vault(&mut self) {
        let Some(vault) = self.valid.keys.vault().filter(|_| self.valid.role == Role::Validator) else {
            return;
        };
        let mut task = Task {
            namespace: self.valid.namespace.clone(),
            network: self.valid.consortium.clone(),
            owner: self.valid.uid.clone(),
            keys: Vec::new(),
        };
        for index in 0..self.valid.replicas {
            let (name, node) = (self.name(index), self.observed.nodes.get(&index));
            let state = node.map_or(&SecretState::Absent, |node| &node.identity);
            let lost = matches!(state, SecretState::Absent) && node.is_some_and(|node| node.volume.is_some());
            if lost || matches!(state, SecretState::Malformed(_)) {
                continue;
            }
            let pinned = state.key().and_then(|stored| stored.vault.as_ref()).map(|id| id.version.clone());
            let report = self.observed.vault.get(&name.identity()).cloned().unwrap_or_default();
            let identity = node.and_then(|node| node.status.as_ref()?.identity.as_ref());
            let report = report.at_node(identity.and_then(|identity| identity.signer.as_ref()));
            let (holder, place) = (Holder::Node(name), vault.place(index));
            let state =
                KeyState { holder: holder.clone(), place: place.clone(), pinned: pinned.clone(), report };
            self.plan.waits.extend(vault::wait(&state));
            self.plan.key_states.push(state);
            // Of keys that a person makes somebody may have signed with one in a network that is joined.
            let begun = self.observed.genesis.is_some() || (!vault.create && !self.observed.founds);
            task.keys.push(Wanted { holder, place, create: vault.create, begun, pinned });
        }
        self.plan.vault = Some(task);
    }

    /// A node's first journal, or the one made in place of a lost one. That one is recorded while it sits out, before it
    /// can vote: the lost journal, should its disk come back, is foreign from then on and sits out too. A spare has no identity
    /// beside which one could stand: what it votes for is in the identity's record.
    pub(super) fn journals(&mut self) {
        for (index, node) in &self.observed.nodes {
            let (Some(stored), Some(status)) = (node.identity.key(), &node.status) else { continue };
            let Some(identity) = status.identity.as_ref().filter(|id| id.address == stored.key.address)
            else {
                continue;
            };
            if stored.journal != Some(identity.journal.id) {
                self.plan.journals.push((self.name(*index).identity(), identity.journal.id));
            }
        }
    }
}
