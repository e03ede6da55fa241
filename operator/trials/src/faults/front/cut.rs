//! An eviction that is granted and comes to nothing, made by the API server itself: it counts the eviction in the budget first, and
//! then does not find the very pod that is named.

use axum::body::{Body, to_bytes};
use serde_json::{Value, json};

/// No pod has it.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The same eviction, of another pod of that name.
pub(super) async fn of_another_pod(incoming: axum::extract::Request) -> axum::extract::Request {
    let (mut head, body) = incoming.into_parts();
    let bytes = to_bytes(body, super::LARGEST).await.unwrap_or_default();
    head.headers.remove("content-length");
    axum::extract::Request::from_parts(head, Body::from(named(&bytes, NOBODY)))
}

fn named(eviction: &[u8], uid: &str) -> String {
    let mut eviction: Value = serde_json::from_slice(eviction).unwrap_or_default();
    eviction["deleteOptions"]["preconditions"]["uid"] = json!(uid);
    eviction.to_string()
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, named};
    use serde_json::{Value, json};

    #[test]
    fn only_the_pod_that_is_meant_changes() {
        let eviction =
            json!({ "kind": "Eviction", "deleteOptions": { "preconditions": { "uid": "u" }, "dryRun": [] } });
        let cut: Value = serde_json::from_str(&named(eviction.to_string().as_bytes(), NOBODY)).expect("JSON");
        assert_eq!(cut["deleteOptions"], json!({ "preconditions": { "uid": NOBODY }, "dryRun": [] }));
        assert_eq!(cut["kind"], "Eviction");
    }
}
