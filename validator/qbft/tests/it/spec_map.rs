//! `docs/spec-map.md` names what exists, and leaves out nothing that decides.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|_| panic!("no {}", path.display()))
}

fn map() -> String {
    read(&root().join("../../docs/spec-map.md"))
}

/// The backticked words of each cell of each row.
fn rows(map: &str) -> Vec<Vec<Vec<&str>>> {
    let lines = map.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    lines
        .map(|row| row.split('|').map(|cell| cell.split('`').skip(1).step_by(2).collect()).collect())
        .collect()
}

/// The files that a cell's first word may mean: another crate's stand behind its name.
fn files(file: &str, is_test: bool) -> Vec<PathBuf> {
    let (folder, file) = match file.split_once("::") {
        Some((other, file)) => (root().join("..").join(other), file),
        None => (root(), file),
    };
    let beside = folder.join("src").join(file);
    if is_test { vec![folder.join("tests/it").join(file), beside] } else { vec![beside] }
}

#[test]
fn every_row_of_the_spec_map_names_a_function_and_a_test_that_exist() {
    let map = map();
    let rows = rows(&map);
    assert!(rows.len() >= 50, "only {} rows", rows.len());
    for row in rows {
        for (is_test, cell) in [(false, &row[2]), (true, &row[3])] {
            let [file, function] = cell[..] else { panic!("not `file` `function`: {row:?}") };
            let found = files(file, is_test).into_iter().find(|path| path.exists());
            let source = read(&found.unwrap_or_else(|| panic!("no {file}: {row:?}")));
            let exists =
                source.contains(&format!("fn {function}(")) || source.contains(&format!("fn {function}<"));
            assert!(exists, "no {function} in {file}: {row:?}");
        }
    }
}

/// Names of the functions whose declaration starts like this.
fn declared<'a>(source: &'a str, start: &str) -> Vec<&'a str> {
    let functions = source.lines().filter_map(|line| line.trim_start().strip_prefix("pub(crate) fn "));
    let names = functions.filter_map(|line| line.split(['(', '<']).next());
    names.filter(|name| name.starts_with(start)).collect()
}

#[test]
fn every_handler_and_every_predicate_of_the_core_has_a_row() {
    let map = map();
    let mapped: Vec<_> = rows(&map).into_iter().map(|row| row[2].join(" ")).collect();
    let mut handlers = 0;
    for entry in fs::read_dir(root().join("src/on")).unwrap() {
        let path = entry.unwrap().path();
        let file = format!("on/{}", path.file_name().unwrap().to_str().unwrap());
        if file == "on/mod.rs" {
            continue;
        }
        assert!(mapped.iter().any(|row| row.starts_with(&file)), "{file} has no row");
        for function in declared(&read(&path), "on_") {
            handlers += 1;
            assert!(mapped.contains(&format!("{file} {function}")), "{function} of {file} has no row");
        }
    }
    assert!(handlers >= 14, "only {handlers} handlers found");
    for (file, start, least) in
        [("justification.rs", "is_", 2), ("pace.rs", "", 6), ("presence.rs", "is_", 1), ("digest.rs", "", 2)]
    {
        let source = read(&root().join("src").join(file));
        let functions = declared(&source, start);
        assert!(functions.len() >= least, "only {functions:?} found in {file}");
        for function in functions {
            assert!(mapped.contains(&format!("{file} {function}")), "{function} of {file} has no row");
        }
    }
}

/// The variants of an enum in `reject.rs`.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let starts = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    starts.filter_map(|line| line.split([' ', ',', '(']).next()).collect()
}

#[test]
fn every_reason_to_refuse_has_a_test_and_every_rejection_a_label_of_its_own() {
    let source = read(&root().join("src/reject.rs"));
    let mut tests = String::new();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            tests.push_str(&read(&path));
        }
    }
    let mut labels = Vec::new();
    for variant in variants(&source, "Rejected") {
        let (_, label) = source.split_once(&format!("Self::{variant}")).unwrap();
        let label = label.split('"').nth(1).unwrap();
        assert!(!labels.contains(&label), "{label} is the label of two rejections");
        labels.push(label);
        let is_tested =
            tests.contains(&format!("Rejected::{variant}")) || tests.contains(&format!("rejected {label}"));
        assert!(is_tested, "no test refuses with {variant}");
    }
    assert!(labels.len() >= 18, "only {} rejections", labels.len());
    for name in ["BadBlock", "BadJustification", "BadRoundChange"] {
        for variant in variants(&source, name) {
            assert!(tests.contains(&format!("{name}::{variant}")), "no test refuses with {name}::{variant}");
        }
    }
}
