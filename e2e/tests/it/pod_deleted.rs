use crate::network::{LONG, Network, pod_of};
use anyhow::Result;
use e2e::patience::{Progress, eventually};

#[tokio::test]
async fn a_deleted_pod_returns_with_its_identity_and_votes() -> Result<()> {
    let network = Network::live().await?;
    let node = network.nodes().await?[1].clone();
    let before = network.pod_uid(&node.name).await?;
    let journal = network.wait_voting(&node.name).await?.identity.expect("identity").journal.id;
    network.cluster.delete_pod(&pod_of(&node.name), 10).await?;
    eventually("a new pod", LONG, || async {
        let uid = network.pod_uid(&node.name).await?;
        Ok(if uid == before { Progress::Waiting("the old pod".to_owned()) } else { Progress::Done(()) })
    })
    .await?;
    let identity = network.wait_voting(&node.name).await?.identity.expect("identity");
    assert_eq!(identity.address, node.address);
    assert_eq!(identity.journal.id, journal, "the journal is the same one");
    assert_eq!(identity.journal.sitting_out, None);
    Ok(())
}
