//! Binder and storage driver: a claim is bound, has what it asks for, and grows.

use serde_json::{Value, json};

/// The status of a claim that has got what it asks for; `None` when it says so already.
#[must_use]
pub fn given(claim: &Value) -> Option<Value> {
    let (asked, has) = (&claim["spec"]["resources"]["requests"], &claim["status"]);
    (has["capacity"] != *asked || has["phase"] != "Bound")
        .then(|| json!({ "phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": asked }))
}

#[cfg(test)]
mod tests {
    use super::given;
    use serde_json::json;

    #[test]
    fn a_claim_gets_what_it_asks_for_and_again_when_it_asks_for_more() {
        let mut claim = json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "2Gi" } },
        } });
        let status = given(&claim).expect("it is not bound");
        assert_eq!(status["capacity"]["storage"], "2Gi");
        claim["status"] = status;
        assert_eq!(given(&claim), None);
        claim["spec"]["resources"]["requests"]["storage"] = json!("3Gi");
        assert_eq!(given(&claim).expect("it grows")["capacity"]["storage"], "3Gi");
    }
}
