//! Handshake packets, secrets, frames, Hello.

use super::{b256, bytes, public, secret, vectors};
use alloy_primitives::{B256, B512};
use devp2p::{
    NodeKey,
    rlpx::{
        compression::{compress, decompress},
        ecies,
        frame::{FrameDecoder, FrameEncoder, HEADER, MAX_BODY, MacHash, codecs},
        handshake::{Accepted, Initiator, Randomness, Secrets, accept},
        hello::Hello,
    },
};
use serde_json::Value;
use sha3::{Digest, Keccak256};

fn node(keys: &Value, side: &str) -> NodeKey {
    NodeKey::from_bytes(b256(&keys[format!("static_{side}")]).0).unwrap()
}

fn randomness(keys: &Value, side: &str) -> Randomness {
    Randomness {
        ephemeral: secret(&keys[format!("ephemeral_{side}")]),
        nonce: b256(&keys[format!("nonce_{side}")]),
        ..Randomness::fresh()
    }
}

fn packet(rlpx: &Value, name: &str) -> Vec<u8> {
    let packets = rlpx["handshake_packets"].as_array().unwrap();
    bytes(&packets.iter().find(|p| p["name"] == name).unwrap()["packet"])
}

fn accepted(rlpx: &Value, name: &str) -> Accepted {
    let keys = &rlpx["keys"];
    accept(&node(keys, "B"), &packet(rlpx, name), &randomness(keys, "B")).unwrap()
}

/// Secrets of both ends for the first auth and ack packets: what each absorbed is the published packet.
fn session(rlpx: &Value) -> (Secrets, Secrets) {
    let keys = &rlpx["keys"];
    let (auth, ack) = (packet(rlpx, "auth_eip8_v4"), packet(rlpx, "ack_eip8_v4"));
    let initiator = Initiator::new(node(keys, "A"), &public(&keys["pub_B"]), randomness(keys, "A"));
    let mut a = initiator.finish(&ack).unwrap();
    let mut b = accepted(rlpx, "auth_eip8_v4").secrets;
    a.egress.clone_from(&b.ingress);
    b.egress.clone_from(&a.ingress);
    assert!(b.ingress.ends_with(&auth));
    (a, b)
}

#[test]
fn handshake_packets_of_eip_8_are_opened_whatever_their_version_and_extra_items() {
    let rlpx = &vectors()["rlpx"];
    for recorded in rlpx["handshake_packets"].as_array().unwrap() {
        let raw = bytes(&recorded["packet"]);
        let own =
            if recorded["name"].as_str().unwrap().starts_with("auth") { "static_B" } else { "static_A" };
        let plain = ecies::open(&secret(&rlpx["keys"][own]), &raw[2..], [raw[0], raw[1]]).unwrap();
        let padding = usize::try_from(recorded["padding_len"].as_u64().unwrap()).unwrap();
        let expected = bytes(&recorded["plaintext"]);
        assert!(plain == expected || plain[..plain.len() - padding] == expected[..], "{}", recorded["name"]);
    }
    for name in ["auth_eip8_v4", "auth_eip8_v56_extra"] {
        assert_eq!(accepted(rlpx, name).remote, public(&rlpx["keys"]["pub_A"]), "{name}");
    }
    let keys = &rlpx["keys"];
    let initiator = Initiator::new(node(keys, "A"), &public(&keys["pub_B"]), randomness(keys, "A"));
    for name in ["ack_eip8_v4", "ack_eip8_v57_extra"] {
        let secrets = initiator.finish(&packet(rlpx, name)).unwrap();
        assert_eq!(secrets.aes, b256(&rlpx["secrets"]["aes_secret"]), "{name}");
    }
}

#[test]
fn packets_from_before_eip_8_are_refused() {
    let rlpx = &vectors()["rlpx"];
    let keys = &rlpx["keys"];
    let auth = bytes(&rlpx["pre_eip8"]["auth"]);
    assert!(accept(&node(keys, "B"), &auth, &randomness(keys, "B")).is_err());
}

#[test]
fn both_ends_derive_the_published_secrets() {
    let rlpx = &vectors()["rlpx"];
    let (a, b) = session(rlpx);
    for secrets in [&a, &b] {
        assert_eq!(secrets.aes, b256(&rlpx["secrets"]["aes_secret"]));
        assert_eq!(secrets.mac, b256(&rlpx["secrets"]["mac_secret"]));
    }
    let ingress = Keccak256::new().chain_update(&b.ingress).chain_update("foo").finalize();
    assert_eq!(B256::from_slice(&ingress), b256(&rlpx["secrets"]["recipient_ingress_mac_after_foo"]));
    let keys = &rlpx["keys"];
    let shared = ecies::shared_x(&public(&keys["pub_B"]), &secret(&keys["static_A"]));
    assert_eq!(B256::new(shared), b256(&rlpx["secrets"]["static_shared"]));
    let ephemeral = ecies::shared_x(&public(&keys["eph_pub_B"]), &secret(&keys["ephemeral_A"]));
    assert_eq!(B256::new(ephemeral), b256(&rlpx["secrets"]["ephemeral_shared"]));
}

#[test]
fn sealing_with_given_randomness_makes_the_published_packet() {
    let rlpx = &vectors()["rlpx"];
    let (keys, fixed) = (&rlpx["keys"], &rlpx["ecies_fixed_randomness"]);
    let packet = bytes(&fixed["auth_packet"]);
    let (prefix, sealed) = packet.split_first_chunk().unwrap();
    let plain = ecies::open(&secret(&keys["static_B"]), sealed, *prefix).unwrap();
    let padding = usize::try_from(fixed["padding_zeros"].as_u64().unwrap()).unwrap();
    assert!(plain.ends_with(&vec![0; padding]));
    let iv = bytes(&fixed["iv"]).try_into().unwrap();
    let again = ecies::seal(&public(&keys["pub_B"]), &plain, *prefix, &secret(&fixed["ephemeral_priv"]), iv);
    assert_eq!(again, sealed);
}

#[test]
fn an_auth_packet_of_ours_is_accepted_and_both_ends_agree() {
    let keys = &vectors()["rlpx"]["keys"];
    let initiator = Initiator::new(node(keys, "A"), &public(&keys["pub_B"]), randomness(keys, "A"));
    let accepted = accept(&node(keys, "B"), initiator.packet(), &randomness(keys, "B")).unwrap();
    assert_eq!(accepted.remote, public(&keys["pub_A"]));
    let secrets = initiator.finish(&accepted.packet).unwrap();
    assert_eq!((secrets.aes, secrets.mac), (accepted.secrets.aes, accepted.secrets.mac));
    assert_eq!((secrets.egress, secrets.ingress), (accepted.secrets.ingress, accepted.secrets.egress));
}

struct Stub;

impl MacHash for Stub {
    fn absorb(&mut self, _: &[u8]) {}

    fn digest(&self) -> [u8; 32] {
        [1; 32]
    }
}

#[test]
fn the_golden_frame_is_encoded_byte_for_byte() {
    let golden = &vectors()["rlpx"]["golden_frame_geth"];
    let aes = b256(&golden["aes_secret"]);
    let mut out = Vec::new();
    let id = u8::try_from(golden["msg_id"].as_u64().unwrap()).unwrap();
    FrameEncoder::with_hash(&aes, &aes, Stub).encode(id, &bytes(&golden["msg_data"]), &mut out).unwrap();
    assert_eq!(out, bytes(&golden["frame"]));
}

fn decode(decoder: &mut FrameDecoder, frame: &[u8]) -> (u8, Vec<u8>) {
    let (header, body) = frame.split_first_chunk::<HEADER>().unwrap();
    let size = decoder.header(header, MAX_BODY).unwrap();
    assert_eq!(size.on_wire(), body.len());
    let mut body = body.to_vec();
    let (id, range) = decoder.body(size, &mut body).unwrap();
    (id, body[range].to_vec())
}

#[test]
fn the_session_transcript_is_read_and_written_byte_for_byte() {
    let rlpx = &vectors()["rlpx"];
    let (a, b) = session(rlpx);
    let (mut from_a, mut to_a) = codecs(&a);
    let (mut from_b, mut to_b) = codecs(&b);
    for frame in rlpx["session_transcript"]["frames"].as_array().unwrap() {
        let (encoder, decoder) =
            if frame["direction"] == "A->B" { (&mut from_a, &mut to_b) } else { (&mut from_b, &mut to_a) };
        let (id, data) = decode(decoder, &bytes(&frame["frame"]));
        assert_eq!(u64::from(id), frame["msg_id"].as_u64().unwrap());
        let snappy = frame["snappy"].as_bool().unwrap();
        let plain = if snappy { decompress(&data, MAX_BODY).unwrap() } else { data.clone() };
        assert_eq!(plain, bytes(&frame["msg_data"]), "{}", frame["note"]);
        if snappy {
            assert_eq!(decompress(&compress(&plain).unwrap(), MAX_BODY).unwrap(), plain);
        }
        let mut out = Vec::new();
        encoder.encode(id, &data, &mut out).unwrap();
        assert_eq!(out, bytes(&frame["frame"]), "{}", frame["note"]);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_frame_is_refused() {
    let rlpx = &vectors()["rlpx"];
    let (_, b) = session(rlpx);
    let frames = rlpx["session_transcript"]["frames"].as_array().unwrap();
    let frame = bytes(&frames.iter().find(|f| f["direction"] == "A->B").unwrap()["frame"]);
    for position in 0..frame.len() {
        let mut damaged = frame.clone();
        damaged[position] ^= 1 << (position % 8);
        let (header, body) = damaged.split_first_chunk::<HEADER>().unwrap();
        let (_, mut decoder) = codecs(&b);
        let read = decoder.header(header, MAX_BODY).and_then(|size| decoder.body(size, &mut body.to_vec()));
        assert!(read.is_err(), "bit flipped at byte {position}");
    }
}

#[test]
fn hello_of_another_version_with_extra_items_is_read() {
    let hello = Hello::decode(&bytes(&vectors()["hello_v22_extra"]["msg_data"])).unwrap();
    assert_eq!(hello.version, 55);
    assert_eq!(hello.capabilities[0].name, "eth");
    assert_eq!(hello.id, B512::from_slice(&bytes(&vectors()["rlpx"]["keys"]["pub_A"])));
    let recorded = &vectors()["rlpx"]["session_transcript"]["frames"][0]["msg_data"];
    assert_eq!(Hello::decode(&bytes(recorded)).unwrap().encode(), bytes(recorded));
}

#[test]
fn a_length_that_is_too_long_is_refused_before_anything_is_allocated() {
    // Varint of 4 GiB - 1 and nothing behind it.
    assert!(decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f], 10 * 1024 * 1024).is_err());
}
