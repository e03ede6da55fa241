//! Ports with namespaces, keys, origins and certificates of their own.

use crate::{
    chain_of_one::{Chain, port},
    http::{answer, call, raw},
};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use validator::rpc::{NAMESPACES, RpcAccess, RpcLimits, RpcPort, RpcTls, RpcTransport};

const ALL: &str = "0123456789abcdef0123456789abcdef";
const ETH: &str = "fedcba9876543210fedcba9876543210";

/// Status and body of a call that carries these header lines.
async fn with(at: SocketAddr, method: &str, headers: &str) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: node.test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    let (status, body) = raw(at, request.as_bytes()).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

/// Status of a WebSocket handshake that carries these header lines.
async fn handshake(at: SocketAddr, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: node.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_port_serves_its_own_namespaces_over_its_own_transports() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let ports = vec![
        RpcPort { transports: vec![RpcTransport::Http], ..port(&["eth", "net"]) },
        RpcPort { transports: vec![RpcTransport::Ws], ..port(&["debug"]) },
        port(&["web3"]),
    ];
    let server = chain.serve_on(RpcLimits::new(), ports).await;
    let [http, ws, both] = server.addresses() else { panic!("three ports") };
    assert_eq!(
        call(*http, "rpc_modules", json!([])).await,
        json!({"eth": "1.0", "net": "1.0", "rpc": "1.0"})
    );
    assert_eq!(call(*http, "eth_chainId", json!([])).await, "0x1092");
    assert_eq!(answer(*both, "eth_chainId", json!([])).await["error"]["code"], -32601);
    assert_eq!(
        (handshake(*http, "").await, handshake(*ws, "").await, handshake(*both, "").await),
        (404, 101, 101)
    );
    assert_eq!((with(*ws, "rpc_modules", "").await.0, with(*both, "rpc_modules", "").await.0), (404, 200));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_port_or_the_namespaces_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let api_keys = Some(write(&dir.path().join("keys"), format!("{ALL}\n{ETH} eth\n")));
    let access = RpcAccess { api_keys, ..RpcAccess::default() };
    let server = chain.serve_on(RpcLimits::new(), vec![RpcPort { access, ..port(&["eth", "net"]) }]).await;
    let at = server.local_addr();
    let (status, answer) = with(at, "eth_chainId", "").await;
    assert_eq!(status, 401);
    assert_eq!(answer["error"]["message"], "missing key or token: send Authorization: Bearer, or X-Api-Key");
    assert_eq!(with(at, "eth_chainId", "X-Api-Key: 0123\r\n").await.0, 401);
    assert_eq!(handshake(at, "").await, 401);
    assert_eq!(handshake(at, &format!("X-Api-Key: {ETH}\r\n")).await, 101);
    for (key, method, served) in
        [(ALL, "net_version", true), (ETH, "eth_chainId", true), (ETH, "net_version", false)]
    {
        let (status, answer) = with(at, method, &format!("Authorization: Bearer {key}\r\n")).await;
        assert_eq!((status, answer["result"].is_string()), (200, served), "{key} {method}: {answer}");
        if !served {
            assert_eq!(answer["error"]["message"], "the method net_version does not exist/is not available");
        }
    }
    let (_, modules) = with(at, "rpc_modules", &format!("X-Api-Key: {ETH}\r\n")).await;
    assert_eq!(modules["result"], json!({"eth": "1.0", "rpc": "1.0"}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_opens_the_port_and_a_stale_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let jwt_secret = Some(write(&dir.path().join("secret"), "07".repeat(32)));
    let access = RpcAccess { jwt_secret, ..RpcAccess::default() };
    let server = chain.serve_on(RpcLimits::new(), vec![RpcPort { access, ..port(&["eth"]) }]).await;
    let token = |iat: u64| {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let signed =
            format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&format!(r#"{{"iat":{iat}}}"#)));
        let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        mac.update(signed.as_bytes());
        format!("Authorization: Bearer {signed}.{}\r\n", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = server.local_addr();
    assert_eq!(with(at, "eth_chainId", &token(now)).await.1["result"], "0x1092");
    let (status, answer) = with(at, "eth_chainId", &token(now - 3600)).await;
    assert_eq!(status, 401);
    assert!(answer["error"]["message"].as_str().unwrap().contains("more than 60 s apart"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_configured_origins_may_call_and_requests_for_other_hosts_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let access = RpcAccess {
        cors_origins: vec!["https://app.test".into()],
        hosts: vec!["node.test".into()],
        ..RpcAccess::default()
    };
    let server = chain.serve_on(RpcLimits::new(), vec![RpcPort { access, ..port(&["eth"]) }]).await;
    let at = server.local_addr();
    let ask = async |origin: &str| {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let request = format!(
            "OPTIONS / HTTP/1.1\r\nHost: node.test\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.to_ascii_lowercase()
    };
    let allowed = ask("https://app.test").await;
    assert!(allowed.starts_with("http/1.1 204"), "{allowed}");
    assert!(allowed.contains("access-control-allow-origin: https://app.test"), "{allowed}");
    assert!(
        allowed.contains("access-control-allow-headers: authorization, content-type, x-api-key"),
        "{allowed}"
    );
    assert!(!ask("https://evil.test").await.contains("access-control-allow-origin"));
    assert_eq!(handshake(at, "Origin: https://app.test\r\n").await, 101);
    assert_eq!(handshake(at, "Origin: https://evil.test\r\n").await, 403);
    let (status, _) = raw(at, b"POST / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status, 403);
    server.stop().await;
}

/// The answer to a call over TLS, when the server's certificate is this one.
async fn over_tls(at: SocketAddr, certificate: &[u8]) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from("node.test").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: node.test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_under_a_running_node() {
    let (first, second) = (include_bytes!("tls/first.crt"), include_bytes!("tls/second.crt"));
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let (certificate, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let tls =
        RpcTls { certificate: write(&certificate, first), key: write(&key, include_bytes!("tls/first.key")) };
    let server = chain.serve_on(RpcLimits::new(), vec![RpcPort { tls: Some(tls), ..port(&["eth"]) }]).await;
    let at = server.local_addr();
    assert!(over_tls(at, first).await.unwrap().ends_with(r#""result":"0x1092"}"#));
    assert!(over_tls(at, second).await.is_err());
    // The key alone does not fit the certificate: the pair that does stays in use.
    write(&key, include_bytes!("tls/second.key"));
    assert!(over_tls(at, first).await.is_ok());
    write(&certificate, second);
    while over_tls(at, second).await.is_err() {}
    assert!(over_tls(at, first).await.is_err());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_do_not_serve_are_named_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = write(&dir.path().join("tls.crt"), include_bytes!("tls/first.crt"));
    let key = write(&dir.path().join("tls.key"), include_bytes!("tls/second.key"));
    let check = |port: RpcPort| {
        let RpcPort { listen, namespaces, transports, access, tls } = port;
        let config = chain::config::RpcConfig {
            transports,
            access,
            tls,
            ..chain::config::RpcConfig::new(listen, namespaces)
        };
        validator::rpc::check(&config).unwrap_err().to_string()
    };
    let error = check(RpcPort { tls: Some(RpcTls { certificate, key }), ..port(&["eth"]) });
    assert!(error.contains("tls.crt: certificate and key do not serve"), "{error}");
    let api_keys = Some(write(&dir.path().join("keys"), "short"));
    let error = check(RpcPort { access: RpcAccess { api_keys, ..RpcAccess::default() }, ..port(&["eth"]) });
    assert!(error.contains("keys: line 1: a key has at least 32 characters"), "{error}");
    let jwt_secret = Some(dir.path().join("nowhere").to_str().unwrap().to_string());
    let error = check(RpcPort { access: RpcAccess { jwt_secret, ..RpcAccess::default() }, ..port(&["eth"]) });
    assert!(error.contains("nowhere cannot be read"), "{error}");
    let error = check(RpcPort { listen: "localhost".into(), ..port(&["eth"]) });
    assert!(error.contains("rpc.listen is \"localhost\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_describes_what_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_on(RpcLimits::new(), vec![port(&["net"]), port(&["eth"])]).await;
    let names = async |at: SocketAddr| {
        let document = call(at, "rpc.discover", json!([])).await;
        let names = document["methods"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_string());
        names.collect::<Vec<_>>()
    };
    let net = names(server.addresses()[0]).await;
    assert_eq!(net, ["net_listening", "net_peerCount", "net_version", "rpc.discover", "rpc_modules"]);
    let eth = names(server.addresses()[1]).await;
    assert!(eth.iter().any(|name| name == "eth_subscribe") && !eth.iter().any(|name| name == "net_version"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_what_its_reader_may_call_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let api_keys = Some(write(&dir.path().join("keys"), format!("{ALL}\n{ETH} eth,quorate\n")));
    let access = RpcAccess { api_keys, ..RpcAccess::default() };
    let ports = vec![
        RpcPort { access: access.clone(), ..port(&NAMESPACES) },
        RpcPort { access, transports: vec![RpcTransport::Http], ..port(&["eth", "net"]) },
    ];
    let server = chain.serve_on(RpcLimits::new(), ports).await;
    let [whole, part] = *server.addresses() else { panic!("two ports") };
    let ask = async |at: SocketAddr, key: &str, method: &str| -> Value {
        let (status, answer) = with(at, method, &format!("X-Api-Key: {key}\r\n")).await;
        assert_eq!(status, 200, "{method}");
        answer
    };
    let named = async |at: SocketAddr, key: &str| -> BTreeSet<String> {
        let document = ask(at, key, "rpc.discover").await["result"].take();
        let rows = document["methods"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_string()).collect()
    };
    let every = named(whole, ALL).await;
    let of = |namespaces: &[&str]| -> BTreeSet<String> {
        let is_open = |name: &&String| namespaces.contains(&name.split(['_', '.']).next().unwrap());
        every.iter().filter(is_open).cloned().collect()
    };
    let all: Vec<&str> = NAMESPACES.into_iter().chain(["rpc"]).collect();
    for (at, key, namespaces, pushes) in [
        (whole, ALL, &all[..], true),
        (whole, ETH, &["eth", "quorate", "rpc"], true),
        (part, ALL, &["eth", "net", "rpc"], false),
        (part, ETH, &["eth", "rpc"], false),
    ] {
        let mut want = of(namespaces);
        want.retain(|name| pushes || !["eth_subscribe", "eth_unsubscribe"].contains(&name.as_str()));
        assert_eq!(named(at, key).await, want, "{namespaces:?}");
        for method in &every {
            let error = ask(at, key, method).await["error"].take();
            // Subscriptions are refused over HTTP by a text of their own.
            let of_socket =
                error["message"].as_str().is_some_and(|text| text.starts_with("notifications not"));
            let is_answered = error["code"] != -32601 || (of_socket && pushes);
            assert_eq!(is_answered, want.contains(method), "{method} of {namespaces:?}: {error}");
        }
    }
    server.stop().await;
}
