//! The garbage collector's part.

use super::{Controllers, text};
use crate::faults::history::{Kind, Objects};
use serde_json::Value;
use std::collections::BTreeSet;

impl Controllers {
    pub(super) async fn garbage(&self, objects: &Objects) {
        let living: BTreeSet<&str> = objects.values().map(|object| text(object, "/metadata/uid")).collect();
        for ((kind, name), object) in objects {
            let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            let owners: Vec<&Value> = owners.collect();
            let gone = |owner: &&Value| !living.contains(text(owner, "/uid"));
            if owners.is_empty()
                || !owners.iter().all(gone)
                || !object["metadata"]["deletionTimestamp"].is_null()
            {
                continue;
            }
            // An owner that the record does not have yet is asked for, as the real collector does.
            let mut absent = true;
            for owner in &owners {
                absent &= self.is_absent(owner).await;
            }
            if absent {
                self.delete(*kind, name, text(object, "/metadata/uid"), None).await;
            }
        }
    }

    async fn is_absent(&self, owner: &Value) -> bool {
        let Some(kind) = Kind::named(text(owner, "/kind")) else { return false };
        match self.api(kind).get_metadata_opt(text(owner, "/name")).await {
            Ok(found) => found.is_none_or(|found| found.metadata.uid.as_deref() != Some(text(owner, "/uid"))),
            Err(_) => false,
        }
    }
}
