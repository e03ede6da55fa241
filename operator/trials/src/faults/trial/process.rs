//! The operator as a process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// One operator process; killed when dropped.
pub(super) struct Process {
    child: Child,
    /// Where its endpoints answer.
    pub(super) listen: String,
    /// What it says.
    pub(super) output: PathBuf,
}

impl Process {
    pub(super) fn start(
        program: &Path,
        namespace: &str,
        kubeconfig: &Path,
        listen: String,
        output: PathBuf,
    ) -> anyhow::Result<Self> {
        let child = Command::new(program)
            .env("KUBECONFIG", kubeconfig)
            .env("RUST_LOG", "info,kube=warn,operator=debug,quorate_operator=debug")
            .args([
                "--namespace",
                namespace,
                "--node-image",
                "registry.example/default:1",
                "--listen",
                &listen,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&output)?)
            .spawn()?;
        Ok(Self { child, listen, output })
    }

    /// SIGKILL: nothing is said to anybody.
    pub(super) fn kill(&mut self) {
        // One that has ended by itself is as dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP or SIGCONT.
    pub(super) fn signal(&self, signal: &str) -> anyhow::Result<()> {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        Ok(())
    }

    /// Whether it has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Lines that say that it panicked.
    pub(super) fn panics(&self) -> Vec<String> {
        let said = fs::read_to_string(&self.output).unwrap_or_default();
        said.lines().filter(|line| line.contains("panicked at")).map(str::to_owned).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
