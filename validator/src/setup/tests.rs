use super::*;
use crate::devnet::{self, DevnetSpec, Ports};
use ledger::Ledger;
use serde_json::{Value, json};

/// What the node and every command that opens its database are told of history.
#[test]
fn the_ledger_keeps_as_much_history_as_the_file_says_and_an_archive_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let spec = DevnetSpec {
        dir: dir.path().join("net"),
        chain_id: 5,
        block_period_s: 1,
        request_timeout_ms: 1000,
        gas_limit: 30_000_000,
        nodes: vec![Ports::from_base(30_000, 0)],
        seats: 1,
        profile: ClientProfile::Quorate,
    };
    let file = devnet::create(&spec).unwrap().configs.remove(0);
    let with = |history: Option<Value>| {
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        match history {
            Some(history) => config["history"] = history,
            None => drop(config.as_object_mut().unwrap().remove("history")),
        }
        fs::write(&file, config.to_string()).unwrap();
        Setup::load(&file)
    };
    for (history, blocks) in [(None, 4096), (Some(json!({ "blocks": 300 })), 300), (Some(json!("all")), 0)] {
        let setup = with(history).unwrap();
        let ledger = Ledger::open(&dir.path().join("chain"), setup.genesis.clone(), setup.ledger_options());
        assert_eq!(ledger.unwrap().history_blocks(), blocks, "0 is all");
    }
    let refused = with(Some(json!({ "blocks": 127 }))).err().unwrap().to_string();
    assert!(refused.contains("history.blocks is 127; it must be 128 or more"), "{refused}");
}
