//! Starting a node of the binary under test.

use anyhow::Context as _;
use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A process that runs the node of this configuration and writes its log beside it.
pub(crate) fn start(binary: &Path, config: &Path) -> anyhow::Result<Child> {
    let log = File::create(config.with_file_name("log"))?;
    let mut command = Command::new(binary);
    command.args(["run", "--config"]).arg(config).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("{}; build it first", binary.display()))
}
