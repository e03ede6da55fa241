use crate::network::{LONG, Network};
use anyhow::{Context, Result, bail};
use e2e::patience::{Progress, eventually};
use std::{fs, process::Command};

#[tokio::test]
async fn a_killed_node_catches_up_while_the_others_go_on() -> Result<()> {
    let network = Network::live().await?;
    let node = network.nodes().await?[2].clone();
    let before = network.wait_voting(&node.name).await?;
    let height = network.rpc.block_number().await?;
    kill_9(&network.pod_uid(&node.name).await?)?;
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

/// Kills the validator process of a pod as the kernel's out-of-memory killer would: the kubelet learns of it afterwards.
fn kill_9(pod_uid: &str) -> Result<()> {
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        if read("cgroup").contains(pod_uid) && read("comm").starts_with("quorate-valid") {
            let status = Command::new("kill").args(["-9", &pid.to_string()]).status().context("kill")?;
            assert!(status.success(), "kill -9 {pid}: {status}");
            return Ok(());
        }
    }
    bail!("no validator process of pod {pod_uid} found")
}
