use super::*;
use alloc::{format, string::ToString, vec};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

/// A genesis without accounts, with these additions to `config` and `config.qbft`.
fn genesis(config: Value, qbft: Value) -> Genesis {
    let extra = crate::Extra { validators: vec![Address::repeat_byte(1)], ..crate::Extra::unsealed(0) };
    let mut file = json!({
        "config": { "chainId": 7, "berlinBlock": 0, "qbft": { "blockperiodseconds": 1, "requesttimeoutseconds": 10 } },
        "nonce": "0x0", "timestamp": "0x0", "gasLimit": "0x29b92700", "difficulty": "0x1",
        "extraData": extra.to_bytes(),
        "mixHash": crate::genesis::QBFT_MIX_HASH,
        "coinbase": "0x0000000000000000000000000000000000000000",
        "alloc": {},
    });
    for (at, more) in [("/config", config), ("/config/qbft", qbft)] {
        let Value::Object(more) = more else { panic!("an object") };
        file.pointer_mut(at).unwrap().as_object_mut().unwrap().extend(more);
    }
    Genesis::from_json(&file.to_string()).unwrap()
}

fn network(json: Value) -> NetworkConfig {
    let mut whole = json!({ "chainId": 7, "genesisHash": B256::ZERO, "genesis": "genesis.json" });
    let Value::Object(more) = json else { panic!("an object") };
    whole.as_object_mut().unwrap().extend(more);
    serde_json::from_value(whole).unwrap()
}

fn resolve(settings: Value, genesis: &Genesis) -> Result<WireRules, ProfileError> {
    WireRules::resolve(&network(settings), genesis)
}

fn plain() -> Genesis {
    genesis(json!({}), json!({}))
}

fn ours() -> Genesis {
    genesis(json!({}), json!({ "proposalround": "real", "messageencoding": "fourItem" }))
}

fn quorum() -> Genesis {
    genesis(json!({ "isQuorum": true }), json!({}))
}

#[test]
fn without_a_profile_the_genesis_says_which_clients_it_was_written_for() {
    assert_eq!(resolve(json!({}), &ours()), Ok(WireRules::QUORATE));
    assert_eq!(resolve(json!({}), &plain()), Ok(WireRules::of(ClientProfile::Besu)));
    assert_eq!(resolve(json!({}), &quorum()), Ok(WireRules::of(ClientProfile::GoQuorum)));
}

#[test]
fn every_profile_speaks_as_its_clients_do() {
    use {MessageEncoding::*, ProposalRound::*};
    let told = |name: &str| {
        let rules = resolve(json!({ "profile": name }), &plain()).unwrap();
        (
            rules.message_encoding,
            rules.proposal_round,
            rules.proposer_rule,
            rules.one_key,
            rules.mixed_digests,
        )
    };
    assert_eq!(told("quorate"), (FourItem, Real, ProposerRule::Besu, false, false));
    assert_eq!(told("besu"), (FourItem, Real, ProposerRule::Besu, true, false));
    assert_eq!(told("besu24"), (Legacy, Real, ProposerRule::Besu, true, false));
    assert_eq!(told("goquorum"), (Legacy, Zero, ProposerRule::GoQuorum, true, true));
    assert_eq!(ClientProfile::ALL.map(|p| p.name().parse::<ClientProfile>()), ClientProfile::ALL.map(Ok));
    assert!("geth".parse::<ClientProfile>().unwrap_err().contains("expected quorate"));
}

#[test]
fn overrides_win_over_the_profile_and_a_cap_of_zero_is_none() {
    let settings = json!({ "profile": "goquorum", "networkId": 1337, "overrides": {
        "proposerRule": "sticky", "timeoutCapSeconds": 60, "mixedDigests": false, "oneKey": false } });
    let rules = resolve(settings.clone(), &plain()).unwrap();
    assert_eq!((rules.proposer_rule, rules.timeout_cap_ms), (ProposerRule::Sticky, Some(60_000)));
    assert_eq!((rules.mixed_digests, rules.one_key), (false, false));
    assert_eq!(network(settings).eth_network_id(), 1337);
    assert_eq!(network(json!({})).eth_network_id(), 7);
    let uncapped = resolve(json!({ "overrides": { "timeoutCapSeconds": 0 } }), &ours()).unwrap();
    assert_eq!(uncapped.timeout_cap_ms, None);
}

#[test]
fn goquorum_s_genesis_sets_its_proposer_policy_and_its_longest_timeout() {
    let rules = |settings, qbft| resolve(settings, &genesis(json!({ "isQuorum": true }), qbft));
    let sticky = rules(json!({}), json!({ "policy": 1, "maxRequestTimeoutSeconds": 40 })).unwrap();
    assert_eq!((sticky.proposer_rule, sticky.timeout_cap_ms), (ProposerRule::Sticky, Some(40_000)));
    let below = json!({ "maxRequestTimeoutSeconds": 4 });
    assert_eq!(rules(json!({}), below.clone()).unwrap().timeout_cap_ms, Some(10_000));
    let overridden = json!({ "overrides": { "timeoutCapSeconds": 4 } });
    assert!(matches!(rules(overridden, below), Err(ProfileError::TimeoutCap { .. })));
}

#[test]
fn settings_that_no_network_has_are_refused_and_named() {
    let four_zero = json!({ "profile": "besu", "overrides": { "proposalRound": "zero" } });
    for (settings, names) in [
        (
            json!({ "profile": "goquorum", "overrides": { "messageEncoding": "fourItem" } }),
            "GoQuorum does not",
        ),
        (four_zero, "proposalRound zero"),
        (json!({ "profile": "besu", "overrides": { "proposerRule": "goQuorum" } }), "proposerRule"),
        (json!({ "profile": "besu24", "overrides": { "mixedDigests": true } }), "mixedDigests"),
        (json!({ "profile": "besu", "overrides": { "timeoutCapSeconds": 9 } }), "9000 ms"),
    ] {
        let error = resolve(settings.clone(), &plain()).unwrap_err().to_string();
        assert!(error.contains(names), "{settings}: {error}");
    }
    for (settings, field) in [
        (json!({ "profile": "besu24" }), "messageencoding"),
        (json!({ "profile": "goquorum" }), "messageencoding"),
        (json!({ "overrides": { "messageEncoding": "legacy" } }), "messageencoding"),
        (json!({ "overrides": { "messageEncoding": "legacy", "proposalRound": "zero" } }), "genesis says"),
    ] {
        let error = resolve(settings.clone(), &ours()).unwrap_err().to_string();
        assert!(error.contains(field), "{settings}: {error}");
    }
}

#[test]
fn a_genesis_of_ours_with_another_encoding_is_followed_without_being_told() {
    let legacy = genesis(json!({}), json!({ "proposalround": "zero", "messageencoding": "legacy" }));
    let rules = resolve(json!({}), &legacy).unwrap();
    assert_eq!(
        (rules.message_encoding, rules.proposal_round),
        (MessageEncoding::Legacy, ProposalRound::Zero)
    );
    assert!(!rules.one_key, "{rules:?}");
}

#[test]
fn an_unknown_override_is_refused_by_name() {
    let json =
        json!({ "chainId": 7, "genesisHash": B256::ZERO, "genesis": "g", "overrides": { "oneKay": true } });
    let error = serde_json::from_value::<NetworkConfig>(json).unwrap_err();
    assert!(format!("{error}").contains("unknown field `oneKay`"));
}
