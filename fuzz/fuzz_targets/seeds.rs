//! Writes `corpus/`: what each target starts from, taken from the byte vectors of other clients. No target, but built as one, so
//! that nothing is compiled twice: `cargo fuzz run --sanitizer none --fuzz-dir fuzz seeds`.
#![no_main]

use quorate_fuzz::TARGETS;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Longest seed, bytes.
const LONGEST: usize = 4096;
type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

libfuzzer_sys::fuzz_target!(
    init: write_and_leave(),
    |_data| {}
);

fn write_and_leave() {
    let outcome = run();
    if let Err(error) = &outcome {
        eprintln!("seeds: {error}");
    }
    std::process::exit(i32::from(outcome.is_err()));
}

fn run() -> io::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| -> io::Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(root.join("../validator").join(path))?)?)
    };
    let votes = read("qbft/tests/vectors/qbft-vectors.json")?;
    let node = read("chain/tests/vectors/node-vectors.json")?;
    let mut seeds = Seeds::new();
    add_votes(&mut seeds, &votes);
    add_packets(&mut seeds, &node);
    add_compact(&mut seeds);
    add_notices(&mut seeds);
    add_files(&mut seeds);
    add_documents(&mut seeds, &node);
    for seed in 0..4u8 {
        let noise =
            (0..600u32).map(|index| u8::try_from(mix(u32::from(seed) << 16 | index) % 256).unwrap_or(0));
        seeds.entry("step").or_default().push(noise.collect());
    }
    write(&root.join("corpus"), &seeds)
}

fn mix(word: u32) -> u32 {
    let word = (word ^ (word >> 16)).wrapping_mul(0x45d9_f3b3);
    let word = (word ^ (word >> 16)).wrapping_mul(0x45d9_f3b3);
    word ^ (word >> 16)
}

/// Every string of hexadecimal digits in a document, as bytes.
fn bytes_in(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix("0x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0);
            let pairs = digits.into_iter().flat_map(|digits| digits.as_bytes().chunks(2));
            let bytes: Option<Vec<u8>> =
                pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect();
            found.extend(bytes.filter(|bytes| !bytes.is_empty() && bytes.len() <= LONGEST));
        }
        Value::Array(items) => items.iter().for_each(|item| bytes_in(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| bytes_in(field, found)),
        _ => {}
    }
}

fn add_votes(seeds: &mut Seeds, votes: &Value) {
    let mut found = Vec::new();
    bytes_in(votes, &mut found);
    for bytes in &found {
        for code in 0..4u8 {
            if qbft::wire::decode::<quorate_fuzz::Block>(0x12 + code, bytes).is_ok() {
                seeds.entry("wire").or_default().push([&[code], &bytes[..]].concat());
            }
            if let Ok(message) = qbft::wire::decode::<quorate_fuzz::Block>(0x12 + code, bytes)
                && let Some(record) = quorate_fuzz::record_of(message)
            {
                let bytes = qbft::wire::encode_record(&record);
                seeds
                    .entry("record")
                    .or_default()
                    .push([&[record.phase().code() - 0x12], &bytes[..]].concat());
            }
        }
    }
    let mut extra = Vec::new();
    bytes_in(&votes["extra_data"], &mut extra);
    bytes_in(&votes["extra_data_must_reject"], &mut extra);
    seeds.entry("extra").or_default().extend(extra);
}

/// A proposal of a few transactions, its cut form and the question and answer about it.
fn add_compact(seeds: &mut Seeds) {
    let list = |items: &[Vec<u8>]| {
        let mut out = Vec::new();
        alloy_rlp::Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut out);
        for item in items {
            out.extend(item);
        }
        out
    };
    let string = |length: usize, byte: u8| alloy_rlp::encode(vec![byte; length].as_slice());
    let transactions: Vec<Vec<u8>> = (1..10).map(|seed| string(110, seed)).collect();
    let block = list(&[list(&[string(500, 9)]), list(&transactions), list(&[]), list(&[])]);
    let signed = list(&[list(&[vec![5], vec![0x80], block.clone(), vec![0x80]]), string(65, 1)]);
    let proposal = list(&[signed, list(&[list(&[]), list(&[])])]);
    let round_change =
        list(&[list(&[list(&[vec![5], vec![1]]), string(65, 1)]), block, vec![0x80], list(&[])]);
    let payload = alloy_primitives::Bytes::from(proposal.clone());
    let hash = alloy_primitives::keccak256([&[0x12], &payload[..]].concat());
    let compact = devp2p::own::compact::Compact::of(0x12, hash, &payload).expect("it has transactions");
    let wanted = list(&[alloy_rlp::encode(hash), list(&[vec![1], vec![8]])]);
    let given = list(&[alloy_rlp::encode(hash), list(&transactions[..2])]);
    let preview =
        devp2p::own::preview::Preview::of((5, hash), 9, Default::default(), payload.slice(..40), hash);
    let preview = alloy_rlp::encode(preview.naming(&[hash]));
    let all = [alloy_rlp::encode(&compact), wanted, given, proposal, round_change, preview];
    let numbered = (0..).zip(all).map(|(what, bytes): (u8, _)| [&[what], &bytes[..]].concat());
    seeds.entry("compact").or_default().extend(numbered);
}

fn add_packets(seeds: &mut Seeds, node: &Value) {
    let mut found = Vec::new();
    bytes_in(&node["eth66_request_id_vectors"], &mut found);
    bytes_in(&node["eth_messages_derived"], &mut found);
    for bytes in &found {
        for id in 0..0x12u8 {
            for (index, version) in (0u8..).zip(devp2p::eth::EthVersion::ALL) {
                if devp2p::eth::Message::decode(version, id, bytes).is_ok() {
                    seeds.entry("eth").or_default().push([&[id, index], &bytes[..]].concat());
                }
            }
        }
        seeds.entry("eth").or_default().push([&[0xff, 0], &bytes[..]].concat());
    }
    let mut packets = Vec::new();
    bytes_in(&node["rlpx"]["handshake_packets"], &mut packets);
    for packet in packets {
        seeds.entry("handshake").or_default().extend([0u8, 1].map(|mode| [&[mode], &packet[..]].concat()));
    }
    let mut hello = Vec::new();
    bytes_in(&node["hello_v22_extra"], &mut hello);
    seeds.entry("frame").or_default().push([&[0x12, 0, 0], &hello[0][..]].concat());
    seeds.entry("frame").or_default().push([&[0x33, 1, 40], &hello[0][..]].concat());
    seeds.entry("compression").or_default().push(hello[0].clone());
    seeds.entry("hello").or_default().extend(hello);
    seeds.entry("disconnect").or_default().extend([vec![0xc1, 4], vec![8], vec![0xc0], vec![0x82, 1, 2]]);
}

/// A recovery record as bytes and as a file, and the places of two seats.
fn add_notices(seeds: &mut Seeds) {
    use alloy_primitives::{Address, B256, B512};
    use chain::{
        Seal,
        announcement::Announcement,
        reseat::{NamedSeat, RECOVERY_VERSION, RecoveryRecord},
    };
    let seat =
        |seed| NamedSeat { identity: Address::repeat_byte(seed), operator: Address::repeat_byte(0x40) };
    let record = RecoveryRecord {
        version: RECOVERY_VERSION,
        chain_id: 10101,
        governance: chain::governance::GOVERNANCE,
        height: 77,
        parent_hash: B256::repeat_byte(7),
        attempt: 1,
        seats: vec![seat(1), seat(2)],
        signatures: vec![Seal::repeat_byte(1)],
    };
    let said = |seed, endpoint: &str| Announcement {
        identity: Address::repeat_byte(seed),
        node_id: B512::repeat_byte(seed),
        endpoint: endpoint.to_owned(),
        sequence: 1_790_000_000_000,
        signature: Seal::repeat_byte(1),
    };
    let list = vec![said(1, "node-0.bank-a.example:30303"), said(2, "[::1]:30303"), said(3, "")];
    let text = record.to_json().expect("it is made of strings");
    let all = [alloy_rlp::encode(&record), alloy_rlp::encode(&list), text.into_bytes()];
    let numbered = (0..).zip(all).map(|(what, bytes): (u8, _)| [&[what], &bytes[..]].concat());
    seeds.entry("notice").or_default().extend(numbered);
}

/// Recipes of vote files. Raw transactions have no seeds: the fuzzer finds their forms by itself.
fn add_files(seeds: &mut Seeds) {
    for (count, what) in [(1u8, 0u8), (3, 0), (7, 0), (2, 1), (3, 0x80), (7, 0xff)] {
        let recipe = [&[count, what, 0, 30 * count], [count; 64].as_slice()].concat();
        seeds.entry("vote-file").or_default().push(recipe);
    }
}

fn add_documents(seeds: &mut Seeds, node: &Value) {
    let derived = &node["genesis_derived"];
    for case in derived["cases"].as_array().into_iter().flatten().take(6) {
        let mut file = derived["base_genesis"].clone();
        for (key, value) in case["extra_config"].as_object().into_iter().flatten() {
            file["config"][key] = value.clone();
        }
        for (key, value) in case["extra_top_level"].as_object().into_iter().flatten() {
            file[key] = value.clone();
        }
        seeds.entry("genesis").or_default().push(file.to_string().into_bytes());
    }
    let (address, hash) = (format!("0x{}", "22".repeat(20)), format!("0x{}", "33".repeat(32)));
    let enode = format!("enode://{}@10.0.0.1:30303", "44".repeat(64));
    let info = json!({
        "version": 1, "chainId": 20777, "genesisHash": hash, "genesis": "{}", "governance": address,
        "bootnodes": [enode], "publisher": address, "issuedAt": 1790000000, "signature": format!("0x{}00", "55".repeat(64)),
    });
    let config = json!({
        "version": 1, "network": {"chainId": 20777, "genesisHash": hash, "genesis": "/config/genesis.json"},
        "identity": {"address": address, "member": address, "signer": {"file": {"path": "/keys/identity"}},
            "journal": {"require": {"id": hash}}},
        "p2p": {"key": "/keys/p2p", "listen": "0.0.0.0:30303", "peers": [enode], "maxPeers": 7},
        "rpc": {"listen": "[::]:8545", "namespaces": ["eth"]}, "metrics": {"listen": "0.0.0.0:9545"}, "dataDir": "/data",
    });
    // Seeds that are refused at the door would teach the fuzzer nothing.
    serde_json::from_value::<chain::network_info::NetworkInfo>(info.clone()).expect("network info reads");
    chain::config::NodeConfig::from_json(&config.to_string()).expect("the node's configuration reads");
    seeds.entry("network-info").or_default().push(info.to_string().into_bytes());
    seeds.entry("node-config").or_default().push(config.to_string().into_bytes());
    for case in node["enode_parse"]["valid"].as_array().into_iter().flatten() {
        seeds.entry("enode").or_default().extend(case["url"].as_str().map(|url| url.as_bytes().to_vec()));
    }
}

/// At most 16 seeds a target, spread over those found; files are named by their number.
fn write(root: &Path, seeds: &Seeds) -> io::Result<()> {
    for (name, _) in TARGETS {
        let folder = root.join(name);
        fs::create_dir_all(&folder)?;
        let mut found = seeds.get(name).cloned().unwrap_or_default();
        found.sort();
        found.dedup();
        let step = found.len().div_ceil(16).max(1);
        for (index, seed) in found.iter().step_by(step).enumerate() {
            fs::write(folder.join(format!("{index:02}")), seed)?;
        }
        println!("{name}: {} seeds", found.len().div_ceil(step));
    }
    Ok(())
}
