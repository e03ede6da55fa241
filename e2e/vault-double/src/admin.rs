//! The double's own switches over HTTP, for whoever is not in its process. No TLS and no questions: it listens where only the
//! test is.

use crate::{
    Faults,
    access::Client,
    assertion::Issuer,
    refusal::Refusal,
    server::Shared,
    state::Answer,
    vault::{keys::CreateKey, secrets::SetSecret},
    wire::{Closed, serve},
};
use bytes::Bytes;
use http::Request;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{net::TcpListener, sync::Semaphore};

/// Connections at the same time.
const MOST_CONNECTIONS: usize = 32;

/// Serves until the double is dropped.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, authority: Arc<str>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (shared, authority) = (Arc::clone(&shared), Arc::clone(&authority));
        tokio::spawn(async move {
            serve(socket, |request| std::future::ready(handle(&shared, &authority, &request))).await;
            drop(place);
        });
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the vault's own handler, which may close")]
fn handle(shared: &Shared, authority: &str, request: &Request<Bytes>) -> Result<Answer, Closed> {
    let parts: Vec<&str> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let query = request.uri().query().unwrap_or_default();
    let done = switch(shared, authority, request.method().as_str(), &parts, query, request.body());
    Ok(match done {
        Ok(body) => Answer::ok(body),
        Err(refusal) => Answer { status: refusal.status, headers: Vec::new(), body: refusal.body() },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockOff {
    offset_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretValue {
    value: String,
}

fn switch(
    shared: &Shared,
    authority: &str,
    method: &str,
    path: &[&str],
    query: &str,
    body: &Bytes,
) -> Result<Value, Refusal> {
    let mut state = shared.state.lock();
    let now = shared.clock.now();
    match (method, path) {
        ("GET", ["healthz"]) => return Ok(json!("ok\n")),
        ("GET", ["ca"]) => return Ok(json!(authority)),
        ("GET", ["faults"]) => return Ok(json!(state.faults)),
        ("GET", ["counts"]) => return Ok(json!(state.log.counts())),
        ("GET", ["signatures"]) => {
            let since = query.split('&').find_map(|pair| pair.strip_prefix("since=")?.parse().ok());
            return Ok(json!(state.log.since(since.unwrap_or(0))));
        }
        ("PUT", ["faults"]) => {
            let faults = read::<Faults>(body)?;
            drop(state);
            shared.set_faults(faults);
        }
        ("PUT", ["keys", name, "faults"]) => state.set_faults_of_key(name, Some(read(body)?))?,
        ("DELETE", ["keys", name, "faults"]) => state.set_faults_of_key(name, None)?,
        ("PUT", ["clients"]) => state.set_clients(read::<Vec<Client>>(body)?)?,
        ("PUT", ["issuer"]) => state.issuer = read::<Issuer>(body)?,
        ("PUT", ["clock"]) => shared.clock.set_off(read::<ClockOff>(body)?.offset_seconds),
        ("POST", ["keys", name]) => {
            let short = state.faults_of(name).short_coordinates;
            let made = state.vault.create_key(name, CreateKey::default(), short, now)?;
            return Ok(json!({ "version": made.about.id, "publicKey": hex::encode(made.public()) }));
        }
        ("PUT", ["keys", name, "enabled"]) => {
            let enabled = read::<Enabled>(body)?.enabled;
            state.vault.enable_key(name, enabled)?;
        }
        ("DELETE", ["keys", name]) => state.vault.lose_key(name)?,
        ("PUT", ["secrets", name]) => {
            let value = read::<SecretValue>(body)?.value;
            let version = state.vault.set_secret(name, SetSecret::of(value), now)?.id().to_owned();
            return Ok(json!({ "version": version }));
        }
        ("PUT", ["secrets", name, "enabled"]) => {
            let enabled = read::<Enabled>(body)?.enabled;
            state.vault.enable_secret(name, enabled)?;
        }
        _ => return Err(Refusal::not_found()),
    }
    Ok(json!({}))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("Not what is expected here: {error}.")))
}
