use crate::network::{LONG, Network, pod_of};
use anyhow::{Context, Result};
use e2e::patience::{Progress, eventually};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::DeleteParams;

#[tokio::test]
async fn a_node_that_lost_its_disk_sits_out_then_votes_again() -> Result<()> {
    let network = Network::live().await?;
    let node = network.nodes().await?[3].clone();
    let lost = network.wait_voting(&node.name).await?.identity.context("identity")?.journal.id;
    let pod = network.cluster.pods().get(&pod_of(&node.name)).await?;
    let claim = pod
        .spec
        .iter()
        .flat_map(|s| s.volumes.iter().flatten())
        .find_map(|v| v.persistent_volume_claim.as_ref())
        .context("the pod has no volume claim")?
        .claim_name
        .clone();
    let claims = network.cluster.core::<PersistentVolumeClaim>();
    let old = claims.get(&claim).await?.metadata.uid;
    claims.delete(&claim, &DeleteParams::default()).await?;
    network.cluster.delete_pod(&pod_of(&node.name), 0).await?;
    eventually("a new disk", LONG, || async {
        let now = claims.get_opt(&claim).await?.and_then(|c| c.metadata.uid);
        Ok(if now.is_some() && now != old {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("{now:?}"))
        })
    })
    .await?;
    let height = network.rpc.block_number().await?;
    eventually("the node sits out with a new journal", LONG, || async {
        let identity = network.node_status(&node.name).await?.identity.context("identity")?;
        assert_ne!(identity.journal.id, lost, "the lost journal cannot be back");
        Ok(match identity.journal.sitting_out {
            Some(_) if !identity.voting => Progress::Done(()),
            other => Progress::Waiting(format!("{other:?}, voting {}", identity.voting)),
        })
    })
    .await?;
    let status = network.wait_voting(&node.name).await?;
    assert!(status.head.number > height, "it votes only after blocks that were decided without it");
    assert_eq!(status.identity.context("identity")?.address, node.address);
    network.wait_blocks(2).await?;
    network.assert_no_fork(0).await
}
