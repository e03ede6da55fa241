//! One edit, carried out and undone.

use super::{
    children::{changed_kinds, compare, differences},
    hints::{self, Hint},
    judge::{Outcome, Verdict, judge},
    manifests::Beginning,
    mirror::Snapshot,
    path::Path,
    plan::{Mutation, Schemas},
    stage::{Arena, Stage},
    values::Class,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// A fresh stage is silent for so long before its children are what all edits are compared with: a whole round of questions to
/// settled nodes is within, after which what they answered (their vote journals) stands in their configuration.
const SILENCE_OF_A_BASE: Duration = Duration::from_secs(13);

/// What came of one edit.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Name of the field.
    pub field: String,
    /// What about it was tried.
    pub what: String,
    /// What was expected.
    pub class: Class,
    /// What was written.
    pub value: Option<Value>,
    /// Whether it is a leaf of what the user wants.
    pub is_wish: bool,
    /// How it ended.
    pub verdict: Verdict,
    /// For what cannot be edited: how an object that has it from the start ended.
    pub at_creation: Option<Verdict>,
    /// Kinds of children that the edit changed.
    pub changed: BTreeSet<String>,
    /// From the edit to the last rest.
    pub seconds: f64,
}

/// A stage at rest, and what is in it.
pub struct Ready {
    /// The namespace.
    pub stage: Stage,
    /// Its children at rest.
    pub children: Snapshot,
}

/// Why a trial did not come about at all.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The API server.
    #[error("API server: {0}")]
    Api(#[from] kube::Error),
    /// What stands around a field.
    #[error(transparent)]
    Value(#[from] super::values::NoValue),
    /// The manifests as they are do not come to rest.
    #[error("the unedited manifests do not come to rest in {namespace}: {outcome:?}")]
    Base {
        /// Where.
        namespace: String,
        /// What came of them.
        outcome: Outcome,
    },
}

impl Ready {
    /// The manifests, unedited, at rest in a fresh namespace.
    ///
    /// # Errors
    /// They do not come to rest.
    pub async fn new(arena: &Arena, name: &str, beginning: &Beginning) -> Result<Self, TrialError> {
        let stage = Stage::new(arena, name, beginning).await;
        stage.begin().await?;
        let settled = |outcome: &Outcome| match outcome {
            Outcome::Settled => Ok(None),
            other => Err(Some(other.clone())),
        };
        if let Some(outcome) = stage.rest_for(SILENCE_OF_A_BASE, settled).await {
            return Err(TrialError::Base { namespace: name.to_owned(), outcome });
        }
        Ok(Self { children: stage.children(), stage })
    }

    /// Edits and undoes; `fresh` names a namespace for what only a new object can have. Returns whether the stage is as it was.
    ///
    /// # Errors
    /// The API server cannot be asked.
    pub async fn run(
        &mut self,
        schemas: &Schemas,
        mutation: &Mutation,
        fresh: &str,
    ) -> Result<(Tried, bool), TrialError> {
        let start = Instant::now();
        let mut tried = Tried {
            field: mutation.field.name(),
            what: mutation.what.clone(),
            class: mutation.class,
            value: mutation.value.clone(),
            is_wish: mutation.field.is_wish(),
            verdict: Verdict::Refused,
            at_creation: None,
            changed: BTreeSet::new(),
            seconds: 0.0,
        };
        let as_it_was = if mutation.field.is_status() {
            self.reported(schemas, mutation, &mut tried).await?
        } else {
            self.wanted(schemas, mutation, &mut tried).await?
        };
        if tried.verdict == Verdict::Immutable && mutation.class != Class::Bad {
            tried.at_creation = created(&self.stage, schemas, mutation, fresh).await?;
        }
        tried.seconds = start.elapsed().as_secs_f64();
        Ok((tried, as_it_was))
    }

    /// An edit of what the user wants.
    async fn wanted(
        &mut self,
        schemas: &Schemas,
        mutation: &Mutation,
        tried: &mut Tried,
    ) -> Result<bool, TrialError> {
        let kind = &mutation.field.kind;
        let base = self.stage.beginning.manifests[kind].clone();
        let edited = schemas.edited(mutation, &base, &self.stage.words())?;
        if let Err(error) = self.stage.apply(&edited).await {
            tried.verdict = judge(mutation, &Outcome::Refused(message(error)?));
            return Ok(true);
        }
        tried.verdict = self.stage.rest(|outcome| open(judge(mutation, outcome))).await;
        tried.changed = changed_kinds(&self.children, &self.stage.children());
        if let Err(error) = self.stage.apply(&base).await {
            let message = message(error)?;
            let one_way =
                mutation.field.rules.iter().any(|rule| rule.transition && message.contains(&rule.message));
            if !one_way {
                self.wrong(tried, &format!("the edit is taken, but not taken back: {message}"));
            }
            return Ok(false);
        }
        let back = self.stage.rest(|outcome| self.came_back(mutation, outcome)).await;
        if let Some(what) = &back.wrong {
            self.wrong(tried, what);
        }
        Ok(back.as_it_was)
    }

    fn came_back(&self, mutation: &Mutation, outcome: &Outcome) -> Result<Back, Back> {
        if *outcome != Outcome::Settled {
            return Err(Back::wrong(format!("undone, it does not come back: {outcome:?}")));
        }
        let different = differences(&self.children, &self.stage.children());
        if different.is_empty() {
            return Ok(Back { as_it_was: true, wrong: None });
        }
        if hints::of(&mutation.field).iter().any(|hint| matches!(hint, Hint::OneWay(_))) {
            return Ok(Back { as_it_was: false, wrong: None });
        }
        let some = different.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        Err(Back::wrong(format!("undone, {} differences remain: {some}", different.len())))
    }

    /// Somebody else writes what the operator reports: it is put right.
    async fn reported(
        &mut self,
        schemas: &Schemas,
        mutation: &Mutation,
        tried: &mut Tried,
    ) -> Result<bool, TrialError> {
        let kind = &mutation.field.kind;
        let Some(before) = self.stage.object(kind) else { return Ok(false) };
        let edited = schemas.edited(mutation, &before, &self.stage.words())?;
        if let Err(error) = self.stage.write_status(kind, &before["status"], &edited["status"]).await {
            tried.verdict = judge(mutation, &Outcome::Refused(message(error)?));
            return Ok(true);
        }
        let kept = hints::of(&mutation.field).contains(&Hint::Kept);
        let (verdict, as_it_was) = self
            .stage
            .rest(|outcome| match (judge(mutation, outcome), outcome) {
                (verdict, Outcome::Settled) => match self.stayed(mutation, &before, kept) {
                    Some(what) => Err((Verdict::Violation(what), false)),
                    None => Ok((verdict, !kept)),
                },
                (verdict, _) => Err((verdict, false)),
            })
            .await;
        tried.verdict = verdict;
        Ok(as_it_was)
    }

    /// What of a write into the status is still to be seen.
    fn stayed(&self, mutation: &Mutation, before: &Value, kept: bool) -> Option<String> {
        let after = self.stage.object(&mutation.field.kind)?;
        let mut changed = Vec::new();
        if !kept {
            compare("status", &timeless(&before["status"]), &timeless(&after["status"]), &mut changed);
        }
        if let Some(first) = changed.first() {
            let here = &self.stage.namespace;
            return Some(format!("what somebody wrote into the status stays: {first} (namespace {here})"));
        }
        let different = differences(&self.children, &self.stage.children());
        different.first().map(|first| format!("what somebody wrote into the status changed {first}"))
    }

    fn wrong(&self, tried: &mut Tried, what: &str) {
        tried.verdict = Verdict::Violation(format!("{what} (namespace {})", self.stage.namespace));
    }
}

/// What came of taking an edit back.
struct Back {
    as_it_was: bool,
    wrong: Option<String>,
}

impl Back {
    const fn wrong(what: String) -> Self {
        Self { as_it_was: false, wrong: Some(what) }
    }
}

/// A violation may still be put right.
fn open(verdict: Verdict) -> Result<Verdict, Verdict> {
    if matches!(verdict, Verdict::Violation(_)) { Err(verdict) } else { Ok(verdict) }
}

/// What only a new object can have: fresh manifests with it come to rest too. `None` where the table says that they cannot.
async fn created(
    stage: &Stage,
    schemas: &Schemas,
    mutation: &Mutation,
    fresh: &str,
) -> Result<Option<Verdict>, TrialError> {
    if hints::of(&mutation.field).contains(&Hint::NotAtCreation) {
        return Ok(None);
    }
    let mut beginning = stage.beginning.clone();
    let (manifests, kind) = (&mut beginning.manifests, &mutation.field.kind);
    manifests.insert(kind.clone(), schemas.edited(mutation, &manifests[kind], &stage.words())?);
    let wanted = manifests[kind].clone();
    for hint in hints::of(&mutation.field) {
        if let (Hint::Same(kind, path), Some(value)) = (hint, mutation.field.path.get(&wanted)) {
            let other = manifests.entry(kind.to_owned()).or_default();
            *Path::from(path).place(other, &mut |_| Ok::<_, super::values::NoValue>(Value::Null))? =
                value.clone();
        }
    }
    let made = Stage::new(&stage.arena, fresh, &beginning).await;
    let verdict = match made.begin().await {
        Ok(()) => made.rest(|outcome| open(judge(mutation, outcome))).await,
        Err(error) => judge(mutation, &Outcome::Refused(message(error)?)),
    };
    made.end().await?;
    Ok(Some(verdict))
}

/// What the API server refused an edit for; what is no such answer is an error.
fn message(error: kube::Error) -> Result<String, kube::Error> {
    match error {
        kube::Error::Api(status) if is_refusal(status.code, &status.message) => Ok(status.message.clone()),
        other => Err(other),
    }
}

/// A value of another type than the schema's is answered 500 under server-side apply, which it is not.
fn is_refusal(code: u16, message: &str) -> bool {
    ((400..500).contains(&code) && code != 429) || message.contains("failed to create typed patch object")
}

/// Without the times and the height, which move with whatever else is put right.
fn timeless(status: &Value) -> Value {
    let mut status = status.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = Value::Null;
    }
    (status["observedAt"], status["height"]) = (Value::Null, Value::Null);
    if let Some(fields) = status.as_object_mut() {
        // An empty list says as much as none.
        fields.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    }
    status
}
