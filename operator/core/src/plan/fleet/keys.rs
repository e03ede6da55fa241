//! Keys to make and to adopt, journals to record.

use super::{KeyWanted, Planner};
use crate::{
    api::{conditions::reasons, validator::Role},
    build::adopted_secret,
    names::NodeName,
    observed::{NodeObserved, SecretState},
    plan::Wait,
};

impl Planner<'_> {
    pub(super) fn keys(&mut self) {
        for index in 0..self.valid.replicas {
            let node = self.observed.nodes.get(&index).cloned().unwrap_or_default();
            let name = self.name(index);
            if self.valid.role == Role::Validator {
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
                self.plan.adopt.extend(adopted_secret(namespace, network, name, &stored.key, identity));
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
        } else if self.valid.create_keys {
            self.plan.keys.push(KeyWanted::Identity(name.clone()));
        } else {
            let message = format!("spec.keys.secret.create is false: make Secret {secret} with data.key");
            self.plan.waits.push(Wait::passing(reasons::WAITING_FOR_IDENTITIES, message));
        }
    }

    /// A node's first journal, or the one made in place of a lost one. That one is recorded while it sits out, before it
    /// can vote: the lost journal, should its disk come back, is foreign from then on and sits out too.
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
