//! `Validator` into what the builders need.

use super::{
    InvalidField,
    fence::{FleetFence, fence},
    keys::{IdentityKeys, identities},
};
use crate::{
    api::{
        Validator, ValidatorSpec,
        validator::{
            AccessMode, Amounts, Exposure, NodePool, PeeringType, Pod, Resources, Role, RpcNamespace, RpcType,
        },
    },
    names::{
        ACCEPT_JOURNAL_LOSS, ConsortiumName, FIRST_SPARE, FleetName, IGNORE_QUORUM, REPLACES, SKIP_UNSEAT,
        reads_as_spares,
    },
    units::quantity,
};
use alloy_primitives::B256;
use chain::config::{History, MIN_HISTORY_BLOCKS};
use std::collections::BTreeMap;

const STORAGE: &str = "50Gi";
/// Lost journals that one annotation may name.
const MAX_LOST: usize = 64;
/// Nodes of a fleet at most; the schema says so too.
pub const MAX_NODES: u32 = FIRST_SPARE;

/// A fleet whose every field can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidFleet {
    /// Its name.
    pub name: FleetName,
    /// Its namespace.
    pub namespace: String,
    /// Its uid, for owner references.
    pub uid: String,
    /// Its network.
    pub consortium: ConsortiumName,
    /// Nodes wanted.
    pub replicas: u32,
    /// Spares wanted.
    pub standbys: u32,
    /// What keeps two nodes from voting with one identity, where identities can move.
    pub fence: Option<FleetFence>,
    /// What they do.
    pub role: Role,
    /// Where its identities' keys are.
    pub keys: IdentityKeys,
    /// The fleet whose seats its nodes take over.
    pub replaces: Option<FleetName>,
    /// Disk of one node.
    pub storage_size: String,
    /// Who may mount it.
    pub access_mode: AccessMode,
    /// Storage class, the cluster's default when absent.
    pub storage_class: Option<String>,
    /// How far back state is kept, if the spec says so.
    pub history: Option<History>,
    /// Requests.
    pub requests: Amounts,
    /// Limits.
    pub limits: Amounts,
    /// Image asked for.
    pub image: Option<String>,
    /// Additions to the pods.
    pub pod: Pod,
    /// Node pool.
    pub node_pool: Option<NodePool>,
    /// RPC Service, unless none is wanted.
    pub rpc: Option<RpcService>,
    /// Service for members in other clusters, if they are to reach the nodes.
    pub peering: Option<PeeringService>,
    /// JSON-RPC namespaces.
    pub namespaces: Vec<String>,
    /// Hash of those fields of the spec that pods are made from.
    pub pod_hash: String,
    /// A deletion is under way.
    pub deleting: bool,
    /// The user lets it go with its seats.
    pub skip_unseat: bool,
    /// The user restarts nodes whatever it costs the quorum.
    pub ignore_quorum: bool,
    /// Lost vote journals whose loss the user accepts.
    pub accept_journal_loss: Vec<B256>,
}

/// The RPC Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcService {
    /// Behind a load balancer, else inside the cluster only.
    pub load_balancer: bool,
    /// Reachable from outside the virtual network.
    pub public: bool,
    /// Who may connect.
    pub source_ranges: Vec<String>,
    /// Annotations from the spec.
    pub annotations: BTreeMap<String, String>,
}

/// The Service over which other clusters' nodes connect, a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringService {
    /// Reachable from outside the virtual network.
    pub public: bool,
    /// Who may connect.
    pub source_ranges: Vec<String>,
    /// Annotations from the spec.
    pub annotations: BTreeMap<String, String>,
}

impl ValidFleet {
    /// Indices of the nodes wanted, those with an identity and the spares.
    pub fn indices(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.replicas).chain(FIRST_SPARE..FIRST_SPARE.saturating_add(self.standbys))
    }

    /// Whether the node of this index is one of them.
    #[must_use]
    pub fn wants(&self, index: u32) -> bool {
        wants((self.replicas, self.standbys), index)
    }

    /// Whether it stands by for the identities of another cluster, which seats and unseats them.
    #[must_use]
    pub fn stands_by(&self) -> bool {
        self.fence.as_ref().is_some_and(|fence| !fence.preferred)
    }
}

/// Whether a fleet of so many nodes and so many spares has one of this index.
#[must_use]
pub const fn wants((replicas, standbys): (u32, u32), index: u32) -> bool {
    match index.checked_sub(FIRST_SPARE) {
        None => index < replicas,
        Some(number) => number < standbys,
    }
}

/// Checks a fleet. One that is being deleted always passes: a field that nobody will carry out must not keep it.
pub fn fleet(object: &Validator) -> Result<ValidFleet, InvalidField> {
    let spec = &object.spec;
    let deleting = object.metadata.deletion_timestamp.is_some();
    let replicas = replicas(spec.replicas, deleting)?;
    let storage = spec.storage.clone().unwrap_or_default();
    let resources = spec.resources.clone().unwrap_or_default();
    let (requests, limits) = amounts(resources)?;
    let keys = identities(spec.keys.as_ref(), place(object), deleting)?;
    let (standbys, fence) = fence(spec, &keys, place(object).0, deleting)?;
    named(place(object).1, deleting)?;
    let annotation = |name: &str| object.metadata.annotations.as_ref().and_then(|all| all.get(name));
    Ok(ValidFleet {
        name: FleetName(object.metadata.name.clone().unwrap_or_default()),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        consortium: ConsortiumName(spec.consortium_ref.name.clone()),
        replicas,
        standbys,
        fence,
        role: spec.role,
        keys,
        replaces: replaced(annotation(REPLACES).filter(|_| !deleting), object)?,
        storage_size: storage.size.unwrap_or_else(|| STORAGE.to_owned()),
        access_mode: storage.access_mode.unwrap_or_default(),
        storage_class: storage.storage_class_name,
        history: history(spec, deleting)?,
        limits,
        requests,
        image: spec.image.clone(),
        pod: spec.pod.clone().unwrap_or_default(),
        node_pool: spec.node_pool.clone(),
        rpc: rpc(object),
        peering: peering(spec),
        namespaces: namespaces(object),
        pod_hash: pod_hash(spec),
        deleting,
        skip_unseat: annotation(SKIP_UNSEAT).is_some_and(|value| value == "true"),
        ignore_quorum: annotation(IGNORE_QUORUM).is_some_and(|value| value == "true"),
        accept_journal_loss: match annotation(ACCEPT_JOURNAL_LOSS).filter(|_| !deleting) {
            Some(ids) => lost(ids)?,
            None => Vec::new(),
        },
    })
}

fn place(object: &Validator) -> (&str, &str) {
    let metadata = &object.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

/// The nodes of a fleet with such a name would have the names of another one's spares.
fn named(fleet: &str, deleting: bool) -> Result<(), InvalidField> {
    if deleting || !reads_as_spares(fleet) {
        return Ok(());
    }
    let fix = format!("is {fleet}: names that end so are those of spares; give the Validator another name");
    Err(InvalidField::new("metadata.name", fix))
}

fn replaced(named: Option<&String>, object: &Validator) -> Result<Option<FleetName>, InvalidField> {
    let own = object.metadata.name.as_deref();
    let Some(name) = named else { return Ok(None) };
    if name.is_empty() || Some(name.as_str()) == own {
        return Err(InvalidField::new(
            &format!("metadata.annotations[{REPLACES}]"),
            format!("is {name:?}; it must be the name of another Validator of the same network"),
        ));
    }
    Ok(Some(FleetName(name.clone())))
}

/// Ids of journals, separated by commas; a fleet has a journal for each of its nodes.
fn lost(ids: &str) -> Result<Vec<B256>, InvalidField> {
    let parsed: Result<Vec<B256>, _> = ids.split(',').map(|id| id.trim().parse()).collect();
    parsed.ok().filter(|ids| ids.len() <= MAX_LOST).ok_or_else(|| {
        InvalidField::new(
            &format!("metadata.annotations[{ACCEPT_JOURNAL_LOSS}]"),
            format!(
                "is {ids:?}; it must be at most {MAX_LOST} ids of lost vote journals (0x and 64 hex digits) separated by commas, as the nodes' messages name them"
            ),
        )
    })
}

/// What the user wrote, not what is made of it: a default that a later version changes is no edit. A field that is
/// forgotten here still works; its edit only does not bring the newest pod template with it.
fn pod_hash(spec: &ValidatorSpec) -> String {
    let namespaces = spec.rpc.as_ref().map(|rpc| rpc.namespaces.as_slice()).unwrap_or_default();
    // An empty object says as much as none, and is what a field that was taken out of it may leave behind.
    let amounts = |amounts: Option<Amounts>| amounts.filter(|amounts| *amounts != Amounts::default());
    let resources = spec.resources.clone().map(|resources| Resources {
        requests: amounts(resources.requests),
        limits: amounts(resources.limits),
    });
    let resources = resources.filter(|resources| *resources != Resources::default());
    let pod = spec.pod.as_ref().filter(|pod| **pod != Pod::default());
    let fields = (spec.role, resources, &spec.image, pod, &spec.node_pool, namespaces);
    // These types always serialise: no map of theirs has keys other than strings.
    let mut text = serde_json::to_string(&fields).unwrap_or_default();
    // Added to the text and not to the fields: the hash of a fleet without it is what it has always been.
    if peering(spec).is_some() {
        text.push_str("peering");
    }
    if spec.keys.as_ref().is_some_and(|keys| keys.azure_key_vault.is_some()) {
        text.push_str("azureKeyVault");
    }
    if spec.standbys > 0 || spec.fence.is_some() {
        text.push_str("fence");
    }
    if let Some(history) = &spec.history {
        text.push_str("history");
        text.push_str(&serde_json::to_string(history).unwrap_or_default());
    }
    alloy_primitives::hex::encode(&alloy_primitives::keccak256(text)[..8])
}

fn replicas(wanted: i32, deleting: bool) -> Result<u32, InvalidField> {
    let bounds = 1..=MAX_NODES.cast_signed();
    let bounded = if deleting { wanted.clamp(*bounds.start(), *bounds.end()) } else { wanted };
    u32::try_from(bounded).ok().filter(|_| bounds.contains(&bounded)).ok_or_else(|| {
        InvalidField::new(
            "spec.replicas",
            format!("is {wanted}; it must be {} to {}", bounds.start(), bounds.end()),
        )
    })
}

/// Requests and limits, what the spec leaves out filled in: a request that the user raised ends up above no limit of ours,
/// and a limit that he lowered below no request of ours.
fn amounts(resources: Resources) -> Result<(Amounts, Amounts), InvalidField> {
    let (requests, limits) = (resources.requests.unwrap_or_default(), resources.limits.unwrap_or_default());
    let (cpu, cpu_limit) = pair("cpu", requests.cpu, limits.cpu, ("250m", "2"))?;
    let (memory, memory_limit) = pair("memory", requests.memory, limits.memory, ("256Mi", "2Gi"))?;
    let amounts = |cpu, memory| Amounts { cpu: Some(cpu), memory: Some(memory) };
    Ok((amounts(cpu, memory), amounts(cpu_limit, memory_limit)))
}

fn pair(
    what: &str,
    request: Option<String>,
    limit: Option<String>,
    ours: (&str, &str),
) -> Result<(String, String), InvalidField> {
    let above = |request: &str, limit: &str| quantity(request) > quantity(limit);
    match (request, limit) {
        (Some(request), Some(limit)) if above(&request, &limit) => Err(InvalidField::new(
            &format!("spec.resources.requests.{what}"),
            format!(
                "is {request}, above spec.resources.limits.{what} {limit}; it must not be more than the limit"
            ),
        )),
        (Some(request), Some(limit)) => Ok((request, limit)),
        (Some(request), None) => Ok((request.clone(), request)),
        (None, Some(limit)) if above(ours.0, &limit) => Ok((limit.clone(), limit)),
        (None, Some(limit)) => Ok((ours.0.to_owned(), limit)),
        (None, None) => Ok((ours.0.to_owned(), ours.1.to_owned())),
    }
}

fn history(spec: &ValidatorSpec, deleting: bool) -> Result<Option<History>, InvalidField> {
    let Some(asked) = spec.history.filter(|_| !deleting) else { return Ok(None) };
    let blocks = asked.blocks.map(|blocks| u64::try_from(blocks).unwrap_or(0));
    match (blocks, asked.all.unwrap_or(false)) {
        (None, true) => Ok(Some(History::All)),
        (Some(blocks), false) if blocks >= MIN_HISTORY_BLOCKS => Ok(Some(History::Blocks(blocks))),
        (Some(_), false) => {
            let asked = asked.blocks.unwrap_or_default();
            let fix =
                format!("is {asked}; it must be {MIN_HISTORY_BLOCKS} or more, or set all: true instead");
            Err(InvalidField::new("spec.history.blocks", fix))
        }
        _ => Err(InvalidField::new("spec.history", "needs exactly one of blocks and all: true")),
    }
}

fn rpc(object: &Validator) -> Option<RpcService> {
    let rpc = object.spec.rpc.clone().unwrap_or_default();
    let kind = rpc.kind.unwrap_or_default();
    (kind != RpcType::None).then(|| RpcService {
        load_balancer: kind == RpcType::LoadBalancer,
        public: rpc.exposure == Some(Exposure::Public),
        source_ranges: rpc.source_ranges,
        annotations: rpc.annotations,
    })
}

fn peering(spec: &ValidatorSpec) -> Option<PeeringService> {
    let peering = spec.peering.clone()?;
    (peering.kind == Some(PeeringType::LoadBalancer)).then(|| PeeringService {
        public: peering.exposure == Some(Exposure::Public),
        source_ranges: peering.source_ranges,
        annotations: peering.annotations,
    })
}

fn namespaces(object: &Validator) -> Vec<String> {
    let asked = object.spec.rpc.as_ref().map(|rpc| rpc.namespaces.clone()).unwrap_or_default();
    let asked =
        if asked.is_empty() { vec![RpcNamespace::Eth, RpcNamespace::Net, RpcNamespace::Web3] } else { asked };
    asked.into_iter().map(|namespace| namespace.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{B256, History, fleet};
    use crate::api::Validator;
    use serde_json::json;

    fn manifest(replicas: i32, deleting: bool) -> Validator {
        let mut manifest = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bank-a" },
            "spec": { "consortiumRef": { "name": "trade-finance" }, "replicas": replicas },
        });
        if deleting {
            manifest["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            manifest["metadata"]["annotations"] = json!({ "quorate.dev/skip-unseat": "true" });
        }
        serde_json::from_value(manifest).expect("a Validator")
    }

    #[test]
    fn replicas_out_of_bounds_are_refused_by_name_unless_the_fleet_is_being_deleted() {
        for replicas in [i32::MIN, 0, 65, i32::MAX] {
            let refused = fleet(&manifest(replicas, false)).expect_err("refused");
            assert_eq!(refused.field, "spec.replicas");
            assert!(refused.fix.contains(&replicas.to_string()), "{refused}");
            let going = fleet(&manifest(replicas, true)).expect("a fleet that goes is let go");
            assert!(going.deleting && going.skip_unseat, "{replicas}");
        }
    }

    #[test]
    fn a_limit_below_our_request_lowers_it_and_a_request_above_its_limit_is_refused_by_name() {
        let with = |resources: serde_json::Value| {
            let mut object = serde_json::to_value(manifest(4, false)).expect("JSON");
            object["spec"]["resources"] = resources;
            fleet(&serde_json::from_value(object).expect("a Validator"))
        };
        let low = with(json!({ "limits": { "memory": "64Mi" } })).expect("carried out");
        assert_eq!(low.requests.memory.as_deref(), Some("64Mi"));
        assert_eq!(low.requests.cpu.as_deref(), Some("250m"), "of what was not lowered it stays");
        let raised = with(json!({ "requests": { "cpu": "4" } })).expect("carried out");
        assert_eq!(raised.limits.cpu.as_deref(), Some("4"));
        let refused =
            with(json!({ "requests": { "cpu": "2" }, "limits": { "cpu": "500m" } })).expect_err("refused");
        assert_eq!(refused.field, "spec.resources.requests.cpu");
    }

    #[test]
    fn history_is_a_number_of_blocks_or_all_and_anything_else_is_refused_by_name() {
        let with = |history: serde_json::Value, deleting| {
            let mut object = serde_json::to_value(manifest(4, deleting)).expect("JSON");
            object["spec"]["history"] = history;
            fleet(&serde_json::from_value(object).expect("a Validator")).map(|fleet| fleet.history)
        };
        assert_eq!(with(json!(null), false), Ok(None));
        assert_eq!(with(json!({ "blocks": 100_000 }), false), Ok(Some(History::Blocks(100_000))));
        assert_eq!(with(json!({ "all": true }), false), Ok(Some(History::All)));
        for (wrong, field) in [
            (json!({}), "spec.history"),
            (json!({ "all": false }), "spec.history"),
            (json!({ "blocks": 128, "all": true }), "spec.history"),
            (json!({ "blocks": 127 }), "spec.history.blocks"),
            (json!({ "blocks": -1 }), "spec.history.blocks"),
        ] {
            assert_eq!(with(wrong.clone(), false).expect_err("refused").field, field, "{wrong}");
            assert!(with(wrong, true).is_ok(), "a fleet that goes is let go");
        }
    }

    #[test]
    fn what_is_empty_makes_no_other_pods_than_what_is_absent() {
        let hash = |field: &str, value: serde_json::Value| {
            let mut object = serde_json::to_value(manifest(4, false)).expect("JSON");
            object["spec"][field] = value;
            fleet(&serde_json::from_value(object).expect("a Validator")).expect("valid").pod_hash
        };
        let absent = hash("pod", json!(null));
        for (field, empty) in [
            ("pod", json!({})),
            ("pod", json!({ "imagePullSecrets": [], "labels": {} })),
            ("resources", json!({ "requests": {}, "limits": {} })),
            ("resources", json!({ "requests": { "cpu": null } })),
        ] {
            assert_eq!(hash(field, empty.clone()), absent, "{field}: {empty}");
        }
        assert_ne!(hash("pod", json!({ "labels": { "a": "b" } })), absent);
        assert_ne!(hash("resources", json!({ "limits": { "cpu": "1" } })), absent);
        assert_eq!(hash("peering", json!({ "type": "ClusterIP" })), absent);
        assert_ne!(hash("peering", json!({ "type": "LoadBalancer" })), absent);
        assert_eq!(hash("keys", json!({ "secret": {} })), absent);
        assert_ne!(hash("keys", vault()), absent);
        assert_eq!(hash("standbys", json!(0)), absent);
        assert_ne!(hash("standbys", json!(1)), absent);
        assert_eq!(hash("standbys", json!(2)), hash("standbys", json!(1)), "more spares make no other pods");
        assert_eq!(hash("fence", json!({})), hash("standbys", json!(1)));
        let blocks = |blocks: u64| hash("history", json!({ "blocks": blocks }));
        assert!(blocks(4096) != absent && blocks(4096) != blocks(8192), "an edit of it restarts nodes");
    }

    #[test]
    fn a_name_that_is_one_of_spares_is_refused_unless_the_fleet_goes() {
        let with = |name: &str, deleting| {
            let mut object = manifest(1, deleting);
            object.metadata.name = Some(name.to_owned());
            fleet(&object)
        };
        assert_eq!(with("bank-a-standby", false).expect_err("refused").field, "metadata.name");
        assert!(with("bank-a-standby", true).is_ok() && with("standby", false).is_ok());
    }

    fn vault() -> serde_json::Value {
        let id = "11111111-2222-3333-4444-555555555555";
        json!({ "azureKeyVault": { "vaultUrl": "https://v.vault.azure.net", "tenantId": id, "clientId": id } })
    }

    #[test]
    fn keys_in_a_vault_have_the_names_of_namespace_fleet_and_node_unless_a_prefix_is_given() {
        let with = |keys: serde_json::Value, deleting| {
            let mut object = serde_json::to_value(manifest(4, deleting)).expect("JSON");
            object["metadata"]["namespace"] = json!("blue");
            object["spec"]["keys"] = keys;
            fleet(&serde_json::from_value(object).expect("a Validator"))
        };
        let place =
            |keys| with(keys, false).expect("valid").keys.vault().expect("a vault").place(3).to_string();
        assert_eq!(place(vault()), "https://v.vault.azure.net/keys/blue-bank-a-3");
        let mut other = vault();
        other["azureKeyVault"]["mode"] = json!("Inject");
        other["azureKeyVault"]["keyPrefix"] = json!("prod-");
        assert_eq!(place(other), "https://v.vault.azure.net/secrets/prod-3");
        let mut both = vault();
        both["secret"] = json!({});
        for keys in [both, json!({})] {
            assert_eq!(with(keys.clone(), false).expect_err("refused").field, "spec.keys");
            assert!(with(keys, true).is_ok(), "a fleet that goes is let go");
        }
    }

    #[test]
    fn a_vault_elsewhere_than_at_azure_needs_the_authorities_that_vouch_for_it() {
        let at = |url: &str, bundle: Option<&str>, deleting| {
            let mut object = serde_json::to_value(manifest(4, deleting)).expect("JSON");
            object["spec"]["keys"] = vault();
            object["spec"]["keys"]["azureKeyVault"]["vaultUrl"] = json!(url);
            object["spec"]["keys"]["azureKeyVault"]["caBundle"] = json!(bundle);
            fleet(&serde_json::from_value(object).expect("a Validator"))
        };
        for url in
            ["https://V.Vault.Azure.NET", "https://v.vault.azure.net:443", "https://h.managedhsm.azure.cn"]
        {
            assert!(at(url, None, false).is_ok(), "{url}");
        }
        for url in [
            "https://vault.azure.svc",
            "https://vault.azure.net",
            "https://evilvault.azure.net",
            "https://[::1]:8443",
        ] {
            let refused = at(url, None, false).expect_err("refused");
            assert_eq!(refused.field, "spec.keys.azureKeyVault.caBundle");
            assert!(refused.fix.contains(url), "{}", refused.fix);
            assert!(at(url, Some("PEM"), false).is_ok(), "{url}");
            assert!(at(url, None, true).is_ok(), "a fleet that goes is let go");
        }
    }

    #[test]
    fn a_fleet_replaces_another_and_never_itself() {
        let annotated = |value: &str| {
            let mut object = manifest(4, false);
            object.metadata.annotations =
                Some([("quorate.dev/replaces".to_owned(), value.to_owned())].into());
            fleet(&object)
        };
        let old = annotated("bank-a-old").expect("valid").replaces;
        assert_eq!(old.map(|name| name.0).as_deref(), Some("bank-a-old"));
        for value in ["", "bank-a"] {
            let refused = annotated(value).expect_err("refused");
            assert_eq!(refused.field, "metadata.annotations[quorate.dev/replaces]");
        }
    }

    #[test]
    fn accepted_journals_are_ids_separated_by_commas_and_anything_else_is_refused_by_name() {
        let annotated = |value: &str, deleting| {
            let mut object = manifest(4, deleting);
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.insert("quorate.dev/accept-journal-loss".to_owned(), value.to_owned());
            object
        };
        let (one, two) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let valid = fleet(&annotated(&format!("{one}, {two}"), false)).expect("two ids");
        assert_eq!(valid.accept_journal_loss, [one, two]);
        let many = [one; 65].map(|id| id.to_string()).join(",");
        for value in ["", "true", "0x01", &format!("{one},"), &format!("{one} {two}"), &many] {
            let refused = fleet(&annotated(value, false)).expect_err("refused");
            assert_eq!(refused.field, "metadata.annotations[quorate.dev/accept-journal-loss]");
            assert!(fleet(&annotated(value, true)).is_ok(), "a fleet that goes is let go");
        }
    }
}
