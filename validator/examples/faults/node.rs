//! One validator process in its namespace.

use crate::lab::answered;
use serde_json::Value;
use std::{
    fs::{self, File},
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

pub(crate) const P2P: u16 = 30303;
pub(crate) const RPC: u16 = 8545;
pub(crate) const HEALTH: u16 = 9545;
/// How long the health port may take to answer before it is asked again.
const ANSWER: Duration = Duration::from_secs(2);

pub(crate) struct Node {
    pub(crate) namespace: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) config: PathBuf,
    pub(crate) binary: PathBuf,
    /// `libfaketime.so.1` and the file that says how far this node's clock is off.
    pub(crate) clock: Option<(PathBuf, PathBuf)>,
    pub(crate) process: Option<Child>,
}

impl Node {
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.process.is_none(), "{} is running already", self.namespace);
        let log = File::options().create(true).append(true).open(self.config.with_file_name("log"))?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        command.arg(&self.binary).args(["run", "--config"]).arg(&self.config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some((library, file)) = &self.clock {
            command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", file);
            // The file is read anew with every look at the clock; timers are not concerned by a step.
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        self.process = Some(command.spawn()?);
        Ok(())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.process.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// STOP or CONT.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        let child = self.process.as_ref().ok_or_else(|| anyhow::anyhow!("{} is down", self.namespace))?;
        let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status()?;
        anyhow::ensure!(status.success(), "kill -{name}: {status}");
        Ok(())
    }

    /// Sets this node's clock off by so many seconds.
    pub(crate) fn step_clock(&self, seconds: i64) -> anyhow::Result<()> {
        let (_, file) = self.clock.as_ref().ok_or_else(|| anyhow::anyhow!("started without libfaketime"))?;
        Ok(fs::write(file, format!("{seconds:+}\n"))?)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.config.with_file_name("data")
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut chain::config::NodeConfig)) -> anyhow::Result<()> {
        let mut config = chain::config::NodeConfig::from_json(&fs::read_to_string(&self.config)?)?;
        edit(&mut config);
        Ok(fs::write(&self.config, config.to_json()?)?)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.config.with_file_name("log")).unwrap_or_default()
    }

    /// The document of a path of the health port.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<String> {
        answered(async || self.get_once(path).await).await
    }

    async fn get_once(&self, path: &str) -> anyhow::Result<String> {
        let ask = async {
            let mut stream = TcpStream::connect((self.address, HEALTH)).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_string());
            body.ok_or_else(|| anyhow::anyhow!("no answer to {path}"))
        };
        timeout(ANSWER, ask).await?
    }

    pub(crate) async fn status(&self) -> anyhow::Result<chain::status::NodeStatus> {
        Ok(serde_json::from_str(&self.get("/status").await?)?)
    }

    /// A counter's value, with labels as in the text. It must be shown: a name that is gone is not 0.
    pub(crate) async fn counter(&self, metric: &chain::metrics::Metric, labels: &str) -> anyhow::Result<u64> {
        let sample = format!("{}_total{labels} ", metric.name);
        let text = self.get("/metrics").await?;
        let value = text.lines().find_map(|line| line.strip_prefix(&sample));
        let value = value.ok_or_else(|| anyhow::anyhow!("{} shows no {sample}", self.namespace))?;
        Ok(value.trim().parse()?)
    }
}

/// A JSON-RPC quantity.
pub(crate) fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}
