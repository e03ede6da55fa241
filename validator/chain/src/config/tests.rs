use super::*;
use alloc::{format, string::ToString, vec};
use alloy_primitives::B512;
use serde_json::{Value, json};

fn identity(journal: JournalConfig) -> IdentityConfig {
    IdentityConfig {
        address: Address::repeat_byte(0x11),
        member: Some(Address::repeat_byte(0x22)),
        signer: SignerConfig::File { path: "/keys/identity".into() },
        journal,
    }
}

fn full(journal: JournalConfig) -> NodeConfig {
    NodeConfig {
        version: CONFIG_VERSION,
        network: NetworkConfig::new(20_777, B256::repeat_byte(0x33), "/config/genesis.json".into()),
        identity: Some(identity(journal)),
        p2p: P2pConfig {
            key: "/keys/p2p".into(),
            listen: format!("0.0.0.0:{P2P_PORT}"),
            peers: vec![Enode { id: B512::repeat_byte(0x44), host: "::1".into(), port: P2P_PORT }],
            max_peers: 7,
            admission: Admission::Members,
            read_only_slots: 3,
            advertise: Some("node-0.bank-a.example:30303".into()),
            eth_versions: vec![66, 68],
        },
        rpc: Some(RpcConfig {
            limits: RpcLimits { batch: 10, ..RpcLimits::new() },
            access: RpcAccess { api_keys: Some("/keys/rpc".into()), ..RpcAccess::default() },
            tls: Some(RpcTls { certificate: "/tls/tls.crt".into(), key: "/tls/tls.key".into() }),
            ports: vec![RpcPort {
                listen: "127.0.0.1:8546".into(),
                namespaces: vec!["debug".into()],
                transports: vec![RpcTransport::Ws],
                access: RpcAccess::default(),
                tls: None,
            }],
            ..RpcConfig::new(format!("[::]:{RPC_PORT}"), vec!["eth".into(), "qbft".into()])
        }),
        metrics: MetricsConfig { listen: format!("0.0.0.0:{METRICS_PORT}") },
        data_dir: "/data".into(),
    }
}

fn observer() -> NodeConfig {
    NodeConfig { identity: None, rpc: None, ..full(JournalConfig::Initialise) }
}

fn value() -> Value {
    serde_json::to_value(full(JournalConfig::Require { id: B256::repeat_byte(0x55) })).unwrap()
}

fn refusal(json: &Value) -> String {
    NodeConfig::from_json(&json.to_string()).unwrap_err().to_string()
}

#[test]
fn what_the_operator_renders_the_node_reads_back() {
    let id = B256::repeat_byte(0x55);
    for config in [
        full(JournalConfig::Initialise),
        full(JournalConfig::Require { id }),
        full(JournalConfig::AcceptLoss { id, lost: vec![id, B256::repeat_byte(0x56)] }),
        observer(),
    ] {
        let text = config.to_json().unwrap();
        assert!(text.ends_with("}\n"));
        assert_eq!(NodeConfig::from_json(&text).unwrap(), config);
        assert_eq!(config.to_json().unwrap(), text);
    }
}

#[test]
fn an_unknown_field_is_refused_by_name_wherever_it_stands() {
    for at in [
        "",
        "/network",
        "/identity",
        "/identity/signer/file",
        "/identity/journal/require",
        "/p2p",
        "/rpc",
        "/rpc/access",
        "/rpc/limits",
        "/rpc/ports/0",
        "/rpc/tls",
        "/metrics",
    ] {
        let mut json = value();
        json.pointer_mut(at).unwrap()["frobnicate"] = Value::from(1);
        let error = refusal(&json);
        assert!(error.contains("unknown field `frobnicate`"), "{at}: {error}");
    }
}

#[test]
fn a_missing_or_mistyped_field_is_refused_by_name() {
    for name in ["version", "network", "p2p", "metrics", "dataDir"] {
        let mut json = value();
        json.as_object_mut().unwrap().remove(name);
        let error = refusal(&json);
        assert!(error.contains(&format!("missing field `{name}`")), "{error}");
    }
    let mut json = value();
    json["identity"]["signer"] = json!({ "remote": { "url": "https://signer" } });
    assert!(refusal(&json).contains("unknown variant `remote`"));
}

#[test]
fn another_version_is_refused_with_both_numbers_and_what_to_do() {
    let mut json = value();
    json["version"] = Value::from(2);
    let says =
        "configuration has version 2, this node reads version 1; use matching operator and node images";
    assert_eq!(refusal(&json), says);
}

#[test]
fn another_version_is_named_before_its_unknown_fields_are() {
    let json = json!({ "version": 2, "frobnicate": true });
    assert!(matches!(
        NodeConfig::from_json(&json.to_string()),
        Err(ConfigError::Version { got: 2, want: CONFIG_VERSION })
    ));
}

#[test]
fn what_may_be_left_out_has_its_documented_default() {
    let mut json = value();
    json["p2p"].as_object_mut().unwrap().remove("maxPeers");
    json.as_object_mut().unwrap().remove("identity");
    json.as_object_mut().unwrap().remove("rpc");
    let config = NodeConfig::from_json(&json.to_string()).unwrap();
    assert_eq!((config.p2p.max_peers, config.identity, config.rpc), (50, None, None));
    assert!(!observer().to_json().unwrap().contains("null"));
}

#[test]
fn a_refusal_says_line_and_column() {
    let error = NodeConfig::from_json("{\n  \"version\": oops").unwrap_err().to_string();
    assert!(error.contains("line 2 column"), "{error}");
}
