//! Points of secp256k1 as sums need them: many affine ones added pair by pair with one inversion, and a few in Jacobian
//! coordinates.

use super::field::Field;

/// A point that is not the neutral one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    x: Field,
    y: Field,
}

impl Affine {
    /// A place holder: no point of the curve.
    pub(super) const NONE: Self = Self { x: Field::ZERO, y: Field::ZERO };

    /// The point with this abscissa whose ordinate is odd or even; none when there is no such point.
    pub(super) fn lift(x: &[u8; 32], odd: bool) -> Option<Self> {
        let x = Field::from_bytes(x)?;
        let y = (x.square() * x + Field::SEVEN).sqrt()?;
        Some(Self { x, y: if y.is_odd() == odd { y } else { Field::ZERO - y } })
    }

    pub(super) fn negated(&self) -> Self {
        Self { x: self.x, y: Field::ZERO - self.y }
    }

    /// The sum of two points whose difference of abscissas has this inverse.
    fn plus(&self, other: &Self, inverse: Field) -> Self {
        let slope = (other.y - self.y) * inverse;
        let x = slope.square() - self.x - other.x;
        Self { x, y: slope * (self.x - x) - self.y }
    }
}

/// Adds the pairs, for the price of one inversion; none when a pair has one abscissa, which chance does not bring about.
pub(super) fn add_pairs(pairs: &[(Affine, Affine)]) -> Option<Vec<Affine>> {
    let mut product = Field::ONE;
    let mut before = Vec::with_capacity(pairs.len());
    for (one, other) in pairs {
        before.push(product);
        product = product * (other.x - one.x);
    }
    let mut inverse = product.invert()?;
    let mut sums = Vec::with_capacity(pairs.len());
    for ((one, other), before) in pairs.iter().zip(before).rev() {
        sums.push(one.plus(other, inverse * before));
        inverse = inverse * (other.x - one.x);
    }
    sums.reverse();
    Some(sums)
}

/// A point in Jacobian coordinates; the neutral one has `z` = 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jacobian {
    x: Field,
    y: Field,
    z: Field,
}

impl Jacobian {
    pub(super) const NEUTRAL: Self = Self { x: Field::ONE, y: Field::ONE, z: Field::ZERO };

    pub(super) fn is_neutral(&self) -> bool {
        self.z.is_zero()
    }

    pub(super) fn doubled(&self) -> Self {
        let (xx, yy) = (self.x.square(), self.y.square());
        let twice = ((self.x + yy).square() - xx - yy.square()).double();
        let slope = xx.double() + xx;
        let x = slope.square() - twice.double();
        let y = slope * (twice - x) - yy.square().double().double().double();
        Self { x, y, z: (self.y * self.z).double() }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        if self.is_neutral() {
            return *other;
        }
        if other.is_neutral() {
            return *self;
        }
        let (zz, zz_other) = (self.z.square(), other.z.square());
        let (u, s) = (self.x * zz_other, self.y * other.z * zz_other);
        let (across, up) = (other.x * zz - u, other.y * self.z * zz - s);
        if across.is_zero() {
            return if up.is_zero() { self.doubled() } else { Self::NEUTRAL };
        }
        let square = across.square();
        let (cube, part) = (square * across, u * square);
        let x = up.square() - cube - part.double();
        Self { x, y: up * (part - x) - s * cube, z: self.z * other.z * across }
    }

    /// As an affine point; none for the neutral one.
    pub(super) fn affine(&self) -> Option<Affine> {
        let inverse = self.z.invert()?;
        let square = inverse.square();
        Some(Affine { x: self.x * square, y: self.y * square * inverse })
    }
}

impl From<Affine> for Jacobian {
    fn from(point: Affine) -> Self {
        Self { x: point.x, y: point.y, z: Field::ONE }
    }
}
