//! What another text of the file would change.

use alloy_primitives::B256;
use chain::{
    config::{NodeConfig, P2pConfig},
    enode::EnodeError,
};
use devp2p::StartError;
use serde_json::Value;

/// Keys that take effect under a running node. All others do when it is started again.
pub const LIVE: [&str; 4] = ["p2p.peers", "p2p.advertise", "p2p.admission", "p2p.readOnlySlots"];
/// Looked at only by a process that starts; the operator writes them anew while the node runs, and nobody has to do anything.
const OF_A_START: [&str; 2] = ["identity.journal", "identity.fence.initialise"];

/// Why a text is not taken over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("cannot be read: {0}; check the path and the mount")]
    Unreadable(String),
    #[error("is longer than {most} bytes, which no configuration is")]
    Size { most: u64 },
    #[error("{0}")]
    Text(String),
    #[error(
        "is of chain {got} with genesis {genesis}, this node runs chain {want} with genesis {want_genesis}; another network needs another node"
    )]
    Network { got: u64, genesis: B256, want: u64, want_genesis: B256 },
    #[error("p2p.advertise: {0}")]
    Advertise(#[from] EnodeError),
    #[error("p2p.peers: {0}")]
    Peers(String),
}

impl From<StartError> for Refused {
    fn from(error: StartError) -> Self {
        Self::Peers(error.to_string())
    }
}

/// What is different from what is in force.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    /// As the text says.
    pub(super) p2p: P2pConfig,
    /// Keys that can be taken over.
    pub(super) live: Vec<String>,
    /// Keys that wait for another start.
    pub(super) waiting: Vec<String>,
}

impl Changes {
    /// Reads the text, whole or not at all.
    pub(super) fn find(running: &NodeConfig, text: &str) -> Result<Self, Refused> {
        let wrong = |error: String| Refused::Text(error);
        let read = NodeConfig::from_json(text).map_err(|error| wrong(error.to_string()))?;
        let (ours, theirs) = (&running.network, &read.network);
        if (ours.chain_id, ours.genesis_hash) != (theirs.chain_id, theirs.genesis_hash) {
            return Err(Refused::Network {
                got: theirs.chain_id,
                genesis: theirs.genesis_hash,
                want: ours.chain_id,
                want_genesis: ours.genesis_hash,
            });
        }
        read.p2p.check_advertise()?;
        let value = |config| serde_json::to_value(config).map_err(|error| wrong(error.to_string()));
        let mut keys = Vec::new();
        differing(String::new(), &value(running)?, &value(&read)?, &mut keys);
        keys.retain(|key| !OF_A_START.iter().any(|of| key.starts_with(of)));
        keys.sort_unstable();
        let (live, waiting) = keys.into_iter().partition(|key| LIVE.contains(&key.as_str()));
        Ok(Self { p2p: read.p2p, live, waiting })
    }
}

/// Keys under which two documents differ, with dots between; lists are compared whole.
fn differing(path: String, one: &Value, other: &Value, found: &mut Vec<String>) {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        if one != other {
            found.push(path);
        }
        return;
    };
    let new = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(new) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let at = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
        differing(path, &at(one), &at(other), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chain::config::Admission;
    use serde_json::json;

    fn config() -> NodeConfig {
        let text = json!({
            "version": 1,
            "network": { "chainId": 5, "genesisHash": B256::repeat_byte(1), "genesis": "/genesis.json" },
            "identity": {
                "address": format!("0x{}", "22".repeat(20)),
                "signer": { "file": { "path": "/identity" } },
                "journal": "initialise",
            },
            "p2p": { "key": "/key", "listen": "0.0.0.0:30303", "peers": [] },
            "rpc": { "listen": "0.0.0.0:8545", "namespaces": ["eth"] },
            "metrics": { "listen": "0.0.0.0:9545" },
            "dataDir": "/data",
        });
        NodeConfig::from_json(&text.to_string()).unwrap()
    }

    fn changes(edit: impl FnOnce(&mut NodeConfig)) -> Result<(Vec<String>, Vec<String>), Refused> {
        let mut edited = config();
        edit(&mut edited);
        Changes::find(&config(), &edited.to_json().unwrap()).map(|changes| (changes.live, changes.waiting))
    }

    #[test]
    fn peering_is_live_a_journal_is_nothing_and_the_rest_waits_for_a_start() {
        let none = Vec::<String>::new;
        assert_eq!(changes(|_| ()), Ok((none(), none())));
        let enode = format!("enode://{}@10.0.0.1:30303", "44".repeat(64));
        let fence = json!({
            "store": { "azureBlob": { "containerUrl": "https://a.blob.core.windows.net/fence", "blob": "b" } },
            "holder": "node-0",
        });
        let fenced = |initialise: bool| {
            let mut fence = fence.clone();
            fence["initialise"] = initialise.into();
            let mut config = config();
            config.identity.as_mut().unwrap().fence = serde_json::from_value(fence).unwrap();
            config
        };
        let recorded = Changes::find(&fenced(true), &fenced(false).to_json().unwrap()).unwrap();
        assert_eq!((recorded.live, recorded.waiting), (none(), none()), "the first record has been made");
        let everything_live = changes(|config| {
            config.p2p.peers.push(enode.parse().unwrap());
            config.p2p.advertise = Some("node.example:30303".to_string());
            config.p2p.admission = Admission::Members;
            config.p2p.read_only_slots = 3;
        });
        let (live, waiting) = everything_live.unwrap();
        let mut all = LIVE.map(str::to_string);
        all.sort_unstable();
        assert_eq!((live.as_slice(), waiting), (all.as_slice(), none()));
        let rest = changes(|config| {
            let id = B256::repeat_byte(7);
            config.identity.as_mut().unwrap().journal = chain::config::JournalConfig::Require { id };
            config.p2p.max_peers = 3;
            config.rpc = None;
            "/elsewhere".clone_into(&mut config.data_dir);
        });
        assert_eq!(rest, Ok((none(), ["dataDir", "p2p.maxPeers", "rpc"].map(str::to_string).to_vec())));
    }

    #[test]
    fn a_text_that_is_wrong_changes_nothing_at_all() {
        let of_another = changes(|config| config.network.genesis_hash = B256::repeat_byte(9));
        assert!(matches!(of_another, Err(Refused::Network { .. })), "{of_another:?}");
        let nowhere = changes(|config| config.p2p.advertise = Some("nowhere".to_string()));
        assert!(matches!(nowhere, Err(Refused::Advertise(_))), "{nowhere:?}");
        for text in ["", "{", "{\"version\":2}"] {
            assert!(matches!(Changes::find(&config(), text), Err(Refused::Text(_))), "{text}");
        }
    }
}
