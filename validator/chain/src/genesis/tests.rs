mod foreign;

use super::*;
use std::{fs, path::Path};

fn vectors() -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/node-vectors.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_derived_genesis_has_the_header_and_hash_of_the_vector() {
    let vectors = vectors();
    let derived = &vectors["genesis_derived"];
    for case in derived["cases"].as_array().unwrap() {
        let mut file = derived["base_genesis"].clone();
        for (key, value) in case["extra_config"].as_object().unwrap() {
            file["config"][key] = value.clone();
        }
        for (key, value) in case["extra_top_level"].as_object().unwrap() {
            file[key] = value.clone();
        }
        let genesis = Genesis::from_json(&file.to_string()).unwrap();
        let name = &case["name"];
        assert_eq!(
            alloy_primitives::hex::encode_prefixed(alloy_rlp::encode(&genesis.header)),
            case["header_rlp"],
            "{name}"
        );
        assert_eq!(genesis.hash.to_string(), case["hash"], "{name}");
    }
}

fn spec() -> GenesisSpec {
    GenesisSpec {
        chain_id: 10101,
        gas_limit: 250_000_000,
        qbft: QbftConfig {
            blockperiodseconds: 2,
            requesttimeoutseconds: 2,
            requesttimeoutmilliseconds: Some(1500),
            epochlength: 30_000,
            validatorcontractaddress: Some(Address::with_last_byte(9)),
            proposalround: ProposalRound::Real,
            messageencoding: MessageEncoding::FourItem,
        },
        accounts: [(Address::with_last_byte(1), alloy_primitives::U256::from(7))].into(),
        predeploys: [Predeploy {
            address: Address::with_last_byte(9),
            code: [0x60, 0x00].into(),
            storage: [
                (B256::with_last_byte(1), B256::with_last_byte(2)),
                (B256::with_last_byte(3), B256::ZERO),
            ]
            .into(),
        }]
        .into(),
    }
}

#[test]
fn a_rendered_genesis_reads_back_with_the_same_parameters() {
    let text = render(&spec()).unwrap();
    assert_eq!(text, render(&spec()).unwrap());
    let genesis = Genesis::from_json(&text).unwrap();
    assert_eq!(genesis.qbft, spec().qbft);
    assert!(genesis.zero_base_fee);
    assert_eq!(genesis.header.base_fee_per_gas, Some(0));
    assert!(genesis.header.requests_hash.is_some());
    assert_eq!(genesis.alloc.len(), 2);
    assert_eq!(genesis.alloc[&Address::with_last_byte(9)].storage.as_ref().unwrap().len(), 1);
}

#[test]
fn a_genesis_of_another_network_is_refused_with_both_hashes() {
    let text = render(&spec()).unwrap();
    let error = Genesis::from_json(&text).unwrap().expect(10101, B256::ZERO).unwrap_err().to_string();
    assert!(error.contains(&B256::ZERO.to_string()), "{error}");
    let error = Genesis::from_json(&text).unwrap().expect(1, B256::ZERO).unwrap_err().to_string();
    assert!(error.contains("10101") && error.contains("expected 1"), "{error}");
}
