//! Certificates by a private authority, and servers that have them.

use axum::Router;
pub(crate) use operator_trials::publisher::certificates;
use std::{path::Path, sync::Arc};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// What proves to be the one of the folder's certificate.
pub(crate) fn acceptor(folder: &Path) -> TlsAcceptor {
    let read = |name: &str| std::fs::read(folder.join(name)).expect("read");
    let chain = CertificateDer::pem_slice_iter(&read("tls.crt")).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(&read("tls.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("a chain"), key)
        .expect("a certificate");
    TlsAcceptor::from(Arc::new(config))
}

/// Answers until the test is over.
pub(crate) async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor, router: Router) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let service = hyper_util::service::TowerToHyperService::new(router);
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(hyper_util::rt::TokioIo::new(stream), service).await;
        });
    }
}
