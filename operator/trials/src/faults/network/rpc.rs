//! A node's two ports: `/status`, and JSON-RPC.

use super::{Delivery, Network, chain::Offered};
use alloy_primitives::{Address, Bytes, hex};
use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chain::config::{METRICS_PORT, RPC_PORT};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{net::TcpListener, task::JoinSet};

/// Both ports; closed when dropped.
pub(super) struct Servers {
    _tasks: JoinSet<std::io::Result<()>>,
}

impl Servers {
    pub(super) async fn start(network: Arc<Network>, uid: String, ip: &str) -> std::io::Result<Self> {
        let (asked, pod) = (network.clone(), uid.clone());
        let status = Router::new().route("/status", get(move || async move { document(&asked, &pod) }));
        let rpc = Router::new().route(
            "/",
            post(move |Json(request): Json<Value>| {
                let (network, uid) = (network.clone(), uid.clone());
                async move { answer(&network, &uid, &request).await }
            }),
        );
        let mut tasks = JoinSet::new();
        for (port, router) in [(METRICS_PORT, status), (RPC_PORT, rpc)] {
            let listener = TcpListener::bind((ip, port)).await?;
            tasks.spawn(async move { axum::serve(listener, router).await });
        }
        Ok(Self { _tasks: tasks })
    }
}

/// A connection that was open when the process ended gets no word either.
fn gone() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

fn document(network: &Network, uid: &str) -> Response {
    tokio::task::block_in_place(|| network.document(uid))
        .map_or_else(gone, |status| Json(status).into_response())
}

async fn answer(network: &Network, uid: &str, request: &Value) -> Response {
    let result = if request["method"] == "eth_sendRawTransaction" {
        let Some(result) = send(network, uid, &request["params"][0]).await else { return gone() };
        result
    } else {
        let read = tokio::task::block_in_place(|| network.with_chain(uid, |chain| read(chain, request)));
        let Some((_, result)) = read else { return gone() };
        result
    };
    let id = &request["id"];
    Json(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    })
    .into_response()
}

fn failure(message: impl Into<String>) -> Value {
    json!({ "code": -32000, "message": message.into() })
}

fn read(chain: &super::Chain, request: &Value) -> Result<Value, Value> {
    let params = &request["params"];
    let address = |value: &Value| value.as_str().and_then(|text| text.parse::<Address>().ok());
    match request["method"].as_str() {
        Some("eth_blockNumber") => Ok(json!(format!("{:#x}", chain.height()))),
        Some("eth_getTransactionCount") => {
            let account = address(&params[0]).ok_or_else(|| failure("no address"))?;
            Ok(json!(format!("{:#x}", chain.nonce(account, params[1] == "pending"))))
        }
        Some("eth_call") => {
            let call = &params[0];
            let input = call["input"].as_str().or_else(|| call["data"].as_str()).unwrap_or("0x");
            let input = Bytes::from(hex::decode(input).map_err(|error| failure(error.to_string()))?);
            let (from, to) = (address(&call["from"]), address(&call["to"]));
            let called = chain.call(from.unwrap_or_default(), to.unwrap_or_default(), input);
            called.map(|output| json!(output)).map_err(|error| match error {
                Ok(data) => super::votes::reverted(&data),
                Err(why) => failure(why),
            })
        }
        Some("eth_getLogs") => chain.logs(&params[0]).map_err(failure),
        Some("eth_getTransactionByHash") => {
            chain.transaction(params[0].as_str().unwrap_or_default()).map_err(failure)
        }
        other => Err(failure(format!("method {other:?} is not played here"))),
    }
}

/// `None` when no answer comes.
async fn send(network: &Network, uid: &str, raw: &Value) -> Option<Result<Value, Value>> {
    let offered = raw
        .as_str()
        .and_then(|text| hex::decode(text).ok())
        .ok_or_else(|| "no hex data".to_owned())
        .map(|raw| network.with_chain(uid, |chain| chain.offer(&raw)));
    let (hash, Offered { recovered, seat_move }) = match offered {
        Err(message) | Ok(Some((_, Err(message)))) => return Some(Err(failure(message))),
        Ok(None) => return None,
        Ok(Some((hash, Ok(offered)))) => (hash, offered),
    };
    if let Some(wrong) = network.moving(hash, &seat_move) {
        network.blame(wrong);
    }
    let delivery = network.courier.deliver(format!("transaction {seat_move:?}")).await;
    let answer = json!(recovered.hash);
    let taken = network.with_chain(uid, |chain| chain.take(recovered, delivery));
    match delivery {
        Delivery::Whole | Delivery::Held | Delivery::Forgotten => taken.map(|_| Ok(answer)),
        Delivery::ReplyLost | Delivery::Late | Delivery::Refused => None,
        Delivery::Dropped => Some(Ok(answer)),
    }
}
