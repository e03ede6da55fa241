use crate::network::Network;
use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;

#[tokio::test]
async fn every_namespace_refuses_a_pod_that_asks_for_more_than_restricted_allows() -> Result<()> {
    let network = Network::live().await?;
    let client = network.cluster.client.clone();
    let namespaces = Api::<Namespace>::all(client.clone()).list(&ListParams::default()).await?;
    let names: Vec<_> = namespaces.into_iter().filter_map(|n| n.metadata.name).collect();
    for expected in ["bank-a", "quorate-system", "default"] {
        assert!(names.iter().any(|name| name == expected), "{expected} is not among {names:?}");
    }
    let greedy: Pod = serde_json::from_value(json!({
        "metadata": { "name": "greedy" },
        "spec": { "containers": [{ "name": "c", "image": "localhost/pause:3.10", "securityContext": { "privileged": true } }] },
    }))?;
    for name in names {
        let pods = Api::<Pod>::namespaced(client.clone(), &name);
        let attempt = pods.create(&PostParams { dry_run: true, field_manager: None }, &greedy).await;
        let refusal = attempt.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refusal.contains("restricted"), "{name} answered a privileged pod: {refusal:?}");
    }
    Ok(())
}
