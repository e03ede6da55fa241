//! Everything random, from the seed: the same requests get the same keys, versions and faults in every run.

use hmac::{Hmac, Mac as _, digest::Key};
use k256::ecdsa::SigningKey;
use sha2::Sha256;

/// The double's seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    /// 32 bytes that belong to these labels.
    pub(crate) fn bytes(self, labels: &[&[u8]]) -> [u8; 32] {
        let mut mac = keyed(&self.0.to_be_bytes());
        for label in labels {
            mac.update(&(label.len() as u64).to_be_bytes());
            mac.update(label);
        }
        mac.finalize().into_bytes().into()
    }

    /// Draws that belong to these labels.
    pub(crate) fn draw(self, labels: &[&[u8]]) -> Draw {
        Draw(self.bytes(labels), 0)
    }

    /// A signing key that belongs to these labels.
    pub(crate) fn key(self, labels: &[&[u8]]) -> SigningKey {
        let mut bytes = self.bytes(labels);
        loop {
            // Out of the curve's range once in 2^128.
            if let Ok(key) = SigningKey::from_slice(&bytes) {
                return key;
            }
            bytes = self.bytes(&[&bytes]);
        }
    }
}

/// Numbers, one after the other.
pub(crate) struct Draw([u8; 32], usize);

impl Draw {
    fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        // Four numbers: nothing draws more.
        let from = self.1 % 4 * 8;
        bytes.copy_from_slice(&self.0[from..from + 8]);
        self.1 += 1;
        u64::from_be_bytes(bytes)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// From 0 to below 1.
    pub(crate) fn share(&mut self) -> f64 {
        const PARTS: u32 = 1 << 30;
        f64::from(u32::try_from(self.next() >> 34).unwrap_or_default()) / f64::from(PARTS)
    }
}

/// HMAC-SHA-256 with this key.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length: the other arm is never run.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Key::<Hmac<Sha256>>::default()))
}
