//! Who publishes: the server that ships, and one that says what it should not; certificates by a private authority.

use crate::tls;
use alloy_primitives::Address;
use axum::{Router, http::StatusCode, routing::get};
use chain::network_info::NetworkInfo;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use operator_trials::{publisher::Publisher, world::World};
use std::path::Path;

/// What the founder's chain knows of it.
pub(super) struct Known {
    pub(super) admin: Address,
    pub(super) seats: Vec<Address>,
}

/// The network info that a world's operator has published.
pub(crate) async fn document(world: &World) -> NetworkInfo {
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
        let authority = tls::certificates(folder.path());
        let router = answers.into_iter().fold(Router::new(), |router, (path, code, text)| {
            let code = StatusCode::from_u16(code).expect("a code");
            router.route(&format!("/{path}"), get(move || async move { (code, text.clone()) }))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        tokio::spawn(tls::serve(listener, tls::acceptor(folder.path()), router));
        Self { url, authority }
    }
}
