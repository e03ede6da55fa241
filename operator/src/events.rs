//! Events, on change only: one for every change, never folded, so nothing of them is kept in memory.

use crate::{clock::steady_ms, context::Context};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Resource,
    api::{ObjectMeta, PostParams},
};
use operator_core::api::{
    Condition,
    conditions::{ConditionStatus, DEGRADED, OVERRIDDEN, RECONCILING, STALLED},
};

/// Who reports.
const CONTROLLER: &str = "quorate.dev/operator";
/// Longest note that the API server takes is 1,024 bytes.
const NOTE: usize = 1000;

/// Normal or a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    Normal,
    Warning,
}

/// Tells a decision that was carried out; counts and traces it.
pub(crate) async fn decided<K>(context: &Context, about: &K, decision: &'static str, reason: &str, note: &str)
where
    K: Resource<DynamicType = ()>,
{
    context.decided(decision);
    publish(context, &about.object_ref(&()), EventType::Normal, reason, note).await;
}

/// One event; a failure to publish is logged and forgotten.
pub(crate) async fn publish(
    context: &Context,
    about: &ObjectReference,
    kind: EventType,
    reason: &str,
    note: &str,
) {
    let namespace = about.namespace.clone().unwrap_or_default();
    let event = event(about, kind, reason, note, &context.instance);
    let api = context.api::<Event>(&namespace);
    let published =
        tokio::time::timeout(std::time::Duration::from_secs(5), api.create(&PostParams::default(), &event))
            .await;
    if !matches!(published, Ok(Ok(_))) {
        tracing::warn!(reason, note, "event not published");
    }
}

fn event(about: &ObjectReference, kind: EventType, reason: &str, note: &str, instance: &str) -> Event {
    let object = about.name.as_deref().unwrap_or_default();
    let mut note = note.to_owned();
    note.truncate(note.floor_char_boundary(NOTE));
    Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{object}.{:x}{:04x}",
                Timestamp::now().as_microsecond(),
                steady_ms() & 0xffff
            )),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        action: Some("Reconcile".to_owned()),
        reason: Some(reason.to_owned()),
        note: Some(note),
        regarding: Some(about.clone()),
        type_: Some(format!("{kind:?}")),
        ..Event::default()
    }
}

/// An event for every condition whose status changed. `Reconciling` says nothing that `Ready` does not say too.
pub(crate) async fn changes(
    context: &Context,
    about: &ObjectReference,
    before: &[Condition],
    after: &[Condition],
) {
    for now in after.iter().filter(|condition| condition.kind != RECONCILING) {
        let then = before.iter().find(|condition| condition.kind == now.kind);
        let bad = [STALLED, DEGRADED, OVERRIDDEN].contains(&now.kind.as_str());
        // What is bad and has never been true is no news.
        let news = then.map_or(!bad || now.status == ConditionStatus::True, |then| then.status != now.status);
        if !news || now.status == ConditionStatus::Unknown {
            continue;
        }
        let well = (now.status == ConditionStatus::True) != bad;
        let started = then.is_none() && !well && !bad;
        let kind = if well || started { EventType::Normal } else { EventType::Warning };
        let verdict = if now.status == ConditionStatus::True { "" } else { "Not" };
        publish(context, about, kind, &format!("{verdict}{}", now.kind), &told(now)).await;
    }
}

fn told(condition: &Condition) -> String {
    match condition.message.as_str() {
        "" => condition.reason.clone(),
        message => format!("{}: {message}", condition.reason),
    }
}
