//! `docs/spec-map.md` names what exists.

use std::{fs, path::Path};

#[test]
fn every_row_of_the_spec_map_names_a_function_and_a_test_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("../../docs/spec-map.md")).unwrap();
    let rows: Vec<_> = map.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    assert!(rows.len() >= 20, "only {} rows", rows.len());
    for row in rows {
        let cells: Vec<Vec<&str>> =
            row.split('|').map(|cell| cell.split('`').skip(1).step_by(2).collect()).collect();
        for (folder, cell) in [("src", &cells[2]), ("tests/it", &cells[3])] {
            // `chain::quorum` is another crate's module: it compiles or it does not.
            let [file, function] = cell[..] else { continue };
            let source = fs::read_to_string(root.join(folder).join(file))
                .unwrap_or_else(|_| panic!("no {file}: {row}"));
            let exists =
                source.contains(&format!("fn {function}(")) || source.contains(&format!("fn {function}<"));
            assert!(exists, "no {function} in {file}: {row}");
        }
    }
}
