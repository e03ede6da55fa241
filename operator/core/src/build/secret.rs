//! Secrets with new keys. They are created, never applied over an existing one, and outlive everything.

use super::kept;
use crate::{
    keys::Key,
    names::{
        ADDRESS, ConsortiumName, FLEET, JOURNAL_ID, NETWORK, NODE, NODE_ID, NodeName, SECRET_ADDRESS,
        SECRET_KEY, SECRET_KEY_ID, SECRET_NODE_ID, VAULT_KEY, VAULT_RECORD, labels,
    },
    observed::StoredKey,
    vault::{Holder, KeyId},
};
use alloy_primitives::{Address, B256, hex};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use std::collections::BTreeMap;

/// The Secret of an identity.
#[must_use]
pub fn identity_secret(namespace: &str, network: &ConsortiumName, node: &NodeName, key: &Key) -> Secret {
    let labels = node_labels(network, node);
    secret(namespace, node.identity(), labels, key, (ADDRESS, SECRET_ADDRESS, key.address.to_string()))
}

/// The Secret of a node's p2p key.
#[must_use]
pub fn p2p_secret(namespace: &str, network: &ConsortiumName, node: &NodeName, key: &Key) -> Secret {
    let labels = node_labels(network, node);
    secret(namespace, node.p2p(), labels, key, (NODE_ID, SECRET_NODE_ID, hex::encode(key.public)))
}

/// The Secret of a member's account.
#[must_use]
pub fn account_secret(namespace: &str, network: &ConsortiumName, name: String, key: &Key) -> Secret {
    secret(namespace, name, network.labels(), key, (ADDRESS, SECRET_ADDRESS, key.address.to_string()))
}

/// Metadata alone of the Secret of an identity or a p2p key, for one that lacks it.
#[must_use]
pub fn adopted_secret(
    namespace: &str,
    network: &ConsortiumName,
    node: &NodeName,
    stored: &StoredKey,
    identity: bool,
) -> Option<Secret> {
    let key = &stored.key;
    let (name, annotation) = match (identity, key.public) {
        (true, _) => (node.identity(), (ADDRESS, key.address.to_string())),
        (false, Some(public)) => (node.p2p(), (NODE_ID, hex::encode(public))),
        (false, None) => return None,
    };
    let mut metadata = annotated(kept(namespace, name, node_labels(network, node)), annotation);
    if let Some(id) = &stored.vault {
        metadata.annotations.get_or_insert_default().insert(VAULT_KEY.to_owned(), id.to_string());
    }
    Some(Secret { metadata, ..Secret::default() })
}

/// The Secret that stands for a key in a vault: it says which, and holds none. `journal`: the one that the identity is said to have had.
#[must_use]
pub fn vault_record(
    (namespace, network): (&str, &ConsortiumName),
    holder: &Holder,
    (address, id): (Address, &KeyId),
    journal: Option<B256>,
) -> Secret {
    let labels = match holder {
        Holder::Node(node) => node_labels(network, node),
        Holder::Account(_) => network.labels(),
    };
    let mut metadata = annotated(kept(namespace, holder.record(), labels), (ADDRESS, address.to_string()));
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(VAULT_KEY.to_owned(), id.to_string());
    annotations.extend(journal.map(|journal| (JOURNAL_ID.to_owned(), journal.to_string())));
    Secret {
        metadata,
        type_: Some(VAULT_RECORD.to_owned()),
        // What is on record is never changed, by nobody.
        immutable: Some(true),
        string_data: Some(BTreeMap::from([
            (SECRET_ADDRESS.to_owned(), address.to_string()),
            (SECRET_KEY_ID.to_owned(), id.to_string()),
        ])),
        ..Secret::default()
    }
}

fn annotated(metadata: ObjectMeta, (annotation, public): (&str, String)) -> ObjectMeta {
    ObjectMeta { annotations: Some(BTreeMap::from([(annotation.to_owned(), public)])), ..metadata }
}

fn node_labels(network: &ConsortiumName, node: &NodeName) -> BTreeMap<String, String> {
    let name = node.to_string();
    labels([(NETWORK, network.0.as_str()), (FLEET, node.fleet.as_str()), (NODE, name.as_str())])
}

fn secret(
    namespace: &str,
    name: String,
    labels: BTreeMap<String, String>,
    key: &Key,
    (annotation, entry, public): (&str, &str, String),
) -> Secret {
    Secret {
        metadata: annotated(kept(namespace, name, labels), (annotation, public.clone())),
        type_: Some("Opaque".to_owned()),
        string_data: Some(BTreeMap::from([
            (SECRET_KEY.to_owned(), key.to_hex()),
            (entry.to_owned(), public),
        ])),
        ..Secret::default()
    }
}
