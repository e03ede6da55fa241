//! Bytes that must be refused, and records that must survive their own encoding.

use crate::{real::RealBlock, vectors};
use alloy_primitives::{Address, B256, Bytes};
use chain::Seal;
use k256::ecdsa::SigningKey;
use qbft::{
    Config, Encoding, Input, Instance, Message, Output, Record, Recovered, Signatures, Timer, TimerKind,
    Unsigned, Verdict,
    message::RoundChangeMessage,
    wire::{Certified, MAX_NESTED, WireError, certified, decode, decode_record, encode, encode_record},
};
use std::sync::Arc;

type Real = RealBlock<false>;

/// The 65-byte signature of a test key.
pub fn sign(key: u8, hash: B256) -> Seal {
    let key = SigningKey::from_slice(B256::with_last_byte(key).as_slice()).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = recovery.to_byte();
    Seal::from(bytes)
}

fn proposal() -> Bytes {
    let vectors = vectors::load();
    vectors::parse(
        &vectors["derived_end_to_end"]["round1_prepared_in_round0"]["preprepare_besu_ge_24_12_style"]["rlp_legacy"],
    )
}

#[test]
fn no_prefix_of_a_message_and_nothing_after_it_is_a_message() {
    let bytes = proposal();
    for end in 0..bytes.len() {
        assert!(decode::<Real>(0x12, &bytes[..end]).is_err(), "{end}");
    }
    let longer = [&bytes[..], &[0x80]].concat();
    assert!(matches!(decode::<Real>(0x12, &longer), Err(WireError::Rlp(_))));
}

#[test]
fn an_unknown_code_is_refused() {
    for code in [0x00, 0x11, 0x16, 0xff] {
        assert_eq!(decode::<Real>(code, &proposal()), Err(WireError::Code { got: code }));
    }
}

#[test]
fn a_damaged_byte_never_panics_and_never_keeps_the_author() {
    let bytes = proposal();
    let author = decode::<Real>(0x12, &bytes).unwrap().authenticate().unwrap().author();
    // What is damaged outside the signed part may leave the author, but then the signed part is untouched.
    for index in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.to_vec();
        damaged[index] ^= 0x01;
        let message = decode::<Real>(0x12, &damaged).ok().and_then(|message| message.authenticate().ok());
        if let Some(Message::Proposal(message)) = message
            && message.proposal.author() == author
        {
            let original = decode::<Real>(0x12, &bytes).unwrap().authenticate().unwrap();
            let Message::Proposal(original) = original else { panic!("a proposal") };
            assert_eq!(message.proposal.payload(), original.proposal.payload(), "byte {index}");
        }
    }
}

#[test]
fn a_block_access_list_and_too_many_nested_messages_are_refused() {
    let vectors = vectors::load();
    let derived = &vectors["derived_end_to_end"];
    let round_change = &derived["round1_not_prepared"]["round_changes"][0];
    let mut bytes = vectors::parse::<Bytes>(&round_change["rlp_besu26"]).to_vec();
    let slot = bytes.len() - 2;
    assert_eq!(bytes[slot..], [0x80, 0xc0]);
    bytes[slot] = 0xc0;
    assert_eq!(decode::<Real>(0x15, &bytes), Err(WireError::AccessList));

    let prepared = &derived["round1_prepared_in_round0"]["round_changes"][0];
    let Message::RoundChange(message) = vectors::message::<false>(0x15, &prepared["rlp_besu26"]) else {
        panic!("a round change");
    };
    for (count, is_taken) in [(MAX_NESTED, true), (MAX_NESTED + 1, false)] {
        let prepares = message.prepares.iter().cycle().take(count).cloned().collect();
        let message = RoundChangeMessage { prepares, ..(*message).clone() };
        let bytes = encode(&Message::RoundChange(Arc::new(message)), Encoding::Besu26);
        assert_eq!(decode::<Real>(0x15, &bytes).is_ok(), is_taken, "{count}");
    }
}

#[test]
fn records_of_every_phase_survive_their_encoding_and_a_restart_resumes_from_them() {
    let vectors = vectors::load();
    let derived = &vectors["derived_end_to_end"];
    let (head, now_ms) = vectors::genesis_head(derived);
    // Seat of key 4 proposes round 0 and locks it; the others' messages are those of the vectors.
    let identity: Address = vectors::parse(&derived["validators"][0]["address"]);
    let config = Config::new(Some(identity));
    let (mut instance, outputs) =
        Instance::<Real>::new(config.clone(), head.clone(), Recovered::default(), now_ms);
    let mut driver = Driver { records: vec![], sent: vec![], finalised: vec![] };
    driver.perform(&mut instance, outputs, now_ms);
    let block: Real = vectors::block(&derived["block1_unsealed"]["block_rlp"]);
    driver.step(&mut instance, Input::Built { height: 1, round: 0, block }, now_ms);
    driver.step(
        &mut instance,
        Input::Timeout(Timer { kind: TimerKind::BlockDue, height: 1, round: 0 }),
        now_ms,
    );
    let round0 = &derived["round0"];
    for prepare in &round0["prepares"].as_array().unwrap()[1..] {
        driver.step(&mut instance, Input::Message(vectors::message(0x13, &prepare["rlp"])), now_ms);
    }
    driver.step(&mut instance, Input::Timeout(Timer { kind: TimerKind::Round, height: 1, round: 0 }), now_ms);
    let phases: Vec<_> = driver.records.iter().map(|(code, _)| *code).collect();
    assert_eq!(phases, [0x12, 0x13, 0x14, 0x15]);

    let bytes = |code: u8, index: usize| {
        driver.sent[index..].iter().find(|(sent, _)| *sent == code).unwrap().1.clone()
    };
    assert_eq!(bytes(0x12, 0), vectors::parse::<Bytes>(&round0["preprepare"]["rlp_besu26"]));
    assert_eq!(bytes(0x13, 0), vectors::parse::<Bytes>(&round0["prepares"][0]["rlp"]));
    assert_eq!(bytes(0x14, 0), vectors::parse::<Bytes>(&round0["commits"][0]["rlp"]));
    let round_change = &derived["round1_prepared_in_round0"]["round_changes"][0];
    assert_eq!(bytes(0x15, 0), vectors::parse::<Bytes>(&round_change["rlp_besu26"]));

    let records = driver.records.iter().map(|(code, bytes)| decode_record::<Real>(*code, bytes).unwrap());
    let (mut again, outputs) = Instance::new(config, head, Recovered::new(records), now_ms);
    let mut second = Driver { records: vec![], sent: vec![], finalised: vec![] };
    second.perform(&mut again, outputs, now_ms);
    assert_eq!(second.sent, [(0x15, bytes(0x15, 0))], "byte for byte");
    for commit in &round0["commits"].as_array().unwrap()[1..] {
        second.step(&mut again, Input::Message(vectors::message(0x14, &commit["rlp"])), now_ms);
    }
    assert_eq!(
        second.finalised.len(),
        0,
        "two COMMITs are no quorum, and the own one of round 0 is not sent again"
    );
}

#[test]
fn a_damaged_record_is_an_error() {
    assert!(decode_record::<Real>(0x13, &[0xc0]).is_err());
    assert!(decode_record::<Real>(0x20, &[0xc0]).is_err());
    assert!(decode_record::<Real>(0x14, &[0xc2, 0x01, 0xc0]).is_err());
    for (code, bytes) in [(0x20, &[0xc0][..]), (0x14, &[0xc2, 0x01, 0xc0]), (0x14, &[0xc0]), (0x15, &[])] {
        assert!(certified(code, bytes).is_err(), "{code:#x}");
    }
}

/// A driver with the key of seat 1 (private key 4) and an encoded journal.
struct Driver {
    records: Vec<(u8, Vec<u8>)>,
    sent: Vec<(u8, Bytes)>,
    finalised: Vec<Vec<Seal>>,
}

impl Driver {
    fn step(&mut self, instance: &mut Instance<Real>, input: Input<Real>, now_ms: u64) {
        let outputs = instance.step(input, now_ms).unwrap();
        self.perform(instance, outputs, now_ms);
    }

    fn perform(&mut self, instance: &mut Instance<Real>, outputs: Vec<Output<Real>>, now_ms: u64) {
        for output in outputs {
            match output {
                Output::Persist { ticket, record } => {
                    let bytes = encode_record(&record);
                    let read: Record<Real> = decode_record(record.phase().code(), &bytes).unwrap();
                    assert_eq!(read, *record);
                    assert_eq!(
                        certified(record.phase().code(), &bytes).unwrap(),
                        where_certified(&record, &bytes)
                    );
                    self.records.push((record.phase().code(), bytes));
                    self.step(instance, Input::Persisted { ticket }, now_ms);
                }
                Output::Sign { ticket, unsigned } => {
                    let signatures = key4(&unsigned);
                    self.step(instance, Input::Signed { ticket, signatures }, now_ms);
                }
                Output::Validate { height, round, digest, .. } => {
                    self.step(
                        instance,
                        Input::Validated { height, round, digest, verdict: Verdict::Valid },
                        now_ms,
                    );
                }
                Output::Broadcast { message, .. } => {
                    self.sent.push((message.phase().code(), encode(&message, Encoding::Besu26).into()));
                }
                Output::Finalise { seals, .. } => self.finalised.push(seals),
                _ => {}
            }
        }
    }
}

/// The certificate's block, searched for.
fn where_certified(record: &Record<Real>, bytes: &[u8]) -> Option<Certified> {
    let certificate = match record {
        Record::Commit { certificate, .. } => certificate,
        Record::RoundChange { certificate, .. } => certificate.as_ref()?,
        Record::Proposal { .. } | Record::Prepare(_) => return None,
    };
    let block = alloy_rlp::encode(&certificate.block);
    let start = bytes.windows(block.len()).position(|window| window == block).expect("the block");
    Some(Certified { prepared: certificate.prepared, block: start..start + block.len() })
}

fn key4(unsigned: &Unsigned<Real>) -> Signatures {
    unsigned.sign_with(Encoding::Besu26, |hash| Ok::<_, core::convert::Infallible>(sign(4, hash))).unwrap()
}
