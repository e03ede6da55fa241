//! Processes of pods, as this machine sees them: it hosts the cluster's nodes.

use anyhow::{Result, bail, ensure};
use std::{fs, process::Command};

/// The validator process of a pod.
pub fn validator_of(pod_uid: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        if read("cgroup").contains(pod_uid) && read("comm").starts_with("quorate-valid") {
            return Ok(pid);
        }
    }
    bail!("no validator process of pod {pod_uid} found")
}

/// Sends a signal, as `kill` names it.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("kill").args([name, &pid.to_string()]).status()?;
    ensure!(status.success(), "kill {name} {pid}: {status}");
    Ok(())
}

/// A process that stands still until this is dropped.
#[derive(Debug)]
pub struct Stopped(u32);

impl Stopped {
    /// Stops it as it stands: it runs no handler, and keeps what it holds.
    pub fn stop(pid: u32) -> Result<Self> {
        signal(pid, "-STOP")?;
        Ok(Self(pid))
    }

    /// Lets it go on from where it stood.
    pub fn wake(self) -> Result<()> {
        let pid = self.0;
        std::mem::forget(self);
        signal(pid, "-CONT")
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = signal(self.0, "-CONT");
    }
}
