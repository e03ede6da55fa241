use crate::network::{LONG, Network};
use anyhow::Result;
use e2e::{
    patience::{Progress, eventually},
    process::{signal, validator_of},
};

#[tokio::test]
async fn a_killed_node_catches_up_while_the_others_go_on() -> Result<()> {
    let network = Network::live().await?;
    let node = network.nodes().await?[2].clone();
    let before = network.wait_voting(&node.name).await?;
    let height = network.rpc.block_number().await?;
    // As the kernel's out-of-memory killer would: the kubelet learns of it afterwards.
    signal(validator_of(&network.pod_uid(&node.name).await?)?, "-9")?;
    network.wait_height(height + 2).await?;
    eventually("the process started anew", LONG, || async {
        let status = network.node_status(&node.name).await?;
        Ok(if status.started_ms > before.started_ms {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("started {}", status.started_ms))
        })
    })
    .await?;
    let after = network.wait_voting(&node.name).await?;
    assert!(after.head.number >= height);
    assert_eq!(after.identity.expect("identity").address, node.address);
    network.wait_blocks(2).await?;
    network.assert_no_fork(height.saturating_sub(5)).await
}
