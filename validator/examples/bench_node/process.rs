//! A node as a process of its own.

use crate::start::start;
use anyhow::{anyhow, ensure};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
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
/// Clock ticks per second of `/proc/<pid>/stat`.
const TICKS: f64 = 100.0;

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
            let now = self.metrics().and_then(|text| value(&text, name));
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

    pub(crate) fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.ports.metrics))).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// User and system time so far, seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = text.rsplit_once(')').map(|(_, rest)| rest).ok_or_else(|| anyhow!("stat: {text}"))?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(count(ticks.sum::<Result<u64, _>>()?) / TICKS)
    }

    pub(crate) fn rss_mib(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
    }
}

pub(crate) fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

pub(crate) fn size(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
