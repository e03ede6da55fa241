//! Two votes of one seat in one place, by everything that its vault signed.

use crate::votes::{Kind, Meaning, Slot, digest};
use alloy_primitives::{Address, B256};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use vault_double::Signed;

/// What the vaults' logs tell.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Audit {
    /// Signatures that were made.
    pub(crate) signatures: u64,
    /// Of places with two votes.
    pub(crate) conflicts: u64,
    /// Of digests of no vote in any journal, other than the few that a node signs about itself.
    pub(crate) unexplained: u64,
}

/// Weighs every signature.
pub(crate) fn audit(signed: &BTreeMap<Address, Vec<Signed>>, meanings: &BTreeMap<B256, Meaning>) -> Audit {
    let mut places: BTreeMap<(Address, Slot), BTreeSet<B256>> = BTreeMap::new();
    let mut audit = Audit::default();
    let mut strange = BTreeSet::new();
    for (identity, all) in signed {
        for digest in all.iter().filter_map(digest) {
            audit.signatures += 1;
            match meanings.get(&digest) {
                Some(meaning) => {
                    places.entry((*identity, meaning.slot)).or_default().insert(meaning.subject);
                }
                None => drop(strange.insert((*identity, digest))),
            }
        }
    }
    audit.conflicts = places.values().filter(|subjects| subjects.len() > 1).count() as u64;
    audit.unexplained = strange.len() as u64;
    audit
}

/// When each seat's vault first answered with a COMMIT's signature, by height.
pub(crate) fn commits(all: &[Signed], meanings: &BTreeMap<B256, Meaning>) -> BTreeMap<u64, u64> {
    let mut commits: BTreeMap<u64, u64> = BTreeMap::new();
    for signed in all {
        let meaning = digest(signed).and_then(|digest| meanings.get(&digest));
        let (Some(meaning), Some(at_ms)) = (meaning, signed.answered_ms) else { continue };
        if meaning.slot.kind == Kind::Commit {
            let first = commits.entry(meaning.slot.height).or_insert(at_ms);
            *first = at_ms.min(*first);
        }
    }
    commits
}
