//! Looks after keys in vaults, apart from the passes: a vault that is away holds nobody up. What its answers mean is decided in
//! `operator_core::vault`; here it is asked, a few calls at a time, and left alone for as long as it says.
//!
//! A key is asked for when it is wanted and has no record, and once an hour from then on.

mod settle;

use crate::{
    clock::steady_ms,
    context::Context,
    events::{self, EventType},
    turns::Turns,
};
use azure_access::vault::VaultError;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use operator_core::{
    api::{GROUP, VERSION},
    cache::{ObjectKey, ObjectKind},
    queue::{self, Urgency},
    vault::{KeyPlace, Report, Task, Trouble, TroubleKind, Wanted},
};
use settle::settled;
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Objects whose keys are looked at at the same time; of each one key after the other.
const AT_ONCE: usize = 4;
/// Longer than a fleet of the largest size takes, every call slow. What is on record by then stays.
const DEADLINE: Duration = Duration::from_mins(10);
/// Until a key that is well is looked at again.
const LOOK_AGAIN_MS: u64 = 60 * 60_000;
/// Roles are in force by then.
const PROPAGATED_MS: u64 = 15 * 60_000;
/// How long a vault is left alone that does not say for how long it wants to be.
const REST_MS: u64 = 10_000;
/// Vaults that are left alone at the same time; more than there are.
const MOST_RESTING: usize = 1024;

/// What is known of keys in vaults.
#[derive(Default)]
pub(crate) struct Vaults {
    turns: Arc<Turns<ObjectKey>>,
    held: Mutex<HashMap<ObjectKey, Holding>>,
    /// Vaults that are left alone, and until when.
    resting: Mutex<HashMap<String, u64>>,
}

struct Holding {
    task: Task,
    /// By the Secrets that stand for the keys.
    kept: BTreeMap<String, Kept>,
}

struct Kept {
    place: KeyPlace,
    report: Report,
    looked_ms: u64,
    refused_since: Option<u64>,
}

impl Vaults {
    fn held(&self) -> MutexGuard<'_, HashMap<ObjectKey, Holding>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the vault has said of an object's keys, by the Secrets that stand for them.
    pub(crate) fn reports(&self, of: &ObjectKey) -> BTreeMap<String, Report> {
        let held = self.held();
        let kept = held.get(of).into_iter().flat_map(|holding| &holding.kept);
        kept.map(|(record, kept)| (record.clone(), kept.report.clone())).collect()
    }

    /// What an object wants. The vault is asked soon when that is news.
    pub(crate) fn want(&self, of: &ObjectKey, task: Option<&Task>) {
        let Some(task) = task.filter(|task| !task.keys.is_empty()) else {
            if self.held().remove(of).is_some() {
                self.turns.forget(of);
            }
            return;
        };
        let mut held = self.held();
        let mut kept = match held.remove(of) {
            Some(holding) if holding.task == *task => {
                held.insert(of.clone(), holding);
                return;
            }
            before => before.map(|holding| holding.kept).unwrap_or_default(),
        };
        let is_wanted = |record: &String, kept: &Kept| {
            task.keys.iter().any(|wanted| wanted.holder.record() == *record && wanted.place == kept.place)
        };
        kept.retain(|record, kept| is_wanted(record, kept));
        held.insert(of.clone(), Holding { task: task.clone(), kept });
        drop(held);
        self.turns.wake(of, steady_ms(), Urgency::Edited);
    }

    /// For how long a vault is left alone still, in milliseconds.
    pub(crate) fn rests(&self, vault: &str) -> Option<u64> {
        let until = *self.resting().get(vault)?;
        until.checked_sub(steady_ms()).filter(|left| *left > 0)
    }

    /// Leaves a vault alone that has asked for it.
    pub(crate) fn rest(&self, vault: &str, error: &VaultError) {
        if !matches!(error, VaultError::Throttled { .. }) {
            return;
        }
        let pause = error.retry_after().and_then(|pause| u64::try_from(pause.as_millis()).ok());
        let (now, mut resting) = (steady_ms(), self.resting());
        resting.retain(|_, until| *until > now);
        if resting.len() < MOST_RESTING {
            resting.insert(vault.to_owned(), now.saturating_add(pause.unwrap_or(REST_MS)));
        }
    }

    fn task(&self, of: &ObjectKey) -> Option<Task> {
        self.held().get(of).map(|holding| holding.task.clone())
    }

    /// Whether it is time to look at a key.
    fn is_due(&self, of: &ObjectKey, wanted: &Wanted, now: u64) -> bool {
        let held = self.held();
        let kept = held.get(of).and_then(|holding| holding.kept.get(&wanted.holder.record()));
        let fresh = |kept: &Kept| {
            wanted.pinned.is_some()
                && kept.report.is_settled()
                && now.saturating_sub(kept.looked_ms) < LOOK_AGAIN_MS * 4 / 5
        };
        !kept.is_some_and(fresh)
    }

    /// Whether a key was well when it was last looked at.
    fn is_well(&self, of: &ObjectKey, wanted: &Wanted) -> bool {
        let held = self.held();
        let kept = held.get(of).and_then(|holding| holding.kept.get(&wanted.holder.record()));
        wanted.pinned.is_some() && kept.is_some_and(|kept| kept.report.is_settled())
    }

    /// Keeps what came of a look; what was known before, if it was something else.
    fn keep(&self, of: &ObjectKey, wanted: &Wanted, report: Report) -> Option<Report> {
        let now = steady_ms();
        let mut held = self.held();
        let holding = held.get_mut(of)?;
        let record = wanted.holder.record();
        let before = holding.kept.remove(&record).filter(|kept| kept.place == wanted.place);
        let (report, refused_since) = lasting(report, before.as_ref(), now);
        let known = before.map(|kept| kept.report).unwrap_or_default();
        let place = wanted.place.clone();
        let news = known != report;
        holding.kept.insert(record, Kept { place, report, looked_ms: now, refused_since });
        news.then_some(known)
    }

    /// When the object's keys are looked at next.
    fn outcome(&self, of: &ObjectKey) -> queue::Outcome {
        let held = self.held();
        let Some(holding) = held.get(of) else { return queue::Outcome::Await };
        let rest = holding.task.keys.iter().filter_map(|wanted| self.rests(&wanted.place.vault)).max();
        let settled = holding.task.keys.iter().all(|wanted| {
            holding.kept.get(&wanted.holder.record()).is_some_and(|kept| kept.report.is_settled())
        });
        match rest {
            Some(left) => queue::Outcome::Again(left),
            // Those that began together do not look together for ever.
            None if settled => {
                queue::Outcome::Again(LOOK_AGAIN_MS * 4 / 5 + rand::random_range(0..=LOOK_AGAIN_MS * 2 / 5))
            }
            None => queue::Outcome::Failed,
        }
    }
}

/// A refusal that lasts longer than roles take is told as one.
fn lasting(report: Report, before: Option<&Kept>, now: u64) -> (Report, Option<u64>) {
    let Report::Failed(mut trouble) = report else { return (report, None) };
    if trouble.kind != TroubleKind::Refused {
        return (Report::Failed(trouble), None);
    }
    let since = before.and_then(|kept| kept.refused_since).unwrap_or(now);
    if now.saturating_sub(since) > PROPAGATED_MS {
        trouble.kind = TroubleKind::RefusedForLong;
    }
    (Report::Failed(trouble), Some(since))
}

/// Looks after keys until `stop` is over.
pub(crate) async fn run(context: Arc<Context>, stop: impl Future<Output = ()>) {
    let turns = context.vaults.turns.clone();
    turns.run(AT_ONCE, DEADLINE, stop, move |of| round(context.clone(), of)).await;
}

async fn round(context: Arc<Context>, of: ObjectKey) -> queue::Outcome {
    let vaults = &context.vaults;
    let Some(task) = vaults.task(&of).filter(|task| is_there(&context, &of, task)) else {
        vaults.want(&of, None);
        return queue::Outcome::Await;
    };
    let now = steady_ms();
    let due: Vec<&Wanted> = task.keys.iter().filter(|wanted| vaults.is_due(&of, wanted, now)).collect();
    for (at, wanted) in due.iter().enumerate() {
        if let Some(left) = vaults.rests(&wanted.place.vault) {
            let kind = TroubleKind::Throttled;
            let message = "429: the vault has asked to be left alone".to_owned();
            tracing::debug!(vault = wanted.place.vault, left, "left alone");
            for other in due[at..].iter().filter(|other| !vaults.is_well(&of, other)) {
                let report = Report::Failed(Trouble { kind, message: message.clone() });
                told(&context, &of, &task, other, report).await;
            }
            break;
        }
        let report = settled(&context, &of, &task, wanted).await;
        // What keeps one key from being reached keeps the others of its vault.
        let for_all = matches!(&report, Report::Failed(trouble) if is_of_the_vault(trouble.kind));
        told(&context, &of, &task, wanted, report.clone()).await;
        if for_all {
            for other in &due[at + 1..] {
                told(&context, &of, &task, other, report.clone()).await;
            }
            break;
        }
    }
    vaults.outcome(&of)
}

/// Whether the object is there still, the same, and stays.
fn is_there(context: &Context, of: &ObjectKey, task: &Task) -> bool {
    let cache = context.cache();
    let metadata = match of.kind {
        ObjectKind::Consortium => {
            cache.consortium(&of.namespace, &of.name).map(|object| object.metadata.clone())
        }
        ObjectKind::Validator => {
            let fleet = cache.fleet(&of.namespace, &of.name);
            fleet.and_then(|fleet| fleet.object().ok()).map(|object| object.metadata)
        }
    };
    let same = |metadata: ObjectMeta| {
        metadata.deletion_timestamp.is_none() && metadata.uid.as_deref() == Some(task.owner.as_str())
    };
    metadata.is_some_and(same)
}

const fn is_of_the_vault(kind: TroubleKind) -> bool {
    matches!(
        kind,
        TroubleKind::NoIdentity
            | TroubleKind::Token
            | TroubleKind::Host
            | TroubleKind::Throttled
            | TroubleKind::Unreachable
    )
}

/// Keeps what came of a look. What is news wakes the object; a later version that has appeared is an event too.
async fn told(context: &Context, of: &ObjectKey, task: &Task, wanted: &Wanted, report: Report) {
    let newer = match &report {
        Report::Newer(version) => Some(version.clone()),
        _ => None,
    };
    let Some(before) = context.vaults.keep(of, wanted, report) else { return };
    context.turns(of.kind).wake(of, steady_ms(), Urgency::Changed);
    if let Some(version) = newer.filter(|_| before == Report::Pinned) {
        let note = format!(
            "{}: {} has the later version {version}, which nobody uses: another key is another identity",
            wanted.holder, wanted.place
        );
        events::publish(context, &about(of, task), EventType::Warning, "NewerKeyVersion", &note).await;
    }
}

/// The object, as events name it.
fn about(of: &ObjectKey, task: &Task) -> ObjectReference {
    let kind = match of.kind {
        ObjectKind::Consortium => "Consortium",
        ObjectKind::Validator => "Validator",
    };
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some(kind.to_owned()),
        namespace: Some(of.namespace.to_string()),
        name: Some(of.name.to_string()),
        uid: Some(task.owner.clone()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, PROPAGATED_MS, Vaults, lasting};
    use azure_access::vault::VaultError;
    use operator_core::{
        cache::{ObjectKey, ObjectKind},
        names::{ConsortiumName, FleetName},
        queue::Outcome,
        vault::{Holder, Home, KeyPlace, Report, Task, Trouble, TroubleKind, Wanted},
    };
    use std::time::Duration;

    fn of() -> ObjectKey {
        ObjectKey { kind: ObjectKind::Validator, namespace: "bank-a".into(), name: "bank-a".into() }
    }

    fn wanted(pinned: Option<&str>) -> Wanted {
        let place =
            KeyPlace { vault: "https://v".to_owned(), home: Home::Key, name: "bank-a-bank-a-0".to_owned() };
        let holder = Holder::Node(FleetName("bank-a".to_owned()).node(0));
        Wanted { holder, place, create: true, begun: false, pinned: pinned.map(str::to_owned) }
    }

    fn task(pinned: Option<&str>) -> Task {
        Task {
            namespace: "bank-a".to_owned(),
            network: ConsortiumName("trade-finance".to_owned()),
            owner: "uid".to_owned(),
            keys: vec![wanted(pinned)],
        }
    }

    #[test]
    fn a_key_on_record_that_is_well_is_left_alone_for_an_hour_and_any_other_is_looked_at() {
        let vaults = Vaults::default();
        vaults.want(&of(), Some(&task(None)));
        let (none, some) = (wanted(None), wanted(Some("0f")));
        assert!(vaults.is_due(&of(), &none, 0));
        assert_eq!(vaults.keep(&of(), &none, Report::Pinned), Some(Report::Unknown), "news");
        assert_eq!(vaults.keep(&of(), &none, Report::Pinned), None);
        assert!(vaults.is_due(&of(), &none, 0), "it is not on record yet");
        vaults.want(&of(), Some(&task(Some("0f"))));
        assert!(!vaults.is_due(&of(), &some, 0), "what was seen before the record counts");
        assert!(vaults.is_due(&of(), &some, 60 * 60_000 * 3));
        assert!(matches!(vaults.outcome(&of()), Outcome::Again(after) if after >= 48 * 60_000));
        vaults.keep(&of(), &some, Report::Gone);
        assert!(vaults.is_due(&of(), &some, 0));
        assert_eq!(vaults.outcome(&of()), Outcome::Failed, "soon, and ever later");
        vaults.want(&of(), None);
        assert!(vaults.reports(&of()).is_empty());
        assert_eq!(vaults.outcome(&of()), Outcome::Await);
    }

    #[test]
    fn a_vault_that_asks_to_be_left_alone_is_for_as_long_as_it_says() {
        let vaults = Vaults::default();
        vaults.want(&of(), Some(&task(None)));
        vaults.rest("https://v", &VaultError::Deadline);
        assert_eq!(vaults.rests("https://v"), None, "it has not asked");
        vaults.rest("https://v", &VaultError::Throttled { retry_after: Some(Duration::from_mins(50)) });
        assert!(vaults.rests("https://v").is_some_and(|left| left > 2_900_000));
        assert_eq!(vaults.rests("https://other"), None);
        assert!(matches!(vaults.outcome(&of()), Outcome::Again(after) if after > 2_900_000));
    }

    #[test]
    fn a_refusal_is_put_down_to_roles_that_are_not_in_force_yet_until_they_must_be() {
        let refused = |kind| Report::Failed(Trouble { kind, message: "403".to_owned() });
        let (first, since) = lasting(refused(TroubleKind::Refused), None, 1000);
        assert_eq!((first, since), (refused(TroubleKind::Refused), Some(1000)));
        let kept = Kept {
            place: wanted(None).place,
            report: refused(TroubleKind::Refused),
            looked_ms: 1000,
            refused_since: since,
        };
        let later = |ms| lasting(refused(TroubleKind::Refused), Some(&kept), ms).0;
        assert_eq!(later(1000 + PROPAGATED_MS), refused(TroubleKind::Refused));
        assert_eq!(later(1001 + PROPAGATED_MS), refused(TroubleKind::RefusedForLong));
        assert_eq!(lasting(Report::Pinned, Some(&kept), 2000), (Report::Pinned, None));
    }
}
