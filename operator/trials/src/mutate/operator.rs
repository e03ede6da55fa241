//! The operator's process: its log is read for panics, and its end is noticed.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// A running operator over all namespaces.
pub struct Operator {
    child: Mutex<Child>,
    log: PathBuf,
    read: Mutex<u64>,
}

impl Operator {
    /// Starts it; its log goes to `log`.
    ///
    /// # Panics
    /// The program does not start.
    #[must_use]
    pub fn start(program: &Path, kubeconfig: &Path, listen: &str, log: &Path) -> Self {
        let file = File::create(log).expect("the log's folder is there");
        let child = Command::new(program)
            .env("KUBECONFIG", kubeconfig)
            .env("RUST_BACKTRACE", "1")
            .args([
                "--node-image",
                "default.example/node:1",
                "--operator-image",
                "default.example/operator:1",
            ])
            .args(["--listen", listen, "--concurrency", "32"])
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it first", program.display()));
        Self { child: Mutex::new(child), log: log.to_owned(), read: Mutex::new(0) }
    }

    /// What is wrong with the process itself since it was last asked: a panic in its log, or its end.
    pub fn trouble(&self) -> Option<String> {
        let ended = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        if let Ok(Some(status)) = ended {
            return Some(format!("the operator ended: {status}; see {}", self.log.display()));
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = File::open(&self.log).ok()?;
        file.seek(SeekFrom::Start(*read)).ok()?;
        let mut bytes = Vec::new();
        *read += file.read_to_end(&mut bytes).ok()? as u64;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().find(|line| line.contains("panicked at"))?;
        Some(format!("the operator panics: {line}; see {}", self.log.display()))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It is a part of this process's trial: whatever it does at its end, it goes.
        let _ = child.kill();
        let _ = child.wait();
    }
}
