//! The switches over HTTP, for tests that are not in the double's process.

use crate::world_with;
use azure_access::vault::VaultError;
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use vault_double::Options;

/// Status and body of an answer.
pub(crate) async fn ask(admin: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).await.expect("a connection");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: double\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("read");
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, body.to_owned())
}

fn options() -> Options {
    Options { admin: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), ..Options::default() }
}

#[tokio::test]
async fn everything_that_a_test_sets_it_can_set_over_http() {
    let world = world_with(options(), Duration::from_secs(30)).await;
    let admin = world.double.admin().expect("switches");
    let (status, made) = ask(admin, "POST", "/keys/a", "").await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!((status, made["publicKey"].as_str().expect("hex").len()), (200, 130));
    let keys = world.keys(&world.node());
    let key = keys.get("a", None).await.expect("read");
    assert_eq!(made["version"], key.version.version);
    keys.sign_recoverable(&key, [7; 32]).await.expect("signed");

    ask(admin, "PUT", "/faults", r#"{"throttled":1.0,"retryAfterS":3}"#).await;
    let refused = keys.sign_recoverable(&key, [7; 32]).await.expect_err("throttled");
    assert_eq!(refused, VaultError::Throttled { retry_after: Some(Duration::from_secs(3)) });
    let (_, faults) = ask(admin, "GET", "/faults", "").await;
    assert_eq!(serde_json::from_str::<Value>(&faults).expect("JSON")["retryAfterS"], 3);
    ask(admin, "PUT", "/keys/a/faults", "{}").await;
    keys.sign_recoverable(&key, [8; 32]).await.expect("this key has none");
    ask(admin, "DELETE", "/keys/a/faults", "").await;
    ask(admin, "PUT", "/faults", "{}").await;

    let (_, log) = ask(admin, "GET", "/signatures?since=1", "").await;
    let log: Value = serde_json::from_str(&log).expect("JSON");
    assert_eq!((log[0]["sequence"].clone(), log[0]["digest"].clone()), (json!(2), json!("08".repeat(32))));
    assert!(log.get(1).is_none());
    let (_, counts) = ask(admin, "GET", "/counts", "").await;
    let count = json!({ "operation": "sign", "outcome": "throttled", "count": 1 });
    assert!(serde_json::from_str::<Vec<Value>>(&counts).expect("JSON").contains(&count), "{counts}");

    ask(admin, "PUT", "/keys/a/enabled", r#"{"enabled":false}"#).await;
    let refused = keys.sign_recoverable(&key, [7; 32]).await.expect_err("disabled");
    assert!(matches!(refused, VaultError::Disabled(_)), "{refused}");
    ask(admin, "PUT", "/clients", "[]").await;
    let refused = keys.get("a", None).await.expect_err("unknown");
    assert!(matches!(refused, VaultError::Forbidden { .. }), "{refused}");
}

#[tokio::test]
async fn a_switch_that_is_not_there_or_misspelt_changes_nothing_and_is_told() {
    let world = world_with(options(), Duration::from_secs(30)).await;
    let admin = world.double.admin().expect("switches");
    assert_eq!(ask(admin, "PUT", "/faults", r#"{"throtled":1.0}"#).await.0, 400);
    assert_eq!(ask(admin, "PUT", "/clock", r#"{"offsetSeconds":"1"}"#).await.0, 400);
    assert_eq!(ask(admin, "DELETE", "/keys/missing", "").await.0, 404);
    assert_eq!(ask(admin, "GET", "/missing", "").await.0, 404);
    assert_eq!(ask(admin, "GET", "/healthz", "").await, (200, "ok\n".to_owned()));
    assert_eq!(ask(admin, "GET", "/ca", "").await.1, world.double.authority());
}
