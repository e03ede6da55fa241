use alloy_rlp::{Decodable, Encodable};
use chain::Extra;
use ledger::Block;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rpc")
}

/// A network with blocks that come later.
fn network() -> PathBuf {
    fixtures().with_file_name("qbft")
}

/// Whether the runner calls a directory clean, and what it prints.
pub(crate) fn run(dir: &Path, more: &[&str]) -> (bool, String) {
    let mut runner = Command::new(env!("CARGO_BIN_EXE_conformance"));
    let runner = runner.arg("rpc").arg(dir).args(more).output().unwrap();
    let text = String::from_utf8(runner.stdout).unwrap() + &String::from_utf8(runner.stderr).unwrap();
    (runner.status.success(), text)
}

/// The chain of a folder with these scripts, by file name.
fn with(folder: &Path, scripts: &[(&str, &str)]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["genesis.json", "chain.rlp", "next.rlp", "node.json"] {
        if folder.join(name).exists() {
            std::fs::copy(folder.join(name), dir.path().join(name)).unwrap();
        }
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
    let (clean, output) = with(
        &fixtures(),
        &[
            ("a-right.io", &format!("{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x28\"}}")),
            ("b-wrong.io", &format!("{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x29\"}}")),
            (
                "c-shape.io",
                &format!("// speconly: any\n{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7\"}}"),
            ),
            (
                "d-kind.io",
                &format!("// speconly: any\n{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}}"),
            ),
            ("e-text.io", "hello"),
        ],
    );
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

#[test]
fn a_chain_grows_only_in_the_file_that_says_so_and_only_by_the_blocks_there_are() {
    let ask = r#">> {"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;
    let says = |head: &str| format!("{ask}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{head}\"}}\n");
    let next = "// nextblock: one more\n";
    let (clean, output) = with(
        &network(),
        &[
            ("a-grows.io", &[&says("0xa"), next, &says("0xb"), next, &says("0xc")].concat()),
            ("b-does-not.io", &says("0xa")),
            ("c-too-far.io", &[&says("0xa"), &*next.repeat(5)].concat()),
        ],
    );
    assert!(!clean);
    assert!(output.contains("FAILED method/c-too-far.io: next.rlp has no more blocks"), "{output}");
    assert!(output.ends_with("files=3 passed=2 failed=1\n"), "{output}");
    let (_, output) = with(&fixtures(), &[("a.io", &[next, &says("0x29")].concat())]);
    assert!(output.contains("FAILED method/a.io: next.rlp has no more blocks"), "{output}");
}

#[test]
fn a_named_quantity_stays_the_same_through_its_file() {
    let ask = |method: &str, params: &str, result: &str| {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        format!(">> {request}\n<< {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}\n")
    };
    let new = ask("eth_newBlockFilter", "[]", r#""$filter""#);
    let uninstall = ask("eth_uninstallFilter", r#"["$filter"]"#, "true");
    let (_, output) = with(
        &fixtures(),
        &[
            ("a-used.io", &[&*new, &uninstall].concat()),
            ("b-another.io", &[&*new, &new].concat()),
            ("c-not-known-here.io", &uninstall),
            ("d-no-quantity.io", &ask("net_version", "[]", r#""$version""#)),
        ],
    );
    assert!(output.contains("FAILED method/b-another.io: .result is \"0x"), "{output}");
    assert!(output.contains("FAILED method/c-not-known-here.io: .error is "), "{output}");
    assert!(output.contains("d-no-quantity.io: .result is \"7373\", expected \"$version\""), "{output}");
    assert!(output.ends_with("files=4 passed=1 failed=3\n"), "{output}");
}

#[test]
fn a_network_with_a_spoiled_seal_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(network().join("genesis.json"), dir.path().join("genesis.json")).unwrap();
    let file = std::fs::read(network().join("chain.rlp")).unwrap();
    let (mut rest, mut spoiled) = (file.as_slice(), Vec::new());
    while !rest.is_empty() {
        let mut block = Block::decode(&mut rest).unwrap();
        if block.header.number == 10 {
            let mut extra = Extra::decode_exact(&block.header.extra_data).unwrap();
            extra.seals[3].0[5] ^= 1;
            block.header.extra_data = extra.to_bytes();
        }
        block.encode(&mut spoiled);
    }
    std::fs::write(dir.path().join("chain.rlp"), spoiled).unwrap();
    let (clean, output) = run(dir.path(), &[]);
    assert!(!clean && output.contains("chain.rlp: block 10: "), "{output}");
}
