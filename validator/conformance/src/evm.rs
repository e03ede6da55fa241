//! State tests and blockchain tests.
//!
//! ```text
//! files ─► pool ─► worker processes ─► suite ─┬─ state: one transaction on a state, by `Ledger::transition`
//!            ▲          │ verdict a case      └─ blocks: a chain in memory, by `Ledger::validate` and `commit`
//!            └──────────┘ a worker that dies or says nothing costs the case it was at, and is replaced
//! ```

pub mod blocks;
pub mod fields;
pub mod network;
pub mod pool;
pub mod report;
pub mod state;
pub mod suite;
pub mod transaction;
pub mod worker;

use report::Report;
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As the file says.
    Passed,
    /// Otherwise, and how.
    Failed(String),
    /// Not run, and why.
    Skipped(String),
}

/// Runs every file below `dir` and prints what came of it.
pub fn run(dir: &Path, only: &str, timeout: Duration, jobs: usize) -> ExitCode {
    match measure(dir, only, timeout, jobs) {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error}; give a directory of official tests: DIR=…", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(dir: &Path, only: &str, timeout: Duration, jobs: usize) -> io::Result<Report> {
    let files = files(dir)?;
    let program = std::env::current_exe()?;
    let worker = || {
        let mut command = Command::new(&program);
        command.args(["evm-worker", "--only", only]);
        command
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let verdicts = pool::run(&files, &worker, timeout, if jobs == 0 { cores } else { jobs });
    let mut report = Report::new(dir);
    for (file, case, verdict) in verdicts {
        report.add(&file, &case, verdict);
    }
    Ok(report)
}

/// Every test file below a directory, in order; indices of releases are none.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') {
                open.push(path);
            } else if path.extension() == Some(OsStr::new("json")) && name != "index.json" {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
