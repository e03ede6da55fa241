//! Who vouches for the address of a network info: the public certificate authorities, or those of a bundle.

use crate::{calls::call, context::Context, error::Error};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use operator_core::validate::Authorities;
use std::sync::Arc;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Certificates of a bundle that are read.
const MOST: usize = 64;

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
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(entry) => {
            let pem = pem(context, namespace, entry).await?;
            let wrong = |reason| AuthoritiesError::Content {
                name: entry.name.clone(),
                key: entry.key.clone(),
                reason,
            };
            roots(&pem).map_err(wrong)?
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem).take(MOST) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("holds a certificate that is none: {error}"))?;
    }
    if roots.is_empty() { Err("holds no certificate; expected PEM".to_owned()) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::roots;

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        for (pem, word) in [
            ("", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "not PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "none"),
        ] {
            let refused = roots(pem.as_bytes()).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }
}
