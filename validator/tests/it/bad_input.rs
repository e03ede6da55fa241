//! Everything wrong that can be given to a node: one line that says what to do, exit code 2, nothing started.

use crate::support::network::{TestNetwork, command, finish};
use alloy_primitives::{Address, B256};
use chain::client::ClientProfile;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// The last line of standard error after a refused start.
fn refusal(what: &str, config: &Path) -> String {
    let output = finish(command(what, config));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text.lines().last().unwrap_or_default().to_string()
}

#[test]
fn a_corrupted_configuration_is_refused_with_line_and_column() {
    let network = TestNetwork::create(1, 1);
    let config = &network.nodes[0].config;
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replacen("\"chainId\": 10101", "\"chainId\": ten", 1)).unwrap();
    for what in ["check", "run"] {
        let line = refusal(what, config);
        assert!(line.contains("line 4 column"), "{line}");
    }
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    let network = TestNetwork::create(1, 1);
    let config = &network.nodes[0].config;
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replacen("\"dataDir\"", "\"datadir\"", 1)).unwrap();
    let line = refusal("check", config);
    assert!(line.contains("datadir"), "{line}");
}

#[test]
fn another_chain_id_is_refused_with_both() {
    let network = TestNetwork::create(1, 1);
    network.nodes[0].edit_config(|config| config.network.chain_id = 1);
    let line = refusal("run", &network.nodes[0].config);
    assert!(line.contains("10101") && line.contains("expected 1"), "{line}");
}

#[test]
fn a_genesis_that_is_not_the_pinned_one_is_refused_with_both_hashes() {
    let network = TestNetwork::create(1, 1);
    let want = B256::repeat_byte(3);
    network.nodes[0].edit_config(|config| config.network.genesis_hash = want);
    let line = refusal("run", &network.nodes[0].config);
    assert!(line.contains(&want.to_string()) && line.contains("another network"), "{line}");
}

#[test]
fn a_disk_with_another_chain_is_refused_and_kept() {
    let mut first = TestNetwork::create(1, 1);
    first.nodes[0].start();
    first.wait_height(1);
    first.nodes[0].terminate();
    let second = TestNetwork::create(1, 1);
    let data_dir = first.nodes[0].read_config().data_dir;
    second.nodes[0].edit_config(|config| config.data_dir.clone_from(&data_dir));
    let line = refusal("run", &second.nodes[0].config);
    assert!(line.contains("genesis") && line.contains("another data directory"), "{line}");
    first.nodes[0].start();
    first.wait_height(2);
}

#[test]
fn a_key_of_another_address_is_refused_with_both() {
    let network = TestNetwork::create(1, 1);
    network.nodes[0].edit_config(|config| {
        if let Some(identity) = &mut config.identity {
            identity.address = Address::repeat_byte(9);
        }
    });
    let line = refusal("check", &network.nodes[0].config);
    assert!(line.contains(&Address::repeat_byte(9).to_string()) && line.contains("right key"), "{line}");
}

#[test]
fn two_keys_where_a_validator_is_known_by_its_p2p_key_are_refused_with_both_addresses() {
    let network = TestNetwork::like(ClientProfile::GoQuorum, 2, 2);
    let config = &network.nodes[0].config;
    let other = network.nodes[1].config.with_file_name("p2p.key");
    network.nodes[0].edit_config(|config| config.p2p.key = other.to_string_lossy().into_owned());
    let (own, theirs) = (identity(&network, 0), identity(&network, 1));
    let line = refusal("run", config);
    assert!(line.contains(&own) && line.contains(&theirs) && line.contains("oneKey"), "{line}");
    network.nodes[0].edit_config(|config| config.network.overrides.one_key = Some(false));
    assert!(finish(command("check", config)).status.success(), "told otherwise");
}

fn identity(network: &TestNetwork, node: usize) -> String {
    network.nodes[node].read_config().identity.unwrap().address.to_string()
}

#[test]
fn settings_that_no_network_has_are_refused_by_name() {
    let network = TestNetwork::create(1, 1);
    let config = &network.nodes[0].config;
    network.nodes[0].edit_config(|config| config.network.profile = Some(ClientProfile::Besu24));
    let line = refusal("check", config);
    assert!(line.contains("messageencoding") && line.contains("genesis says FourItem"), "{line}");
    network.nodes[0].edit_config(|config| {
        config.network.profile = None;
        config.p2p.eth_versions = vec![68, 67];
    });
    let line = refusal("check", config);
    assert!(line.contains("p2p.ethVersions names 67"), "{line}");
    network.nodes[0].edit_config(|config| {
        config.p2p.eth_versions.clear();
        config.identity.as_mut().unwrap().member = None;
    });
    assert!(refusal("run", config).contains("identity.member is missing"));
}

#[test]
fn a_missing_a_malformed_and_an_unreadable_key_are_refused_by_path() {
    let network = TestNetwork::create(1, 1);
    let config = &network.nodes[0].config;
    let key = config.with_file_name("p2p.key");
    let secret = fs::read_to_string(&key).unwrap();
    fs::write(&key, "not a key").unwrap();
    assert!(refusal("check", config).contains("64 hex digits"));
    fs::write(&key, &secret[..40]).unwrap();
    let line = refusal("check", config);
    assert!(line.contains("p2p.key") && !line.contains(&secret[..40]), "{line}");
    fs::remove_file(&key).unwrap();
    assert!(refusal("check", config).contains("cannot be read"));
    // A folder where the file should be: unreadable for root too.
    fs::create_dir(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    assert!(refusal("check", config).contains("cannot be read"));
}

#[test]
fn a_listen_address_without_a_port_is_refused_by_field() {
    let network = TestNetwork::create(1, 1);
    network.nodes[0].edit_config(|config| config.p2p.listen = "localhost".to_string());
    assert!(refusal("check", &network.nodes[0].config).contains("p2p.listen"));
}

#[test]
fn a_taken_port_is_refused_by_address() {
    let network = TestNetwork::create(1, 1);
    let ports = network.nodes[0].ports;
    for port in [ports.metrics, ports.rpc, ports.p2p] {
        let held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let line = refusal("run", &network.nodes[0].config);
        assert!(line.contains(&held.local_addr().unwrap().to_string()), "{line}");
    }
}

#[test]
fn a_consistent_configuration_passes_the_check() {
    let network = TestNetwork::create(1, 1);
    let output = finish(command("check", &network.nodes[0].config));
    assert!(output.status.success());
}
