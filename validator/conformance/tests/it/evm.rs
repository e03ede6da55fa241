use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/evm")
}

/// Whether the runner calls a directory clean, and what it prints.
fn run(dir: &Path) -> (bool, String) {
    let runner = Command::new(env!("CARGO_BIN_EXE_conformance")).arg("evm").arg(dir).output().unwrap();
    (runner.status.success(), String::from_utf8(runner.stdout).unwrap())
}

/// Runs one fixture after a change to its only test.
fn changed(file: &str, change: impl FnOnce(&mut Value)) -> (bool, String) {
    let text = std::fs::read_to_string(fixtures().join(file)).unwrap();
    let mut tests: Value = serde_json::from_str(&text).unwrap();
    let name = tests.as_object().unwrap().keys().next().unwrap().clone();
    change(&mut tests[&name]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("test.json"), tests.to_string()).unwrap();
    run(dir.path())
}

fn last_line(output: &str) -> &str {
    output.lines().last().unwrap()
}

#[test]
fn every_fixture_ends_as_go_ethereum_says() {
    let (clean, output) = run(&fixtures());
    assert!(clean, "{output}");
    assert_eq!(last_line(&output), "tests=672 passed=672 failed=0 skipped=0");
}

#[test]
fn a_wrong_state_root_fails_its_case_alone() {
    let zero = json!(format!("0x{:064x}", 0));
    let (clean, output) =
        changed("state_tests/environment.json", |test| test["post"]["Cancun"][1]["hash"] = zero);
    assert!(!clean);
    assert!(output.contains("environment[Cancun][1]: state root is 0x"), "{output}");
    assert_eq!(last_line(&output), "tests=42 passed=41 failed=1 skipped=0");
}

#[test]
fn wrong_logs_a_refusal_that_does_not_come_and_one_that_was_not_expected_fail() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 3] = [
        ("logs hash is", |case| case["logs"] = json!(format!("0x{:064x}", 0))),
        ("transaction ran", |case| case["expectException"] = json!("anything")),
        ("transaction refused", |case| case["indexes"]["gas"] = json!(1)),
    ];
    for (reason, change) in cases {
        let (clean, output) =
            changed("state_tests/transfer.json", |test| change(&mut test["post"]["Osaka"][0]));
        assert!(!clean && output.contains(reason), "{reason}: {output}");
        assert!(output.ends_with("failed=1 skipped=0\n"), "{output}");
    }
}

#[test]
fn a_block_that_is_taken_or_refused_against_the_file_fails_its_test() {
    let exception = |block: &Value| block.get("expectException").is_some();
    let first = |test: &Value, wanted: bool| {
        test["blocks"].as_array().unwrap().iter().position(|block| exception(block) == wanted).unwrap()
    };
    let (clean, output) = changed("blockchain_tests/Paris.json", |test| {
        let index = first(test, false);
        test["blocks"][index]["expectException"] = json!("anything");
    });
    assert!(!clean && output.contains("taken, expected it to be refused"), "{output}");
    let (clean, output) = changed("blockchain_tests/Paris.json", |test| {
        let index = first(test, true);
        test["blocks"][index] = json!({"rlp": test["blocks"][index]["rlp"], "blockHeader": {}});
    });
    assert!(!clean && output.contains("refused: header"), "{output}");
}

#[test]
fn a_state_or_a_last_block_other_than_the_files_fails_its_test() {
    let (clean, output) = changed("blockchain_tests/PragueToOsakaAtTime15k.json", |test| {
        let account = test["postState"].as_object_mut().unwrap().values_mut().next().unwrap();
        account["balance"] = json!("0x1234");
    });
    assert!(!clean && output.contains("expected balance 4660"), "{output}");
    let (clean, output) = changed("blockchain_tests/Frontier.json", |test| {
        test["lastblockhash"] = json!(format!("0x{:064x}", 7));
    });
    assert!(!clean && output.contains("is not known"), "{output}");
}

#[test]
fn a_branch_is_followed_though_the_head_was_past_it() {
    // The last good block twice over: once before its own parent's turn is over, once in order.
    let (clean, output) = changed("blockchain_tests/ArrowGlacier.json", |test| {
        let blocks = test["blocks"].as_array().unwrap().clone();
        let again = blocks.iter().find(|block| block.get("expectException").is_none()).unwrap().clone();
        test["blocks"] = Value::Array(blocks.into_iter().chain([again]).collect());
    });
    assert!(clean, "{output}");
}

#[test]
fn what_has_no_rules_here_is_skipped_by_name_and_nothing_run_is_no_success() {
    let (clean, output) =
        changed("blockchain_tests/Frontier.json", |test| test["network"] = json!("HomesteadToDaoAt5"));
    assert!(!clean);
    assert!(output.contains("skipped 1: network HomesteadToDaoAt5 is not supported"), "{output}");
    assert_eq!(last_line(&output), "tests=1 passed=0 failed=0 skipped=1");
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("half.json"), "{\"a\": ").unwrap();
    let (clean, output) = run(dir.path());
    assert!(!clean && output.contains("half.json: file: EOF"), "{output}");
}
