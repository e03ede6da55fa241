//! What a process takes of the machine, from /proc.

use std::{fs, path::Path, time::Duration};

/// Kernel ticks of CPU time are hundredths on every Linux that matters.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// The most there ever was.
    pub(crate) peak: u64,
}

/// User and system time so far.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name, in parentheses, may hold spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or_else(|| anyhow::anyhow!("/proc/{pid}/stat: {stat}"))?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<u32> {
        let field = fields.get(index).ok_or_else(|| anyhow::anyhow!("/proc/{pid}/stat is short"))?;
        Ok(field.parse()?)
    };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// Resident memory.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |name: &str| -> anyhow::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|value| value.split_whitespace().next());
        Ok(kib.ok_or_else(|| anyhow::anyhow!("/proc/{pid}/status has no {name}"))?.parse::<u64>()? * 1024)
    };
    Ok(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// Bytes that the files of a folder take on disk.
pub(crate) fn disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
