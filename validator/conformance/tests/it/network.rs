//! A QBFT network of our own, for the methods that go-ethereum has not: votes, an epoch, later rounds, a contract that takes over. Its
//! chain is made of a plan, and so are the answers that must be given over it, from the clients' own sources and descriptions.

mod answers;
mod chain;
mod key;
mod plan;
mod script;

use chain::Network;
use conformance::rpc::node;
use plan::{BLOCKS, BY_CONTRACT, FIRST, GROWN, LAST, LOADED, SHRUNK, Who};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/qbft")
}

/// Every file of the folder, by its path below it.
fn files(network: &Network) -> BTreeMap<String, Vec<u8>> {
    let (loaded, next) = network.blocks.split_at(LOADED);
    let node = serde_json::json!({"coinbase": network.address(Who::C), "otsIndex": true});
    let chain = [
        ("genesis.json", network.genesis.clone().into_bytes()),
        ("chain.rlp", Network::encoded(loaded)),
        ("next.rlp", Network::encoded(next)),
        ("node.json", format!("{node}\n").into_bytes()),
    ];
    let chain = chain.map(|(name, bytes)| (name.to_string(), bytes));
    answers::write(network).files().chain(chain).collect()
}

/// What is in a folder now.
fn found(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_committed_network_is_what_its_plan_makes() {
    let (root, want) = (committed(), files(&Network::new()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _none_yet = std::fs::remove_dir_all(&root);
        for (name, bytes) in &want {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let found = found(&root);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&want), "UPDATE_GOLDEN=1 writes them");
    for (name, bytes) in &want {
        assert!(found[name] == *bytes, "{name} differs: UPDATE_GOLDEN=1 writes it");
    }
}

/// `qbft-facts` §3.2, §3.3: the plan is one that validators could have carried out.
#[test]
fn proposers_of_the_plan_take_turns_and_a_quorum_of_the_set_seals() {
    let mut last = None;
    for (number, row) in (1..).zip(BLOCKS) {
        let set = match number {
            1..4 => FIRST,
            4..12 => GROWN,
            12..14 => SHRUNK,
            _ => LAST,
        };
        let turn = last.map_or(0, |last| set.iter().position(|who| *who == last).unwrap() + 1);
        assert_eq!(row.proposer, set[(turn + row.round as usize) % set.len()], "block {number}");
        let mut sealers = row.sealers.to_vec();
        assert!(sealers.len() >= (2 * set.len()).div_ceil(3), "block {number}");
        sealers.sort_unstable_by_key(|who| *who as usize);
        sealers.dedup();
        assert!(
            sealers.len() == row.sealers.len() && sealers.iter().all(|who| set.contains(who)),
            "{number}"
        );
        assert!(row.vote.is_none() || number < BY_CONTRACT, "block {number}");
        last = Some(row.proposer);
    }
}

#[test]
fn the_network_is_served_as_the_clients_that_know_these_methods_serve_it() {
    let (clean, output) = crate::rpc::run(&committed(), &["--messages"]);
    assert!(clean, "{output}");
    let is_script = |name: &String| Path::new(name).extension().is_some_and(|kind| kind == "io");
    let files = found(&committed()).into_keys().filter(is_script).count();
    assert!(output.ends_with(&format!("files={files} passed={files} failed=0\n")), "{output}");
}

/// Those of the folders, and those that only a WebSocket has.
#[test]
fn every_method_that_is_served_is_asked_for() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let document = runtime.block_on(async {
        let node = node::start(&committed()).await.unwrap();
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover","params":[]}"#;
        let answer: Value = serde_json::from_str(&node.post(request).await.unwrap()).unwrap();
        node.stop().await;
        answer
    });
    let rows = document["result"]["methods"].as_array().unwrap();
    let mut served: BTreeSet<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    for pushed in ["eth_subscribe", "eth_unsubscribe"] {
        assert!(served.remove(pushed));
    }
    let folders = [committed(), committed().with_file_name("rpc")];
    let asked = |method: &&str| folders.iter().any(|folder| folder.join(method).is_dir());
    let missing: Vec<&str> = served.into_iter().filter(|method| !asked(method)).collect();
    assert_eq!(missing, [""; 0]);
}
