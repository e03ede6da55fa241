//! The pod of a node: PSS `restricted`, one container, everything mounted by name.

use super::{config::path, placement, service::p2p_port_name, statefulset::StatefulSetInputs};
use crate::{
    api::validator::{Amounts, Role},
    names::{
        API_CA, API_DIR, API_TOKEN, AZURE_DIR, AZURE_TOKEN, CONFIG_DIR, CONTAINER, DATA_DIR, GENESIS_DIR,
        GENESIS_FILE, IDENTITIES_DIR, IDENTITY_DIR, NodeName, P2P_DIR, ROOT_CA, SECRET_KEY,
    },
    validate::{FenceStore, IdentityKeys, ValidFleet},
};
use chain::config::{METRICS_PORT, P2P_PORT, RPC_PORT};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapProjection, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction,
        KeyToPath, LocalObjectReference, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec,
        Probe, ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecretProjection,
        SecretVolumeSource, SecurityContext, ServiceAccountTokenProjection, Volume, VolumeMount,
        VolumeProjection,
    },
    apimachinery::pkg::{api::resource::Quantity, util::intstr::IntOrString},
};
use std::collections::BTreeMap;

/// The user of the image; no account of the host.
const USER: i64 = 65_532;
/// Time to finish a block, flush and close.
const GRACE_SECONDS: i64 = 30;
/// Whom the token of a workload identity is for.
const TOKEN_AUDIENCE: &str = "api://AzureADTokenExchange";
const TOKEN_SECONDS: i64 = 3600;

pub(super) fn pod_spec(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> PodSpec {
    PodSpec {
        service_account_name: Some(fleet.name.0.clone()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        security_context: Some(unprivileged_pod()),
        containers: vec![container(fleet, inputs)],
        volumes: Some(volumes(fleet, inputs)),
        image_pull_secrets: image_pull_secrets(fleet),
        priority_class_name: fleet.pod.priority_class_name.clone(),
        node_selector: placement::node_selector(fleet),
        tolerations: placement::tolerations(fleet),
        affinity: Some(placement::affinity(fleet)),
        topology_spread_constraints: Some(vec![placement::zones(fleet)]),
        ..PodSpec::default()
    }
}

fn container(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(inputs.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["run".to_owned(), "--config".to_owned(), path()]),
        ports: Some(vec![
            port("rpc", RPC_PORT),
            port(&p2p_name(fleet, inputs.name.index), P2P_PORT),
            port("metrics", METRICS_PORT),
        ]),
        startup_probe: Some(Probe { failure_threshold: Some(600), ..probe("/livez", 1) }),
        liveness_probe: Some(Probe { failure_threshold: Some(6), ..probe("/livez", 10) }),
        readiness_probe: Some(Probe { failure_threshold: Some(3), ..probe("/readyz", 1) }),
        resources: Some(ResourceRequirements {
            requests: Some(amounts(&fleet.requests)),
            limits: Some(amounts(&fleet.limits)),
            claims: None,
        }),
        security_context: Some(unprivileged()),
        // The end of the log says why a node does not start; it reaches the fleet's conditions this way.
        termination_message_policy: (inputs.template >= 2).then(|| "FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts(fleet, &inputs.name)),
        ..Container::default()
    }
}

/// What PSS `restricted` asks of a pod.
pub(super) fn unprivileged_pod() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

/// What it asks of a container.
pub(super) fn unprivileged() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

/// A name of the node's own lets one Service lead each of its ports to another pod.
fn p2p_name(fleet: &ValidFleet, index: u32) -> String {
    if fleet.peering.is_some() { p2p_port_name(index) } else { "p2p".to_owned() }
}

fn port(name: &str, port: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(port),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period_seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("metrics".to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}

fn amounts(amounts: &Amounts) -> BTreeMap<String, Quantity> {
    let pairs = [("cpu", amounts.cpu.as_ref()), ("memory", amounts.memory.as_ref())];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Quantity(value?.clone())))).collect()
}

fn mounts(fleet: &ValidFleet, node: &NodeName) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount("config", CONFIG_DIR, true),
        mount("genesis", GENESIS_DIR, true),
        mount("p2p", P2P_DIR, true),
        mount("data", DATA_DIR, false),
    ];
    if fleet.role == Role::Validator {
        match fleet.keys {
            IdentityKeys::Secrets { .. } if node.is_spare() => {
                mounts.push(mount("identities", IDENTITIES_DIR, true));
            }
            IdentityKeys::Secrets { .. } => mounts.push(mount("identity", IDENTITY_DIR, true)),
            IdentityKeys::Vault(_) => {}
        }
    }
    if is_at_azure(fleet) {
        mounts.push(mount("azure", AZURE_DIR, true));
    }
    if keeps_leases(fleet) {
        mounts.push(mount("api", API_DIR, true));
    }
    mounts
}

/// Its nodes have a workload identity: for their keys, or for the records of their identities.
fn is_at_azure(fleet: &ValidFleet) -> bool {
    let records = fleet.fence.as_ref().is_some_and(|fence| fence.container().is_some());
    fleet.role == Role::Validator && (fleet.keys.vault().is_some() || records)
}

fn keeps_leases(fleet: &ValidFleet) -> bool {
    fleet.fence.as_ref().is_some_and(|fence| fence.store == FenceStore::Leases)
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn volumes(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> Vec<Volume> {
    let config_map = |name: &str, config_map: String, items| Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map,
            items,
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let only_file = vec![KeyToPath {
        key: GENESIS_FILE.to_owned(),
        path: GENESIS_FILE.to_owned(),
        ..KeyToPath::default()
    }];
    let mut volumes = vec![
        config_map("config", inputs.name.config(), None),
        config_map("genesis", fleet.consortium.genesis(), Some(only_file)),
        key_volume("p2p", inputs.name.p2p()),
        Volume {
            name: "data".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: inputs.name.volume(),
                read_only: None,
            }),
            ..Volume::default()
        },
    ];
    if fleet.role == Role::Validator {
        match fleet.keys {
            IdentityKeys::Secrets { .. } if inputs.name.is_spare() => {
                volumes.push(keys_volume(&inputs.standby_for));
            }
            IdentityKeys::Secrets { .. } => volumes.push(key_volume("identity", inputs.name.identity())),
            IdentityKeys::Vault(_) => {}
        }
    }
    if is_at_azure(fleet) {
        volumes.push(projected("azure", None, vec![token(Some(TOKEN_AUDIENCE), AZURE_TOKEN)]));
    }
    if keeps_leases(fleet) {
        volumes.push(projected("api", None, vec![token(None, API_TOKEN), root_ca()]));
    }
    volumes
}

fn projected(name: &str, default_mode: Option<i32>, sources: Vec<VolumeProjection>) -> Volume {
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode,
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A token of the pod's service account that only `audience` takes, Microsoft Entra, or where it is absent the API server; the
/// kubelet replaces it before it ends. No webhook is needed.
fn token(audience: Option<&str>, path: &str) -> VolumeProjection {
    VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: audience.map(str::to_owned),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: path.to_owned(),
            ..ServiceAccountTokenProjection::default()
        }),
        ..VolumeProjection::default()
    }
}

/// By whom the nodes know the API server.
fn root_ca() -> VolumeProjection {
    VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: ROOT_CA.to_owned(),
            items: Some(vec![file(API_CA, API_CA.to_owned())]),
            optional: None,
        }),
        ..VolumeProjection::default()
    }
}

/// The keys that a spare stands by with, each in a folder of its own, readable by the node's group alone.
fn keys_volume(nodes: &[NodeName]) -> Volume {
    let key = |node: &NodeName| VolumeProjection {
        secret: Some(SecretProjection {
            name: node.identity(),
            items: Some(vec![file(SECRET_KEY, format!("{node}/{SECRET_KEY}"))]),
            optional: None,
        }),
        ..VolumeProjection::default()
    };
    projected("identities", Some(0o440), nodes.iter().map(key).collect())
}

fn file(key: &str, path: String) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path, ..KeyToPath::default() }
}

/// Only the key itself, readable by the node's group alone.
fn key_volume(name: &str, secret: String) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            default_mode: Some(0o440),
            items: Some(vec![KeyToPath {
                key: SECRET_KEY.to_owned(),
                path: SECRET_KEY.to_owned(),
                ..KeyToPath::default()
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn image_pull_secrets(fleet: &ValidFleet) -> Option<Vec<LocalObjectReference>> {
    let secrets = fleet.pod.image_pull_secrets.iter();
    let secrets: Vec<_> = secrets.map(|secret| LocalObjectReference { name: secret.name.clone() }).collect();
    (!secrets.is_empty()).then_some(secrets)
}
