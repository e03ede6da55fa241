//! Scripts of the execution-apis format over a served chain.
//!
//! ```text
//! genesis.json, chain.rlp ─► ledger in memory ─► JSON-RPC on loopback ◄── `>>` of every .io file
//!                                                        └── answer ─► compare with `<<` ─► table
//! ```

pub mod compare;
pub mod node;
pub mod report;
pub mod script;

use compare::Strictness;
use report::Report;
use script::Script;
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Why nothing could be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RpcTestError {
    /// No chain to serve.
    #[error(transparent)]
    Load(#[from] crate::chain_file::LoadError),
    /// The node does not start.
    #[error("node: {0}")]
    Node(#[from] node::NodeError),
    /// A folder that cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Serves the chain of `dir`, replays every `.io` file below it and prints what came of it.
#[must_use]
pub fn run(dir: &Path, only: &str, messages: bool) -> ExitCode {
    match measure(dir, only, messages) {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(dir: &Path, only: &str, messages: bool) -> Result<Report, RpcTestError> {
    let files = files(dir)?;
    let runtime = tokio::runtime::Runtime::new().map_err(node::NodeError::Runtime)?;
    runtime.block_on(async {
        let node = node::start(dir).await?;
        let mut report = Report::default();
        for file in files {
            let name = file.strip_prefix(dir).unwrap_or(&file).display().to_string();
            if !name.contains(only) {
                continue;
            }
            let outcome = match std::fs::read_to_string(&file) {
                Ok(text) => replay(&node, &text, messages).await,
                Err(error) => Err(error.to_string()),
            };
            report.add(&name, outcome);
        }
        node.stop().await;
        Ok(report)
    })
}

/// Sends each request of a script and compares each answer; the first difference ends it.
async fn replay(node: &node::Served, text: &str, messages: bool) -> Result<(), String> {
    let script = Script::parse(text)?;
    let strictness = match (script.spec_only, messages) {
        (true, _) => Strictness::Shape,
        (false, true) => Strictness::Whole,
        (false, false) => Strictness::ButMessages,
    };
    for exchange in &script.exchanges {
        let answer = node.post(&exchange.request).await?;
        let Some(want) = &exchange.response else { continue };
        let got: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer:.200}"))?;
        compare::answers(&got, want, strictness)?;
    }
    Ok(())
}

/// Every script below a directory, in order.
fn files(dir: &Path) -> Result<Vec<PathBuf>, RpcTestError> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = open.pop() {
        let read = |source| RpcTestError::Read { path: dir.clone(), source };
        for entry in std::fs::read_dir(&dir).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension() == Some(OsStr::new("io")) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
