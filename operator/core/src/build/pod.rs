//! The pod of a node: PSS `restricted`, one container, everything mounted by name.

use super::{config::path, statefulset::StatefulSetInputs};
use crate::{
    api::validator::{Amounts, Role, TaintEffect, Toleration as WantedToleration, TolerationOperator},
    names::{
        CONFIG_DIR, CONTAINER, DATA_DIR, FLEET, GENESIS_DIR, GENESIS_FILE, IDENTITY_DIR, P2P_DIR, POOL_TAINT,
        SECRET_KEY,
    },
    validate::ValidFleet,
};
use chain::config::{METRICS_PORT, P2P_PORT, RPC_PORT};
use k8s_openapi::{
    api::core::v1::{
        Affinity, Capabilities, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, KeyToPath,
        LocalObjectReference, PersistentVolumeClaimVolumeSource, PodAffinityTerm, PodAntiAffinity,
        PodSecurityContext, PodSpec, Probe, ResourceRequirements, SeccompProfile, SecretVolumeSource,
        SecurityContext, Toleration, TopologySpreadConstraint, Volume, VolumeMount, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use std::collections::BTreeMap;

/// The user of the image; no account of the host.
const USER: i64 = 65_532;
/// Time to finish a block, flush and close.
const GRACE_SECONDS: i64 = 30;
const POOL_LABEL: &str = "kubernetes.azure.com/agentpool";

pub(super) fn pod_spec(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> PodSpec {
    PodSpec {
        service_account_name: Some(fleet.name.0.clone()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(fleet, inputs)],
        volumes: Some(volumes(fleet, inputs)),
        image_pull_secrets: image_pull_secrets(fleet),
        priority_class_name: fleet.pod.priority_class_name.clone(),
        node_selector: fleet
            .node_pool
            .as_ref()
            .map(|pool| BTreeMap::from([(POOL_LABEL.to_owned(), pool.name.clone())])),
        tolerations: tolerations(fleet),
        affinity: Some(fleet.pod.affinity.clone().unwrap_or_else(|| spread_over_hosts(fleet))),
        topology_spread_constraints: Some(vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "topology.kubernetes.io/zone".to_owned(),
            // With zonal disks DoNotSchedule wedges as soon as a zone is short.
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(fleet_selector(fleet)),
            ..TopologySpreadConstraint::default()
        }]),
        ..PodSpec::default()
    }
}

fn container(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(inputs.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["run".to_owned(), "--config".to_owned(), path()]),
        ports: Some(vec![port("rpc", RPC_PORT), port("p2p", P2P_PORT), port("metrics", METRICS_PORT)]),
        startup_probe: Some(Probe { failure_threshold: Some(600), ..probe("/livez", 1) }),
        liveness_probe: Some(Probe { failure_threshold: Some(6), ..probe("/livez", 10) }),
        readiness_probe: Some(Probe { failure_threshold: Some(3), ..probe("/readyz", 1) }),
        resources: Some(ResourceRequirements {
            requests: Some(amounts(&fleet.requests)),
            limits: Some(amounts(&fleet.limits)),
            claims: None,
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts(fleet)),
        ..Container::default()
    }
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

fn mounts(fleet: &ValidFleet) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount("config", CONFIG_DIR, true),
        mount("genesis", GENESIS_DIR, true),
        mount("p2p", P2P_DIR, true),
        mount("data", DATA_DIR, false),
    ];
    if fleet.role == Role::Validator {
        mounts.push(mount("identity", IDENTITY_DIR, true));
    }
    mounts
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
        volumes.push(key_volume("identity", inputs.name.identity()));
    }
    volumes
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

fn tolerations(fleet: &ValidFleet) -> Option<Vec<Toleration>> {
    let mut tolerations: Vec<_> = fleet.pod.tolerations.iter().map(toleration).collect();
    if fleet.node_pool.is_some() {
        tolerations.push(Toleration {
            key: Some(POOL_TAINT.to_owned()),
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        });
    }
    (!tolerations.is_empty()).then_some(tolerations)
}

fn toleration(wanted: &WantedToleration) -> Toleration {
    let operator = wanted.operator.map(|operator| match operator {
        TolerationOperator::Exists => "Exists",
        TolerationOperator::Equal => "Equal",
    });
    let effect = wanted.effect.map(|effect| match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    });
    Toleration {
        key: wanted.key.clone(),
        operator: operator.map(str::to_owned),
        value: wanted.value.clone(),
        effect: effect.map(str::to_owned),
        toleration_seconds: None,
    }
}

/// Preferred only: a single-node cluster must be able to run the whole fleet.
fn spread_over_hosts(fleet: &ValidFleet) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: PodAffinityTerm {
                    topology_key: "kubernetes.io/hostname".to_owned(),
                    label_selector: Some(fleet_selector(fleet)),
                    ..PodAffinityTerm::default()
                },
            }]),
            required_during_scheduling_ignored_during_execution: None,
        }),
        ..Affinity::default()
    }
}

fn fleet_selector(fleet: &ValidFleet) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(FLEET.to_owned(), fleet.name.0.clone())])),
        match_expressions: None,
    }
}
