//! `kubectl drain` and `uncordon`, as an administrator or a cloud's pool upgrade calls them.

use super::{
    timeline::{Event, What},
    watch::now_ms,
};
use anyhow::{Context, Result, bail};
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::mpsc,
};

/// A budget that never allows an eviction fails the drain instead of the reader's patience.
const TIMEOUT: &str = "--timeout=180s";

/// Cordons a node and evicts its pods through the eviction API, which honours disruption budgets.
pub async fn drain(
    kubectl: &Path,
    node: &str,
    pass: u32,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<()> {
    let tell = |what| events.send(Event { at_ms: now_ms(), what }).context("nobody looks at the drain");
    tell(What::DrainBegins { node: node.to_owned(), pass })?;
    let mut child = Command::new(kubectl)
        .args(["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", TIMEOUT])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("run {}", kubectl.display()))?;
    let mut lines = BufReader::new(child.stderr.take().context("standard error of kubectl")?).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await? {
        if line.contains("disruption budget") {
            tell(What::EvictionRefused)?;
        }
        last = line;
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("kubectl drain {node}: {status}: {last}");
    }
    tell(What::DrainEnds)
}

/// Lets pods onto the node again.
pub async fn uncordon(kubectl: &Path, node: &str) -> Result<()> {
    let output = Command::new(kubectl).args(["uncordon", node]).stdin(Stdio::null()).output().await?;
    if !output.status.success() {
        bail!("kubectl uncordon {node}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
