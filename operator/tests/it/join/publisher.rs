//! Who publishes: the server that ships, and one that says what it should not; certificates by a private authority.

use alloy_primitives::Address;
use axum::{Router, http::StatusCode, routing::get};
use chain::network_info::NetworkInfo;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use operator_trials::{
    publisher::{Publisher, certificates},
    world::World,
};
use std::{path::Path, sync::Arc};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// What the founder's chain knows of it.
pub(super) struct Known {
    pub(super) admin: Address,
    pub(super) seats: Vec<Address>,
}

/// The network info that a world's operator has published.
pub(super) async fn document(world: &World) -> NetworkInfo {
    let map = world.api::<ConfigMap>().get("trade-finance-network-info").await.expect("published");
    serde_json::from_str(&map.data.expect("data")["network-info.json"]).expect("a network info")
}

/// What a running founder publishes, and who it is.
pub(super) async fn of_founder(world: &World) -> (NetworkInfo, Known) {
    let info = document(world).await;
    info.verify().expect("signed");
    let member = world.consortium().await.status.and_then(|status| status.member).expect("accounts");
    let mut seats = Vec::new();
    for index in 0..4 {
        let secret = world.api::<Secret>().get(&format!("bank-a-{index}-identity")).await.expect("a key");
        seats.push(secret.annotations()["quorate.dev/address"].parse().expect("an address"));
    }
    (info, Known { admin: member.address.parse().expect("an address"), seats })
}

/// The server that ships, with this document.
pub(super) fn serving(info: &NetworkInfo) -> Publisher {
    let document = serde_json::to_string(info).expect("JSON");
    Publisher::start(Path::new(env!("CARGO_BIN_EXE_quorate-operator")), &document)
}

/// A server whose certificate is good and whose answers are not.
pub(super) struct Strange {
    pub(super) url: String,
    pub(super) authority: String,
}

impl Strange {
    /// Answers these paths with these codes and texts.
    pub(super) async fn start(answers: Vec<(&'static str, u16, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = certificates(folder.path());
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("read");
        let chain = CertificateDer::pem_slice_iter(&read("tls.crt")).collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(&read("tls.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.expect("a chain"), key)
            .expect("a certificate");
        let router = answers.into_iter().fold(Router::new(), |router, (path, code, text)| {
            let code = StatusCode::from_u16(code).expect("a code");
            router.route(&format!("/{path}"), get(move || async move { (code, text.clone()) }))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), router));
        Self { url, authority }
    }
}

async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor, router: Router) {
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
