use crate::network::{FLEET, LONG, Network};
use anyhow::Result;
use e2e::patience::{Progress, eventually};

#[tokio::test]
async fn scaling_up_and_down_moves_the_seat_before_the_node() -> Result<()> {
    let network = Network::live().await?;
    let start = network.rpc.block_number().await?;
    network.cluster.scale(FLEET, 5).await?;
    let five = network.wait_validating(5).await?;
    let newcomer = five.last().expect("five nodes").clone();
    network.wait_voting(&newcomer.name).await?;
    network.cluster.scale(FLEET, 4).await?;
    // The seat goes first: as long as the newcomer is seated, its pod must run.
    eventually("the newcomer's pod gone", LONG, || async {
        let seated = network.rpc.validators().await?.contains(&newcomer.address);
        let pods = network.cluster.fleet_pods(FLEET).await?.len();
        assert!(!(seated && pods < 5), "the pod stopped while its identity still held a seat");
        Ok(if pods == 4 {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("{pods} pods, seated: {seated}"))
        })
    })
    .await?;
    network.wait_validating(4).await?;
    network.wait_blocks(2).await?;
    network.assert_no_fork(start).await
}
