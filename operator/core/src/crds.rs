//! The two CRDs as files: plain ones for `kubectl apply`, guarded ones in the chart's templates.

use crate::api::{
    Consortium, Validator,
    conditions::{STALLED, reasons},
    formats::{LABEL, NAME_MAX},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, ValidationRule,
};
use kube_core::CustomResourceExt;

/// First line of every generated file.
const HEADER: &str = "# Generated from operator/core/src/api by `make crds`; do not edit.\n";

/// Why a CRD cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("CRD does not serialise: {0}")]
pub struct CrdError(#[from] serde_saphyr::ser::Error);

/// Both CRDs.
#[must_use]
pub fn all() -> [CustomResourceDefinition; 2] {
    [with_rule(Consortium::crd(), &[name()]), with_rule(Validator::crd(), &[name(), storage_size()])]
}

fn name() -> ValidationRule {
    ValidationRule {
        rule: format!("size(self.metadata.name) <= {NAME_MAX} && self.metadata.name.matches('{LABEL}')"),
        message: Some(format!(
            "metadata.name must be a DNS label of at most {NAME_MAX} characters that starts with a letter"
        )),
        ..ValidationRule::default()
    }
}

/// A growth that Kubernetes refused has changed no disk: it can be taken back, else the fleet would be stalled for good.
fn storage_size() -> ValidationRule {
    let size = |of: &str| {
        format!(
            "quantity(has({of}.spec.storage) && has({of}.spec.storage.size) ? {of}.spec.storage.size : '50Gi')"
        )
    };
    let refused = format!(
        "has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == '{STALLED}' && c.status == 'True' && c.reason == '{}')",
        reasons::VOLUME_NOT_EXPANDABLE
    );
    ValidationRule {
        rule: format!("{}.compareTo({}) >= 0 || ({refused})", size("self"), size("oldSelf")),
        message: Some("spec.storage.size is immutable but for growth: a disk cannot shrink".to_owned()),
        ..ValidationRule::default()
    }
}

/// Rules on metadata and status can stand only at the root, which the derive macro cannot reach without the client crate.
fn with_rule(mut crd: CustomResourceDefinition, rules: &[ValidationRule]) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for root in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        root.x_kubernetes_validations.get_or_insert_default().extend_from_slice(rules);
    }
    crd
}

/// Path below the repository's root and text of every generated file.
pub fn files() -> Result<Vec<(String, String)>, CrdError> {
    let mut files = Vec::new();
    for crd in all() {
        let plural = crd.spec.names.plural.clone();
        let yaml = serde_saphyr::to_string(&crd)?;
        files.push((format!("crds/{plural}.yaml"), format!("{HEADER}{yaml}")));
        files.push((format!("charts/quorate/templates/crd-{plural}.yaml"), template(&yaml)));
    }
    Ok(files)
}

/// Helm neither upgrades nor templates what is in a chart's `crds/`, so the CRDs are templates with a guard, kept when
/// the release goes: deleting a CRD deletes every object of the kind.
fn template(yaml: &str) -> String {
    let kept =
        yaml.replacen("metadata:\n", "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n", 1);
    format!("{HEADER}{{{{- if .Values.crds.install }}}}\n{kept}{{{{- end }}}}\n")
}
