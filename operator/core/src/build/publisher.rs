//! The web server that publishes the network info: the operator's image in a Deployment of its own, without a token and with no
//! key but that of its certificate.

use super::{
    network_policy::of_publisher,
    owned_by_consortium,
    pod::{unprivileged, unprivileged_pod},
    service::{DENY_OTHERS, INTERNAL},
};
use crate::{
    names::{NETWORK_INFO_DIR, NETWORK_INFO_FILE, PUBLISHER, TLS_DIR},
    validate::{PublishedService, ValidConsortium},
};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{
            ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, LocalObjectReference, PodSpec,
            PodTemplateSpec, Probe, ResourceRequirements, SecretVolumeSource, Service, ServiceAccount,
            ServicePort, ServiceSpec, Volume, VolumeMount,
        },
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use std::collections::BTreeMap;

/// Where it listens with a certificate.
const HTTPS_PORT: u16 = 8443;
/// Where it listens without one.
const HTTP_PORT: u16 = 8080;
const PORT_NAME: &str = "network-info";

/// Its objects, in the order in which they are applied.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// Identity of the pod towards Kubernetes.
    pub service_account: ServiceAccount,
    /// Who reaches it.
    pub network_policy: NetworkPolicy,
    /// The process.
    pub deployment: Deployment,
    /// Its address.
    pub service: Service,
}

/// The operator's own image, and what it takes to pull it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorImage {
    /// Its reference.
    pub image: String,
    /// Secrets with registry credentials, which whoever needs them puts into the consortium's namespace.
    pub pull_secrets: Vec<String>,
}

/// Builds them.
#[must_use]
pub fn publisher(
    consortium: &ValidConsortium,
    service: &PublishedService,
    image: &OperatorImage,
) -> Publisher {
    let metadata = || owned_by_consortium(consortium, consortium.name.network_info());
    Publisher {
        service_account: ServiceAccount {
            metadata: metadata(),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        },
        network_policy: of_publisher(consortium, service.load_balancer, port(service)),
        deployment: Deployment {
            metadata: metadata(),
            spec: DeploymentSpec {
                replicas: Some(1),
                selector: LabelSelector { match_labels: Some(selected(consortium)), match_expressions: None },
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(selected(consortium)),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(pod(consortium, service, image)),
                },
                ..DeploymentSpec::default()
            },
            status: None,
        },
        service: address(service, metadata(), selected(consortium)),
    }
}

const fn port(service: &PublishedService) -> u16 {
    if service.tls_secret.is_some() { HTTPS_PORT } else { HTTP_PORT }
}

fn selected(consortium: &ValidConsortium) -> BTreeMap<String, String> {
    BTreeMap::from([(PUBLISHER.to_owned(), consortium.name.0.clone())])
}

fn pod(consortium: &ValidConsortium, service: &PublishedService, image: &OperatorImage) -> PodSpec {
    let secret = |name: &String| LocalObjectReference { name: name.clone() };
    let pull_secrets: Vec<_> = image.pull_secrets.iter().map(secret).collect();
    PodSpec {
        service_account_name: Some(consortium.name.network_info()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(unprivileged_pod()),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        containers: vec![container(service, &image.image)],
        volumes: Some(volumes(consortium, service)),
        ..PodSpec::default()
    }
}

fn container(service: &PublishedService, image: &str) -> Container {
    let mut args = vec![
        "serve-network-info".to_owned(),
        "--document".to_owned(),
        format!("{NETWORK_INFO_DIR}/{NETWORK_INFO_FILE}"),
        "--listen".to_owned(),
        format!("0.0.0.0:{}", port(service)),
    ];
    if service.tls_secret.is_some() {
        args.extend(["--tls-dir".to_owned(), TLS_DIR.to_owned()]);
    }
    let amounts = |cpu: &str, memory: &str| {
        let pairs = [("cpu", cpu), ("memory", memory)];
        Some(pairs.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into())
    };
    Container {
        name: PORT_NAME.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(args),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: i32::from(port(service)),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        liveness_probe: Some(probe(service, "/livez")),
        readiness_probe: Some(probe(service, "/readyz")),
        resources: Some(ResourceRequirements {
            requests: amounts("10m", "16Mi"),
            limits: amounts("250m", "64Mi"),
            claims: None,
        }),
        security_context: Some(unprivileged()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts(service)),
        ..Container::default()
    }
}

/// The kubelet asks for no certificate that it could check.
fn probe(service: &PublishedService, path: &str) -> Probe {
    let scheme = if service.tls_secret.is_some() { "HTTPS" } else { "HTTP" };
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(PORT_NAME.to_owned()),
            scheme: Some(scheme.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(10),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}

fn mounts(service: &PublishedService) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let tls = service.tls_secret.iter().map(|_| mount("tls", TLS_DIR));
    std::iter::once(mount("network-info", NETWORK_INFO_DIR)).chain(tls).collect()
}

/// Whole folders, not single files: what changes in ConfigMap or Secret reaches the running process.
fn volumes(consortium: &ValidConsortium, service: &PublishedService) -> Vec<Volume> {
    let document = Volume {
        name: "network-info".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: consortium.name.network_info(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let tls = service.tls_secret.iter().map(|secret| Volume {
        name: "tls".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.clone()),
            default_mode: Some(0o440),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    });
    std::iter::once(document).chain(tls).collect()
}

fn address(service: &PublishedService, metadata: ObjectMeta, selected: BTreeMap<String, String>) -> Service {
    // The operator's own stand over the spec's: no annotation makes an internal service public.
    let mut annotations = service.annotations.clone();
    if service.load_balancer && !service.public {
        annotations.insert(INTERNAL.to_owned(), "true".to_owned());
        if !service.source_ranges.is_empty() {
            annotations.insert(DENY_OTHERS.to_owned(), "true".to_owned());
        }
    }
    let (name, number) = if service.tls_secret.is_some() { ("https", 443) } else { ("http", 80) };
    let kind = if service.load_balancer { "LoadBalancer" } else { "ClusterIP" };
    Service {
        metadata: ObjectMeta { annotations: (!annotations.is_empty()).then_some(annotations), ..metadata },
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(selected),
            ports: Some(vec![ServicePort {
                name: Some(name.to_owned()),
                port: number,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
                ..ServicePort::default()
            }]),
            load_balancer_source_ranges: (!service.source_ranges.is_empty())
                .then(|| service.source_ranges.clone()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
