//! Events, on change only.

use crate::context::Context;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};
use operator_core::api::{
    Condition,
    conditions::{ConditionStatus, DEGRADED, RECONCILING, STALLED},
};

/// One event; a failure to publish is logged and forgotten.
pub(crate) async fn publish(
    context: &Context,
    about: &ObjectReference,
    kind: EventType,
    reason: &str,
    note: &str,
) {
    let event = Event {
        type_: kind,
        reason: reason.to_owned(),
        note: Some(note.chars().take(1000).collect()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    let published =
        tokio::time::timeout(std::time::Duration::from_secs(5), context.recorder.publish(&event, about))
            .await;
    if !matches!(published, Ok(Ok(()))) {
        tracing::warn!(reason, note, "event not published");
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
        let bad = [STALLED, DEGRADED].contains(&now.kind.as_str());
        // What is bad and has never been true is no news.
        let news = then.map_or(!bad || now.status == ConditionStatus::True, |then| then.status != now.status);
        if !news || now.status == ConditionStatus::Unknown {
            continue;
        }
        let well = (now.status == ConditionStatus::True) != bad;
        let started = then.is_none() && !well && !bad;
        let kind = if well || started { EventType::Normal } else { EventType::Warning };
        let verdict = if now.status == ConditionStatus::True { "" } else { "Not" };
        publish(
            context,
            about,
            kind,
            &format!("{verdict}{}", now.kind),
            &format!("{}: {}", now.reason, now.message),
        )
        .await;
    }
}
