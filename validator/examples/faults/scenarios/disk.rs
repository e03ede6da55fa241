//! A disk without room: the node stops voting, says so, and goes on once there is room and it is started again.

use crate::{
    lab::{CHAIN_ID, Lab, PATIENCE, run},
    node::Node,
    sender::Sender,
    watch::connect,
};
use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, TxKind, U256, hex, keccak256};
use chain::{metrics, status::NodeStatus};
use jsonrpsee::{core::client::ClientT as _, rpc_params};
use std::{
    fs::{self, File},
    io::Write as _,
    net::Ipv4Addr,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Whose disk.
pub(super) const NODE: usize = 3;
/// Small enough to be filled at once.
const SIZE: &str = "size=96m";
const FILLER: &str = "filler";
/// Bytes of data in a transaction that needs room.
const DATA: u64 = 100 * 1024;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// Puts the node's data on a disk of its own.
pub(super) fn make_small(node: &Node) -> anyhow::Result<()> {
    let dir = node.dir();
    fs::create_dir_all(&dir)?;
    run("mount", &format!("-t tmpfs -o {SIZE} tmpfs {}", dir.display()))
}

/// Writes until there is no room.
pub(super) fn fill(node: &Node) -> anyhow::Result<()> {
    let mut file = File::create(node.dir().join(FILLER))?;
    for piece in [64 * 1024, 1] {
        let bytes = vec![1; piece];
        while file.write_all(&bytes).is_ok() {}
    }
    Ok(())
}

/// It says what is wrong, for a person and for an alarm, while what it has to write still fits into room made before; and votes
/// no more once something does not.
pub(super) async fn check(lab: &Lab) -> anyhow::Result<()> {
    let node = &lab.nodes[NODE];
    let status = node.status().await?;
    anyhow::ensure!(!status.faults.is_empty(), "does not say in its status that its disk is full");
    anyhow::ensure!(node.counter(&metrics::FAULTS, "").await? > 0, "no metric tells of the full disk");
    let blocks = lab.nodes[0].address;
    offer_until(blocks, async || Ok(!voting(&node.status().await?))).await?;
    let status = node.status().await?;
    anyhow::ensure!(!status.ready, "ready though it cannot vote: {:?}", status.faults);
    anyhow::ensure!(node.log().contains("No space left"), "no line of the log tells of the full disk");
    Ok(())
}

fn voting(status: &NodeStatus) -> bool {
    status.identity.as_ref().is_some_and(|identity| identity.voting)
}

/// Has blocks made that need room, until something holds.
async fn offer_until(node: Ipv4Addr, holds: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let client = connect(node).await?;
    let sender = Sender::named("fills disks")?;
    let deadline = Instant::now() + PATIENCE;
    let mut nonce = 0;
    while !holds().await? {
        anyhow::ensure!(Instant::now() < deadline, "votes after {nonce} large transactions on a full disk");
        let raw = hex::encode_prefixed(sender.sign(large(nonce, sender.address)).encoded_2718());
        let _: String = client.request("eth_sendRawTransaction", rpc_params![raw]).await?;
        nonce += 1;
        sleep(PAUSE).await;
    }
    Ok(())
}

/// A transaction whose data no store makes smaller.
fn large(nonce: u64, to: Address) -> TxEip1559 {
    let seed = keccak256(nonce.to_be_bytes());
    let words = (0_u64..DATA / 32).map(|word| keccak256([seed.0, U256::from(word).to_be_bytes()].concat()));
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000 + 40 * DATA,
        to: TxKind::Call(to),
        input: words.flat_map(|word| word.0).collect::<Vec<u8>>().into(),
        ..TxEip1559::default()
    }
}

/// Makes room and starts the node anew.
pub(super) fn free(node: &mut Node) -> anyhow::Result<()> {
    node.kill()?;
    fs::remove_file(node.dir().join(FILLER))?;
    node.start()
}
