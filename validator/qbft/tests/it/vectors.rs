//! Every vector of `qbft-vectors.json` is exercised here or listed in `unread-vectors`; never neither, never both.
//! That list is empty and stays so: a vector that comes in is exercised with it.

#[path = "../../../chain/tests/it/vectors.rs"]
mod chain_vectors;
#[path = "../../../devp2p/tests/it/vectors/qbft.rs"]
mod devp2p_vectors;

use crate::real::RealBlock;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use chain::hash::{ProposalRound, with_round_and_seals};
use qbft::{
    Config, Encoding, Input, Instance, Message, NewHead, Output, Proposal, ProposerRule, Recovered, Signed,
    Unverified, Verdict, config::capped_timeout_ms, proposer::proposer, wire,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub use chain_vectors::{load, parse};

/// A block from its bytes.
pub fn block<const ZERO: bool>(value: &Value) -> RealBlock<ZERO> {
    RealBlock::decode(&mut &parse::<Bytes>(value)[..]).unwrap()
}

/// An authenticated message from its bytes.
pub fn message<const ZERO: bool>(code: u8, value: &Value) -> Message<RealBlock<ZERO>> {
    wire::decode(code, &parse::<Bytes>(value)).unwrap().authenticate().unwrap()
}

/// The head that the derived scenario starts from, and the time its block 1 is due, Unix milliseconds.
pub fn genesis_head(derived: &Value) -> (NewHead, u64) {
    let bytes = parse::<Bytes>(&derived["genesis"]["header_rlp"]);
    let header = alloy_consensus::Header::decode(&mut &bytes[..]).unwrap();
    let first = block::<false>(&derived["block1_unsealed"]["block_rlp"]);
    let period_ms = (first.timestamp() - header.timestamp) * 1_000;
    let validators =
        derived["validators"].as_array().unwrap().iter().map(|seat| parse(&seat["address"])).collect();
    let head = NewHead {
        number: 0,
        hash: chain::hash::block_hash(&header).unwrap(),
        timestamp: header.timestamp,
        proposer: header.beneficiary,
        validators,
        period_ms,
        empty_period_ms: 0,
        request_timeout_ms: 10_000,
        first_round: 0,
    };
    (head, first.timestamp() * 1_000)
}

/// The bytes decode, name their author, and encode to the same bytes.
fn round_trip<const ZERO: bool>(code: u8, rlp: &Value, encoding: Encoding, author: &Value) {
    let message = message::<ZERO>(code, rlp);
    assert_eq!(message.author(), parse::<Address>(author));
    assert_eq!(wire::encode(&message, encoding), parse::<Bytes>(rlp)[..]);
}

/// The round as the message says, from any part.
fn signed_as<P>(signed: &Signed<P>, hash: &Value) {
    assert_eq!(signed.signing_hash, parse::<B256>(hash));
}

fn observer<const ZERO: bool>(derived: &Value) -> (Instance<RealBlock<ZERO>>, u64) {
    let (head, now_ms) = genesis_head(derived);
    let proposal_round = if ZERO { ProposalRound::Zero } else { ProposalRound::Real };
    let config = Config { proposal_round, ..Config::new(None) };
    (Instance::new(config, head, Recovered::default(), now_ms).0, now_ms)
}

/// A justified proposal is taken by an instance at round 0.
fn is_taken<const ZERO: bool>(derived: &Value, rlp: &Value) {
    let (mut instance, now_ms) = observer::<ZERO>(derived);
    // A fresh block of round 1 may be younger than block 1 of round 0.
    let outputs = instance.step(Input::Message(message(0x12, rlp)), now_ms + 60_000).unwrap();
    assert!(matches!(outputs.last(), Some(Output::Validate { round: 1, .. })), "{outputs:?}");
}

fn messages_reference(vectors: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for vector in vectors["messages_reference"]["vectors"].as_array().unwrap() {
        let code = u8::from_str_radix(&vector["code"].as_str().unwrap()[2..], 16).unwrap();
        let bytes = parse::<Bytes>(&vector["rlp"]);
        // Their signatures are over an older preimage: the layout counts, not the author.
        let unverified: Unverified<RealBlock<false>> = wire::decode(code, &bytes).unwrap();
        let message = unverified.authenticate().unwrap();
        assert_eq!(wire::encode(&message, Encoding::Legacy), bytes[..], "{}", vector["id"]);
        assert_eq!((message.height(), message.round()), (1, 0), "{}", vector["id"]);
        names.push(format!("messages_reference/vectors/{}", vector["id"].as_str().unwrap()));
    }
    names
}

fn messages_live(vectors: &Value) -> Vec<String> {
    let (prepare, round_change) = (&vectors["messages_live"][0], &vectors["messages_live"][1]);
    let expect = &prepare["expect"];
    let Unverified::Prepare(signed) =
        wire::decode::<RealBlock<true>>(0x13, &parse::<Bytes>(&prepare["rlp"])).unwrap()
    else {
        panic!("a prepare");
    };
    signed_as(&signed, &expect["signing_hash"]);
    let payload = signed.payload;
    assert_eq!((payload.height, payload.round), (51_045, 15));
    assert_eq!(payload.digest, parse::<B256>(&expect["digest"]));
    round_trip::<true>(0x13, &prepare["rlp"], Encoding::Legacy, &expect["author"]);

    // Only the signed part is published; with an empty block and no prepares around it, it is a message again.
    let part = parse::<Bytes>(&round_change["signed_payload_rlp"]);
    let bytes = [&[0xf8, u8::try_from(part.len() + 2).unwrap()][..], &part, &[0xc0, 0xc0]].concat();
    let expect = &round_change["expect"];
    let Unverified::RoundChange { round_change: signed, .. } =
        wire::decode::<RealBlock<true>>(0x15, &bytes).unwrap()
    else {
        panic!("a round change");
    };
    signed_as(&signed, &expect["signing_hash"]);
    let prepared = signed.payload.prepared.unwrap();
    assert_eq!((signed.payload.height, signed.payload.round, prepared.round), (899_155, 1, 0));
    assert_eq!(prepared.digest, parse::<B256>(&expect["prepared_digest"]));
    assert_eq!(signed.authenticate::<qbft::Ecdsa>().unwrap().author(), parse::<Address>(&expect["author"]));
    [prepare, round_change].map(|vector| format!("messages_live/{}", vector["id"].as_str().unwrap())).into()
}

fn derived_round0(derived: &Value) -> Vec<String> {
    let round0 = &derived["round0"];
    let proposal = &round0["preprepare"];
    for (rlp, hash, encoding) in [
        ("rlp_legacy", "signing_hash_legacy", Encoding::Legacy),
        ("rlp_besu26", "signing_hash_besu26", Encoding::Besu26),
    ] {
        round_trip::<false>(0x12, &proposal[rlp], encoding, &proposal["author"]);
        let decoded = wire::decode::<RealBlock<false>>(0x12, &parse::<Bytes>(&proposal[rlp])).unwrap();
        let Unverified::Proposal { proposal: signed, .. } = decoded else { panic!("a proposal") };
        signed_as(&signed, &proposal[hash]);
    }
    let (mut instance, now_ms) = observer::<false>(derived);
    let mut outputs = instance.step(Input::Message(message(0x12, &proposal["rlp_besu26"])), now_ms).unwrap();
    let Some(Output::Validate { height, round, digest, .. }) = outputs.pop() else {
        panic!("to be validated")
    };
    assert_eq!(digest, parse::<B256>(&derived["block1_unsealed"]["digest_besu"]));
    instance.step(Input::Validated { height, round, digest, verdict: Verdict::Valid }, now_ms).unwrap();
    let mut names =
        vec!["derived_end_to_end/round0".to_owned(), "derived_end_to_end/round0/preprepare".to_owned()];
    for (phase, code) in [("prepares", 0x13), ("commits", 0x14)] {
        for (index, vector) in round0[phase].as_array().unwrap().iter().enumerate() {
            round_trip::<false>(code, &vector["rlp"], Encoding::Besu26, &vector["author"]);
            outputs = instance.step(Input::Message(message(code, &vector["rlp"])), now_ms).unwrap();
            names.push(format!("derived_end_to_end/round0/{phase}/{index}"));
        }
    }
    let [Output::Finalise { block, round: 0, seals }] = &outputs[..] else {
        panic!("final, not {outputs:?}")
    };
    let sealed = with_round_and_seals(&block.0.header, 0, seals.clone()).unwrap();
    assert_eq!(alloy_rlp::encode(&sealed), parse::<Bytes>(&round0["sealed_header_rlp"])[..]);
    assert_eq!(chain::hash::block_hash(&sealed).unwrap(), parse::<B256>(&round0["sealed_onchain_hash"]));
    let bytes = alloy_rlp::encode(block.with_round(0));
    assert_eq!(bytes, parse::<Bytes>(&derived["block1_unsealed"]["block_rlp"])[..]);
    names
}

fn derived_blocks(derived: &Value) -> Vec<String> {
    let unsealed = &derived["block1_unsealed"];
    let block = block::<false>(&unsealed["block_rlp"]);
    assert_eq!(alloy_rlp::encode(&block.0.header), parse::<Bytes>(&unsealed["header_rlp"])[..]);
    for (round, key) in [(0, "onchain_hash"), (0, "commit_hash_r0"), (1, "commit_hash_r1")] {
        assert_eq!(block.commit_hash(round), parse::<B256>(&unsealed[key]));
    }
    assert_eq!(block.digest(), parse::<B256>(&unsealed["digest_besu"]));
    let (head, _) = genesis_head(derived);
    assert_eq!(head.hash, parse::<B256>(&derived["genesis"]["hash"]));
    for (round, expected) in derived["proposers_height_1"].as_object().unwrap() {
        let turn = proposer(ProposerRule::Besu, &head.validators, head.proposer, round.parse().unwrap());
        assert_eq!(turn, Some(parse(expected)), "round {round}");
    }
    let (q, f) = (chain::quorum::quorum(4) as u64, chain::quorum::max_faulty(4) as u64);
    assert_eq!((Some(q), Some(f)), (derived["quorum"].as_u64(), derived["f"].as_u64()));
    let vote = &derived["block1_with_auth_vote"];
    let header = alloy_consensus::Header { extra_data: parse(&vote["extra"]), ..block.0.header.clone() };
    assert_eq!(chain::hash::block_hash(&header).unwrap(), parse::<B256>(&vote["onchain_hash"]));
    let mut names: Vec<_> =
        ["", "/genesis", "/proposers_height_1", "/block1_unsealed", "/block1_with_auth_vote"]
            .map(|name| format!("derived_end_to_end{name}"))
            .into();
    for (index, seat) in derived["validators"].as_array().unwrap().iter().enumerate() {
        let key = parse::<B256>(&seat["private_key"]).0[31];
        let signature = crate::wire::sign(key, head.hash);
        assert_eq!(
            chain::signature::recover(head.hash, &signature).unwrap(),
            parse::<Address>(&seat["address"])
        );
        names.push(format!("derived_end_to_end/validators/{index}"));
    }
    names
}

fn derived_round1(derived: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for section in ["round1_not_prepared", "round1_prepared_in_round0"] {
        for (index, vector) in derived[section]["round_changes"].as_array().unwrap().iter().enumerate() {
            round_trip::<false>(0x15, &vector["rlp_legacy"], Encoding::Legacy, &vector["author"]);
            round_trip::<false>(0x15, &vector["rlp_besu26"], Encoding::Besu26, &vector["author"]);
            let (mut instance, now_ms) = observer::<false>(derived);
            instance.step(Input::Message(message(0x15, &vector["rlp_besu26"])), now_ms).unwrap();
            names.push(format!("derived_end_to_end/{section}/round_changes/{index}"));
        }
    }
    let (fresh, again) = (&derived["round1_not_prepared"], &derived["round1_prepared_in_round0"]);
    for (style, extra_round) in [("fresh_block_goquorum_style", 0), ("fresh_block_besu_ge_24_12_style", 1)] {
        let bytes = parse::<Bytes>(&fresh[style]["header_rlp"]);
        let header = alloy_consensus::Header::decode(&mut &bytes[..]).unwrap();
        assert_eq!(chain::Extra::decode_exact(&header.extra_data).unwrap().round, extra_round);
        for (rule, key) in [(ProposalRound::Zero, "digest_goquorum"), (ProposalRound::Real, "digest_besu")] {
            let digest = chain::hash::proposal_digest(&header, rule).unwrap();
            assert_eq!(digest, parse::<B256>(&fresh[style][key]), "{style} {key}");
        }
        names.push(format!("derived_end_to_end/round1_not_prepared/{style}"));
    }
    let zero = [(fresh, "round1_not_prepared"), (again, "round1_prepared_in_round0")];
    for (section, name) in zero {
        let vector = &section["preprepare_goquorum_style"];
        round_trip::<true>(0x12, &vector["rlp_legacy"], Encoding::Legacy, &vector["author"]);
        is_taken::<true>(derived, &vector["rlp_legacy"]);
        names.push(format!("derived_end_to_end/{name}/preprepare_goquorum_style"));
    }
    for (section, name) in [
        (&fresh["preprepare_besu_style"], "round1_not_prepared/preprepare_besu_style"),
        (
            &again["preprepare_besu_ge_24_12_style"],
            "round1_prepared_in_round0/preprepare_besu_ge_24_12_style",
        ),
    ] {
        round_trip::<false>(0x12, &section["rlp_legacy"], Encoding::Legacy, &section["author"]);
        is_taken::<false>(derived, &section["rlp_legacy"]);
        if !section["rlp_besu26"].is_null() {
            round_trip::<false>(0x12, &section["rlp_besu26"], Encoding::Besu26, &section["author"]);
            is_taken::<false>(derived, &section["rlp_besu26"]);
        }
        names.push(format!("derived_end_to_end/{name}"));
    }
    names.extend(goquorum_commits(derived, again));
    names
}

/// COMMITs of round 1 for a block that carries round 0, as GoQuorum sends them, finalise under that profile.
fn goquorum_commits(derived: &Value, again: &Value) -> Vec<String> {
    let (mut instance, now_ms) = observer::<true>(derived);
    let proposal = message(0x12, &again["preprepare_goquorum_style"]["rlp_legacy"]);
    let mut outputs = instance.step(Input::Message(proposal), now_ms).unwrap();
    let Some(Output::Validate { height, round, digest, block }) = outputs.pop() else {
        panic!("to be validated")
    };
    assert_eq!(block.commit_hash(1), parse::<B256>(&again["commit_hash_r1"]));
    instance.step(Input::Validated { height, round, digest, verdict: Verdict::Valid }, now_ms).unwrap();
    let mut names = vec!["derived_end_to_end/round1_prepared_in_round0".to_owned()];
    for (index, vector) in again["commit_r1_goquorum"].as_array().unwrap().iter().enumerate() {
        outputs = instance.step(Input::Message(message(0x14, &vector["rlp"])), now_ms).unwrap();
        names.push(format!("derived_end_to_end/round1_prepared_in_round0/commit_r1_goquorum/{index}"));
    }
    let [Output::Finalise { block, round: 1, seals }] = &outputs[..] else {
        panic!("final, not {outputs:?}")
    };
    let sealed = with_round_and_seals(&block.0.header, 1, seals.clone()).unwrap();
    assert_eq!(alloy_rlp::encode(&sealed), parse::<Bytes>(&again["sealed_header_rlp"])[..]);
    assert_eq!(chain::hash::block_hash(&sealed).unwrap(), parse::<B256>(&again["sealed_onchain_hash"]));
    names
}

fn proposer_selection(vectors: &Value) -> Vec<String> {
    let section = &vectors["proposer_selection"];
    let mut names = vec!["proposer_selection".to_owned()];
    for (index, case) in section["cases"].as_array().unwrap().iter().enumerate() {
        let validators = case.get("validators_sorted").unwrap_or(&section["validators_sorted"]);
        let validators: Vec<Address> = validators.as_array().unwrap().iter().map(parse).collect();
        let (parent, round) = (parse(&case["parent_proposer"]), case["round"].as_u64().unwrap());
        let rules: &[_] = match case.get("policy") {
            Some(_) => &[(ProposerRule::Sticky, "goquorum")],
            None => &[(ProposerRule::Besu, "besu"), (ProposerRule::GoQuorum, "goquorum")],
        };
        for (rule, key) in rules.iter().copied() {
            let turn = proposer(rule, &validators, parent, u32::try_from(round).unwrap());
            assert_eq!(turn, Some(parse(&case[key])), "case {index} {key}");
        }
        names.push(format!("proposer_selection/cases/{index}"));
    }
    names
}

fn round_timeouts(vectors: &Value) -> Vec<String> {
    let section = &vectors["round_timeouts_ms"];
    let base_ms = section["base_ms"].as_u64().unwrap();
    let mut names = vec!["round_timeouts_ms".to_owned()];
    for table in ["capped_60s", "rows"] {
        for (index, row) in section[table].as_array().unwrap().iter().enumerate() {
            let (round, expected) =
                (u32::try_from(row[0].as_u64().unwrap()).unwrap(), row[1].as_u64().unwrap());
            let cap_ms = (table == "capped_60s").then_some(60_000);
            assert_eq!(capped_timeout_ms(base_ms, round, cap_ms), expected);
            names.push(format!("round_timeouts_ms/{table}/{index}"));
        }
    }
    names
}

/// Names every vector: the elements of lists (by `id` or place), and objects that hold values of their own.
fn name(path: &str, value: &Value, out: &mut BTreeSet<String>) {
    const ABOUT: [&str; 9] =
        ["_about", "provenance", "source", "note", "warning", "scenario", "formula", "meaning", "columns"];
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place =
                    item.get("id").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                assert!(out.insert(format!("{path}/{place}")), "two vectors of one name: {path}/{place}");
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields.iter().filter(|(key, _)| !ABOUT.contains(&key.as_str())) {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                let strings = |items: &Vec<Value>| items.iter().all(Value::is_string);
                if field.is_object() || field.as_array().is_some_and(|items| !strings(items)) {
                    name(&inner, field, out);
                } else {
                    out.insert(path.to_owned());
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_vector_is_exercised_or_listed_as_unread() {
    let vectors = load();
    let derived = &vectors["derived_end_to_end"];
    let exercised: BTreeSet<String> = [
        chain_vectors::exercise(&vectors),
        devp2p_vectors::exercise(&vectors),
        messages_reference(&vectors),
        messages_live(&vectors),
        derived_blocks(derived),
        derived_round0(derived),
        derived_round1(derived),
        proposer_selection(&vectors),
        round_timeouts(&vectors),
    ]
    .concat()
    .into_iter()
    .collect();
    let listed: BTreeSet<String> = include_str!("unread-vectors").lines().map(str::to_owned).collect();
    let mut all = BTreeSet::new();
    name("", &vectors, &mut all);
    let accounted: BTreeSet<_> = exercised.union(&listed).cloned().collect();
    let both: Vec<_> = exercised.intersection(&listed).collect();
    let missing: Vec<_> = all.difference(&accounted).collect();
    let unknown: Vec<_> = accounted.difference(&all).collect();
    assert!(
        both.is_empty() && missing.is_empty() && unknown.is_empty(),
        "read and listed as unread: {both:#?}\nneither read nor listed: {missing:#?}\nno such vector: {unknown:#?}"
    );
}
