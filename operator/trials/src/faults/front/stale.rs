//! Reads from an earlier moment, as from a cache that lags.

use super::{Request, Verb, reply, status};
use crate::faults::history::{Kind, Objects};
use axum::{
    http::{HeaderMap, StatusCode, header::ACCEPT},
    response::Response,
};
use serde_json::{Value, json};

pub(super) fn answer(objects: &Objects, version: u64, request: &Request, headers: &HeaderMap) -> Response {
    let metadata_only = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("PartialObjectMetadata"));
    let Some(kind) = Kind::of_plural(&request.resource) else {
        return status(StatusCode::NOT_FOUND, "NotFound", "this kind is not recorded", &[]);
    };
    let shown = |object: &Value| if metadata_only { metadata(object) } else { object.clone() };
    if request.verb == Verb::Get {
        let name = request.name.clone().unwrap_or_default();
        return match objects.get(&(kind, name.clone())) {
            Some(object) => reply(StatusCode::OK, &shown(object), &[]),
            None => status(
                StatusCode::NOT_FOUND,
                "NotFound",
                &format!("{} \"{name}\" not found", request.resource),
                &[],
            ),
        };
    }
    let of_kind = objects.iter().filter(|((found, _), _)| *found == kind).map(|(_, object)| object);
    let items: Vec<Value> =
        of_kind.filter(|object| is_selected(object, request)).map(|object| shown(object)).collect();
    let list =
        if metadata_only { "PartialObjectMetadataList".to_owned() } else { format!("{}List", kind.kind) };
    let group = if metadata_only { "meta.k8s.io/v1".to_owned() } else { kind.api_version() };
    let body = json!({
        "apiVersion": group, "kind": list, "metadata": { "resourceVersion": version.to_string() }, "items": items,
    });
    reply(StatusCode::OK, &body, &[])
}

fn metadata(object: &Value) -> Value {
    json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"] })
}

/// Equality terms only, which is all that the operator uses.
fn is_selected(object: &Value, request: &Request) -> bool {
    let terms = |key: &str| {
        request
            .query
            .get(key)
            .into_iter()
            .flat_map(|all| all.split(','))
            .filter_map(|term| term.split_once('='))
    };
    terms("labelSelector").all(|(label, value)| object["metadata"]["labels"][label] == value)
        && terms("fieldSelector").all(|(field, value)| {
            object.pointer(&format!("/{}", field.replace('.', "/"))).is_some_and(|found| found == value)
        })
}
