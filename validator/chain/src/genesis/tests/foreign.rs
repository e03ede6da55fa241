//! Files as GoQuorum and Besu write them.

use super::*;
use crate::signature::Seal;
use alloc::{format, vec};
use serde_json::json;
use std::string::ToString as _;

fn validator(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

/// A Berlin file with two validators in its extra data.
fn file(config: &Value) -> Value {
    let extra = crate::Extra { validators: [2, 1].map(validator).into(), ..crate::Extra::unsealed(0) };
    let mut base = json!({
        "chainId": 1337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
        "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0,
        "qbft": {},
    });
    for (key, value) in config.as_object().unwrap() {
        base[key] = value.clone();
    }
    json!({
        "config": base, "nonce": "0x0", "timestamp": "0x0", "gasLimit": "0x29b92700", "difficulty": "0x1",
        "mixHash": QBFT_MIX_HASH, "coinbase": Address::ZERO, "extraData": extra.to_bytes(), "alloc": {},
    })
}

fn read(config: &Value) -> Result<Genesis, GenesisError> {
    Genesis::from_json(&file(config).to_string())
}

fn refused(config: &Value) -> std::string::String {
    read(config).expect_err("to be refused").to_string()
}

#[test]
fn a_file_is_taken_for_the_client_that_its_keys_and_transitions_belong_to() {
    for (config, family, period, timeout_ms) in [
        (json!({}), Family::Besu, 1, 1_000),
        (json!({"transitions": {"qbft": []}}), Family::Besu, 1, 1_000),
        (json!({"zeroBaseFee": true, "londonBlock": 0}), Family::Besu, 1, 1_000),
        (json!({"isQuorum": true}), Family::GoQuorum, 5, 10_000),
        (json!({"transitions": []}), Family::GoQuorum, 5, 10_000),
        (json!({"qbft": {"policy": 0, "epoch": 30000, "testQBFTBlock": 0}}), Family::GoQuorum, 5, 10_000),
        (json!({"qbft": {"proposalround": "real"}}), Family::Quorate, 1, 1_000),
    ] {
        let genesis = read(&config).unwrap();
        let settings = genesis.schedule.at(1);
        assert_eq!(genesis.family, family, "{config}");
        assert_eq!((settings.block_period_s, settings.request_timeout_ms), (period, timeout_ms), "{config}");
        assert_eq!(settings.epoch_length, 30_000);
    }
    let text = file(&json!({})).to_string();
    let genesis = Genesis::from_json_as(&text, Family::GoQuorum).unwrap();
    assert_eq!((genesis.family, genesis.schedule.at(1).block_period_s), (Family::GoQuorum, 5));
}

#[test]
fn messages_look_as_the_family_writes_them_unless_the_file_says_otherwise() {
    let of = |config| {
        let qbft = read(&config).unwrap().qbft;
        (qbft.proposalround, qbft.messageencoding)
    };
    assert_eq!(of(json!({"isQuorum": true})), (ProposalRound::Zero, MessageEncoding::Legacy));
    assert_eq!(of(json!({})), (ProposalRound::Real, MessageEncoding::FourItem));
    let legacy = json!({"qbft": {"proposalRound": "zero", "messageEncoding": "legacy"}});
    assert_eq!(of(legacy), (ProposalRound::Zero, MessageEncoding::Legacy));
}

#[test]
fn spelling_of_keys_form_of_numbers_and_remarks_change_nothing() {
    let plain = file(&json!({"qbft": {"blockperiodseconds": 3, "epochlength": 10}}));
    let mut other = json!({
        "CONFIG": {
            "ChainID": "0x539", "berlinblock": "0", "_remark": 1, "comment": "x",
            "QBFT": {"BlockPeriodSeconds": "3", "epochLength": "0xa"},
        },
        "Nonce": 0, "Timestamp": "0", "GasLimit": 700_000_000, "Difficulty": "1", "mixhash": QBFT_MIX_HASH,
        "number": "0x0", "gasUsed": "0x0", "parentHash": B256::ZERO,
    });
    other["extraData"] = plain["extraData"].clone();
    other["alloc"] = json!({});
    let (plain, other) =
        (Genesis::from_json(&plain.to_string()).unwrap(), Genesis::from_json(&other.to_string()).unwrap());
    assert_eq!((plain.hash, &plain.schedule), (other.hash, &other.schedule));
    assert_eq!(plain.config, other.config);
}

#[test]
fn accounts_are_read_with_and_without_0x_in_hex_and_decimal() {
    let mut one = file(&json!({}));
    one["alloc"] = json!({"0x0000000000000000000000000000000000000777": {
        "balance": "0x10", "nonce": "0x1", "code": "0x6000", "storage": {"0x1": "0x02"}}});
    let mut two = file(&json!({}));
    two["alloc"] = json!({"0000000000000000000000000000000000000777": {
        "balance": "16", "nonce": 1, "code": "6000", "privateKey": "8f2a", "comment": "x",
        "storage": {"01": "0x0000000000000000000000000000000000000000000000000000000000000002"}}});
    let hash = |file: &Value| Genesis::from_json(&file.to_string()).unwrap().hash;
    assert_eq!(hash(&one), hash(&two));
}

#[test]
fn what_is_not_implemented_is_refused_by_the_name_of_its_key() {
    for (config, key) in [
        (json!({"transitions": [{"block": 9, "2FPlus1Enabled": true}]}), "2FPlus1Enabled"),
        (json!({"qbft": {"ceil2Nby3Block": 5}}), "ceil2Nby3Block"),
        (json!({"qbft": {"policy": 2}}), "policy"),
        (json!({"qbft": {"startBlock": 7}}), "startBlock"),
        (json!({"qbft": {"xblockperiodmilliseconds": 100}}), "xblockperiodmilliseconds"),
        (json!({"ibft2": {}}), "ibft2"),
        (json!({"ethash": {}}), "ethash"),
        (json!({"istanbul": {"epoch": 1}}), "istanbul"),
        (json!({"transitions": {"ibft2": []}}), "ibft2"),
        (json!({"transitions": [{"block": 9, "algorithm": "ibft"}]}), "algorithm"),
        (
            json!({"transitions": [{"block": 9, "privacyEnhancementsEnabled": true}]}),
            "privacyEnhancementsEnabled",
        ),
        (json!({"privacyPrecompileBlock": 0}), "privacyPrecompileBlock"),
        (json!({"qip714Block": 4}), "qip714Block"),
        (json!({"fixedBaseFee": true}), "fixedBaseFee"),
        (json!({"amsterdamTime": 0}), "amsterdamTime"),
        (json!({"depositContractAddress": validator(1)}), "depositContractAddress"),
        (json!({"terminalTotalDifficulty": 0}), "terminalTotalDifficulty"),
        (json!({"daoForkBlock": 0}), "daoForkBlock"),
        (json!({"byzantiumBlock": 5}), "byzantiumBlock"),
        (
            json!({"constantinopleBlock": 0, "petersburgBlock": 7, "istanbulBlock": 7, "berlinBlock": 7}),
            "petersburgBlock",
        ),
        (json!({"shanghaiTime": 0}), "londonBlock"),
        (json!({"isQuorum": true, "londonBlock": 0}), "londonBlock"),
        (json!({"isQuorum": true, "contractSizeLimit": 5}), "contractSizeLimit"),
        (json!({"qbft": {"blockPeriodSecond": 5}}), "blockPeriodSecond"),
        (json!({"newForkBlock": 5}), "newForkBlock"),
        (json!({"qbft": {"blockreward": "5", "beneficiaryMode": "list"}}), "beneficiarymode"),
        (
            json!({"isQuorum": true, "qbft": {"validatorcontractaddress": validator(7)}}),
            "validatorselectionmode",
        ),
        (json!({"qbft": {"validatorselectionmode": "contract"}}), "validatorcontractaddress"),
        (
            json!({"isQuorum": true, "enableGasPriceBlock": 0, "qbft": {"miningBeneficiary": validator(7)}}),
            "miningbeneficiary",
        ),
        (
            json!({"transitions": {"qbft": [{"block": 9, "validatorselectionmode": "blockheader"}]}}),
            "validators",
        ),
        (json!({"transitions": [{"block": 9}, {"block": 8}]}), "block"),
        (
            json!({"transitions": [{"block": 1, "epochlength": 5}, {"block": 8, "validators": [validator(1)]}]}),
            "validators",
        ),
    ] {
        let error = refused(&config);
        assert!(error.contains(&format!(".{key} ")), "{config}: {error}");
    }
}

#[test]
fn keys_that_say_nothing_are_no_reason_to_refuse() {
    for config in [
        json!({"qbft": {"ceil2Nby3Block": 0, "policy": 0, "epoch": 5, "gossipedHistoryLimit": 7}}),
        json!({"isQuorum": true, "zeroBaseFee": true, "contractSizeLimit": 24576}),
        json!({"isQuorum": true, "qip714Block": 0, "isMPS": false, "txnSizeLimit": 64, "eip150Hash": B256::ZERO}),
        json!({"fixedBaseFee": false, "amsterdamTime": null, "discovery": {"bootnodes": []}}),
        json!({"transitions": [{"block": 9, "2FPlus1Enabled": false, "algorithm": "QBFT"}]}),
    ] {
        assert!(read(&config).is_ok(), "{config}: {}", refused(&config));
    }
}

#[test]
fn a_key_in_two_spellings_is_refused() {
    assert!(refused(&json!({"qbft": {"epochlength": 5, "epochLength": 6}})).contains("twice"));
    assert!(refused(&json!({"constantinopleFixBlock": 0})).contains("twice"));
}

#[test]
fn a_file_without_validators_is_refused() {
    let mut file = file(&json!({}));
    file["extraData"] = json!(crate::Extra::unsealed(0).to_bytes());
    assert!(Genesis::from_json(&file.to_string()).unwrap_err().to_string().contains("names no validators"));
    file["config"]["qbft"] = json!({"validatorcontractaddress": validator(7)});
    assert!(Genesis::from_json(&file.to_string()).is_ok());
}

#[test]
fn besu_transitions_hold_from_their_block_on() {
    let entry = |block: u64, rest: Value| {
        let mut entry = rest;
        entry["block"] = block.into();
        entry
    };
    let schedule = read(&json!({"qbft": {"blockperiodseconds": 2}, "transitions": {"qbft": [
        entry(20, json!({"validatorselectionmode": "contract", "validatorContractAddress": validator(7)})),
        entry(10, json!({"validators": [validator(3)], "BlockPeriodSeconds": 1, "xemptyblockperiodseconds": 30})),
        entry(30, json!({"validatorselectionmode": "blockheader", "validators": [validator(4)], "miningbeneficiary": ""})),
        entry(15, json!({"blockreward": "0x5", "miningbeneficiary": validator(9)})),
    ]}}))
    .unwrap()
    .schedule;
    assert_eq!(schedule.validators_at(10), Some(&[validator(3)][..]));
    assert_eq!(schedule.validators_at(11), None);
    let periods = |height| {
        let settings = schedule.at(height);
        (settings.min_period_s, settings.block_period_s, settings.empty_block_period_s)
    };
    assert_eq!((periods(9), periods(10)), ((2, 2, 0), (1, 1, 30)));
    let rewards =
        |height| (schedule.at(height).block_reward.to::<u64>(), schedule.at(height).reward_beneficiary);
    assert_eq!((rewards(14), rewards(15), rewards(30)), ((0, None), (5, Some(validator(9))), (5, None)));
    let selections = [19, 20, 29, 30].map(|height| schedule.at(height).selection);
    let contract = Selection::Contract(validator(7));
    assert_eq!(selections, [Selection::Header, contract, contract, Selection::Header]);
    assert_eq!(schedule.validators_at(30), Some(&[validator(4)][..]));
}

#[test]
fn goquorum_transitions_of_the_set_and_of_the_shortest_period_hold_a_block_later() {
    let schedule = read(&json!({
        "isQuorum": true, "maxCodeSizeConfig": [{"block": 0, "size": 32}, {"block": 12, "size": 64}],
        "qbft": {"blockperiodseconds": 4, "blockReward": "7", "validators": [validator(5)]},
        "transitions": [
            {"block": 10, "validatorselectionmode": "contract", "validatorcontractaddress": validator(7),
             "blockperiodseconds": 2, "requesttimeoutseconds": 3, "gasPriceEnabled": true, "miner.gaslimit": 99,
             "transactionSizeLimit": 128, "emptyblockperiodseconds": 60, "blockReward": "8", "epochlength": 5},
        ],
    }))
    .unwrap()
    .schedule;
    assert_eq!(schedule.validators_at(1), Some(&[validator(5)][..]));
    let selections = [10, 11].map(|height| schedule.at(height).selection);
    assert_eq!(selections, [Selection::Header, Selection::Contract(validator(7))]);
    let periods =
        [9, 10, 11].map(|height| (schedule.at(height).min_period_s, schedule.at(height).block_period_s));
    assert_eq!(periods, [(4, 4), (4, 2), (2, 2)]);
    let (before, at) = (schedule.at(9), schedule.at(10));
    assert_eq!((before.gas_price_allowed, at.gas_price_allowed), (false, true));
    assert_eq!((before.gas_limit_target, at.gas_limit_target), (None, Some(99)));
    assert_eq!((before.max_transaction_size, at.max_transaction_size), (None, Some(131_072)));
    assert_eq!((before.empty_block_period_s, at.empty_block_period_s), (0, 60));
    assert_eq!((before.block_reward.to::<u64>(), at.block_reward.to::<u64>()), (7, 8));
    assert_eq!((schedule.at(11).max_code_size, schedule.at(12).max_code_size), (32_768, 65_536));
    assert!(
        !schedule.is_epoch(5) && schedule.is_epoch(10) && schedule.is_epoch(15) && !schedule.is_epoch(16)
    );
}

#[test]
fn the_interoperability_template_of_both_clients_has_one_genesis_hash() {
    let besu =
        read(&json!({"berlinBlock": null, "qbft": {"epochlength": 30000, "blockperiodseconds": 5}})).unwrap();
    let quorum = read(&json!({"isQuorum": true, "qbft": {"ceil2Nby3Block": 0}, "txnSizeLimit": 64})).unwrap();
    assert_eq!(besu.hash, quorum.hash);
    assert!(besu.header.base_fee_per_gas.is_none());
}

#[test]
fn a_later_fork_brings_the_earlier_ones_that_are_not_named() {
    let config = json!({"chainId": 5, "berlinBlock": 0, "londonBlock": 0, "cancunTime": 0, "qbft": {}});
    let mut file = file(&json!({}));
    file["config"] = config;
    let genesis = Genesis::from_json(&file.to_string()).unwrap();
    assert_eq!((genesis.config.byzantium_block, genesis.config.shanghai_time), (Some(0), Some(0)));
    assert!(genesis.header.withdrawals_root.is_some() && genesis.header.requests_hash.is_none());
    file["config"].as_object_mut().unwrap().remove("chainId");
    assert!(Genesis::from_json(&file.to_string()).unwrap_err().to_string().contains("chainId"));
}

#[test]
fn goquorum_forks_of_its_own_are_told() {
    let genesis = read(
        &json!({"isQuorum": true, "enableGasPriceBlock": 9, "maxCodeSize": 32, "maxCodeSizeChangeBlock": 4}),
    );
    assert_eq!(genesis.unwrap().quorum_forks, [4, 9]);
    let private = read(&json!({"isQuorum": true, "privacyEnhancementsBlock": 7})).unwrap();
    assert_eq!((private.family, private.quorum_forks), (Family::GoQuorum, vec![7]));
}

/// Constantinople, Petersburg, Istanbul, Berlin and London of a file that names these forks.
fn rules(forks: Value, isquorum: bool) -> Result<[Option<u64>; 5], GenesisError> {
    let mut file = file(&json!({}));
    file["config"] = forks;
    file["config"]["chainId"] = 1.into();
    file["config"]["qbft"] = json!({});
    if isquorum {
        file["config"]["isQuorum"] = true.into();
    }
    let c = Genesis::from_json(&file.to_string())?.config;
    Ok([c.constantinople_block, c.petersburg_block, c.istanbul_block, c.berlin_block, c.london_block])
}

#[test]
fn what_only_delays_the_difficulty_bomb_brings_besu_the_rules_before_it() {
    let all = Some(0);
    for (forks, want) in [
        (json!({"muirGlacierBlock": 0}), [all, all, all, None, None]),
        (
            json!({"constantinopleFixBlock": 0, "constantinopleBlock": 0, "muirGlacierBlock": 0, "berlinBlock": 8}),
            [all, all, all, Some(8), None],
        ),
        (json!({"istanbulBlock": 0, "arrowGlacierBlock": 4}), [all, all, all, Some(4), Some(4)]),
        (json!({"berlinBlock": 0, "grayGlacierBlock": 4}), [all, all, all, all, Some(4)]),
        (json!({"londonBlock": 0, "mergeNetsplitBlock": 4}), [all; 5]),
        (json!({"mergeNetsplitBlock": 0, "shanghaiTime": 0}), [all; 5]),
    ] {
        assert_eq!(rules(forks.clone(), false).unwrap(), want, "{forks}");
    }
    let constantinople = json!({"constantinopleBlock": 0, "petersburgBlock": 0, "muirGlacierBlock": 0});
    assert_eq!(rules(constantinople.clone(), true).unwrap(), [all, all, None, None, None]);
    let genesis = read(&json!({"arrowGlacierBlock": 9})).unwrap();
    assert_eq!((genesis.config.muir_glacier_block, genesis.config.gray_glacier_block), (None, None));
}

#[test]
fn a_fork_later_than_one_that_builds_on_it_is_refused_by_name() {
    for (forks, key) in [
        (json!({"istanbulBlock": 5, "muirGlacierBlock": 0, "byzantiumBlock": 0}), "istanbulBlock"),
        (json!({"berlinBlock": 0, "londonBlock": 5, "arrowGlacierBlock": 4}), "londonBlock"),
        (json!({"muirGlacierBlock": 5, "berlinBlock": 0}), "muirGlacierBlock"),
    ] {
        let error = rules(forks.clone(), false).unwrap_err().to_string();
        assert!(error.contains(key), "{forks}: {error}");
    }
}

#[test]
fn a_block_0_that_was_proposed_in_a_round_or_sealed_is_refused() {
    let plain = crate::Extra { validators: [1, 2].map(validator).into(), ..crate::Extra::unsealed(0) };
    let seal = Seal::repeat_byte(1);
    for (extra, field) in [
        (crate::Extra { round: 1, ..plain.clone() }, "extraData round is 1"),
        (crate::Extra { seals: vec![seal], ..plain }, "extraData seals is 1"),
    ] {
        let mut file = file(&json!({}));
        file["extraData"] = json!(extra.to_bytes());
        let error = Genesis::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn the_tables_of_the_documentation_are_those_of_the_code() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/networks.md");
    let text = std::fs::read_to_string(path).unwrap();
    for (title, section) in [
        ("`config`", keys::CONFIG),
        ("`config.qbft`", keys::QBFT),
        ("Besu's `config.transitions.qbft[]`", keys::BESU_TRANSITION),
        ("GoQuorum's `config.transitions[]`", keys::GOQUORUM_TRANSITION),
    ] {
        let mut wanted = format!("### {title}\n");
        for (label, treatment) in [
            ("understood", keys::Treatment::Understood),
            ("ignored", keys::Treatment::Ignored),
            ("only as 0", keys::Treatment::OnlyZero),
            ("refused", keys::Treatment::Refused),
        ] {
            let of: Vec<_> = section.iter().filter(|(_, is)| *is == treatment).collect();
            let names: Vec<_> = of.iter().map(|(key, _)| format!("`{key}`")).collect();
            if !names.is_empty() {
                wanted = format!("{wanted}- {label}: {}\n", names.join(", "));
            }
        }
        assert!(text.contains(&wanted), "docs/networks.md lacks, or differs from:\n{wanted}");
    }
}
