//! Who vouches for the other side: the public certificate authorities, or those of a bundle.

use std::sync::Arc;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Certificates of a bundle that are read.
const MOST: usize = 64;

/// Mozilla's authorities.
pub fn public() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// The authorities of a bundle in PEM.
pub fn bundle(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem).take(MOST) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("holds a certificate that is none: {error}"))?;
    }
    if roots.is_empty() { Err("holds no certificate; expected PEM".to_owned()) } else { Ok(roots) }
}

/// TLS towards those for whom these authorities vouch.
pub fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, tokio_rustls::rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::bundle;

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        for (pem, word) in [
            ("", "no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "not PEM"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "none"),
        ] {
            let refused = bundle(pem.as_bytes()).expect_err(word);
            assert!(refused.contains(word), "{refused}");
        }
    }
}
