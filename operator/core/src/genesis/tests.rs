use super::{GenesisRefused, agrees, joined, make, read};
use crate::{
    api::Consortium,
    build,
    test_support::address,
    validate::{self, Chain, JoinedNetwork, Network},
};
use alloy_primitives::B256;
use std::collections::BTreeSet;

type Damage = fn(&str) -> String;

fn consortium() -> Consortium {
    let text = include_str!("../../../../examples/consortium.yaml");
    serde_saphyr::from_str(text).expect("the example")
}

fn identities() -> BTreeSet<alloy_primitives::Address> {
    (1..=4).map(address).collect()
}

#[test]
fn the_same_spec_and_identities_always_give_the_same_genesis() {
    let valid = validate::consortium(&consortium()).expect("valid");
    let first = make(&valid, address(98), address(99), &identities()).expect("made");
    assert_eq!(first, make(&valid, address(98), address(99), &identities()).expect("made"));
    let other = make(&valid, address(98), address(99), &(1..=3).map(address).collect()).expect("made");
    assert_ne!(first.hash, other.hash);
}

#[test]
fn what_is_stored_reads_back_and_agrees_with_its_spec() {
    let valid = validate::consortium(&consortium()).expect("valid");
    let made = make(&valid, address(98), address(99), &identities()).expect("made");
    let stored = read(&build::genesis(&valid, &made)).expect("reads back");
    assert_eq!(stored, made);
    agrees(&stored, &valid).expect("agrees");
}

#[test]
fn a_stored_genesis_is_never_another_network() {
    let valid = validate::consortium(&consortium()).expect("valid");
    let stored = make(&valid, address(98), address(99), &identities()).expect("made");
    let changed = |change: fn(&mut Chain)| {
        let mut other = valid.clone();
        let Network::Create(chain) = &mut other.network else { panic!("the example creates") };
        change(chain);
        other
    };
    let chain_id = changed(|chain| chain.chain_id = 7);
    let pin = changed(|chain| chain.pin = Some(B256::repeat_byte(1)));
    assert!(matches!(agrees(&stored, &chain_id), Err(GenesisRefused::Spec { what: "chain id", .. })));
    assert!(matches!(agrees(&stored, &pin), Err(GenesisRefused::Pin { .. })));
    assert!(matches!(make(&pin, address(98), address(99), &identities()), Err(GenesisRefused::Pin { .. })));
}

#[test]
fn a_damaged_config_map_is_refused_by_name() {
    let valid = validate::consortium(&consortium()).expect("valid");
    let made = make(&valid, address(98), address(99), &identities()).expect("made");
    let good = build::genesis(&valid, &made);
    let damage: [(&str, Damage); 3] = [
        ("genesis.json", |text| text.replace("0xee6b280", "0xee6b281")),
        ("genesisHash", |_| "0x1".to_owned()),
        ("chainId", |_| "7".to_owned()),
    ];
    for (key, change) in damage {
        let mut bad = good.clone();
        let entry = bad.data.as_mut().and_then(|data| data.get_mut(key)).expect("the entry");
        *entry = change(entry);
        let error = read(&bad).expect_err(key).to_string();
        assert!(error.contains("trade-finance-genesis"), "{error}");
    }
}

#[test]
fn a_joined_genesis_has_the_trusted_hash_is_stored_like_one_of_our_own_and_is_never_made() {
    let creator = validate::consortium(&consortium()).expect("valid");
    let theirs = make(&creator, address(98), address(99), &identities()).expect("made");
    let joiner = |genesis_hash| validate::ValidConsortium {
        network: Network::Join(JoinedNetwork { genesis_hash, sources: Vec::new() }),
        ..creator.clone()
    };
    let ours = joined(&theirs.text, theirs.hash, address(97)).expect("of the hash");
    assert_eq!((ours.member, ours.hash, ours.chain_id), (address(97), theirs.hash, theirs.chain_id));
    assert_eq!(read(&build::genesis(&joiner(theirs.hash), &ours)).expect("reads back"), ours);
    agrees(&ours, &joiner(theirs.hash)).expect("agrees");
    let other = B256::repeat_byte(1);
    assert!(matches!(agrees(&ours, &joiner(other)), Err(GenesisRefused::Joined { .. })));
    assert!(matches!(joined(&theirs.text, other, address(97)), Err(GenesisRefused::Joined { .. })));
    let made = make(&joiner(theirs.hash), address(97), address(96), &identities());
    assert!(matches!(made, Err(GenesisRefused::NotOurs)));
}
