//! What came of an edit against what must come of it.

use super::{plan::Mutation, values::Class};

/// What was seen after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The API server refused it.
    Refused(String),
    /// Both objects are current and nothing is written any more.
    Settled,
    /// A person must act; nothing is written any more.
    Stalled(String),
    /// It goes on, or writes go on.
    Restless(String),
}

/// Good, or what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Carried out.
    CarriedOut,
    /// Refused because it cannot be changed, with the reason.
    Immutable,
    /// Refused by a rule in CEL, in its words.
    ByRule,
    /// Refused by the field's name.
    Refused,
    /// Taken, and `Stalled` by the field's name.
    Stalled,
    /// What must not be.
    Violation(String),
}

/// Judges an edit of an object that exists.
#[must_use]
pub fn judge(mutation: &Mutation, outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Refused(message) => refused(mutation, message),
        Outcome::Settled if mutation.class == Class::Bad => {
            Verdict::Violation("the schema forbids it, and it was taken and carried out".to_owned())
        }
        Outcome::Settled => Verdict::CarriedOut,
        Outcome::Stalled(message) if mutation.class == Class::Good => {
            Verdict::Violation(format!("a good value stalls the object: {message}"))
        }
        Outcome::Stalled(message) if names(message, mutation) => Verdict::Stalled,
        Outcome::Stalled(message) => {
            Verdict::Violation(format!("Stalled does not name {}: {message}", mutation.field.path))
        }
        Outcome::Restless(message) => Verdict::Violation(format!("does not settle: {message}")),
    }
}

fn refused(mutation: &Mutation, message: &str) -> Verdict {
    let said = |words: &str| !words.is_empty() && message.contains(words);
    if let Some(rule) = mutation.field.rules.iter().find(|rule| said(&rule.message)) {
        return match (rule.transition, rule.message.contains("immutable")) {
            (false, _) => Verdict::ByRule,
            (true, true) => Verdict::Immutable,
            (true, false) => {
                Verdict::Violation(format!("refused as a change without the word immutable: {message}"))
            }
        };
    }
    match mutation.class {
        Class::Good => Verdict::Violation(format!("a good value is refused: {message}")),
        Class::Bad | Class::Odd if names(message, mutation) => Verdict::Refused,
        Class::Bad | Class::Odd => {
            Verdict::Violation(format!("the refusal does not name {}: {message}", mutation.field.path))
        }
    }
}

/// Whether a message names the field: its path with whatever indices and keys. What is left out may be named by what lacks it.
fn names(message: &str, mutation: &Mutation) -> bool {
    let bare = without_indices(message);
    let path = &mutation.field.path;
    let of_its_object = mutation.value.is_none() && bare.contains(&path.parent().names());
    // Below a rule the API server counts from the rule's object: "status: … in members.capacity".
    let names = path.names();
    let below_a_rule = names.split_once('.').is_some_and(|(first, rest)| {
        bare.contains(&format!("{first}: ")) && bare.contains(&format!(" in {rest}"))
    });
    // Kubernetes names some fields of its own types otherwise (`namespace` for an item of `namespaces`), but always their object.
    let theirs = path.to_string().contains(".affinity.") && bare.contains(&path.enclosing().names());
    of_its_object || below_a_rule || theirs || bare.contains(&names)
}

/// `spec.list[0].name` and `spec.list[name="a"].name` are `spec.list.name`; a bracket that opens a list of messages stays.
fn without_indices(message: &str) -> String {
    let mut bare = String::with_capacity(message.len());
    let (mut depth, mut before) = (0_u32, ' ');
    for c in message.chars() {
        match c {
            '[' if depth > 0 || before.is_alphanumeric() || before == ']' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
        before = c;
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Verdict, judge};
    use crate::mutate::{
        path::Path,
        plan::Mutation,
        schema::{Field, Rule},
        values::Class,
    };
    use serde_json::json;
    use std::sync::Arc;

    fn mutation(class: Class) -> Mutation {
        let rule = |message: &str, transition| Rule { message: message.to_owned(), transition };
        let field = Field {
            kind: "Validator".to_owned(),
            path: Path::from("spec.list[].name"),
            schema: json!({}),
            required: false,
            rules: vec![rule("spec.list is immutable: because", true), rule("needs a friend", false)],
        };
        Mutation { field: Arc::new(field), what: String::new(), class, value: Some(json!(1)), seed: 0 }
    }

    #[test]
    fn only_what_is_carried_out_or_refused_by_name_passes() {
        let refused = |text: &str| Outcome::Refused(text.to_owned());
        let stalled = |text: &str| Outcome::Stalled(text.to_owned());
        let violation = None;
        let table = [
            (Class::Good, Outcome::Settled, Some(Verdict::CarriedOut)),
            (Class::Good, refused("spec.list[0].name: Invalid value"), violation.clone()),
            (Class::Good, refused("x: spec.list is immutable: because"), Some(Verdict::Immutable)),
            (Class::Good, refused("needs a friend"), Some(Verdict::ByRule)),
            (Class::Good, stalled("spec.list[0].name: no"), violation.clone()),
            (Class::Good, Outcome::Restless("Reconciling".to_owned()), violation.clone()),
            (Class::Bad, refused("spec.list[0].name: Invalid value"), Some(Verdict::Refused)),
            (Class::Bad, refused(".spec.list[name=\"a\"].name: expected string"), Some(Verdict::Refused)),
            (
                Class::Bad,
                refused("x is invalid: [spec.list[0].name: Required value, y]"),
                Some(Verdict::Refused),
            ),
            (Class::Bad, refused("something is wrong"), violation.clone()),
            (Class::Bad, Outcome::Settled, violation.clone()),
            (Class::Bad, stalled("spec.list[a].name: is a; write b"), Some(Verdict::Stalled)),
            (Class::Odd, Outcome::Settled, Some(Verdict::CarriedOut)),
            (Class::Odd, stalled("spec.list[a].name: is a; write b"), Some(Verdict::Stalled)),
            (Class::Odd, stalled("the StatefulSet is refused"), violation.clone()),
            (Class::Odd, Outcome::Restless("422, again and again".to_owned()), violation),
        ];
        for (class, outcome, want) in table {
            let got = judge(&mutation(class), &outcome);
            match want {
                Some(want) => assert_eq!(got, want, "{class:?} {outcome:?}"),
                None => assert!(matches!(got, Verdict::Violation(_)), "{class:?} {outcome:?}: {got:?}"),
            }
        }
    }
}
