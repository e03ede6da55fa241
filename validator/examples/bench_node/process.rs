//! A node as a process of its own.

use crate::{
    exposition,
    start::start,
    usage::{self, Memory},
};
use anyhow::ensure;
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::Path,
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};
use validator::devnet::Ports;

const PATIENCE: Duration = Duration::from_mins(1);
/// What does not change for so long will not change any more.
const STALL: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) const fn count(value: u64) -> f64 {
    value as f64
}

/// A process that ends with the measurement.
pub(crate) struct Node {
    process: Child,
    pub(crate) ports: Ports,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The source's data folder: in memory where the machine has such a place.
pub(crate) fn source_folder(data: &Path) -> anyhow::Result<Option<tempfile::TempDir>> {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        fs::create_dir_all(data)?;
        return Ok(None);
    }
    let folder = tempfile::tempdir_in(memory)?;
    symlink(folder.path(), data)?;
    Ok(Some(folder))
}

impl Node {
    pub(crate) fn start(binary: &Path, config: &Path, ports: Ports) -> anyhow::Result<Self> {
        Ok(Self { process: start(binary, config)?, ports })
    }

    /// Waits until a gauge is as wanted; longer than the patience only while it changes.
    pub(crate) fn wait(&self, name: &str, is_there: impl Fn(f64) -> bool) -> anyhow::Result<()> {
        let (mut before, mut changed) = (None, Instant::now());
        loop {
            let now = self.metrics().ok().and_then(|text| exposition::value(&text, name));
            if now.is_some_and(&is_there) {
                return Ok(());
            }
            if now != before {
                (before, changed) = (now, Instant::now());
            }
            let patience = if before.is_some() { STALL } else { PATIENCE };
            ensure!(changed.elapsed() < patience, "{name} of port {} stays at {now:?}", self.ports.metrics);
            sleep(POLL);
        }
    }

    pub(crate) fn metrics(&self) -> io::Result<String> {
        exposition::read(self.ports.metrics)
    }

    /// User and system time so far, seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        Ok(usage::cpu_time(self.process.id())?.as_secs_f64())
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        usage::memory(self.process.id())
    }
}
