//! The server's certificate, read again when its files change; connections that stand keep theirs.

use super::reloaded::Reloaded;
use std::{path::Path, sync::Arc, time::Instant};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

/// Hands out the certificate of the moment.
struct Certificates(Reloaded<Arc<CertifiedKey>>);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some((*self.0.get(Instant::now())).clone())
    }
}

/// Reads `tls.crt` and `tls.key`, as a Secret of type `kubernetes.io/tls` has them.
pub(super) fn acceptor(dir: &Path, now: Instant) -> anyhow::Result<TlsAcceptor> {
    let certificates =
        Certificates(Reloaded::open(vec![dir.join("tls.crt"), dir.join("tls.key")], key, now)?);
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut server = builder.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn key(texts: &[Vec<u8>]) -> Result<Arc<CertifiedKey>, String> {
    let [certificate, key] = texts else { return Err("a certificate and a key are needed".to_owned()) };
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("certificate is not PEM: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("key is not PEM: {error}"))?;
    // Refuses a key that is not the certificate's, and a chain without certificates.
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map(Arc::new)
        .map_err(|error| format!("certificate and key do not serve: {error}"))
}
