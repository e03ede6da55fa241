//! Reads from an earlier moment, as from a cache that lags.

use super::{Request, Verb, reply, status};
use crate::faults::history::{Kind, Objects};
use axum::{
    http::{HeaderMap, StatusCode, header::ACCEPT},
    response::Response,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Whether the answer is to have metadata only.
fn is_metadata_only(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("PartialObjectMetadata"))
}

/// What a streamed list begins with: every object, then the bookmark that ends them.
pub(super) fn streamed(
    objects: &Objects,
    version: u64,
    request: &Request,
    headers: &HeaderMap,
) -> Option<String> {
    let kind = Kind::of_plural(&request.resource)?;
    let metadata_only = is_metadata_only(headers);
    let mut lines = String::new();
    let of_kind = objects.iter().filter(|((found, _), _)| *found == kind).map(|(_, object)| object);
    for object in of_kind.filter(|object| is_selected(object, request)) {
        let shown = if metadata_only { metadata(object) } else { Value::clone(object) };
        let _ = writeln!(lines, "{}", json!({ "type": "ADDED", "object": shown }));
    }
    let (api, kind) = if metadata_only {
        ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata")
    } else {
        (kind.api_version(), kind.kind)
    };
    let end = json!({
        "resourceVersion": version.to_string(), "annotations": { "k8s.io/initial-events-end": "true" },
    });
    let bookmark =
        json!({ "type": "BOOKMARK", "object": { "apiVersion": api, "kind": kind, "metadata": end } });
    let _ = writeln!(lines, "{bookmark}");
    Some(lines)
}

pub(super) fn answer(objects: &Objects, version: u64, request: &Request, headers: &HeaderMap) -> Response {
    let metadata_only = is_metadata_only(headers);
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
