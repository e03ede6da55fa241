use super::*;
use alloc::{collections::BTreeSet, format, string::String};
use alloy_primitives::{B256, keccak256};
use alloy_sol_types::{SolEventInterface, SolInterface};
use serde_json::Value;

const ARTIFACT: &str = include_str!("../../../../contracts/artifacts/Governance.json");

fn canonical(parameter: &Value) -> String {
    let kind = parameter["type"].as_str().unwrap();
    let Some(suffix) = kind.strip_prefix("tuple") else { return kind.into() };
    let parts: Vec<_> = parameter["components"].as_array().unwrap().iter().map(canonical).collect();
    format!("({}){suffix}", parts.join(","))
}

fn hashes(kind: &str) -> BTreeSet<B256> {
    let artifact: Value = serde_json::from_str(ARTIFACT).unwrap();
    let of_kind = artifact["abi"].as_array().unwrap().iter().filter(|entry| entry["type"] == kind);
    of_kind
        .map(|entry| {
            let inputs: Vec<_> = entry["inputs"].as_array().unwrap().iter().map(canonical).collect();
            keccak256(format!("{}({})", entry["name"].as_str().unwrap(), inputs.join(",")))
        })
        .collect()
}

fn selectors(kind: &str) -> BTreeSet<[u8; 4]> {
    hashes(kind).into_iter().map(|hash| [hash[0], hash[1], hash[2], hash[3]]).collect()
}

fn example() -> GenesisGovernance {
    let member = |name: &str, n: u8| GenesisMember {
        alias: Label::new(name).unwrap(),
        admin: Address::repeat_byte(n),
        operator: Some(Address::repeat_byte(n + 1)),
        capacity: Some(4),
    };
    GenesisGovernance {
        members: vec![member("bank-a", 0x10), member("bank-b", 0x20)],
        seats: vec![
            GenesisSeat { identity: Address::repeat_byte(0x31), member: 0 },
            GenesisSeat { identity: Address::repeat_byte(0x32), member: 1 },
        ],
        parameters: GenesisParameters {
            block_period_seconds: 2,
            request_timeout_millis: 1500,
            gas_limit: 250_000_000,
            default_capacity: 4,
            voting_blocks: 302_400,
        },
    }
}

#[test]
fn the_interface_has_every_function_error_and_event_of_the_artifact_and_no_other() {
    let ours: BTreeSet<_> = Governance::GovernanceCalls::selectors().collect();
    assert_eq!(ours, selectors("function"));
    let ours: BTreeSet<_> = Governance::GovernanceErrors::selectors().collect();
    assert_eq!(ours, selectors("error"));
    let ours: BTreeSet<_> = Governance::GovernanceEvents::SELECTORS.iter().map(B256::from).collect();
    assert_eq!(ours, hashes("event"));
    assert_eq!(Governance::GovernanceEvents::COUNT, ours.len());
}

#[test]
fn the_validator_call_has_the_selector_that_other_clients_use() {
    use alloy_sol_types::SolCall;
    assert_eq!(Governance::getValidatorsCall::SELECTOR, [0xb7, 0xab, 0x4d, 0xb5]);
}

#[test]
fn the_embedded_codes_are_whole() {
    let artifact: Value = serde_json::from_str(ARTIFACT).unwrap();
    assert_eq!(artifact["runtimeBytecode"].as_str().unwrap(), format!("{}", governance_code()));
    assert!(governance_code().len() <= 24_576);
    assert!(multicall3_code().len() > 1000);
    assert_eq!(create2_deployer_code().len(), 69);
}

#[test]
fn equal_input_gives_equal_storage_and_no_zero_word_is_kept() {
    let storage = genesis_storage(&example()).unwrap();
    assert_eq!(storage, genesis_storage(&example()).unwrap());
    assert!(storage.values().all(|value| !value.is_zero()));
}

#[test]
fn what_the_constructor_would_refuse_is_refused_with_the_field() {
    let refused = |change: fn(&mut GenesisGovernance)| {
        let mut governance = example();
        change(&mut governance);
        genesis_storage(&governance).unwrap_err()
    };
    assert!(matches!(refused(|g| g.members.clear()), GovernanceError::OutOfRange { what: "members", .. }));
    assert!(matches!(refused(|g| g.seats.clear()), GovernanceError::OutOfRange { what: "seats", .. }));
    assert!(matches!(
        refused(|g| g.seats[0].member = 2),
        GovernanceError::OutOfRange { what: "memberIndex", got: 2, most: 1, .. }
    ));
    assert!(matches!(
        refused(|g| g.parameters.gas_limit = 1),
        GovernanceError::OutOfRange { what: "gasLimit", got: 1, .. }
    ));
    assert!(matches!(
        refused(|g| g.members[0].capacity = Some(513)),
        GovernanceError::OutOfRange { what: "capacity", got: 513, .. }
    ));
    assert!(matches!(
        refused(|g| g.members[1].alias = g.members[0].alias.clone()),
        GovernanceError::AliasTaken { .. }
    ));
    assert!(matches!(
        refused(|g| g.members[1].admin = g.members[0].admin),
        GovernanceError::Address { role: "the admin of a member", .. }
    ));
    assert!(matches!(
        refused(|g| g.seats[1].identity = g.members[0].admin),
        GovernanceError::Address { role: "a seated identity", .. }
    ));
    assert!(matches!(refused(|g| g.members[0].admin = Address::ZERO), GovernanceError::Address { .. }));
    let full = |g: &mut GenesisGovernance| {
        g.members[0].capacity = Some(1);
        g.seats.push(GenesisSeat { identity: Address::repeat_byte(0x33), member: 0 });
    };
    assert!(matches!(refused(full), GovernanceError::Capacity { seats: 2, capacity: 1, .. }));
}

#[test]
fn a_label_survives_its_word_and_other_texts_are_refused() {
    for text in ["a", "bank-a.eu", "abcdefghijklmnopqrstuvwxyz012345"] {
        let label = Label::new(text).unwrap();
        assert_eq!(Label::from_word(label.to_word()).unwrap(), label);
    }
    for text in ["", "Bank", "a b", "abcdefghijklmnopqrstuvwxyz0123456", "ü"] {
        assert!(matches!(Label::new(text), Err(GovernanceError::Label { .. })), "{text}");
    }
}
