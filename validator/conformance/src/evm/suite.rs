//! The cases of a file, in order, each run by itself.

use super::{Verdict, blocks, blocks::BlockchainTest, state, state::StateTest};
use serde_json::{Map, Value};
use std::path::Path;

/// A case: its name within the file, and what to do.
pub struct Case {
    /// Test, and fork and index in a state test.
    pub name: String,
    run: Box<dyn FnOnce() -> Verdict>,
}

impl Case {
    fn new(name: String, run: impl FnOnce() -> Verdict + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Runs it.
    #[must_use]
    pub fn run(self) -> Verdict {
        (self.run)()
    }
}

/// Cases of a file. What cannot be read is a case that fails; what is another kind of test is one that is skipped.
#[must_use]
pub fn cases(path: &Path) -> Vec<Case> {
    let read = std::fs::read(path).map_err(|error| error.to_string());
    let tests = read.and_then(|text| {
        serde_json::from_slice::<Map<String, Value>>(&text).map_err(|error| error.to_string())
    });
    match tests {
        Ok(tests) => tests.into_iter().flat_map(|(name, test)| of_test(name, test)).collect(),
        Err(error) => vec![Case::new("file".to_string(), move || Verdict::Failed(error))],
    }
}

fn of_test(name: String, test: Value) -> Vec<Case> {
    let has = |key: &str| test.get(key).is_some();
    if has("post") && has("transaction") {
        match serde_json::from_value(test) {
            Ok(test) => of_state_test(&name, &test),
            Err(error) => vec![unreadable(name, &error)],
        }
    } else if has("blocks") && has("genesisRLP") {
        match serde_json::from_value::<BlockchainTest>(test) {
            Ok(test) => vec![Case::new(name, move || blocks::run(&test))],
            Err(error) => vec![unreadable(name, &error)],
        }
    } else if name.starts_with('_') || name == "$schema" {
        Vec::new()
    } else {
        vec![Case::new(name, || Verdict::Skipped("neither a state test nor a blockchain test".to_string()))]
    }
}

fn unreadable(name: String, error: &serde_json::Error) -> Case {
    let reason = format!("cannot be read: {error}");
    Case::new(name, move || Verdict::Failed(reason))
}

fn of_state_test(name: &str, test: &StateTest) -> Vec<Case> {
    let test = std::rc::Rc::new(test.clone());
    let mut cases = Vec::new();
    for (fork, posts) in &test.post {
        for (index, post) in posts.iter().enumerate() {
            let (test, fork, post) = (std::rc::Rc::clone(&test), fork.clone(), post.clone());
            let name = format!("{name}[{fork}][{index}]");
            cases.push(Case::new(name, move || state::run(&test, &fork, &post)));
        }
    }
    cases
}
