//! `mutants/table.md`, the tests and the patches agree.

use std::{collections::BTreeSet, fs, path::Path};

/// One row: test, patch, file, function.
fn rows(folder: &Path) -> Vec<[String; 4]> {
    let table = fs::read_to_string(folder.join("mutants/table.md")).unwrap();
    table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .map(|line| {
            let names: Vec<_> = line.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            names.try_into().unwrap_or_else(|_| panic!("test, patch, file and function: {line}"))
        })
        .collect()
}

/// `module::test` of every test in this folder but this file's.
fn tests(folder: &Path) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || module == "table" {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line == "#[test]" {
                let name = lines.next().unwrap().strip_prefix("fn ").unwrap().split('(').next().unwrap();
                tests.insert(format!("{module}::{name}"));
            }
        }
    }
    tests
}

#[test]
fn every_exhibit_has_a_row_and_every_row_a_test_and_a_patch_of_the_file_it_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/museum");
    let rows = rows(&folder);
    let shown: Vec<_> = rows.iter().map(|[test, ..]| test.clone()).collect();
    assert_eq!(shown.iter().cloned().collect::<BTreeSet<_>>(), tests(&folder), "rows and tests");
    assert_eq!(shown.len(), tests(&folder).len(), "one row a test");
    for [test, patch, file, function] in &rows {
        let text = fs::read_to_string(folder.join("mutants").join(format!("{patch}.patch")))
            .unwrap_or_else(|_| panic!("no patch {patch} for {test}"));
        assert!(text.contains(&format!("+++ b/{file}")), "{patch} changes another file than {file}");
        let source = fs::read_to_string(root.join("../..").join(file)).unwrap();
        assert!(source.contains(&format!("fn {function}")), "no {function} in {file}");
        // Only the lines that change, and one around them: a patch must not go stale by its neighbours.
        assert!(text.lines().count() <= 40, "{patch} is a rewrite, not a bug");
    }
    let patches = fs::read_dir(folder.join("mutants")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "patch")
    });
    assert_eq!(patches.count(), rows.len(), "a patch without a row");
}
