//! A table with a line for every folder, what failed, why something was skipped, and a last line for machines.

use super::Verdict;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Failures shown one by one at most.
const SHOWN: usize = 50;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Everything that came of a run.
#[derive(Debug)]
pub struct Report {
    root: PathBuf,
    folders: BTreeMap<String, Counts>,
    failures: Vec<String>,
    reasons: BTreeMap<String, usize>,
}

impl Report {
    /// Over a directory, before anything ran.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            folders: BTreeMap::new(),
            failures: Vec::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// Takes note of a case.
    pub fn add(&mut self, file: &Path, case: &str, verdict: Verdict) {
        let file = file.strip_prefix(&self.root).unwrap_or(file);
        let folder = file.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let counts = self.folders.entry(folder).or_default();
        match verdict {
            Verdict::Passed => counts.passed += 1,
            Verdict::Failed(reason) => {
                counts.failed += 1;
                self.failures.push(format!("{}: {case}: {reason}", file.display()));
            }
            Verdict::Skipped(reason) => {
                counts.skipped += 1;
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// Whether something ran and nothing failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let total = self.total();
        total.failed == 0 && total.passed > 0
    }

    fn total(&self) -> Counts {
        self.folders.values().fold(Counts::default(), |sum, counts| Counts {
            passed: sum.passed + counts.passed,
            failed: sum.failed + counts.failed,
            skipped: sum.skipped + counts.skipped,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.iter().take(SHOWN) {
            writeln!(f, "FAILED {failure}")?;
        }
        if let Some(more @ 1..) = self.failures.len().checked_sub(SHOWN) {
            writeln!(f, "FAILED {more} more")?;
        }
        writeln!(f, "{:>8} {:>8} {:>8}  folder", "passed", "failed", "skipped")?;
        for (folder, Counts { passed, failed, skipped }) in &self.folders {
            let folder = if folder.is_empty() { "." } else { folder };
            writeln!(f, "{passed:>8} {failed:>8} {skipped:>8}  {folder}")?;
        }
        for (reason, times) in &self.reasons {
            writeln!(f, "skipped {times}: {reason}")?;
        }
        let Counts { passed, failed, skipped } = self.total();
        let tests = passed + failed + skipped;
        writeln!(f, "tests={tests} passed={passed} failed={failed} skipped={skipped}")
    }
}
