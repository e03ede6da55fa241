//! Scripts of the execution-apis format over a served chain.
//!
//! ```text
//! genesis.json, chain.rlp ─► ledger in memory ─► JSON-RPC on loopback ◄── `>>` of every .io file
//!                 next.rlp ─────────┘                    └── answer ─► compare with `<<` ─► table
//! ```
//! All files are asked of one node, in order; one in which the chain grows has a node of its own.

pub mod compare;
pub mod names;
pub mod node;
pub mod report;
pub mod script;

use compare::Strictness;
use names::Names;
use report::Report;
use script::{Exchange, Script, Step};
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
            let script = std::fs::read_to_string(&file).map_err(|error| error.to_string());
            let outcome = match script.and_then(|text| Script::parse(&text)) {
                Ok(script) if script.grows() => {
                    let own = node::start(dir).await?;
                    let outcome = replay(&own, &script, messages).await;
                    own.stop().await;
                    outcome
                }
                Ok(script) => replay(&node, &script, messages).await,
                Err(error) => Err(error),
            };
            report.add(&name, outcome);
        }
        node.stop().await;
        Ok(report)
    })
}

/// Takes each step of a script; the first answer that differs ends it.
async fn replay(node: &node::Served, script: &Script, messages: bool) -> Result<(), String> {
    let strictness = match (script.spec_only, messages) {
        (true, _) => Strictness::Shape,
        (false, true) => Strictness::Whole,
        (false, false) => Strictness::ButMessages,
    };
    let mut names = Names::default();
    for step in &script.steps {
        match step {
            Step::NextBlock => node.grow()?,
            Step::Ask(exchange) => ask(node, exchange, &mut names, strictness).await?,
        }
    }
    Ok(())
}

async fn ask(
    node: &node::Served,
    Exchange { request, response }: &Exchange,
    names: &mut Names,
    strictness: Strictness,
) -> Result<(), String> {
    let answer = node.post(&names.filled(request)).await?;
    let Some(mut want) = response.clone() else { return Ok(()) };
    let got: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer:.200}"))?;
    names.settle(&mut want, &got);
    compare::answers(&got, &want, strictness)
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
