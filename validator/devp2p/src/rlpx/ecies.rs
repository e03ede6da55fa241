//! Asymmetric encryption of the handshake packets (devp2p `rlpx.md`, "ECIES Encryption").
//!
//! `04 ‖ R(64) ‖ iv(16) ‖ ciphertext ‖ tag(32)`. The shared secret is the bare x coordinate of the ECDH point, and the
//! MAC key is the SHA-256 of the second half of the derived key.

use aes::Aes128;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use hmac::{Hmac, Mac};
use secp256k1::{PublicKey, SecretKey, ecdh::shared_secret_point};
use sha2::{Digest, Sha256};

/// Bytes that encryption adds.
pub const OVERHEAD: usize = POINT + IV + TAG;
const POINT: usize = 65;
const IV: usize = 16;
const TAG: usize = 32;

/// Why a ciphertext does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EciesError {
    /// Shorter than the overhead.
    #[error("encrypted packet has {got} bytes, at least {OVERHEAD} are needed")]
    TooShort {
        /// Its length.
        got: usize,
    },
    /// Does not start with a point of the curve.
    #[error("encrypted packet does not start with a secp256k1 point")]
    Point,
    /// Not encrypted to this key, or damaged.
    #[error("encrypted packet was made for another key or damaged on the way")]
    Tag,
}

/// x coordinate of the ECDH point, unhashed.
#[must_use]
pub fn shared_x(point: &PublicKey, scalar: &SecretKey) -> [u8; 32] {
    let both = shared_secret_point(point, scalar);
    let mut x = [0; 32];
    x.copy_from_slice(&both[..32]);
    x
}

/// Encrypts to a key. `prefix` is authenticated but not part of the output; `ephemeral` and `iv` must be fresh.
#[must_use]
pub fn seal(to: &PublicKey, plain: &[u8], prefix: [u8; 2], ephemeral: &SecretKey, iv: [u8; IV]) -> Vec<u8> {
    let (encryption, authentication) = derive(&shared_x(to, ephemeral));
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
    out.extend_from_slice(&PublicKey::from_secret_key_global(ephemeral).serialize_uncompressed());
    out.extend_from_slice(&iv);
    out.extend_from_slice(plain);
    Ctr128BE::<Aes128>::new(&encryption.into(), &iv.into()).apply_keystream(&mut out[POINT + IV..]);
    let tag = tag(&authentication, &out[POINT..], prefix).finalize().into_bytes();
    out.extend_from_slice(&tag);
    out
}

/// Decrypts what was sealed to this key with the same prefix.
pub fn open(own: &SecretKey, sealed: &[u8], prefix: [u8; 2]) -> Result<Vec<u8>, EciesError> {
    if sealed.len() < OVERHEAD {
        return Err(EciesError::TooShort { got: sealed.len() });
    }
    let (point, rest) = sealed.split_at(POINT);
    let (authenticated, expected) = rest.split_at(rest.len() - TAG);
    let point = PublicKey::from_slice(point).map_err(|_| EciesError::Point)?;
    let (encryption, authentication) = derive(&shared_x(&point, own));
    tag(&authentication, authenticated, prefix).verify_slice(expected).map_err(|_| EciesError::Tag)?;
    let (iv, ciphertext) = authenticated.split_at(IV);
    let mut plain = ciphertext.to_vec();
    let iv: [u8; IV] = iv.try_into().map_err(|_| EciesError::TooShort { got: sealed.len() })?;
    Ctr128BE::<Aes128>::new(&encryption.into(), &iv.into()).apply_keystream(&mut plain);
    Ok(plain)
}

/// NIST concatenation KDF with SHA-256, one block: encryption key and MAC key.
fn derive(shared: &[u8; 32]) -> ([u8; 16], [u8; 32]) {
    let block = Sha256::new().chain_update(1u32.to_be_bytes()).chain_update(shared).finalize();
    let mut encryption = [0; 16];
    encryption.copy_from_slice(&block[..16]);
    (encryption, Sha256::digest(&block[16..]).into())
}

fn tag(key: &[u8; 32], data: &[u8], prefix: [u8; 2]) -> Hmac<Sha256> {
    // The block size of SHA-256 is 64: a 32-byte key padded with zeros is the same HMAC key.
    let mut block = [0u8; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into()).chain_update(data).chain_update(prefix)
}
