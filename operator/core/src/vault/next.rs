//! What to do about one key, from what its vault lists.

use super::{Report, Version, Wanted};
use alloy_primitives::B256;
use std::collections::BTreeMap;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make the key, then look again.
    Create,
    /// Put this version on record.
    Record {
        /// Which.
        version: String,
        /// Journal that the identity is said to have had. One that no disk has: the node then sits out until nothing that the key
        /// may have signed elsewhere counts any more.
        journal: Option<B256>,
    },
    /// Nothing; this is how it stands.
    Told(Report),
}

/// Decides. `tags` are those by which a key is known to be made for this holder by this very object; `found` is every version
/// that the vault lists.
#[must_use]
pub fn next(wanted: &Wanted, tags: &BTreeMap<String, String>, found: &[Version]) -> Next {
    match &wanted.pinned {
        Some(version) => Next::Told(pinned(version, found)),
        None => unrecorded(wanted, tags, found),
    }
}

fn pinned(version: &str, found: &[Version]) -> Report {
    let last = |found: &[Version]| found.iter().max_by_key(|one| (one.created, one.id.clone())).cloned();
    let Some(ours) = found.iter().find(|one| one.id == version) else {
        return Report::Gone;
    };
    if !ours.usable {
        return Report::Disabled(version.to_owned());
    }
    let later: Vec<_> =
        found.iter().filter(|one| one.id != ours.id && one.created >= ours.created).cloned().collect();
    last(&later).map_or(Report::Pinned, |one| Report::Newer(one.id))
}

/// Where the operator makes keys it takes those only that it made for this very object: it may have died before the record, or the
/// record was lost. Where a person makes them that person says that nobody else signs with them. In a network that has begun either
/// may have signed: that is waited out.
fn unrecorded(wanted: &Wanted, tags: &BTreeMap<String, String>, found: &[Version]) -> Next {
    if found.is_empty() {
        return if wanted.create { Next::Create } else { Next::Told(Report::Awaited) };
    }
    let ours = |one: &&Version| tags.iter().all(|(tag, value)| one.tags.get(tag) == Some(value));
    let order = |one: &&Version| (one.created, one.id.clone());
    let journal = wanted.begun.then_some(B256::ZERO);
    if !wanted.create {
        let newest = found.iter().filter(|one| one.usable).max_by_key(order);
        return newest
            .map_or_else(|| disabled(found), |one| Next::Record { version: one.id.clone(), journal });
    }
    if !found.iter().any(|one| ours(&one)) {
        return Next::Told(Report::Foreign);
    }
    // Two operators that both led for a moment made two: both take the first.
    let first = found.iter().filter(ours).filter(|one| one.usable).min_by_key(order);
    first.map_or_else(|| disabled(found), |one| Next::Record { version: one.id.clone(), journal })
}

fn disabled(found: &[Version]) -> Next {
    let newest = found.iter().max_by_key(|one| one.created).map(|one| one.id.clone());
    Next::Told(Report::Disabled(newest.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::{Next, next};
    use crate::{
        names::{ConsortiumName, FleetName},
        vault::{Holder, Home, KeyPlace, Report, Task, Version, Wanted},
    };
    use alloy_primitives::B256;
    use std::collections::BTreeMap;

    fn wanted(create: bool, begun: bool, pinned: Option<&str>) -> Wanted {
        Wanted {
            holder: Holder::Node(FleetName("bank-a".to_owned()).node(0)),
            place: KeyPlace {
                vault: "https://v".to_owned(),
                home: Home::Key,
                name: "bank-a-bank-a-0".to_owned(),
            },
            create,
            begun,
            pinned: pinned.map(str::to_owned),
        }
    }

    fn tags(owner: &str) -> BTreeMap<String, String> {
        let task = Task {
            namespace: "bank-a".to_owned(),
            network: ConsortiumName("trade-finance".to_owned()),
            owner: owner.to_owned(),
            keys: Vec::new(),
        };
        task.tags(&wanted(true, true, None).holder)
    }

    fn version(id: &str, created: i64, usable: bool, owner: &str) -> Version {
        Version { id: id.to_owned(), usable, created, tags: tags(owner) }
    }

    fn record(version: &str, journal: Option<B256>) -> Next {
        Next::Record { version: version.to_owned(), journal }
    }

    #[test]
    fn a_key_without_a_record_is_made_once_taken_back_after_a_crash_awaited_or_left_to_its_owner() {
        let (ours, theirs) = (version("a", 1, true, "us"), version("b", 2, true, "them"));
        let off = version("c", 3, false, "us");
        let table: Vec<(&str, bool, bool, Vec<Version>, Next)> = vec![
            ("none", true, false, vec![], Next::Create),
            ("none, and a person makes it", false, false, vec![], Next::Told(Report::Awaited)),
            ("made, and not recorded before the end", true, false, vec![ours.clone()], record("a", None)),
            (
                "the same in a network that runs: perhaps the record was lost",
                true,
                true,
                vec![ours.clone()],
                record("a", Some(B256::ZERO)),
            ),
            (
                "two operators made one each",
                true,
                false,
                vec![version("z", 2, true, "us"), ours.clone()],
                record("a", None),
            ),
            (
                "the same manifest in another cluster",
                true,
                true,
                vec![theirs.clone()],
                Next::Told(Report::Foreign),
            ),
            (
                "without tags",
                true,
                false,
                vec![Version { tags: BTreeMap::new(), ..ours.clone() }],
                Next::Told(Report::Foreign),
            ),
            ("ours, disabled", true, true, vec![off.clone()], Next::Told(Report::Disabled("c".to_owned()))),
            ("a person's, before the network", false, false, vec![theirs.clone()], record("b", None)),
            (
                "a person's, in a network that runs: what it may have signed is waited out",
                false,
                true,
                vec![theirs.clone()],
                record("b", Some(B256::ZERO)),
            ),
            (
                "a person's newest that is usable",
                false,
                false,
                vec![theirs, off.clone(), ours],
                record("b", None),
            ),
            ("a person's, disabled", false, false, vec![off], Next::Told(Report::Disabled("c".to_owned()))),
        ];
        for (case, create, begun, found, want) in table {
            assert_eq!(next(&wanted(create, begun, None), &tags("us"), &found), want, "{case}");
        }
    }

    #[test]
    fn a_version_on_record_stays_whatever_is_added_and_its_loss_is_told_and_makes_nothing() {
        let old = version("old", 1, true, "us");
        let new = version("new", 2, true, "them");
        let table: Vec<(&str, Vec<Version>, Report)> = vec![
            ("alone", vec![old.clone()], Report::Pinned),
            ("a later one beside it", vec![new.clone(), old.clone()], Report::Newer("new".to_owned())),
            (
                "a later one that is disabled",
                vec![Version { usable: false, ..new.clone() }, old.clone()],
                Report::Newer("new".to_owned()),
            ),
            ("an earlier one beside it", vec![version("older", 0, true, "us"), old.clone()], Report::Pinned),
            (
                "disabled",
                vec![Version { usable: false, ..old }, new.clone()],
                Report::Disabled("old".to_owned()),
            ),
            ("gone, another is there", vec![new], Report::Gone),
            ("gone altogether", vec![], Report::Gone),
            (
                "not among many",
                (100..125).map(|at| version(&at.to_string(), at, true, "them")).collect(),
                Report::Gone,
            ),
        ];
        for (case, found, want) in table {
            for create in [true, false] {
                let wanted = wanted(create, true, Some("old"));
                assert_eq!(next(&wanted, &tags("us"), &found), Next::Told(want.clone()), "{case}");
            }
        }
    }
}
