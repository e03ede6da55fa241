//! Many ECDSA signatures by known keys at once.
//!
//! A signature (r, s) over z by the key Q holds when R = (z/s)·G + (r/s)·Q, R being the point with abscissa r whose ordinate
//! is odd or even as told. All hold when Σ aᵢ·(Rᵢ − (zᵢ/sᵢ)·G − (rᵢ/sᵢ)·Qᵢ) is the neutral point for random aᵢ. Terms of
//! one key are one term, and a factor of 256 bits is two of 128, of the point and of 2^128 times it.

use super::{
    point::{Affine, Jacobian},
    sum::vanishes,
};
use k256::{
    Scalar, U256,
    elliptic_curve::{PrimeField as _, ops::Reduce},
};
use rand::RngCore;
use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock},
};

/// Coordinates of the group's generator (SEC 2).
const GENERATOR: [u8; 64] = alloy_primitives::hex!(
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
);

/// A public key.
#[derive(Debug)]
pub(super) struct Key {
    point: Affine,
    /// 2^128 times it, worked out when the key comes again.
    shifted: OnceLock<Option<Affine>>,
}

impl Key {
    /// From both coordinates; none when they are of no point.
    pub(super) fn new(coordinates: &[u8]) -> Option<Self> {
        let (x, y) = coordinates.split_first_chunk::<32>()?;
        let point = Affine::lift(x, y.last()? & 1 == 1)?;
        Some(Self { point, shifted: OnceLock::new() })
    }

    /// The two terms that a factor of 256 bits makes.
    fn times(&self, factor: &Scalar) -> Option<[(Affine, u128); 2]> {
        let shift = || (0..128).fold(Jacobian::from(self.point), |point, _| point.doubled()).affine();
        let shifted = (*self.shifted.get_or_init(shift))?;
        let bytes = factor.to_bytes();
        let (high, low) = bytes.split_first_chunk::<16>()?;
        let low = u128::from_be_bytes(low.try_into().ok()?);
        Some([(self.point, low), (shifted, u128::from_be_bytes(*high))])
    }
}

/// A signature and what it is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed {
    pub(super) digest: [u8; 32],
    pub(super) r: [u8; 32],
    pub(super) s: [u8; 32],
    /// Whether the ordinate of R is odd.
    pub(super) odd: bool,
}

/// Whether every signature is by its key; none when that could not be told, as when one cannot be anybody's.
pub(super) fn all_hold(claims: &[(&Signed, &Key)], chance: &mut impl RngCore) -> Option<bool> {
    static BASE: LazyLock<Option<Key>> = LazyLock::new(|| Key::new(&GENERATOR));
    let inverses = inverses(claims.iter().map(|(signed, _)| scalar(signed.s)))?;
    let mut terms = Vec::with_capacity(claims.len() * 3 + 2);
    let mut of_keys: HashMap<*const Key, (Scalar, &Key)> = HashMap::new();
    let mut of_base = Scalar::ZERO;
    for ((signed, key), inverse) in claims.iter().zip(inverses) {
        let weight = (u128::from(chance.next_u64()) << 64) | u128::from(chance.next_u64()) | 1;
        terms.push((Affine::lift(&signed.r, signed.odd)?, weight));
        let weighted = Scalar::from(weight) * inverse;
        of_base -= weighted * <Scalar as Reduce<U256>>::reduce_bytes(&signed.digest.into());
        let (factor, _) = of_keys.entry(std::ptr::from_ref(*key)).or_insert((Scalar::ZERO, key));
        *factor -= weighted * scalar(signed.r)?;
    }
    for (factor, key) in of_keys.into_values() {
        terms.extend(key.times(&factor)?);
    }
    terms.extend(BASE.as_ref()?.times(&of_base)?);
    vanishes(&terms)
}

/// A number below the group's order.
fn scalar(bytes: [u8; 32]) -> Option<Scalar> {
    Option::from(Scalar::from_repr(bytes.into()))
}

/// The inverse of each, for the price of one; none when one is zero or no scalar.
fn inverses(values: impl Iterator<Item = Option<Scalar>>) -> Option<Vec<Scalar>> {
    let values: Vec<Scalar> = values.collect::<Option<_>>()?;
    let mut product = Scalar::ONE;
    let mut inverses: Vec<Scalar> = Vec::with_capacity(values.len());
    for value in &values {
        inverses.push(product);
        product *= value;
    }
    let mut inverse = Option::<Scalar>::from(product.invert())?;
    for (before, value) in inverses.iter_mut().zip(&values).rev() {
        *before *= inverse;
        inverse *= value;
    }
    Some(inverses)
}
