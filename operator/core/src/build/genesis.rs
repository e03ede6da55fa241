//! The genesis ConfigMap: immutable, created once.

use super::kept;
use crate::{
    genesis::StoredGenesis,
    names::{GENESIS_CHAIN_ID, GENESIS_FILE, GENESIS_HASH, GENESIS_MEMBER},
    validate::ValidConsortium,
};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeMap;

/// The ConfigMap that stores a genesis.
#[must_use]
pub fn genesis(consortium: &ValidConsortium, genesis: &StoredGenesis) -> ConfigMap {
    ConfigMap {
        metadata: kept(&consortium.namespace, consortium.name.genesis(), consortium.name.labels()),
        immutable: Some(true),
        data: Some(BTreeMap::from([
            (GENESIS_FILE.to_owned(), genesis.text.clone()),
            (GENESIS_HASH.to_owned(), genesis.hash.to_string()),
            (GENESIS_CHAIN_ID.to_owned(), genesis.chain_id.to_string()),
            (GENESIS_MEMBER.to_owned(), genesis.member.to_string()),
        ])),
        binary_data: None,
    }
}
