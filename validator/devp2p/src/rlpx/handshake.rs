//! The two handshake packets and the secrets that follow from them (devp2p `rlpx.md`, "Initial Handshake"; EIP-8).
//!
//! `packet = size(2) ‖ ecies(rlp(body) ‖ padding)`. Readers take the first RLP item and ignore trailing bytes, extra list
//! items and the version's value, as EIP-8 asks.

use super::ecies::{self, EciesError, shared_x};
use crate::{
    NodeKey, PeerId,
    identity::{peer_id, public_key},
};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use secp256k1::{
    Message, PublicKey, SECP256K1, SecretKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};

/// Longest encrypted part accepted, as geth has it.
pub const MAX_PACKET: usize = 2048;
/// Version written into both packets.
const VERSION: u64 = 4;

/// Why a handshake packet is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The announced size cannot be a handshake packet's.
    #[error("handshake packet announces {got} bytes, {min} to {max} are possible; is this an RLPx peer?")]
    Size {
        /// Announced.
        got: usize,
        /// Least.
        min: usize,
        /// Most.
        max: usize,
    },
    /// It does not decrypt.
    #[error(transparent)]
    Ecies(#[from] EciesError),
    /// The body is not the list it should be.
    #[error("handshake body is malformed: {0}")]
    Body(#[from] alloy_rlp::Error),
    /// A public key in it is no point of the curve.
    #[error("handshake holds a public key that is not a secp256k1 point")]
    Key,
    /// The signature does not recover to a key.
    #[error("handshake signature does not recover to an ephemeral key")]
    Signature,
}

/// Fresh randomness of one side.
pub struct Randomness {
    /// Key whose ECDH secret makes the session's secrets.
    pub ephemeral: SecretKey,
    /// The side's nonce.
    pub nonce: B256,
    /// One-time key of the packet's encryption.
    pub ecies_key: SecretKey,
    /// Initialisation vector of the packet's encryption.
    pub iv: [u8; 16],
    /// Zero bytes after the body; 100–199 on the wire.
    pub padding: usize,
}

impl Randomness {
    /// From the operating system.
    #[must_use]
    pub fn fresh() -> Self {
        use rand::Rng;
        let mut rng = rand::rng();
        Self {
            ephemeral: SecretKey::new(&mut rng),
            nonce: B256::new(rng.random()),
            ecies_key: SecretKey::new(&mut rng),
            iv: rng.random(),
            padding: rng.random_range(100..200),
        }
    }
}

/// Secrets of an established session.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Key of both AES-256-CTR streams.
    pub aes: B256,
    /// Key of the MAC cipher.
    pub mac: B256,
    /// What the hash of outgoing frames has absorbed first.
    pub egress: Vec<u8>,
    /// What the hash of incoming frames has absorbed first.
    pub ingress: Vec<u8>,
}

/// The dialling side between its packet and the answer.
pub struct Initiator {
    randomness: Randomness,
    own: NodeKey,
    packet: Vec<u8>,
}

impl Initiator {
    /// Makes the auth packet for the node behind `remote`.
    pub fn new(own: NodeKey, remote: &PublicKey, randomness: Randomness) -> Self {
        let token = B256::new(shared_x(remote, own.secret())) ^ randomness.nonce;
        let body = auth_body(&sign(token, &randomness.ephemeral), &own.id(), &randomness.nonce);
        let packet = seal(remote, body, &randomness);
        Self { randomness, own, packet }
    }

    /// The packet to send.
    pub fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// Reads the answer, a whole packet with its size.
    pub fn finish(&self, ack: &[u8]) -> Result<Secrets, HandshakeError> {
        let plain = open(&self.own, ack)?;
        let (ephemeral, nonce) = ack_fields(&plain)?;
        let local = Side { nonce: self.randomness.nonce, packet: &self.packet };
        let remote = Side { nonce, packet: ack };
        let shared = shared_x(&ephemeral, &self.randomness.ephemeral);
        Ok(secrets(&shared, &local, &remote, nonce, self.randomness.nonce))
    }
}

/// What the accepting side has after reading an auth packet.
pub struct Accepted {
    /// Key of the dialling node, proven by its signature.
    pub remote: PublicKey,
    /// The packet to answer with.
    pub packet: Vec<u8>,
    /// Secrets of the session.
    pub secrets: Secrets,
}

/// Answers an auth packet (with its size).
pub fn accept(own: &NodeKey, auth: &[u8], randomness: &Randomness) -> Result<Accepted, HandshakeError> {
    let plain = open(own, auth)?;
    let fields = auth_fields(&plain)?;
    let token = B256::new(shared_x(&fields.remote, own.secret())) ^ fields.nonce;
    let remote_ephemeral = recover(token, &fields.signature)?;
    let body =
        ack_body(&peer_id(&PublicKey::from_secret_key_global(&randomness.ephemeral)), &randomness.nonce);
    let packet = seal(&fields.remote, body, randomness);
    let local = Side { nonce: randomness.nonce, packet: &packet };
    let remote = Side { nonce: fields.nonce, packet: auth };
    let shared = shared_x(&remote_ephemeral, &randomness.ephemeral);
    let secrets = secrets(&shared, &local, &remote, randomness.nonce, fields.nonce);
    Ok(Accepted { remote: fields.remote, packet, secrets })
}

/// Length of the encrypted part that a packet's first two bytes announce.
pub fn packet_size(prefix: [u8; 2]) -> Result<usize, HandshakeError> {
    let got = usize::from(u16::from_be_bytes(prefix));
    if (ecies::OVERHEAD..=MAX_PACKET).contains(&got) {
        Ok(got)
    } else {
        Err(HandshakeError::Size { got, min: ecies::OVERHEAD, max: MAX_PACKET })
    }
}

struct Side<'a> {
    nonce: B256,
    packet: &'a [u8],
}

fn secrets(
    shared: &[u8; 32],
    local: &Side<'_>,
    remote: &Side<'_>,
    responder_nonce: B256,
    initiator_nonce: B256,
) -> Secrets {
    let pair = |a: &[u8], b: &[u8]| keccak256([a, b].concat());
    let nonces = pair(responder_nonce.as_slice(), initiator_nonce.as_slice());
    let session = pair(shared, nonces.as_slice());
    let aes = pair(shared, session.as_slice());
    let mac = pair(shared, aes.as_slice());
    let seed = |nonce: B256, packet: &[u8]| [(mac ^ nonce).as_slice(), packet].concat();
    Secrets { aes, mac, egress: seed(remote.nonce, local.packet), ingress: seed(local.nonce, remote.packet) }
}

fn seal(to: &PublicKey, mut body: Vec<u8>, randomness: &Randomness) -> Vec<u8> {
    body.resize(body.len() + randomness.padding, 0);
    // Bodies have at most 180 bytes and padding at most 200, far below the field's 65,535.
    let size = u16::try_from(body.len() + ecies::OVERHEAD).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = size.to_vec();
    packet.extend(ecies::seal(to, &body, size, &randomness.ecies_key, randomness.iv));
    packet
}

fn open(own: &NodeKey, packet: &[u8]) -> Result<Vec<u8>, HandshakeError> {
    let (prefix, sealed) = packet.split_first_chunk().ok_or(EciesError::TooShort { got: packet.len() })?;
    Ok(ecies::open(own.secret(), sealed, *prefix)?)
}

struct AuthFields {
    signature: [u8; 65],
    remote: PublicKey,
    nonce: B256,
}

fn auth_fields(mut plain: &[u8]) -> Result<AuthFields, HandshakeError> {
    let mut body = Header::decode_bytes(&mut plain, true)?;
    let signature = <[u8; 65]>::decode(&mut body)?;
    let id = PeerId::decode(&mut body)?;
    let nonce = B256::decode(&mut body)?;
    Ok(AuthFields { signature, remote: public_key(&id).map_err(|_| HandshakeError::Key)?, nonce })
}

fn ack_fields(mut plain: &[u8]) -> Result<(PublicKey, B256), HandshakeError> {
    let mut body = Header::decode_bytes(&mut plain, true)?;
    let id = PeerId::decode(&mut body)?;
    let nonce = B256::decode(&mut body)?;
    Ok((public_key(&id).map_err(|_| HandshakeError::Key)?, nonce))
}

fn auth_body(signature: &[u8; 65], id: &PeerId, nonce: &B256) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&[signature, id, nonce, &VERSION], &mut out);
    out
}

fn ack_body(id: &PeerId, nonce: &B256) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&[id, nonce, &VERSION], &mut out);
    out
}

fn sign(token: B256, key: &SecretKey) -> [u8; 65] {
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(token.0), key);
    let (recovery, compact) = signature.serialize_compact();
    let mut out = [0; 65];
    out[..64].copy_from_slice(&compact);
    out[64] = u8::try_from(i32::from(recovery)).unwrap_or_default();
    out
}

fn recover(token: B256, signature: &[u8; 65]) -> Result<PublicKey, HandshakeError> {
    let recovery = RecoveryId::try_from(i32::from(signature[64])).map_err(|_| HandshakeError::Signature)?;
    RecoverableSignature::from_compact(&signature[..64], recovery)
        .and_then(|s| s.recover(Message::from_digest(token.0)))
        .map_err(|_| HandshakeError::Signature)
}
