//! Who publishes: the server that ships, and one that says what it should not; certificates by a private authority.

use crate::tls;
use alloy_primitives::{Address, B512, Signature};
use axum::{Router, http::StatusCode, routing::get};
use chain::{
    enode::Enode,
    governance::GOVERNANCE,
    network_info::{NETWORK_INFO_VERSION, NetworkInfo},
    signature::seal_from,
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k256::ecdsa::SigningKey;
use kube::ResourceExt;
use operator_core::{api::Consortium, genesis, keys::Key, validate};
use operator_trials::world::World;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

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

/// The example's network, published by an account of the tests.
pub(super) fn of_example() -> NetworkInfo {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/consortium.yaml");
    let object: Consortium =
        serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the example")).expect("YAML");
    let valid = validate::consortium(&object).expect("valid");
    let address = Address::repeat_byte;
    let made = genesis::make(&valid, address(98), address(99), &(1..=4).map(address).collect());
    let made = made.expect("a genesis");
    let key = Key::new(SigningKey::from_slice(&[7; 32]).expect("a key"));
    let mut info = NetworkInfo {
        version: NETWORK_INFO_VERSION,
        chain_id: made.chain_id,
        genesis_hash: made.hash,
        genesis: made.text,
        governance: GOVERNANCE,
        bootnodes: vec![Enode {
            id: B512::repeat_byte(5),
            host: "bank-a-0-0.bank-a-nodes.bank-a.svc".to_owned(),
            port: 30303,
        }],
        publisher: key.address,
        issued_at: 1,
        signature: None,
    };
    let signed = key.signing.sign_prehash_recoverable(info.signing_hash().as_slice()).expect("signs");
    info.signature = Some(seal_from(&Signature::from(signed)));
    info
}

/// The server that ships.
pub(super) struct Publisher {
    pub(super) url: String,
    pub(super) authority: String,
    process: Child,
    _folder: TempDir,
}

impl Publisher {
    /// Starts it on a free port.
    pub(super) fn start(document: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = tls::certificates(folder.path());
        let path = folder.path().join("network-info.json");
        std::fs::write(&path, document).expect("written");
        let mut process = Command::new(env!("CARGO_BIN_EXE_quorate-operator"))
            .arg("serve-network-info")
            .arg("--document")
            .arg(&path)
            .arg("--tls-dir")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut told = String::new();
        let log = process.stderr.take().expect("its log");
        BufReader::new(log).read_line(&mut told).expect("a line");
        let listen = told.split_once("listen=").and_then(|(_, rest)| rest.split(' ').next());
        let url = format!("https://{}/network-info.json", listen.expect("its address"));
        Self { url, authority, process, _folder: folder }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
