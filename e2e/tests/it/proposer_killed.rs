use crate::network::{LONG, Network, Node, pod_of};
use alloy_primitives::{Address, B256, TxKind};
use anyhow::{Context, Result};
use e2e::{
    account::Account,
    contract,
    patience::{Progress, eventually},
};
use serde_json::{Value, json};

const KILLS: u64 = 10;
const TRANSACTIONS_PER_KILL: u64 = 5;

#[tokio::test]
async fn killing_the_proposer_ten_times_in_a_row_never_forks_and_loses_no_accepted_transaction() -> Result<()>
{
    let network = Network::live().await?;
    let start = network.rpc.block_number().await?;
    let mut accepted: Vec<B256> = Vec::new();
    for kill in 0..KILLS {
        let victim = next_proposer(&network).await?;
        let before = network.pod_uid(&victim.name).await?;
        let rpc = network.node_rpc(&victim.name).await?;
        let account =
            Account::from_seed(&format!("kill {kill} from height {start}"), crate::network::CHAIN_ID)?;
        for nonce in 0..TRANSACTIONS_PER_KILL {
            let (raw, _) = account.eip1559(nonce, TxKind::Create, contract::REGISTER)?;
            // Only what was answered with a hash was promised.
            accepted.push(rpc.send(&raw).await?);
        }
        // Its turn may have passed while the transactions went in: wait until it is the next proposer again.
        eventually(&format!("the turn of {}", victim.name), LONG, || async {
            let next = next_proposer(&network).await?;
            Ok(if next.name == victim.name { Progress::Done(()) } else { Progress::Waiting(next.name) })
        })
        .await?;
        network.cluster.delete_pod(&pod_of(&victim.name), 0).await?;
        network.wait_blocks(1).await?;
        eventually(&format!("{} replaced", victim.name), LONG, || async {
            let uid = network.pod_uid(&victim.name).await?;
            Ok(if uid == before { Progress::Waiting("the old pod".to_owned()) } else { Progress::Done(()) })
        })
        .await?;
        // The next kill must not take the network below quorum by itself.
        network.wait_voting(&victim.name).await?;
    }
    for hash in accepted {
        let receipt = network.wait_mined(hash).await?;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
    }
    network.assert_no_fork(start).await
}

/// The node whose identity proposes the next block in round 0: the one after the last proposer in ascending order.
async fn next_proposer(network: &Network) -> Result<Node> {
    let seats = network.rpc.validators().await?;
    // One question: the load balancer may hand the next one to a node that is a block behind.
    let block: Value = network.rpc.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    let last: Address = serde_json::from_value(block["miner"].clone())?;
    let next = seats.iter().find(|s| **s > last).or(seats.first()).context("no seats")?;
    let nodes = network.nodes().await?;
    nodes
        .into_iter()
        .find(|n| n.address == *next)
        .with_context(|| format!("no node of ours holds seat {next}"))
}
