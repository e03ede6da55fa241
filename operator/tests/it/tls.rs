//! Certificates by a private authority, and servers that have them.

use axum::Router;
use std::{path::Path, process::Command, sync::Arc};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// An authority of its own, and a certificate for 127.0.0.1 that it vouches for: `ca.crt`, `tls.crt`, `tls.key` in the folder.
pub(crate) fn certificates(folder: &Path) -> String {
    let openssl = |args: &str| {
        let made =
            Command::new("openssl").args(args.split(' ')).current_dir(folder).output().expect("openssl");
        assert!(made.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&made.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=authority"));
    openssl(&format!(
        "req -x509 {key} -keyout tls.key -out tls.crt -days 2 -subj /CN=publisher -CA ca.crt -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    ));
    std::fs::read_to_string(folder.join("ca.crt")).expect("the authority's certificate")
}

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
