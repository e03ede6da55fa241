//! What the binary does.

pub(crate) mod failover;
pub(crate) mod long;
pub(crate) mod recovery;
pub(crate) mod reseat;
pub(crate) mod seeds;
pub(crate) mod soak;

/// A quotient for people.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn per(count: u64, of: f64) -> f64 {
    count as f64 / of.max(0.001)
}
