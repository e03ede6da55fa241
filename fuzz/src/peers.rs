//! What a peer sends before, while and after it proves who it is.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use devp2p::{
    DisconnectReason, NodeKey, PeerId,
    eth::{EthVersion, Message, Status},
    own::{
        compact::{Compact, Partial, at, decode_given, decode_wanted},
        preview::Preview,
    },
    rlpx::{
        compression::{compress, decompress},
        ecies,
        frame::codecs,
        handshake::{Initiator, Randomness, Secrets, accept, packet_size},
        hello::Hello,
    },
};
use secp256k1::{PublicKey, SecretKey};

/// Longest message taken in fuzzing; the node's own bounds are larger and cost only time.
const MAX: usize = 64 * 1024;

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_byte_array([byte; 32]).expect("small bytes make a key")
}

fn key(byte: u8) -> NodeKey {
    NodeKey::from_bytes([byte; 32]).expect("small bytes make a key")
}

fn randomness() -> Randomness {
    Randomness {
        ephemeral: secret(3),
        nonce: B256::repeat_byte(4),
        ecies_key: secret(5),
        iv: [6; 16],
        padding: 100,
    }
}

/// First byte: whether the bytes come as they are, or sealed to us as a peer would seal them; then auth and ack packets.
pub fn handshake(data: &[u8]) {
    let Some((mode, bytes)) = data.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(2048)];
    if let Some(prefix) = bytes.first_chunk() {
        let _size = packet_size(*prefix);
    }
    let ours = PublicKey::from_secret_key_global(&secret(1));
    let packet = if mode % 2 == 0 {
        bytes.to_vec()
    } else {
        let length = u16::try_from(bytes.len() + ecies::OVERHEAD).expect("cut to 2 KiB").to_be_bytes();
        [&length[..], &ecies::seal(&ours, bytes, length, &secret(5), [6; 16])].concat()
    };
    let _answer = accept(&key(1), &packet, &randomness());
    let dialled = Initiator::new(key(1), &PublicKey::from_secret_key_global(&secret(2)), randomness());
    let _secrets = dialled.finish(&packet);
}

/// First byte: how much of the stream to damage; then what is sent. Undamaged frames arrive, others are refused.
pub fn frame(data: &[u8]) {
    let [id, damage, at, data @ ..] = data else { return };
    let secrets = |egress: u8, ingress: u8| Secrets {
        aes: B256::repeat_byte(1),
        mac: B256::repeat_byte(2),
        egress: vec![egress; 32],
        ingress: vec![ingress; 32],
    };
    let (mut out, _) = codecs(&secrets(3, 4));
    let (_, mut incoming) = codecs(&secrets(4, 3));
    let mut bytes = Vec::new();
    out.encode(*id, data, &mut bytes).expect("shorter than 16 MiB");
    let index = usize::from(*at) % bytes.len();
    bytes[index] ^= damage;
    let (header, body) = bytes.split_first_chunk_mut().expect("a frame has a header");
    let read = incoming.header(header, MAX).and_then(|size| incoming.body(size, body).map(|read| read));
    match read {
        Ok((got, range)) => {
            assert_eq!((got, &body[range]), (*id, data));
            assert_eq!(*damage, 0, "a damaged frame was taken");
        }
        Err(_) => assert!(*damage != 0 || data.len() + 2 > MAX, "an undamaged frame was refused"),
    }
}

/// Snappy: bounded whatever the length says, and what was compressed comes back.
pub fn compression(data: &[u8]) {
    if let Ok(plain) = decompress(data, MAX) {
        assert!(plain.len() <= MAX);
    }
    let packed = compress(data).expect("short");
    assert_eq!(decompress(&packed, data.len()).ok().as_deref(), Some(data));
}

/// Hello: what is read can be written and is read the same.
pub fn hello(data: &[u8]) {
    if let Ok(hello) = Hello::decode(data) {
        assert!(hello.client.len() <= 4 * 256);
        assert_eq!(Hello::decode(&hello.encode()).ok(), Some(hello));
    }
    let _id = PeerId::decode(&mut &*data);
}

/// Disconnect: any bytes are a reason, and a reason survives the way there and back.
pub fn disconnect(data: &[u8]) {
    let reason = DisconnectReason::decode(data);
    assert_eq!(DisconnectReason::decode(&reason.encode()), reason);
}

/// First byte: the message, 0xfe for transactions with their senders; second byte: the version of eth; then the message.
pub fn eth(data: &[u8]) {
    let [id, version, bytes @ ..] = data else { return };
    let version = EthVersion::ALL[usize::from(*version) % EthVersion::ALL.len()];
    if *id == 0xff {
        if let Ok(status) = Status::decode(version, bytes) {
            assert_eq!(Status::decode(version, &status.encode()).ok(), Some(status));
        }
        return;
    }
    if *id == 0xfe {
        let _transactions = devp2p::own::decode(bytes);
        return;
    }
    match Message::decode(version, id % 0x20, bytes) {
        Ok(Message::Query(request, query)) => {
            let (id, encoded) = query.encode(request);
            let again = Message::decode(version, id, &encoded);
            assert_eq!(again.ok(), Some(Message::Query(request, query)));
        }
        Ok(Message::Reply(request, reply)) => {
            let (id, encoded) = reply.encode(version, request);
            assert!(Message::decode(version, id, &encoded).is_ok(), "an answer of ours that we refuse");
        }
        Ok(_) | Err(_) => {}
    }
}

/// First byte: one of the three messages about payloads without their transactions, a payload to cut, or a preview. What is put together
/// from hostile pieces is the announced payload or nothing.
pub fn compact(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 6 {
        0 => {
            let Ok(compact) = Compact::decode(bytes) else { return };
            assert_eq!(Compact::decode(&alloy_rlp::encode(&compact)).as_ref(), Ok(&compact));
            let mut partial = Partial::new(compact);
            let pooled: Vec<Bytes> = (0..8_u8).map(|seed| vec![2, seed].into()).collect();
            partial.search(|each| pooled.iter().for_each(|raw| each(&keccak256(raw), raw)));
            partial.fill(pooled);
            let _refused = partial.payload().expect_err("nobody makes a payload of a given hash");
        }
        1 => drop(decode_wanted(bytes)),
        2 => drop(decode_given(bytes)),
        5 => {
            let Ok(preview) = Preview::read(bytes) else { return };
            assert_eq!(Preview::read(&alloy_rlp::encode(&preview)).as_ref(), Ok(&preview));
            let _found = preview.find(|each| each(&B256::ZERO, &()));
        }
        which => cut(0x12 + 3 * (which - 3), &Bytes::copy_from_slice(bytes)),
    }
}

/// A payload that is cut and put together again is the same, or is found to be another.
fn cut(code: u8, payload: &Bytes) {
    let hash = keccak256([&[code], &payload[..]].concat());
    let Some(compact) = Compact::of(code, hash, payload) else { return };
    let mut partial = Partial::new(compact);
    let given = at(code, payload, &partial.missing()).expect("its own places");
    partial.fill(given);
    if let Ok(joined) = partial.payload() {
        assert_eq!(joined, (code, payload.clone()));
    }
}
