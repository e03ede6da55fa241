//! TLS of a port. Certificate and key are read again when their files change; connections that stand keep theirs.

use super::access::{FileError, Reloaded};
use chain::config::RpcTls;
use std::{path::PathBuf, sync::Arc, time::Instant};
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
struct Certificates(Reloaded<CertifiedKey>);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get(Instant::now()))
    }
}

/// Reads certificate and key; what is wrong with them keeps the node from starting.
pub(in crate::rpc) fn acceptor(config: &RpcTls, now: Instant) -> Result<TlsAcceptor, FileError> {
    let paths = vec![PathBuf::from(&config.certificate), PathBuf::from(&config.key)];
    let certificates = Certificates(Reloaded::open(paths, certified, now)?);
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| FileError::Content {
        path: PathBuf::from(&config.certificate),
        reason: error.to_string(),
    })?;
    let mut server = builder.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certified(texts: &[Vec<u8>]) -> Result<CertifiedKey, String> {
    let [certificate, key] = texts else { return Err("a certificate and a key are needed".to_string()) };
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("certificate is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err("holds no certificate; expected PEM, the node's own first".to_string());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("key is not PEM: {error}"))?;
    // Refuses a key that is not the certificate's.
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| format!("certificate and key do not serve: {error}"))
}
