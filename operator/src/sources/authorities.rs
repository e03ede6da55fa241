//! Who vouches for the address of a network info: the public certificate authorities, or those of a bundle.

use crate::{calls::call, context::Context, error::Error};
use azure_access::trust;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use operator_core::validate::Authorities;
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthoritiesError {
    /// The object is not read.
    #[error("caBundle: {0}")]
    Read(#[from] Error),
    /// The entry is not there.
    #[error("caBundle: {kind} {name} has no data.{key}")]
    Missing {
        /// ConfigMap or Secret.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The entry.
        key: String,
    },
    /// The entry holds no certificates.
    #[error("caBundle: {name}, data.{key}: {reason}")]
    Content {
        /// Its name.
        name: String,
        /// The entry.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("tls: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// TLS towards a source.
pub(super) async fn trusted(
    context: &Context,
    namespace: &str,
    authorities: Option<&Authorities>,
) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let roots = match authorities {
        None => trust::public(),
        Some(entry) => {
            let pem = pem(context, namespace, entry).await?;
            let wrong = |reason| AuthoritiesError::Content {
                name: entry.name.clone(),
                key: entry.key.clone(),
                reason,
            };
            trust::bundle(&pem).map_err(wrong)?
        }
    };
    Ok(trust::tls(roots)?)
}

async fn pem(context: &Context, namespace: &str, entry: &Authorities) -> Result<Vec<u8>, AuthoritiesError> {
    let (kind, found) = if entry.secret {
        let found = call("read Secret", context.api::<Secret>(namespace).get_opt(&entry.name)).await?;
        ("Secret", found.and_then(|secret| secret.data?.remove(&entry.key)).map(|bytes| bytes.0))
    } else {
        let found = call("read ConfigMap", context.api::<ConfigMap>(namespace).get_opt(&entry.name)).await?;
        ("ConfigMap", found.and_then(|map| map.data?.remove(&entry.key)).map(String::into_bytes))
    };
    found.ok_or_else(|| AuthoritiesError::Missing { kind, name: entry.name.clone(), key: entry.key.clone() })
}
