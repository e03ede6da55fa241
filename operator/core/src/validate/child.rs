//! What the API server refuses of a child object, in the words of the spec that asked for it.

/// Kind of child, where its field begins, where that comes from in the spec.
const ORIGINS: [(&str, &str, &str); 18] = [
    ("StatefulSet", "spec.template.spec.containers[0].resources", "spec.resources"),
    ("StatefulSet", "spec.template.spec.containers[0].image", "spec.image"),
    ("StatefulSet", "spec.template.spec.affinity", "spec.pod.affinity"),
    ("StatefulSet", "spec.template.spec.tolerations", "spec.pod.tolerations"),
    ("StatefulSet", "spec.template.spec.imagePullSecrets", "spec.pod.imagePullSecrets"),
    ("StatefulSet", "spec.template.spec.priorityClassName", "spec.pod.priorityClassName"),
    ("StatefulSet", "spec.template.spec.nodeSelector", "spec.nodePool"),
    ("StatefulSet", "spec.template.labels", "spec.pod.labels"),
    ("StatefulSet", "spec.template.annotations", "spec.pod.annotations"),
    ("Service", "spec.loadBalancerSourceRanges", "spec.rpc.sourceRanges"),
    ("Service", "spec.LoadBalancerSourceRanges", "spec.rpc.sourceRanges"),
    ("Service", "metadata.annotations", "spec.rpc.annotations"),
    ("PersistentVolumeClaim", "spec.resources", "spec.storage"),
    ("PersistentVolumeClaim", "spec.storageClassName", "spec.storage.storageClassName"),
    ("ManagedClustersAgentPool", "spec.vnetSubnetReference", "spec.nodePool.aso.vnetSubnetId"),
    ("ManagedClustersAgentPool", "spec.maxCount", "spec.nodePool.aso.autoscaling.maxCount"),
    ("ManagedClustersAgentPool", "metadata.annotations", "spec.nodePool.aso.credentialFrom"),
    ("ManagedClustersAgentPool", "spec", "spec.nodePool.aso"),
];

/// How the names of the Services end that are not for JSON-RPC, and where their fields come from.
const SERVICES: [(&str, &str); 2] =
    [("-peers", "spec.peering."), ("-network-info", "spec.publish.networkInfo.service.")];

/// Causes named in one message.
const NAMED: usize = 3;

/// What a person reads: the spec's field where one is known, the child's own beside it. `causes` are field and message;
/// `message` stands where there are none.
#[must_use]
pub fn refused(kind: &str, name: &str, causes: &[(String, String)], message: &str) -> String {
    if causes.is_empty() {
        return format!("the API server refuses {kind} {name}: {message}");
    }
    // All Services that the specs shape have the same fields.
    let place = SERVICES.iter().find(|(end, _)| kind == "Service" && name.ends_with(end));
    let ours = |ours: String| match place {
        Some((_, place)) => ours.replacen("spec.rpc.", place, 1),
        None => ours,
    };
    let said = causes.iter().take(NAMED).map(|(field, message)| match origin(kind, field).map(ours) {
        Some(ours) => format!("{ours}: {message} ({kind} {name}, {field})"),
        None => format!("the API server refuses {kind} {name}: {field}: {message}"),
    });
    said.collect::<Vec<_>>().join("; ")
}

/// The spec's field behind a child's: `containers[0].resources.limits[cpu]` is `spec.resources.limits.cpu`.
fn origin(kind: &str, field: &str) -> Option<String> {
    ORIGINS.iter().find_map(|(of, theirs, ours)| {
        let rest = field.strip_prefix(theirs).filter(|_| *of == kind)?;
        if !(rest.is_empty() || rest.starts_with(['.', '['])) {
            return None;
        }
        let rest =
            if *ours == "spec.resources" { rest.replace('[', ".").replace(']', "") } else { rest.to_owned() };
        match (kind, rest.as_str()) {
            ("PersistentVolumeClaim", "[storage]" | ".requests[storage]") => {
                Some("spec.storage.size".to_owned())
            }
            _ => Some(format!("{ours}{rest}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn a_refusal_of_a_child_names_the_field_of_the_spec_behind_it() {
        let table = [
            (
                "StatefulSet",
                "spec.template.spec.affinity.nodeAffinity.x[0].weight",
                "spec.pod.affinity.nodeAffinity.x[0].weight: bad",
            ),
            (
                "StatefulSet",
                "spec.template.spec.containers[0].resources.requests[cpu]",
                "spec.resources.requests.cpu: bad",
            ),
            ("StatefulSet", "spec.template.labels", "spec.pod.labels: bad"),
            ("Service", "spec.LoadBalancerSourceRanges[0]", "spec.rpc.sourceRanges[0]: bad"),
            ("PersistentVolumeClaim", "spec.resources[storage]", "spec.storage.size: bad"),
            ("ManagedClustersAgentPool", "spec.osSKU", "spec.nodePool.aso.osSKU: bad"),
            (
                "StatefulSet",
                "spec.template.spec.affinityOfAnother",
                "the API server refuses StatefulSet a-0: spec.template.spec.affinityOfAnother: bad",
            ),
        ];
        for (kind, field, want) in table {
            let said = refused(kind, "a-0", &[(field.to_owned(), "bad".to_owned())], "");
            assert!(said.starts_with(want), "{said}");
            assert!(said.contains(field), "the child's own field stands beside it: {said}");
        }
        for (name, want) in [
            ("bank-a-rpc", "spec.rpc.annotations: "),
            ("bank-a-peers", "spec.peering.annotations: "),
            ("trade-network-info", "spec.publish.networkInfo.service.annotations: "),
        ] {
            let causes = [("metadata.annotations".to_owned(), "bad".to_owned())];
            let said = refused("Service", name, &causes, "");
            assert!(said.starts_with(want), "{said}");
        }
        assert_eq!(refused("Secret", "s", &[], "no"), "the API server refuses Secret s: no");
    }
}
