//! All edits over many namespaces at once.

use super::{
    budgets, children, disks,
    hints::{self, Hint},
    judge::Verdict,
    kubelet::Kubelet,
    manifests::{self, Beginnings},
    mirror::Mirror,
    operator::Operator,
    plan::{Mutation, Schemas, slice, unmutated},
    report,
    stage::Arena,
    tap::{Plant, Tap},
    trial::{Ready, Tried},
};
use crate::{
    azure_service_operator,
    publisher::{self, Publisher},
    world::World,
};
use std::{
    collections::{BTreeSet, VecDeque},
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
    /// Leaves of the spec of which no value was carried out, or of a part of a run: for which there is none.
    pub unmutated: Vec<String>,
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

    /// Says of a whole run which fields nothing came of.
    fn neglected(&mut self) {
        let tried = &self.tried;
        let wishes: BTreeSet<&str> =
            tried.iter().filter(|one| one.is_wish).map(|one| one.field.as_str()).collect();
        self.unmutated = report::never_carried_out(tried, |name| !wishes.contains(name));
        let never = report::never_carried_out(tried, unavailable);
        self.others.extend(never.iter().map(|field| {
            format!("{field}: no good value was ever carried out; give it its meaning or its context in operator/trials/src/mutate/hints.rs")
        }));
        let unfelt =
            report::never_felt(tried, |name| hints::at(name).any(|hint| matches!(hint, Hint::Unfelt(_))));
        self.others.extend(unfelt.iter().map(|field| {
            format!("{field}: its good values were carried out, and no child was ever different; the operator ignores it, or hints.rs has to say why")
        }));
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
    let document = serde_json::to_string(&publisher::of_example())?;
    let publisher = Publisher::start(&options.operator, &document);
    let beginnings = Beginnings::read(&publisher.url, &publisher.authority)?;
    let schemas = Schemas::ours()?;
    let Chosen { edits, untried, unmutated, part } = chosen(options, &schemas, &beginnings)?;
    let leaves: BTreeSet<String> =
        edits.iter().filter(|edit| edit.field.is_leaf()).map(|edit| edit.field.name()).collect();
    let (leaves, mutations) = (leaves.len(), edits.len());
    let (arena, operator) = arena(options).await?;
    let workers = options.namespaces.min(mutations);
    println!("{mutations} edits of {leaves} leaves over {workers} namespaces");
    let (joining, creating): (Vec<_>, Vec<_>) =
        edits.into_iter().partition(|edit| Beginnings::joins(&edit.field));
    let joiners = (workers * joining.len() / mutations).max(1);
    let work = Work {
        arena,
        operator,
        schemas,
        beginnings,
        queues: Mutex::new([creating.into(), joining.into()]),
        tried: Mutex::default(),
        others: Mutex::new(untried),
        fresh: AtomicUsize::new(0),
        start: Instant::now(),
        seed: options.seed,
    };
    let workers = (0..workers).map(|number| work.worker(number < joiners));
    let all = async {
        let stages: Vec<Ready> = futures::future::join_all(workers).await.into_iter().flatten().collect();
        work.silence(&stages, options.silence).await;
    };
    // Whoever ends the run early is told what was found until then.
    tokio::select! {
        () = all => {}
        () = stopped() => println!("stopped: no further edits"),
    }
    let left = work.left();
    let tried = work.tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    let others = work.others.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = Outcome { tried, others, leaves, unmutated, mutations, seed: options.seed };
    if left > 0 {
        outcome.others.push(format!("stopped by a signal: {left} edits were not made"));
    } else if !part {
        outcome.neglected();
    }
    Ok(outcome)
}

/// What is run.
struct Chosen {
    edits: Vec<Mutation>,
    /// Fields for which nothing can be made, in words.
    untried: Vec<String>,
    unmutated: Vec<String>,
    /// There is more of these fields.
    part: bool,
}

fn chosen(options: &Options, schemas: &Schemas, beginnings: &Beginnings) -> Result<Chosen, RunError> {
    let (all, untried) = schemas.mutations(beginnings, options.seed);
    let leaf = options.leaf.as_deref().unwrap_or_default();
    let of_leaf: Vec<Mutation> =
        all.into_iter().filter(|mutation| mutation.field.name().starts_with(leaf)).collect();
    let unmutated = unmutated(&of_leaf);
    let is_wanted = |mutation: &Mutation| options.what.as_ref().is_none_or(|what| *what == mutation.what);
    let edits: Vec<Mutation> = of_leaf.into_iter().filter(is_wanted).collect();
    if edits.is_empty() {
        return Err(RunError::NoEdit {
            leaf: leaf.to_owned(),
            what: options.what.clone().unwrap_or_default(),
        });
    }
    let part = options.what.is_some() || options.mutations.is_some_and(|count| count < edits.len());
    let edits = slice(edits, options.mutations.unwrap_or(usize::MAX), options.seed);
    Ok(Chosen { edits, untried: untried.iter().map(ToString::to_string).collect(), unmutated, part })
}

/// SIGINT or SIGTERM.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Fields that the table of hints says are kept as they are, or tried by what is in them.
fn unavailable(name: &str) -> bool {
    hints::at(name).any(|hint| matches!(hint, Hint::Kept | Hint::NotAtCreation))
}

async fn arena(options: &Options) -> Result<(Arena, Operator), RunError> {
    // For the CRDs and the way to the API server; its namespace stays empty.
    let world = World::new("mutate", &options.operator).await;
    azure_service_operator::install(&world, &[azure_service_operator::NEWEST]).await;
    let client = world.client.clone();
    let (tap, kubeconfig) = Tap::start(world.relay().await, options.plant, &options.folder).await;
    let mirror = Mirror::start(&client, children::kinds(&world).await);
    let kubelet = Kubelet::start(client.clone());
    disks::play(client.clone()).await?;
    budgets::play(client.clone());
    let port = 32_000 - u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    let log = options.folder.join("operator.log");
    let operator = Operator::start(&options.operator, &kubeconfig, &format!("127.0.0.1:{port}"), &log);
    Ok((Arena { client, tap, kubelet, mirror }, operator))
}

struct Work {
    arena: Arena,
    operator: Operator,
    schemas: Schemas,
    beginnings: Beginnings,
    /// Of namespaces that create their network, and of those that join one.
    queues: Mutex<[VecDeque<Mutation>; 2]>,
    tried: Mutex<Vec<Tried>>,
    others: Mutex<Vec<String>>,
    fresh: AtomicUsize,
    start: Instant,
    seed: u64,
}

impl Work {
    /// The other kind's, when none of the preferred is left.
    fn next(&self, joining: bool) -> Option<Mutation> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let preferred = queues[usize::from(joining)].pop_front();
        preferred.or_else(|| queues[usize::from(!joining)].pop_front())
    }

    fn left(&self) -> usize {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).iter().map(VecDeque::len).sum()
    }

    fn name(&self) -> String {
        format!("m{}-{}", std::process::id(), self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    fn complain(&self, what: String) {
        println!("  ! {what}");
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Takes edits until none is left; returns its last stages, at rest and unedited.
    async fn worker(&self, joining: bool) -> Vec<Ready> {
        let mut stages: [Option<Ready>; 2] = [None, None];
        while let Some(mutation) = self.next(joining) {
            let stage = &mut stages[usize::from(Beginnings::joins(&mutation.field))];
            let beginning = self.beginnings.of(&mutation.field);
            let mut ready = match stage.take() {
                Some(ready) => ready,
                None => match Ready::new(&self.arena, &self.name(), beginning).await {
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
                    *stage = Some(ready);
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
        stages.into_iter().flatten().collect()
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
                self.left(),
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
