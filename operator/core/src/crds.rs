//! The two CRDs as files: plain ones for `kubectl apply`, guarded ones in the chart's templates.

use crate::api::{
    Consortium, Validator,
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
    [with_name_rule(Consortium::crd()), with_name_rule(Validator::crd())]
}

/// Rules on `metadata.name` can stand only at the root, which the derive macro cannot reach without the client crate.
fn with_name_rule(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let rule = ValidationRule {
        rule: format!("size(self.metadata.name) <= {NAME_MAX} && self.metadata.name.matches('{LABEL}')"),
        message: Some(format!(
            "metadata.name must be a DNS label of at most {NAME_MAX} characters that starts with a letter"
        )),
        ..ValidationRule::default()
    };
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for root in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        root.x_kubernetes_validations.get_or_insert_default().push(rule.clone());
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
