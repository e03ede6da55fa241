//! A process that runs files one after the other and says, line by line, what it is at.

use super::{Verdict, suite};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
    process::ExitCode,
};

/// What the pool asks for, one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// File of tests.
    pub file: PathBuf,
    /// Cases of it that are done with.
    pub skip: usize,
}

/// What the worker says, one line of JSON each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// Begins a case.
    Begin(String),
    /// Ended it.
    End(Verdict),
    /// The file has no more.
    Done,
}

/// Serves standard input until it ends.
#[must_use]
pub fn serve(only: &str) -> ExitCode {
    match lines(only, io::stdin().lock(), io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn lines(only: &str, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let task: Task = serde_json::from_str(&line?)?;
        for case in suite::cases(&task.file).into_iter().skip(task.skip) {
            say(&mut output, &Said::Begin(case.name.clone()))?;
            let verdict = if case.name.contains(only) {
                case.run()
            } else {
                Verdict::Skipped("not asked for".to_string())
            };
            say(&mut output, &Said::End(verdict))?;
        }
        say(&mut output, &Said::Done)?;
    }
    Ok(())
}

fn say(output: &mut impl Write, said: &Said) -> io::Result<()> {
    writeln!(output, "{}", serde_json::to_string(said)?)?;
    output.flush()
}
