//! `extra_data`, `extra_data_must_reject`, `headers`, `quorum_table`, `voting` and `validator_contract` of the QBFT
//! vectors. The protocol core's tests include this file, to account for every vector there is.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use alloy_sol_types::SolCall as _;
use chain::{
    Extra, Seal, Vote,
    governance::Governance::getValidatorsCall,
    hash::{block_hash, commit_hash, with_round_and_seals},
    profile::Family,
    quorum::{max_faulty, one_honest, quorum},
    signature::{SignatureError, recover},
    voting::{Cast, VoteTally},
};
use serde_json::Value;
use std::{fs, path::Path, str::FromStr};

/// All vectors.
pub fn load() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qbft/tests/vectors/qbft-vectors.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The value of a JSON string.
pub fn parse<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}")).parse().unwrap()
}

fn list<T: FromStr<Err: std::fmt::Debug>>(value: &Value) -> Vec<T> {
    value.as_array().unwrap().iter().map(parse).collect()
}

fn id(vector: &Value) -> &str {
    vector["id"].as_str().unwrap()
}

/// Checks the vectors of this file and names them.
pub fn exercise(vectors: &Value) -> Vec<String> {
    [
        extra_data(vectors),
        must_reject(vectors),
        headers(vectors),
        quorum_table(vectors),
        voting(vectors),
        validator_contract(vectors),
    ]
    .concat()
}

fn extra_data(vectors: &Value) -> Vec<String> {
    let check = |vector: &Value| {
        let (bytes, expect) = (parse::<Bytes>(&vector["rlp"]), &vector["expect"]);
        let extra = Extra::decode_exact(&bytes).unwrap_or_else(|error| panic!("{}: {error}", id(vector)));
        assert_eq!(extra.vanity, parse::<Bytes>(&expect["vanity"]), "{}", id(vector));
        assert_eq!(extra.validators, list::<Address>(&expect["validators"]), "{}", id(vector));
        assert_eq!(u64::from(extra.round), expect["round"].as_u64().unwrap(), "{}", id(vector));
        assert_eq!(extra.seals, list::<Seal>(&expect["seals"]), "{}", id(vector));
        match (&extra.vote, &expect["vote"]) {
            (None, Value::Null) => {}
            (Some(vote), expected) => {
                assert_eq!(vote.recipient, parse::<Address>(&expected["recipient"]), "{}", id(vector));
                assert_eq!(vote.add, expected["type"] == "auth", "{}", id(vector));
            }
            (None, _) => panic!("{}: vote not decoded", id(vector)),
        }
        assert_eq!(extra.to_bytes(), bytes, "{}", id(vector));
        format!("extra_data/{}", id(vector))
    };
    vectors["extra_data"].as_array().unwrap().iter().map(check).collect()
}

fn must_reject(vectors: &Value) -> Vec<String> {
    let check = |vector: &Value| {
        assert!(Extra::decode_exact(&parse::<Bytes>(&vector["rlp"])).is_err(), "{}", id(vector));
        format!("extra_data_must_reject/{}", id(vector))
    };
    vectors["extra_data_must_reject"].as_array().unwrap().iter().map(check).collect()
}

fn headers(vectors: &Value) -> Vec<String> {
    let check = |vector: &Value| {
        let (expect, sealed) = (&vector["expect"], parse::<Bytes>(&vector["header_rlp_sealed"]));
        let header = Header::decode(&mut &sealed[..]).unwrap();
        assert_eq!(alloy_rlp::encode(&header), sealed[..]);
        let round = u32::try_from(expect["round"].as_u64().unwrap()).unwrap();
        let hash = commit_hash(&header, round).unwrap();
        assert_eq!(hash, parse::<B256>(&expect["commit_hash"]));
        assert_eq!(block_hash(&header).unwrap(), parse::<B256>(&expect["onchain_hash"]));
        let extra = Extra::decode_exact(&header.extra_data).unwrap();
        let signers: Vec<_> = extra.seals.iter().map(|seal| recover(hash, seal).unwrap()).collect();
        assert_eq!(signers, list::<Address>(&expect["seal_signers_in_order"]));
        let unsealed = with_round_and_seals(&header, round, vec![]).unwrap();
        assert_eq!(alloy_rlp::encode(&unsealed), parse::<Bytes>(&vector["header_rlp_without_seals"])[..]);
        format!("headers/{}", id(vector))
    };
    vectors["headers"].as_array().unwrap().iter().map(check).collect()
}

fn quorum_table(vectors: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (index, row) in vectors["quorum_table"]["rows"].as_array().unwrap().iter().enumerate() {
        let row: Vec<_> = row.as_array().unwrap().iter().map(|cell| cell.as_u64().unwrap()).collect();
        let n = usize::try_from(row[0]).unwrap();
        let ours = [max_faulty(n), quorum(n), one_honest(n), quorum(n)].map(|count| count as u64);
        assert_eq!(ours, [row[1], row[2], row[4], row[6]], "n = {n}");
        names.push(format!("quorum_table/rows/{index}"));
    }
    names
}

/// The cases are GoQuorum's; by Besu's rules they end with the same sets.
fn voting(vectors: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (index, case) in vectors["voting"]["cases"].as_array().unwrap().iter().enumerate() {
        for family in [Family::GoQuorum, Family::Besu] {
            let set = after_votes(family, case);
            assert_eq!(set, addresses(&case["result"]), "case {index} by the rules of {family:?}");
        }
        names.push(format!("voting/cases/{index}"));
    }
    names
}

fn after_votes(family: Family, case: &Value) -> Vec<Address> {
    let mut tally = VoteTally::new(family, &addresses(&case["validators"]));
    let epoch = case["epoch"].as_u64().unwrap_or(30_000);
    for (block, row) in (1..).zip(case["blocks"].as_array().unwrap()) {
        let vote = row.get(1).map(|recipient| Vote { recipient: letter(recipient), add: row[2] == "add" });
        let is_epoch = block % epoch == 0;
        tally.apply(&Cast { block, author: letter(&row[0]), vote, is_epoch });
    }
    tally.validators().to_vec()
}

fn addresses(letters: &Value) -> Vec<Address> {
    letters.as_array().unwrap().iter().map(letter).collect()
}

fn letter(value: &Value) -> Address {
    Address::repeat_byte(value.as_str().unwrap().as_bytes()[0])
}

fn validator_contract(vectors: &Value) -> Vec<String> {
    let vector = &vectors["validator_contract"];
    assert_eq!(getValidatorsCall::SELECTOR[..], parse::<Bytes>(&vector["selector"])[..]);
    let answer = getValidatorsCall::abi_decode_returns(&parse::<Bytes>(&vector["example_return"])).unwrap();
    assert_eq!(answer, list::<Address>(&vector["example_validators"]));
    vec!["validator_contract".to_owned()]
}

#[test]
fn extra_data_headers_and_thresholds_are_byte_for_byte_those_of_the_clients() {
    assert_eq!(exercise(&load()).len(), 14 + 5 + 1 + 21 + 20 + 1);
}

#[test]
fn a_seal_with_high_s_or_another_v_names_nobody() {
    let vectors = load();
    let header =
        Header::decode(&mut &parse::<Bytes>(&vectors["headers"][0]["header_rlp_sealed"])[..]).unwrap();
    let (hash, seal) =
        (commit_hash(&header, 1).unwrap(), Extra::decode_exact(&header.extra_data).unwrap().seals[0]);
    for v in 2..=255 {
        let mut other = seal;
        other.0[64] = v;
        assert_eq!(recover(hash, &other), Err(SignatureError::RecoveryId { got: v }));
    }
    let order = B256::from_str("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let s = alloy_primitives::U256::from_be_slice(order.as_slice())
        - alloy_primitives::U256::from_be_slice(&seal.0[32..64]);
    let mut twin = seal;
    twin.0[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    twin.0[64] ^= 1;
    assert_eq!(recover(hash, &twin), Err(SignatureError::HighS));
}
