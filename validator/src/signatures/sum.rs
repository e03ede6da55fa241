//! Sums of many points with 128-bit factors: Pippenger's buckets, one signed digit at a time.

use super::point::{Affine, Jacobian, add_pairs};

/// Bits of a digit that are worth trying.
const WIDTHS: std::ops::RangeInclusive<u32> = 3..=10;
/// What an addition in Jacobian coordinates costs against one of a pair of affine points, times two.
const WEIGHT: usize = 7;

/// Whether the sum of all points, each times its factor, is the neutral point; none when that could not be told, as
/// points coincided.
pub(super) fn vanishes(terms: &[(Affine, u128)]) -> Option<bool> {
    let width = width(terms.len());
    let mut sum = Jacobian::NEUTRAL;
    for place in (0..places(width)).rev() {
        for _ in 0..width {
            sum = sum.doubled();
        }
        let still = still(width, place);
        let digits: Vec<i16> = terms.iter().map(|(_, factor)| digit(*factor, width, place, still)).collect();
        let points = terms.iter().zip(&digits).map(|((point, _), digit)| (point, *digit));
        sum = sum.plus(&weighted(bucket_sums(points, 1 << (width - 1))?));
    }
    Some(sum.is_neutral())
}

/// Digits of a 128-bit factor and the carry out of it.
const fn places(width: u32) -> u32 {
    u128::BITS / width + 1
}

/// The width with the least work: each digit of each term is one addition, each bucket two dearer ones.
fn width(terms: usize) -> u32 {
    let work = |width: &u32| places(*width) as usize * (terms + (WEIGHT << (width - 1)) / 2);
    WIDTHS.min_by_key(work).unwrap_or(8)
}

/// The signed digit at a place: at most half the base, the rest is carried to the next. What the places below carry is 1
/// exactly when their value is above `still`.
fn digit(factor: u128, width: u32, place: u32, still: u128) -> i16 {
    let low = place * width;
    let below = factor & u128::MAX.checked_shr(u128::BITS.saturating_sub(low)).unwrap_or(0);
    let own = factor.checked_shr(low).unwrap_or(0) & ((1 << width) - 1);
    let value = i16::try_from(own + u128::from(below > still)).unwrap_or(i16::MAX);
    if value > 1 << (width - 1) { value - (1 << width) } else { value }
}

/// The largest value of the places below that carries nothing: each of them at half the base.
fn still(width: u32, place: u32) -> u128 {
    (0..place).fold(0, |sum, below| sum | (1_u128 << (width - 1)).checked_shl(below * width).unwrap_or(0))
}

/// The sum of the points with each absolute digit, negated where the digit is negative.
fn bucket_sums<'a>(
    digits: impl Iterator<Item = (&'a Affine, i16)> + Clone,
    buckets: usize,
) -> Option<Vec<Option<Affine>>> {
    let at = |digit: i16| usize::from(digit.unsigned_abs()).checked_sub(1);
    let mut lengths = vec![0_usize; buckets];
    for bucket in digits.clone().filter_map(|(_, digit)| at(digit)) {
        lengths[bucket] += 1;
    }
    let mut next = starts(&lengths);
    let mut points = vec![Affine::NONE; lengths.iter().sum()];
    for (point, digit) in digits {
        let Some(bucket) = at(digit) else { continue };
        points[next[bucket]] = if digit < 0 { point.negated() } else { *point };
        next[bucket] += 1;
    }
    while lengths.iter().any(|length| *length > 1) {
        (points, lengths) = halved(&points, &lengths)?;
    }
    let mut points = points.into_iter();
    Some(lengths.iter().map(|length| if *length > 0 { points.next() } else { None }).collect())
}

fn starts(lengths: &[usize]) -> Vec<usize> {
    let starts = lengths.iter().scan(0, |start, length| {
        let own = *start;
        *start += length;
        Some(own)
    });
    starts.collect()
}

/// Adds neighbours in each bucket.
fn halved(points: &[Affine], lengths: &[usize]) -> Option<(Vec<Affine>, Vec<usize>)> {
    let mut pairs = Vec::with_capacity(points.len() / 2);
    let mut rest = points;
    for length in lengths {
        let (own, others) = rest.split_at(*length);
        rest = others;
        pairs.extend(own.chunks_exact(2).map(|pair| (pair[0], pair[1])));
    }
    let mut sums = add_pairs(&pairs)?.into_iter();
    let mut left = Vec::with_capacity(points.len() / 2 + lengths.len());
    let mut rest = points;
    for length in lengths {
        let (own, others) = rest.split_at(*length);
        rest = others;
        left.extend(sums.by_ref().take(length / 2));
        left.extend(own.chunks_exact(2).remainder());
    }
    Some((left, lengths.iter().map(|length| length.div_ceil(2)).collect()))
}

/// Each bucket's sum times its digit, together.
fn weighted(buckets: Vec<Option<Affine>>) -> Jacobian {
    let (mut running, mut total) = (Jacobian::NEUTRAL, Jacobian::NEUTRAL);
    for bucket in buckets.into_iter().rev() {
        if let Some(point) = bucket {
            running = running.plus(&point.into());
        }
        total = total.plus(&running);
    }
    total
}
