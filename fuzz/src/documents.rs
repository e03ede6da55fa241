//! Documents and fields that operator, node and other members exchange.

use chain::{Extra, config::NodeConfig, enode::Enode, genesis::Genesis, network_info::NetworkInfo};

/// `extraData`: canonical, so what decodes encodes to the same bytes.
pub fn extra(data: &[u8]) {
    if let Ok(extra) = Extra::decode_exact(data) {
        assert_eq!(extra.to_bytes()[..], *data, "a second encoding of one extraData");
    }
}

/// A genesis file: what is accepted can be checked against itself and is read the same again.
pub fn genesis(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(genesis) = Genesis::from_json(text) else { return };
    let hash = genesis.hash;
    assert_eq!(Genesis::from_json(text).map(|again| again.hash).ok(), Some(hash));
    let _validators = genesis.header_validators();
}

/// Network info, which a joiner fetches from a stranger.
pub fn network_info(data: &[u8]) {
    let Ok(info) = serde_json::from_slice::<NetworkInfo>(data) else { return };
    let _signed = info.verify();
    let text = serde_json::to_vec(&info).expect("it is made of strings");
    assert_eq!(serde_json::from_slice::<NetworkInfo>(&text).ok(), Some(info));
}

/// An enode URL: written and read again it is the same node.
pub fn enode(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(enode) = text.parse::<Enode>() {
        assert_eq!(enode.to_string().parse::<Enode>().ok(), Some(enode));
    }
}

/// The node's configuration file.
pub fn node_config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(config) = NodeConfig::from_json(text) {
        let written = config.to_json().expect("it is made of strings");
        assert_eq!(NodeConfig::from_json(&written).ok(), Some(config));
    }
}
