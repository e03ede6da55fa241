//! Frames: header and body, each encrypted and authenticated (devp2p `rlpx.md`, "Framing").
//!
//! One AES-256-CTR stream and one running keccak per direction, never reset.

use super::handshake::Secrets;
use aes::{
    Aes256, Aes256Enc,
    cipher::{BlockEncrypt, KeyInit},
};
use ctr::{
    Ctr64BE,
    cipher::{KeyIvInit, StreamCipher},
};
use sha3::{Digest, Keccak256};

/// Bytes of a frame's header with its tag.
pub const HEADER: usize = 32;
const TAG: usize = 16;
/// Largest body that the 24-bit size can tell.
pub const MAX_BODY: usize = 0x00ff_ffff;

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A header's tag is wrong.
    #[error("frame header does not authenticate: bytes were damaged or the peer lost track of the stream")]
    HeaderTag,
    /// A body's tag is wrong.
    #[error("frame body does not authenticate: bytes were damaged or the peer lost track of the stream")]
    BodyTag,
    /// Larger than allowed here.
    #[error("frame announces {got} bytes, {max} are allowed here")]
    TooLarge {
        /// Announced.
        got: usize,
        /// Allowed.
        max: usize,
    },
    /// No message id in it.
    #[error("frame holds no valid message id")]
    MessageId,
}

/// The running hash inside a MAC; keccak except in a published vector.
pub trait MacHash {
    /// Absorbs bytes.
    fn absorb(&mut self, data: &[u8]);
    /// Digest of all so far; the state goes on.
    fn digest(&self) -> [u8; 32];
}

impl MacHash for Keccak256 {
    fn absorb(&mut self, data: &[u8]) {
        Digest::update(self, data);
    }

    fn digest(&self) -> [u8; 32] {
        self.clone().finalize().into()
    }
}

struct FrameMac<H> {
    cipher: Aes256Enc,
    hash: H,
}

impl<H: MacHash> FrameMac<H> {
    fn header(&mut self, ciphertext: &[u8; 16]) -> [u8; TAG] {
        self.step(*ciphertext)
    }

    fn body(&mut self, ciphertext: &[u8]) -> [u8; TAG] {
        self.hash.absorb(ciphertext);
        self.step(first_half(self.hash.digest()))
    }

    fn step(&mut self, seed: [u8; 16]) -> [u8; TAG] {
        let mut block = first_half(self.hash.digest()).into();
        self.cipher.encrypt_block(&mut block);
        for (byte, seed) in block.iter_mut().zip(seed) {
            *byte ^= seed;
        }
        self.hash.absorb(&block);
        first_half(self.hash.digest())
    }
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Half of a session's stream.
struct Direction<H> {
    stream: Ctr64BE<Aes256>,
    mac: FrameMac<H>,
}

impl<H: MacHash> Direction<H> {
    fn new(aes: &[u8; 32], mac: &[u8; 32], hash: H) -> Self {
        Self {
            stream: Ctr64BE::<Aes256>::new(aes.into(), &[0; 16].into()),
            mac: FrameMac { cipher: Aes256Enc::new(mac.into()), hash },
        }
    }
}

/// Outgoing frames.
pub struct FrameEncoder<H = Keccak256>(Direction<H>);

/// Incoming frames.
pub struct FrameDecoder<H = Keccak256>(Direction<H>);

/// Makes both directions of a session.
#[must_use]
pub fn codecs(secrets: &Secrets) -> (FrameEncoder, FrameDecoder) {
    let hash = |seed: &[u8]| Keccak256::new().chain_update(seed);
    (
        FrameEncoder::with_hash(&secrets.aes, &secrets.mac, hash(&secrets.egress)),
        FrameDecoder(Direction::new(&secrets.aes, &secrets.mac, hash(&secrets.ingress))),
    )
}

impl<H: MacHash> FrameEncoder<H> {
    /// With a hash that has absorbed the session's seed.
    pub fn with_hash(aes: &[u8; 32], mac: &[u8; 32], hash: H) -> Self {
        Self(Direction::new(aes, mac, hash))
    }

    /// Appends one frame to `out`. Nothing is appended when the message is longer than a frame can be.
    pub fn encode(&mut self, id: u8, data: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let mut prefix = Vec::with_capacity(2);
        alloy_rlp::Encodable::encode(&id, &mut prefix);
        let size = prefix.len() + data.len();
        if size > MAX_BODY {
            return Err(FrameError::TooLarge { got: size, max: MAX_BODY });
        }
        let header = self.header(size);
        out.extend_from_slice(&header);
        let start = out.len();
        out.extend_from_slice(&prefix);
        out.extend_from_slice(data);
        out.resize(start + size.next_multiple_of(16), 0);
        self.0.stream.apply_keystream(&mut out[start..]);
        let tag = self.0.mac.body(&out[start..]);
        out.extend_from_slice(&tag);
        Ok(())
    }

    fn header(&mut self, size: usize) -> [u8; HEADER] {
        let mut plain = [0u8; 16];
        plain[..3].copy_from_slice(&size.to_be_bytes()[size_of::<usize>() - 3..]);
        plain[3..6].copy_from_slice(&[0xc2, 0x80, 0x80]);
        self.0.stream.apply_keystream(&mut plain);
        let tag = self.0.mac.header(&plain);
        let mut out = [0; HEADER];
        out[..16].copy_from_slice(&plain);
        out[16..].copy_from_slice(&tag);
        out
    }
}

/// Size of a body announced by an authentic header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodySize(usize);

impl BodySize {
    /// Bytes to read: body, padding and tag.
    #[must_use]
    pub const fn on_wire(self) -> usize {
        self.0.next_multiple_of(16) + TAG
    }
}

impl<H: MacHash> FrameDecoder<H> {
    /// Checks a header; `max` is the largest body allowed here.
    pub fn header(&mut self, bytes: &[u8; HEADER], max: usize) -> Result<BodySize, FrameError> {
        let mut header = [0; 16];
        header.copy_from_slice(&bytes[..16]);
        if !equal(&self.0.mac.header(&header), &bytes[16..]) {
            return Err(FrameError::HeaderTag);
        }
        self.0.stream.apply_keystream(&mut header);
        let got = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        if got > max { Err(FrameError::TooLarge { got, max }) } else { Ok(BodySize(got)) }
    }

    /// Checks and decrypts a body in place; gives the message id and where its data lies.
    pub fn body(
        &mut self,
        size: BodySize,
        bytes: &mut [u8],
    ) -> Result<(u8, std::ops::Range<usize>), FrameError> {
        if bytes.len() != size.on_wire() {
            return Err(FrameError::BodyTag);
        }
        let (body, tag) = bytes.split_at_mut(size.on_wire() - TAG);
        if !equal(&self.0.mac.body(body), tag) {
            return Err(FrameError::BodyTag);
        }
        self.0.stream.apply_keystream(body);
        let mut rest = &body[..size.0];
        let id = alloy_rlp::Decodable::decode(&mut rest).map_err(|_| FrameError::MessageId)?;
        Ok((id, size.0 - rest.len()..size.0))
    }
}

/// Without an early exit, so that timing tells nothing about where tags differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
}
