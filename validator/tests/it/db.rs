//! `quorate-validator db` on nodes that are stopped.

use crate::support::network::{Node, TestNetwork, command, finish};
use std::{fs, path::Path};

/// Runs `db` on a node's database; exit code, standard output, last line of standard error.
fn db(node: &Node, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command("db", &node.config);
    command.args(arguments);
    let output = finish(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = text(&output.stderr).lines().last().unwrap_or_default().to_string();
    (output.status.code(), text(&output.stdout), told)
}

fn done(node: &Node, arguments: &[&str]) -> String {
    let (code, out, told) = db(node, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {told}");
    out.lines().last().unwrap_or_default().to_string()
}

/// One validator that made some blocks and stopped, and a second node of its network that never ran.
fn stopped() -> (TestNetwork, u64) {
    let mut network = TestNetwork::create(2, 1);
    network.nodes[0].start();
    network.nodes[0].wait_block(4);
    let (code, _, told) = db(&network.nodes[0], &["stats"]);
    assert!(code == Some(1) && told.contains("open in another process"), "{told}");
    network.nodes[0].terminate();
    let line = done(&network.nodes[0], &["stats"]);
    let head = line.split_whitespace().find_map(|word| word.strip_prefix("head=")).unwrap();
    let head: u64 = head.parse().unwrap();
    assert!(head >= 4 && line.contains(&format!("state={head} oldest-state=0")), "{line}");
    (network, head)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn blocks_go_from_one_node_to_another_by_a_file_and_both_verify() {
    let (network, head) = stopped();
    let [from, to] = &network.nodes[..] else { panic!() };
    let file = network.dir.path().join("blocks.rlp");
    let exported = done(from, &["export", "--blocks", text(&file)]);
    assert_eq!(exported, format!("exported={} already-there=0 last-block={head}", head + 1));
    let whole = fs::read(&file).unwrap();

    // Cut short within its last block, as a full disk or a kill leaves it: written on, not anew.
    fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    let exported = done(from, &["export", "--blocks", text(&file)]);
    assert_eq!(exported, format!("exported=1 already-there={head} last-block={head}"));
    assert!(fs::read(&file).unwrap() == whole);

    // An import that stopped goes on too.
    let part = network.dir.path().join("part.rlp");
    fs::write(&part, &whole[..whole.len() - 9]).unwrap();
    let imported = done(to, &["import", "--blocks", text(&part)]);
    assert_eq!(imported, format!("imported={} already-there=1 last-block={}", head - 1, head - 1));
    let imported = done(to, &["import", "--blocks", text(&file)]);
    assert_eq!(imported, format!("imported=1 already-there={head} last-block={head}"));
    for node in [from, to] {
        let line = done(node, &["verify"]);
        assert!(line.starts_with(&format!("blocks=0..{head} state={head} ")), "{line}");
        assert!(line.ends_with("faults=0"), "{line}");
    }
}

#[test]
fn a_block_of_the_file_that_nobody_sealed_is_refused_and_those_before_it_stay() {
    let (network, head) = stopped();
    let [from, to] = &network.nodes[..] else { panic!() };
    let file = network.dir.path().join("blocks.rlp");
    done(from, &["export", "--blocks", text(&file), "--to", "2"]);
    let end_of_second = fs::metadata(&file).unwrap().len();
    done(from, &["export", "--blocks", text(&file)]);
    let mut bytes = fs::read(&file).unwrap();
    // Within the third block's parent hash, which stands first in its header.
    bytes[usize::try_from(end_of_second).unwrap() + 20] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (code, _, told) = db(to, &["import", "--blocks", text(&file)]);
    assert!(code == Some(1) && told.contains("block 3: "), "{told}");
    assert!(done(to, &["stats"]).starts_with("head=2 "));
    // The chain it is exported from tells the difference as well.
    let (code, _, told) = db(from, &["export", "--blocks", text(&file)]);
    assert!(code == Some(1) && told.contains("block 3 of the file has hash"), "{told}");
    let (code, _, told) = db(from, &["export", "--blocks", text(&file), "--to", &(head + 1).to_string()]);
    assert!(code == Some(1) && told.contains(&format!("the newest is {head}")), "{told}");
    fs::write(&file, b"no blocks").unwrap();
    let (code, _, told) = db(to, &["import", "--blocks", text(&file)]);
    assert!(code == Some(1) && told.contains("byte 0: no block begins here"), "{told}");
}
