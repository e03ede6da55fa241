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
        fence: None,
    }
}

fn full(journal: JournalConfig) -> NodeConfig {
    NodeConfig {
        version: CONFIG_VERSION,
        network: NetworkConfig::new(20_777, B256::repeat_byte(0x33), "/config/genesis.json".into()),
        identity: Some(identity(journal)),
        standby_for: Vec::new(),
        azure: Some(AzureConfig {
            tenant_id: "00000000-0000-0000-0000-000000000001".into(),
            client_id: "00000000-0000-0000-0000-000000000002".into(),
            token_file: "/azure/token".into(),
            authority_host: Some("https://login.microsoftonline.us".into()),
            ca_bundle: Some("-----BEGIN CERTIFICATE-----\n".into()),
        }),
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
        history: None,
    }
}

fn vault(signer: fn(VaultObject) -> SignerConfig) -> NodeConfig {
    let mut config = full(JournalConfig::Initialise);
    config.identity.as_mut().unwrap().signer = signer(VaultObject {
        vault_url: "https://bank-a.vault.azure.net".into(),
        name: "bank-a-bank-a-0".into(),
        version: "0123456789abcdef0123456789abcdef".into(),
    });
    config
}

fn observer() -> NodeConfig {
    NodeConfig { identity: None, azure: None, rpc: None, ..full(JournalConfig::Initialise) }
}

fn kubernetes_lease(name: &str) -> FenceConfig {
    FenceConfig {
        store: FenceStore::KubernetesLease {
            server: "https://kubernetes.default.svc".into(),
            namespace: "bank-a".into(),
            name: name.into(),
            token_file: "/api/token".into(),
            ca_file: "/api/ca.crt".into(),
        },
        holder: "bank-a/bank-a-standby-0".into(),
        preferred: false,
        initialise: false,
        lease_ms: LEASE_MS,
    }
}

/// A spare of two identities.
fn spare() -> NodeConfig {
    let stands_by = |byte: u8| IdentityConfig {
        address: Address::repeat_byte(byte),
        fence: Some(kubernetes_lease(&format!("bank-a-{byte}"))),
        ..identity(JournalConfig::Initialise)
    };
    NodeConfig { standby_for: vec![stands_by(1), stands_by(2)], ..observer() }
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
        vault(SignerConfig::AzureKeyVaultKey),
        vault(SignerConfig::AzureKeyVaultSecret),
        observer(),
        spare(),
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
        "/azure",
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
fn a_vaults_key_is_named_by_vault_name_and_version_and_by_nothing_else() {
    let written = serde_json::to_value(vault(SignerConfig::AzureKeyVaultKey)).unwrap();
    let object = &written["identity"]["signer"]["azureKeyVaultKey"];
    assert_eq!(object["vaultUrl"], "https://bank-a.vault.azure.net");
    for kind in ["azureKeyVaultKey", "azureKeyVaultSecret"] {
        let mut json = written.clone();
        json["identity"]["signer"] = json!({ kind: object });
        assert!(NodeConfig::from_json(&json.to_string()).is_ok(), "{kind}");
        json["identity"]["signer"][kind]["value"] = Value::from("secret");
        assert!(refusal(&json).contains("unknown field `value`"), "{kind}");
        json["identity"]["signer"] = json!({ kind: { "vaultUrl": "https://v", "name": "n" } });
        assert!(refusal(&json).contains("missing field `version`"), "{kind}");
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

#[test]
fn a_fence_names_one_store_and_says_no_more_than_it_must() {
    let lease = json!({
        "store": { "kubernetesLease": {
            "server": "https://kubernetes.default.svc",
            "namespace": "bank-a",
            "name": "bank-a-0",
            "tokenFile": "/api/token",
            "caFile": "/api/ca.crt",
        } },
        "holder": "bank-a-0",
    });
    let blob = json!({
        "store": { "azureBlob": { "containerUrl": "https://a.blob.core.windows.net/fence", "blob": "0x11" } },
        "holder": "bank-a-1",
        "preferred": true,
        "initialise": true,
        "leaseMs": 10_000,
    });
    for written in [&lease, &blob] {
        let mut config = value();
        config["identity"]["fence"] = written.clone();
        let read = NodeConfig::from_json(&config.to_string()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), config);
    }
    let mut config = value();
    config["identity"]["fence"] = lease.clone();
    let fence = NodeConfig::from_json(&config.to_string()).unwrap().identity.unwrap().fence.unwrap();
    assert_eq!((fence.preferred, fence.initialise, fence.lease_ms), (false, false, LEASE_MS));
    config["identity"]["fence"]["store"]["azureBlob"] = blob["store"]["azureBlob"].clone();
    assert!(NodeConfig::from_json(&config.to_string()).is_err(), "two stores");
}

#[test]
fn a_spare_names_what_it_stands_by_for_and_others_say_nothing_of_it() {
    let written = serde_json::to_value(spare()).unwrap();
    assert_eq!(written["standbyFor"][1]["address"], json!(Address::repeat_byte(2)));
    assert_eq!(written["standbyFor"][1]["fence"]["store"]["kubernetesLease"]["name"], "bank-a-2");
    assert!(written.get("identity").is_none());
    assert!(!full(JournalConfig::Initialise).to_json().unwrap().contains("standbyFor"));
    let mut json = written;
    json["standbyFor"][0]["frobnicate"] = Value::from(1);
    assert!(refusal(&json).contains("unknown field `frobnicate`"));
    for config in [spare(), observer(), full(JournalConfig::Initialise)] {
        assert_eq!(config.check_standby_for(), Ok(()));
    }
}

#[test]
fn what_a_spare_may_not_be_told_is_refused_by_the_field() {
    type Edit = fn(&mut NodeConfig);
    let table: [(Edit, &str); 9] = [
        (
            |c| c.identity = Some(identity(JournalConfig::Initialise)),
            "identity and standbyFor are both given",
        ),
        (
            |c| c.standby_for = vec![c.standby_for[0].clone(); 65],
            "standbyFor names 65 identities, at most 64",
        ),
        (|c| c.standby_for[1].address = c.standby_for[0].address, "standbyFor[1].address: 0x0101"),
        (|c| c.standby_for[1].fence = None, "standbyFor[1].fence is missing"),
        (
            |c| c.standby_for[0].fence.as_mut().unwrap().preferred = true,
            "standbyFor[0].fence.preferred is set",
        ),
        (
            |c| c.standby_for[0].fence.as_mut().unwrap().initialise = true,
            "standbyFor[0].fence.initialise is set",
        ),
        (
            |c| c.standby_for[1].journal = JournalConfig::Require { id: B256::ZERO },
            "standbyFor[1].journal is not initialise",
        ),
        (
            |c| c.standby_for[1].journal = JournalConfig::AcceptLoss { id: B256::ZERO, lost: Vec::new() },
            "standbyFor[1].journal is not initialise",
        ),
        (
            |c| c.standby_for[1].fence = c.standby_for[0].fence.clone(),
            "standbyFor[1].fence.store is that of standbyFor[0]",
        ),
    ];
    for (edit, says) in table {
        let mut config = spare();
        edit(&mut config);
        let error = config.check_standby_for().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn history_is_a_number_of_blocks_or_all_and_the_default_is_not_written() {
    let with = |history| NodeConfig { history, ..observer() };
    let told = |history: Value| {
        let mut json = serde_json::to_value(observer()).unwrap();
        json["history"] = history;
        NodeConfig::from_json(&json.to_string())
    };
    assert!(!with(None).to_json().unwrap().contains("history"), "files of older versions stay as they are");
    assert_eq!(with(None).history_blocks(), Ok(Some(4096)));
    for (text, history, blocks) in
        [(json!({ "blocks": 128 }), History::Blocks(128), Some(128)), (json!("all"), History::All, None)]
    {
        let config = told(text.clone()).unwrap();
        assert_eq!((config.history, config.history_blocks()), (Some(history), Ok(blocks)));
        assert_eq!(serde_json::to_value(config).unwrap()["history"], text);
    }
    let short = told(json!({ "blocks": 0 })).unwrap().history_blocks().unwrap_err().to_string();
    assert_eq!(short, "history.blocks is 0; it must be 128 or more, or history \"all\" to keep every state");
    for wrong in [json!(4096), json!("none"), json!({ "blocks": -1 }), json!({ "blocks": 200, "all": true })]
    {
        assert!(told(wrong.clone()).is_err(), "{wrong}");
    }
}
