//! A disk without room: the node stops voting, says so, and goes on once there is room and it is started again.

use crate::{lab::run, node::Node};
use chain::metrics;
use std::{
    fs::{self, File},
    io::Write as _,
};

/// Whose disk.
pub(super) const NODE: usize = 3;
/// Small enough to be filled at once.
const SIZE: &str = "size=96m";
const FILLER: &str = "filler";

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

/// It says what is wrong, for a person and for an alarm, and votes no more.
pub(super) async fn check(node: &Node) -> anyhow::Result<()> {
    let status = node.status().await?;
    let voting = status.identity.as_ref().is_some_and(|identity| identity.voting);
    anyhow::ensure!(!voting, "votes though its disk is full: {:?}", status.faults);
    anyhow::ensure!(!status.faults.is_empty(), "does not say in its status that its disk is full");
    anyhow::ensure!(node.counter(&metrics::FAULTS, "").await? > 0, "no metric tells of the full disk");
    anyhow::ensure!(node.log().contains("No space left"), "no line of the log tells of the full disk");
    Ok(())
}

/// Makes room and starts the node anew.
pub(super) fn free(node: &mut Node) -> anyhow::Result<()> {
    node.kill()?;
    fs::remove_file(node.dir().join(FILLER))?;
    node.start()
}
