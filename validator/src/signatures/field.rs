//! The field that the coordinates of secp256k1 lie in: integers modulo p = 2^256 − 2^32 − 977.
//!
//! Four limbs, lowest first, of any representative below 2^256. Nothing is constant time: everything here is public.

use std::ops::{Add, Mul, Sub};

/// 2^256 − p.
const FOLD: u64 = 0x1_0000_03d1;
/// p.
const MODULUS: [u64; 4] = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

/// An element of the field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field([u64; 4]);

impl Field {
    pub(super) const ZERO: Self = Self([0; 4]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0]);
    pub(super) const SEVEN: Self = Self([7, 0, 0, 0]);

    /// Reads a big-endian number; none when it is not below p.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*chunk);
        }
        let below = limbs.iter().rev().lt(MODULUS.iter().rev());
        below.then_some(Self(limbs))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; 4] || self.0 == MODULUS
    }

    pub(super) fn is_odd(&self) -> bool {
        let above = !self.0.iter().rev().lt(MODULUS.iter().rev());
        (self.0[0] & 1 == 1) != above
    }

    pub(super) fn square(&self) -> Self {
        *self * *self
    }

    pub(super) fn double(&self) -> Self {
        *self + *self
    }

    fn squared(&self, times: u32) -> Self {
        (0..times).fold(*self, |value, _| value.square())
    }

    /// The inverse; none of zero.
    pub(super) fn invert(&self) -> Option<Self> {
        let runs = Runs::of(self);
        let inverse = ((runs.high() * *self).squared(3) * runs.two).squared(2) * *self;
        (!self.is_zero()).then_some(inverse)
    }

    /// A square root, if there is one.
    pub(super) fn sqrt(&self) -> Option<Self> {
        let runs = Runs::of(self);
        let root = (runs.high().squared(1) * runs.two).squared(2);
        (root.square() - *self).is_zero().then_some(root)
    }
}

/// Powers of an element whose exponents are runs of ones in binary: p − 2 and (p + 1) / 4 are made of them.
struct Runs {
    two: Field,
    twenty_two: Field,
    all: Field,
}

impl Runs {
    fn of(value: &Field) -> Self {
        let two = value.square() * *value;
        let three = two.square() * *value;
        let six = three.squared(3) * three;
        let nine = six.squared(3) * three;
        let eleven = nine.squared(2) * two;
        let twenty_two = eleven.squared(11) * eleven;
        let forty_four = twenty_two.squared(22) * twenty_two;
        let eighty_eight = forty_four.squared(44) * forty_four;
        let most = eighty_eight.squared(88) * eighty_eight;
        let all = most.squared(44) * forty_four;
        Self { two, twenty_two, all: all.squared(3) * three }
    }

    /// 223 ones, a zero, 22 ones, five more places.
    fn high(&self) -> Field {
        (self.all.squared(23) * self.twenty_two).squared(5)
    }
}

const fn carrying(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = a as u128 + b as u128 + carry as u128;
    split(sum)
}

/// Low and high half.
#[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
const fn split(wide: u128) -> (u64, u64) {
    (wide as u64, (wide >> 64) as u64)
}

/// `sum + a · b + carry`, which 128 bits always hold.
const fn multiply_add(sum: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    split(sum as u128 + a as u128 * b as u128 + carry as u128)
}

/// Adds a number below 2^66 or so, folding what overflows.
fn add_small(mut limbs: [u64; 4], low: u64, high: u64) -> [u64; 4] {
    let (first, carry) = carrying(limbs[0], low, 0);
    let (second, carry) = carrying(limbs[1], high, carry);
    let (third, carry) = carrying(limbs[2], 0, carry);
    let (fourth, carry) = carrying(limbs[3], 0, carry);
    limbs = [first, second, third, fourth];
    if carry == 0 { limbs } else { add_small(limbs, FOLD, 0) }
}

impl Add for Field {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (mut sum, mut carry) = ([0; 4], 0);
        for (place, limb) in sum.iter_mut().enumerate() {
            (*limb, carry) = carrying(self.0[place], other.0[place], carry);
        }
        Self(if carry == 0 { sum } else { add_small(sum, FOLD, 0) })
    }
}

impl Sub for Field {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let minus = |from: [u64; 4], what: [u64; 4]| {
            let (mut left, mut borrow) = ([0; 4], false);
            for (place, limb) in left.iter_mut().enumerate() {
                let (first, below) = from[place].overflowing_sub(what[place]);
                let (second, again) = first.overflowing_sub(u64::from(borrow));
                (*limb, borrow) = (second, below || again);
            }
            (left, borrow)
        };
        let (mut left, mut borrow) = minus(self.0, other.0);
        while borrow {
            (left, borrow) = minus(left, [FOLD, 0, 0, 0]);
        }
        Self(left)
    }
}

impl Mul for Field {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mut wide = [0_u64; 8];
        for row in 0..4 {
            let mut carry = 0;
            for column in 0..4 {
                (wide[row + column], carry) = multiply_add(wide[row + column], a[row], b[column], carry);
            }
            wide[row + 4] = carry;
        }
        let (mut folded, mut carry) = ([0; 4], 0);
        for place in 0..4 {
            (folded[place], carry) = multiply_add(wide[place], wide[place + 4], FOLD, carry);
        }
        let (low, high) = multiply_add(0, carry, FOLD, 0);
        Self(add_small(folded, low, high))
    }
}
