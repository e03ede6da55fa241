use crate::network::{LONG, Network};
use alloy_primitives::{TxKind, U256};
use anyhow::Result;
use e2e::{
    cluster::condition,
    contract,
    patience::{Progress, eventually},
};
use serde_json::Value;

#[tokio::test]
async fn two_manifests_become_a_live_chain_that_runs_a_contract() -> Result<()> {
    let network = Network::live().await?;
    let account = network.fresh_account("live chain").await?;
    let (raw, hash) = account.eip1559(0, TxKind::Create, contract::REGISTER)?;
    assert_eq!(network.rpc.send(&raw).await?, hash);
    let receipt = network.wait_mined(hash).await?;
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    let register = serde_json::from_value(receipt["contractAddress"].clone())?;
    let (raw, hash) = account.legacy(1, TxKind::Call(register), contract::set(7))?;
    network.rpc.send(&raw).await?;
    let receipt = network.wait_mined(hash).await?;
    assert_eq!(receipt["logs"].as_array().map(Vec::len), Some(1), "{receipt}");
    for node in network.nodes().await? {
        let rpc = network.node_rpc(&node.name).await?;
        network.wait_blocks(1).await?;
        assert_eq!(rpc.read_register(register).await?, U256::from(7), "{}", node.name);
    }
    network.assert_no_fork(0).await
}

#[tokio::test]
async fn status_tells_seats_quorum_endpoint_and_conditions() -> Result<()> {
    let network = Network::live().await?;
    let is = |object: &Value, kind: &str| condition(object, kind).is_some_and(|c| c.0 == "True");
    let consortium = eventually("a ready network with every seat heard", LONG, || async {
        let consortium = network.wait_quorum_heard().await?;
        let status = consortium["status"].to_string();
        let all = consortium["status"]["summary"] == "4/4 seats, tolerates 1";
        Ok(if all && is(&consortium, "Ready") {
            Progress::Done(consortium)
        } else {
            Progress::Waiting(status)
        })
    })
    .await?;
    let status = &consortium["status"];
    assert_eq!(status["seats"]["total"], 4, "{status}");
    assert_eq!(status["seats"]["quorum"], 3, "{status}");
    let fleet = eventually("a ready fleet", LONG, || async {
        let fleet = network.fleet().await?;
        let status = fleet["status"].to_string();
        Ok(if is(&fleet, "Ready") { Progress::Done(fleet) } else { Progress::Waiting(status) })
    })
    .await?;
    assert_eq!(fleet["status"]["rpc"]["http"], network.rpc.url(), "{}", fleet["status"]);
    let genesis = network.rpc.block_hash(0).await?.map(|h| h.to_string());
    assert_eq!(status["genesisHash"].as_str().map(str::to_owned), genesis, "{status}");
    Ok(())
}
