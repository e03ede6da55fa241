//! What is kept of a `Validator`: as values what other objects' passes ask of it, and the whole of it as compressed text.
//! Ten thousand are kept, and only the one that has its pass is read.

use super::{
    Cache, Network, NetworkKey, Teller, Wakes,
    child::{uid_hash, version},
    key::{consortium_key, fleet_key},
    shared::Shared,
    under_way::status_hash,
};
use crate::{
    api::{Validator, conditions::READY, validator::Role},
    queue::Urgency,
    validate,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Why a kept `Validator` cannot be read: the text is ours, so this is a fault of this program.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Not what was compressed.
    #[error("kept Validator does not unpack ({0}); restart the operator")]
    Packed(#[from] snap::Error),
    /// Not what was written.
    #[error("kept Validator does not read back ({0}); restart the operator")]
    Text(#[from] serde_json::Error),
}

/// What its Consortium asks of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Nodes wanted.
    pub replicas: u32,
    /// Spares wanted.
    pub standbys: u32,
    /// It stands by for the identities of another cluster.
    pub stands_by: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// It is let go with its seats.
    pub skip_unseat: bool,
    /// The fleet whose seats its nodes take over.
    pub replaces: Option<Arc<str>>,
}

/// One fleet.
#[derive(Debug)]
pub struct Fleet {
    /// The network that it names.
    pub network: Arc<str>,
    /// The node pool that it names.
    pub pool: Option<Arc<str>>,
    /// What its nodes do.
    pub role: Role,
    /// It waits for nothing but its user.
    pub settled: bool,
    /// `None` when its spec is refused.
    pub shape: Option<Shape>,
    pub(super) uid: u64,
    version: u64,
    edit: u64,
    status: u64,
    text: Box<[u8]>,
}

impl Fleet {
    fn keep(object: &Validator, shared: &mut Shared) -> Self {
        let shape = validate::fleet(object).ok().map(|valid| Shape {
            replicas: valid.replicas,
            standbys: valid.standbys,
            stands_by: valid.stands_by(),
            deleting: valid.deleting,
            skip_unseat: valid.skip_unseat,
            replaces: valid.replaces.as_ref().map(|name| shared.name(&name.0)),
        });
        let conditions = object.status.as_ref().map(|status| status.conditions.as_slice());
        Self {
            network: shared.name(&object.spec.consortium_ref.name),
            pool: object.spec.node_pool.as_ref().map(|pool| shared.name(&pool.name)),
            role: object.spec.role,
            settled: conditions.is_some_and(|all| crate::status::is_settled(all, &[READY])),
            shape,
            uid: uid(&object.metadata),
            version: version(&object.metadata),
            edit: edit(&object.metadata),
            status: status_hash(object.status.as_ref()),
            // Nothing of it can fail; text that is not there is refused by name when it is read.
            text: pack(object).unwrap_or_default(),
        }
    }

    /// The whole of it.
    pub fn object(&self) -> Result<Validator, KeptError> {
        let text = snap::raw::Decoder::new().decompress_vec(&self.text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

fn pack(object: &Validator) -> Result<Box<[u8]>, KeptError> {
    let text = serde_json::to_vec(object)?;
    Ok(snap::raw::Encoder::new().compress_vec(&text)?.into_boxed_slice())
}

fn uid(metadata: &ObjectMeta) -> u64 {
    metadata.uid.as_deref().map_or(0, uid_hash)
}

/// Changes when somebody changes more than the status.
fn edit(metadata: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&metadata.uid, metadata.generation, &metadata.annotations, &metadata.labels).hash(&mut hasher);
    (metadata.deletion_timestamp.as_ref().map(|time| time.0), &metadata.finalizers).hash(&mut hasher);
    hasher.finish()
}

impl Cache {
    /// Keeps a `Validator` that a watch or a list told.
    pub fn put_fleet(&mut self, object: &Validator, wakes: &mut Wakes) {
        self.keep_fleet(object, Teller::Watch, wakes);
    }

    fn keep_fleet(&mut self, object: &Validator, teller: Teller, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(&object.metadata) else { return };
        let now = Fleet::keep(object, &mut self.shared);
        let space = self.spaces.entry(namespace.clone()).or_default();
        let before = space.fleets.get(&name);
        // An event that tells of a state before the one that is known.
        if before.is_some_and(|before| before.uid == now.uid && now.version < before.version) {
            return;
        }
        let edited = before.is_none_or(|before| before.edit != now.edit);
        let key = fleet_key(&namespace, name.clone());
        let told = teller == Teller::Watch
            && before.is_some_and(|before| before.status != now.status)
            && !self.under_way.is(&key, now.status);
        self.known += usize::from(before.is_none());
        let network = NetworkKey { namespace: namespace.clone(), name: now.network.clone() };
        space.fleets.insert(name, now);
        if !space.networks.contains_key(&network.name) {
            space.networks.insert(network.name.clone(), Network::default());
            wakes.networks.push(network.clone());
        }
        if edited {
            wakes.objects.push((key, Urgency::Edited));
            wakes.objects.push((consortium_key(&network), Urgency::Related));
        } else if told {
            wakes.objects.push((key, Urgency::Changed));
        }
    }

    /// Takes what a call of ours answered; whether it is of the object that is known. One that the watch has meanwhile told
    /// is gone stays gone.
    pub fn answered_fleet(&mut self, object: &Validator, wakes: &mut Wakes) -> bool {
        let known = self.place(&object.metadata).and_then(|(namespace, name)| self.fleet(&namespace, &name));
        let same = known.is_some_and(|known| known.uid == uid(&object.metadata));
        if same {
            self.keep_fleet(object, Teller::Answer, wakes);
        }
        same
    }

    /// What a list of a network's fleets, of this version, did not have is gone.
    pub fn retain_fleets(
        &mut self,
        network: &NetworkKey,
        listed: &HashSet<String>,
        version: u64,
        wakes: &mut Wakes,
    ) {
        let absent =
            |(name, fleet): &(&Arc<str>, &Fleet)| fleet.version <= version && !listed.contains(&***name);
        let gone: Vec<Arc<str>> =
            self.fleets_of(network).filter(absent).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.remove_fleet(&network.namespace, &name, wakes);
        }
    }

    /// Forgets a `Validator`.
    pub fn remove_fleet(&mut self, namespace: &str, name: &str, wakes: &mut Wakes) {
        let (namespace, name) = (self.shared.name(namespace), self.shared.name(name));
        let gone = self.spaces.get_mut(&namespace).and_then(|space| space.fleets.remove(&name));
        self.known -= usize::from(gone.is_some());
        wakes.gone.push(fleet_key(&namespace, name));
        if let Some(fleet) = gone {
            let network = NetworkKey { namespace, name: fleet.network };
            wakes.objects.push((consortium_key(&network), Urgency::Related));
            self.forget_network(&network);
        }
    }
}
