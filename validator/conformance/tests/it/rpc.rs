use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rpc")
}

/// Whether the runner calls a directory clean, and what it prints.
fn run(dir: &Path, more: &[&str]) -> (bool, String) {
    let mut runner = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let runner = runner.arg("rpc").arg(dir).args(more).output().unwrap();
    let text = String::from_utf8(runner.stdout).unwrap() + &String::from_utf8(runner.stderr).unwrap();
    (runner.status.success(), text)
}

/// The chain of the fixtures with these scripts, by file name.
fn with(scripts: &[(&str, &str)]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["genesis.json", "chain.rlp"] {
        std::fs::copy(fixtures().join(name), dir.path().join(name)).unwrap();
    }
    std::fs::create_dir(dir.path().join("method")).unwrap();
    for (name, text) in scripts {
        std::fs::write(dir.path().join("method").join(name), text).unwrap();
    }
    run(dir.path(), &[])
}

#[test]
fn a_chain_from_proof_of_work_to_the_newest_fork_is_served_as_go_ethereum_serves_it() {
    let (clean, output) = run(&fixtures(), &[]);
    assert!(clean, "{output}");
    let files = output.lines().last().unwrap();
    assert!(files.starts_with("files=") && files.ends_with(" failed=0"), "{files}");
}

#[test]
fn a_wrong_answer_a_wrong_shape_and_an_unreadable_script_fail_their_files_alone() {
    let ask = r#">> {"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;
    let (clean, output) = with(&[
        ("a-right.io", &format!("{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x28\"}}")),
        ("b-wrong.io", &format!("{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x29\"}}")),
        (
            "c-shape.io",
            &format!("// speconly: any\n{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7\"}}"),
        ),
        ("d-kind.io", &format!("// speconly: any\n{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}}")),
        ("e-text.io", "hello"),
    ]);
    assert!(!clean);
    assert!(output.contains("FAILED method/b-wrong.io: .result is \"0x28\", expected \"0x29\""), "{output}");
    assert!(
        output.contains("FAILED method/d-kind.io: .result is \"0x28\", expected something like 7"),
        "{output}"
    );
    assert!(output.contains("FAILED method/e-text.io: line 1"), "{output}");
    assert!(output.ends_with("files=5 passed=2 failed=3\n"), "{output}");
}

#[test]
fn a_chain_with_a_spoiled_block_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(fixtures().join("genesis.json"), dir.path().join("genesis.json")).unwrap();
    let mut chain = std::fs::read(fixtures().join("chain.rlp")).unwrap();
    // The first byte of the parent's hash in block 1: after two list heads of three bytes and a string head of one.
    chain[7] ^= 1;
    std::fs::write(dir.path().join("chain.rlp"), chain).unwrap();
    let (clean, output) = run(dir.path(), &[]);
    assert!(!clean && output.contains("chain.rlp: block 1 is refused: parent is"), "{output}");
}
