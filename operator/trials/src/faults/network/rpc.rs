//! What a node answers at its two ports: its status, and JSON-RPC.

use super::{Delivery, Network, chain::Offered};
use crate::players::ports::Nodes;
use alloy_primitives::{Address, Bytes, hex};
use chain::status::NodeStatus;
use serde_json::{Value, json};
use std::{net::Ipv4Addr, sync::Arc};

/// What is answered for one pod's container; nothing once it has ended, whichever connection was open.
pub(super) struct Container {
    pub(super) network: Arc<Network>,
    pub(super) uid: String,
}

impl Nodes for Container {
    fn status(&self, _: Ipv4Addr) -> Option<NodeStatus> {
        tokio::task::block_in_place(|| self.network.document(&self.uid))
    }

    async fn rpc(&self, _: Ipv4Addr, request: Value) -> Option<Value> {
        answer(&self.network, &self.uid, &request).await
    }
}

async fn answer(network: &Network, uid: &str, request: &Value) -> Option<Value> {
    let result = if request["method"] == "eth_sendRawTransaction" {
        send(network, uid, &request["params"][0]).await?
    } else {
        tokio::task::block_in_place(|| network.with_chain(uid, |chain| read(chain, request)))?.1
    };
    let id = &request["id"];
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    })
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
