//! What a run says: a table by field, the violations with the way to replay each, one line of figures, and a JSON file.

use super::{judge::Verdict, trial::Tried, values::Class};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Counts of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Edits carried out and undone.
    pub carried_out: usize,
    /// Edits refused because the field is immutable, and values that a new object had.
    pub immutable: usize,
    /// Refused at admission: by the schema or by a rule.
    pub refused: usize,
    /// Taken and stalled by name.
    pub stalled: usize,
    /// What must not be.
    pub violations: usize,
}

/// Rows by field.
#[must_use]
pub fn rows(tried: &[Tried]) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for one in tried {
        let row = rows.entry(one.field.clone()).or_default();
        for verdict in [Some(&one.verdict), one.at_creation.as_ref()].into_iter().flatten() {
            match verdict {
                Verdict::CarriedOut => row.carried_out += 1,
                Verdict::Immutable => row.immutable += 1,
                Verdict::ByRule | Verdict::Refused => row.refused += 1,
                Verdict::Stalled => row.stalled += 1,
                Verdict::Violation(_) => row.violations += 1,
            }
        }
    }
    rows
}

/// What is wrong with one trial of a run with this seed, if anything.
#[must_use]
pub fn violation(tried: &Tried, seed: u64) -> Option<String> {
    let found =
        [Some(&tried.verdict), tried.at_creation.as_ref()].into_iter().flatten().find_map(|verdict| {
            match verdict {
                Verdict::Violation(what) => Some(what),
                _ => None,
            }
        })?;
    let value = tried.value.as_ref().map_or_else(|| "left out".to_owned(), shown);
    Some(format!(
        "{} = {value} ({:?}: {})\n    {found}\n    replay: make operator-mutate SEED={seed} LEAF='{}' WHAT='{}'",
        tried.field,
        tried.class,
        tried.what,
        tried.field,
        tried.what.replace('\'', "'\\''")
    ))
}

/// Fields of which values were tried and none was ever carried out: they need a hint. `unavailable` are those that
/// the table of hints says cannot be.
#[must_use]
pub fn never_carried_out(tried: &[Tried], unavailable: impl Fn(&str) -> bool) -> Vec<String> {
    let mut fields: BTreeMap<&str, bool> = BTreeMap::new();
    for one in tried.iter().filter(|one| one.class != Class::Bad) {
        let carried = [Some(&one.verdict), one.at_creation.as_ref()]
            .into_iter()
            .flatten()
            .any(|v| *v == Verdict::CarriedOut);
        *fields.entry(&one.field).or_default() |= carried;
    }
    fields
        .into_iter()
        .filter(|(field, carried)| !carried && !unavailable(field))
        .map(|(field, _)| field.to_owned())
        .collect()
}

/// Leaves of the spec whose good values were carried out as edits without a difference to any child; not those that refuse
/// another value as immutable, of which an edit can only say what is so already. `unfelt` are those of which the table of hints
/// says why.
#[must_use]
pub fn never_felt(tried: &[Tried], unfelt: impl Fn(&str) -> bool) -> Vec<String> {
    let mut fields: BTreeMap<&str, bool> = BTreeMap::new();
    for one in tried.iter().filter(|one| one.class == Class::Good && one.is_wish) {
        match one.verdict {
            Verdict::CarriedOut if one.value.is_some() => {
                *fields.entry(&one.field).or_default() |= !one.changed.is_empty();
            }
            Verdict::Immutable => drop(fields.insert(&one.field, true)),
            _ => {}
        }
    }
    let ignored = fields.into_iter().filter(|(field, felt)| !felt && !unfelt(field));
    ignored.map(|(field, _)| field.to_owned()).collect()
}

/// The table.
#[must_use]
pub fn table(tried: &[Tried]) -> String {
    let mut text = format!(
        "{:>8} {:>9} {:>8} {:>8} {:>10}  field\n",
        "carried", "immutable", "refused", "stalled", "violations"
    );
    for (field, row) in rows(tried) {
        let Row { carried_out, immutable, refused, stalled, violations } = row;
        // Into a string nothing fails.
        let _ = writeln!(
            text,
            "{carried_out:>8} {immutable:>9} {refused:>8} {stalled:>8} {violations:>10}  {field}"
        );
    }
    text
}

/// Everything, for machines.
#[must_use]
pub fn json(tried: &[Tried], figures: &BTreeMap<&str, u64>) -> Value {
    let trials = tried.iter().map(|one| {
        json!({
            "field": one.field, "what": one.what, "class": format!("{:?}", one.class), "value": one.value,
            "verdict": format!("{:?}", one.verdict), "atCreation": one.at_creation.as_ref().map(|v| format!("{v:?}")),
            "changed": one.changed, "seconds": one.seconds,
        })
    });
    json!({ "figures": figures, "trials": trials.collect::<Vec<_>>() })
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        text
    } else {
        format!("{}… ({} bytes)", text.chars().take(120).collect::<String>(), text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Tried, Verdict, never_carried_out, never_felt, rows, violation};
    use crate::mutate::values::Class;
    use std::collections::BTreeSet;

    fn tried(field: &str, class: Class, verdict: Verdict, at_creation: Option<Verdict>) -> Tried {
        Tried {
            field: field.to_owned(),
            what: "w".to_owned(),
            class,
            value: None,
            is_wish: true,
            verdict,
            at_creation,
            changed: BTreeSet::new(),
            seconds: 0.0,
        }
    }

    #[test]
    fn a_field_of_which_no_good_value_was_carried_out_is_named() {
        let all = [
            tried("a", Class::Good, Verdict::ByRule, None),
            tried("b", Class::Good, Verdict::Immutable, Some(Verdict::CarriedOut)),
            tried("c", Class::Good, Verdict::ByRule, None),
            tried("c", Class::Good, Verdict::CarriedOut, None),
            tried("d", Class::Good, Verdict::ByRule, None),
            tried("e", Class::Bad, Verdict::Refused, None),
        ];
        assert_eq!(never_carried_out(&all, |field| field == "d"), ["a"]);
    }

    #[test]
    fn a_field_that_is_carried_out_and_felt_by_no_child_is_named() {
        let edit = |field: &str, value: bool, changed: bool| {
            let mut one = tried(field, Class::Good, Verdict::CarriedOut, None);
            one.value = value.then(|| serde_json::json!(1));
            one.changed.extend(changed.then(|| "StatefulSet".to_owned()));
            one
        };
        let mut reported = edit("status", true, false);
        reported.is_wish = false;
        let all = [
            edit("a", true, false),
            edit("b", true, false),
            edit("b", true, true),
            edit("c", true, false),
            edit("left out", false, false),
            reported,
            tried("d", Class::Good, Verdict::Immutable, Some(Verdict::CarriedOut)),
            edit("d", true, false),
        ];
        assert_eq!(never_felt(&all, |field| field == "c"), ["a"]);
    }

    #[test]
    fn a_violation_at_creation_counts_too_and_says_how_to_replay_it() {
        let wrong = tried("a.b", Class::Good, Verdict::Immutable, Some(Verdict::Violation("x".to_owned())));
        assert!(violation(&wrong, 7).is_some_and(|text| text.contains("SEED=7 LEAF='a.b' WHAT='w'")));
        assert_eq!(
            (
                rows(std::slice::from_ref(&wrong))["a.b"].violations,
                rows(std::slice::from_ref(&wrong))["a.b"].immutable
            ),
            (1, 1)
        );
    }
}
