//! A table with a line for every method, what failed, and a last line for machines.

use std::{collections::BTreeMap, fmt};

/// Everything that came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Files passed and failed, by method: the folder that they are in.
    methods: BTreeMap<String, (usize, usize)>,
    failures: Vec<String>,
}

impl Report {
    /// Takes note of a file.
    pub fn add(&mut self, name: &str, outcome: Result<(), String>) {
        let method = name.split_once('/').map_or(".", |(method, _)| method);
        let (passed, failed) = self.methods.entry(method.to_string()).or_default();
        match outcome {
            Ok(()) => *passed += 1,
            Err(reason) => {
                *failed += 1;
                self.failures.push(format!("{name}: {reason}"));
            }
        }
    }

    /// Whether something ran and nothing failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && !self.methods.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "FAILED {failure}")?;
        }
        writeln!(f, "{:>8} {:>8}  method", "passed", "failed")?;
        for (method, (passed, failed)) in &self.methods {
            writeln!(f, "{passed:>8} {failed:>8}  {method}")?;
        }
        let passed: usize = self.methods.values().map(|(passed, _)| passed).sum();
        let failed = self.failures.len();
        writeln!(f, "files={} passed={passed} failed={failed}", passed + failed)
    }
}
