use crate::network::{CONSORTIUM, FLEET, LONG, Network};
use anyhow::{Context, Result};
use e2e::patience::{Progress, eventually};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::ListParams;
use std::collections::BTreeMap;

#[tokio::test]
async fn deleting_the_objects_leaves_keys_and_disks_and_applying_them_again_finds_both() -> Result<()> {
    let network = Network::live().await?;
    let height = network.rpc.block_number().await?;
    let genesis = network.rpc.block_hash(0).await?;
    let keys = secrets(&network).await?;
    let disks = disks(&network).await?;
    network.cluster.delete("Validator", FLEET, LONG).await?;
    network.cluster.delete("Consortium", CONSORTIUM, LONG).await?;
    eventually("the pods gone", LONG, || async {
        let pods = network.cluster.fleet_pods(FLEET).await?;
        Ok(if pods.is_empty() { Progress::Done(()) } else { Progress::Waiting(format!("{pods:?}")) })
    })
    .await?;
    assert_eq!(secrets(&network).await?, keys, "no key is lost or changed by deletion");
    assert_eq!(self::disks(&network).await?, disks, "no disk is lost by deletion");

    let again = Network::live().await?;
    assert_eq!(again.rpc.block_hash(0).await?, genesis, "the same chain");
    assert!(again.wait_blocks(1).await? > height, "it goes on where it was");
    assert_eq!(secrets(&again).await?, keys, "the same keys");
    assert_eq!(self::disks(&again).await?, disks, "the same disks");
    Ok(())
}

/// Key material by Secret name.
async fn secrets(network: &Network) -> Result<BTreeMap<String, Vec<Vec<u8>>>> {
    let list = network.cluster.core::<Secret>().list(&ListParams::default()).await?;
    list.into_iter()
        .filter(|s| s.metadata.labels.iter().flatten().any(|(k, _)| k.starts_with("quorate.dev/")))
        .map(|s| {
            let values = s.data.into_iter().flatten().map(|(_, v)| v.0).collect();
            Ok((s.metadata.name.context("name")?, values))
        })
        .collect()
}

/// Uids of volume claims by name.
async fn disks(network: &Network) -> Result<BTreeMap<String, String>> {
    let list = network.cluster.core::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    list.into_iter().map(|c| Ok((c.metadata.name.context("name")?, c.metadata.uid.context("uid")?))).collect()
}
