//! Journals that are gone: sitting out, and the override.

use crate::lab::{Lab, NODES, PATIENCE};
use chain::config::JournalConfig;
use std::{fs, time::Duration};
use tokio::time::{Instant, sleep};

/// Takes the journals of so many nodes away and starts those as nodes that must have one. They sit out.
pub(super) async fn lose(lab: &mut Lab, nodes: usize) -> anyhow::Result<()> {
    for node in lab.nodes.iter_mut().take(nodes) {
        let identity = node.status().await?.identity;
        let id = identity.ok_or_else(|| anyhow::anyhow!("{} has no identity", node.namespace))?.journal.id;
        node.kill()?;
        fs::remove_dir_all(node.dir().join("votes"))?;
        node.edit(|config| {
            if let Some(identity) = &mut config.identity {
                identity.journal = JournalConfig::Require { id };
            }
        })?;
    }
    for node in lab.nodes.iter_mut().take(nodes) {
        node.start()?;
    }
    for node in lab.nodes.iter().take(nodes) {
        sits_out(node).await?;
    }
    Ok(())
}

async fn sits_out(node: &crate::node::Node) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let identity = node.status().await.ok().and_then(|status| status.identity);
        if identity
            .as_ref()
            .is_some_and(|identity| identity.journal.sitting_out.is_some() && !identity.voting)
        {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{} does not sit out: {identity:?}", node.namespace);
        sleep(Duration::from_millis(50)).await;
    }
}

/// The highest block that any node has.
pub(super) async fn highest(lab: &Lab) -> anyhow::Result<u64> {
    let mut highest = 0;
    for node in &lab.nodes {
        highest = highest.max(node.status().await?.head.number);
    }
    Ok(highest)
}

/// Without a quorum that remembers nothing may be decided.
pub(super) async fn all_sit_out(lab: &Lab, height: u64) -> anyhow::Result<()> {
    for node in &lab.nodes {
        sits_out(node).await?;
        let head = node.status().await?.head.number;
        anyhow::ensure!(head <= height, "block {head} was decided by nodes that all lost their journals");
    }
    Ok(())
}

/// A person takes the risk, for the journals that are now sat out with.
pub(super) fn accept_loss(lab: &mut Lab) -> anyhow::Result<()> {
    for node in lab.nodes.iter_mut().take(NODES) {
        node.kill()?;
        node.edit(|config| {
            if let Some(identity) = &mut config.identity
                && let JournalConfig::Require { id } = identity.journal
            {
                identity.journal = JournalConfig::AcceptLoss { id, lost: vec![id] };
            }
        })?;
        node.start()?;
    }
    Ok(())
}
