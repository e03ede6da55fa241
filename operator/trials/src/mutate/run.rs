//! All edits over many namespaces at once.

use super::{
    children, disks,
    hints::{self, Hint},
    judge::Verdict,
    kubelet::Kubelet,
    manifests,
    mirror::Mirror,
    operator::Operator,
    plan::{Mutation, Schemas, slice},
    report,
    stage::Arena,
    tap::{Plant, Tap},
    trial::{Ready, Tried},
};
use crate::{azure_service_operator, world::World};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The operator's program.
    pub operator: PathBuf,
    /// Folder of log and result.
    pub folder: PathBuf,
    /// Only fields whose name begins with it.
    pub leaf: Option<String>,
    /// Only edits of this description.
    pub what: Option<String>,
    /// Only so many, drawn.
    pub mutations: Option<usize>,
    /// Draws.
    pub seed: u64,
    /// Namespaces at once.
    pub namespaces: usize,
    /// A fault to be found.
    pub plant: Option<Plant>,
    /// Length of the silence at the end.
    pub silence: Duration,
}

/// What came of it.
pub struct Outcome {
    /// Every trial.
    pub tried: Vec<Tried>,
    /// What is wrong beside the trials.
    pub others: Vec<String>,
    /// Fields that hold a value of their own, of those that were tried.
    pub leaves: usize,
    /// Edits.
    pub mutations: usize,
    /// What drew them.
    pub seed: u64,
}

impl Outcome {
    /// All that is wrong, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let trials = self.tried.iter().filter_map(|tried| report::violation(tried, self.seed));
        trials.chain(self.others.iter().cloned()).collect()
    }
}

/// Why a run did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A manifest.
    #[error(transparent)]
    Manifest(#[from] manifests::ManifestError),
    /// A CRD.
    #[error("CRD: {0}")]
    Crd(#[from] serde_json::Error),
    /// The API server.
    #[error("API server: {0}")]
    Api(#[from] kube::Error),
    /// Nothing to do.
    #[error(
        "there is no edit {what:?} of a field whose name begins with {leaf:?}; names are as in the table of a run: Validator.spec.replicas"
    )]
    NoEdit {
        /// What the field's name was to begin with.
        leaf: String,
        /// What the edit was to be.
        what: String,
    },
}

/// Runs all edits.
///
/// # Errors
/// There is nothing to edit, or nothing to edit it on.
pub async fn run(options: &Options) -> Result<Outcome, RunError> {
    let (schemas, base) = (Schemas::ours()?, manifests::base()?);
    let (all, untried) = schemas.mutations(&base, options.seed);
    let wanted = options.leaf.as_deref().unwrap_or_default();
    let is_wanted = |mutation: &Mutation| {
        mutation.field.name().starts_with(wanted)
            && options.what.as_ref().is_none_or(|what| *what == mutation.what)
    };
    let chosen: Vec<Mutation> = all.into_iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        return Err(RunError::NoEdit {
            leaf: wanted.to_owned(),
            what: options.what.clone().unwrap_or_default(),
        });
    }
    let part = options.what.is_some() || options.mutations.is_some_and(|count| count < chosen.len());
    let chosen = slice(chosen, options.mutations.unwrap_or(usize::MAX), options.seed);
    let leaves = chosen
        .iter()
        .filter(|m| m.field.is_leaf())
        .map(|m| m.field.name())
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let mutations = chosen.len();
    let (arena, operator) = arena(options).await?;
    println!("{mutations} edits of {leaves} leaves over {} namespaces", options.namespaces.min(mutations));
    let work = Work {
        arena,
        operator,
        schemas,
        base,
        queue: Mutex::new(chosen.into()),
        tried: Mutex::default(),
        others: Mutex::new(untried.iter().map(ToString::to_string).collect()),
        fresh: AtomicUsize::new(0),
        start: Instant::now(),
        seed: options.seed,
    };
    let workers = (0..options.namespaces.min(mutations)).map(|_| work.worker());
    let all = async {
        let stages: Vec<Ready> = futures::future::join_all(workers).await.into_iter().flatten().collect();
        work.silence(&stages, options.silence).await;
    };
    // Whoever ends the run early is told what was found until then.
    tokio::select! {
        () = all => {}
        () = stopped() => println!("stopped: no further edits"),
    }
    let tried = work.tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut others = work.others.into_inner().unwrap_or_else(PoisonError::into_inner);
    let left = work.queue.into_inner().unwrap_or_else(PoisonError::into_inner).len();
    if left > 0 {
        others.push(format!("stopped by a signal: {left} edits were not made"));
    } else if !part {
        let never = report::never_carried_out(&tried, unavailable);
        others.extend(never.iter().map(|field| {
            format!("{field}: no good value was ever carried out; give it its meaning or its context in operator/trials/src/mutate/hints.rs")
        }));
        let unfelt =
            report::never_felt(&tried, |name| hints::at(name).any(|hint| matches!(hint, Hint::Unfelt(_))));
        others.extend(unfelt.iter().map(|field| {
            format!("{field}: its good values were carried out, and no child was ever different; the operator ignores it, or hints.rs has to say why")
        }));
    }
    Ok(Outcome { tried, others, leaves, mutations, seed: options.seed })
}

/// SIGINT or SIGTERM.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Fields that the table of hints says are not carried out, and those in them.
fn unavailable(name: &str) -> bool {
    let part_of = |end: usize| hints::at(&name[..end]).any(|hint| matches!(hint, Hint::Unavailable(_)));
    let ends = name.char_indices().filter(|(_, c)| ['.', '['].contains(c)).map(|(at, _)| at);
    let kept = hints::at(name).any(|hint| matches!(hint, Hint::Kept | Hint::NotAtCreation))
        || hints::stalls(name).is_some();
    kept || ends.chain([name.len()]).any(part_of)
}

async fn arena(options: &Options) -> Result<(Arena, Operator), RunError> {
    // For the CRDs and the way to the API server; its namespace stays empty.
    let world = World::new("mutate", &options.operator).await;
    azure_service_operator::install(&world, &[azure_service_operator::NEWEST]).await;
    let client = world.client.clone();
    let (tap, kubeconfig) = Tap::start(client.clone(), options.plant, &options.folder).await;
    let mirror = Mirror::start(&client, children::kinds(&client).await?);
    let kubelet = Kubelet::start(client.clone());
    disks::play(client.clone()).await?;
    let port = 32_000 - u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    let log = options.folder.join("operator.log");
    let operator = Operator::start(&options.operator, &kubeconfig, &format!("127.0.0.1:{port}"), &log);
    Ok((Arena { client, tap, kubelet, mirror }, operator))
}

struct Work {
    arena: Arena,
    operator: Operator,
    schemas: Schemas,
    base: BTreeMap<String, Value>,
    queue: Mutex<VecDeque<Mutation>>,
    tried: Mutex<Vec<Tried>>,
    others: Mutex<Vec<String>>,
    fresh: AtomicUsize,
    start: Instant,
    seed: u64,
}

impl Work {
    fn next(&self) -> Option<Mutation> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn name(&self) -> String {
        format!("m{}-{}", std::process::id(), self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    fn complain(&self, what: String) {
        println!("  ! {what}");
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Takes edits until none is left; returns its last stage, at rest and unedited.
    async fn worker(&self) -> Option<Ready> {
        let mut stage: Option<Ready> = None;
        while let Some(mutation) = self.next() {
            let mut ready = match stage.take() {
                Some(ready) => ready,
                None => match Ready::new(&self.arena, &self.name(), &self.base).await {
                    Ok(ready) => ready,
                    Err(error) => {
                        self.complain(format!("{}: {error}", mutation.field.name()));
                        continue;
                    }
                },
            };
            match ready.run(&self.schemas, &mutation, &self.name()).await {
                Ok((tried, true)) => {
                    self.note(tried);
                    stage = Some(ready);
                }
                Ok((tried, false)) => {
                    self.note(tried);
                    self.end(&ready).await;
                }
                Err(error) => {
                    self.complain(format!("{}: {error}", mutation.field.name()));
                    self.end(&ready).await;
                }
            }
        }
        stage
    }

    async fn end(&self, ready: &Ready) {
        if let Err(error) = ready.stage.end().await {
            self.complain(format!("{}: does not end: {error}", ready.stage.namespace));
        }
    }

    fn note(&self, mut tried: Tried) {
        if let Some(trouble) = self.operator.trouble() {
            tried.verdict = Verdict::Violation(trouble);
        }
        if let Some(violation) = report::violation(&tried, self.seed) {
            println!("  ! {violation}");
        }
        let mut all = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(tried);
        if all.len().is_multiple_of(100) {
            println!(
                "  {} done, {} left, {:.0} s",
                all.len(),
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).len(),
                self.start.elapsed().as_secs_f64()
            );
        }
    }

    /// Whoever is at rest stays silent for longer than any pause of the operator's.
    async fn silence(&self, stages: &[Ready], length: Duration) {
        let count = || -> Vec<usize> {
            stages.iter().map(|ready| self.arena.tap.writes(&ready.stage.namespace).count).collect()
        };
        let before = count();
        tokio::time::sleep(length).await;
        for ((ready, before), after) in stages.iter().zip(before).zip(count()) {
            if after != before {
                let last = self.arena.tap.writes(&ready.stage.namespace).last;
                self.complain(format!(
                    "{}: {} writes while at rest, the last {last:?}",
                    ready.stage.namespace,
                    after - before
                ));
            }
        }
        if let Some(trouble) = self.operator.trouble() {
            self.complain(trouble);
        }
    }
}
