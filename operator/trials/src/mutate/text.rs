//! Strings that match a pattern, made from the pattern.

use rand::{Rng, seq::IndexedRandom};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Which of the strings of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As short as may be, first alternatives.
    Short,
    /// As long as may be, last alternatives.
    Long,
    /// Any.
    Random,
}

/// A string of the pattern with a length (in characters) within the bounds; `None` when the pattern is not understood
/// or has no such string that is found in some tries.
pub fn matching(
    pattern: &str,
    lengths: std::ops::RangeInclusive<usize>,
    choice: Choice,
    random: &mut impl Rng,
) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let most = *lengths.end();
    let caps: Vec<usize> = match choice {
        Choice::Short => (0..=most + 1).collect(),
        Choice::Long => Vec::new(),
        Choice::Random => (0..64).map(|_| random.random_range(0..=most.min(24))).collect(),
    };
    let mut text = |cap: usize| {
        let mut text = String::new();
        write(&hir, choice, (cap, most), random, &mut text);
        let length = text.chars().count();
        (text, length)
    };
    // Unbounded repetitions are cut so that the whole fits: the longest that does is wanted.
    if choice == Choice::Long {
        let (mut fits, mut too_long) = (0, most + 2);
        while fits + 1 < too_long {
            let cap = usize::midpoint(fits, too_long);
            if text(cap).1 <= most { fits = cap } else { too_long = cap }
        }
        return Some(text(fits)).filter(|(_, length)| lengths.contains(length)).map(|(text, _)| text);
    }
    let mut fitting = caps.into_iter().map(text).filter(|(_, length)| lengths.contains(length));
    fitting.next().map(|(text, _)| text)
}

/// The pattern's own depth bounds the recursion; what is longer than `most` is thrown away, so it is not gone on with.
fn write(hir: &Hir, choice: Choice, (cap, most): (usize, usize), random: &mut impl Rng, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(character(class, choice, random)),
        HirKind::Capture(capture) => write(&capture.sub, choice, (cap, most), random, text),
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, choice, (cap, most), random, text);
            }
        }
        HirKind::Alternation(parts) => {
            let index = match choice {
                Choice::Short => 0,
                Choice::Long => parts.len() - 1,
                Choice::Random => random.random_range(0..parts.len()),
            };
            write(&parts[index], choice, (cap, most), random, text);
        }
        HirKind::Repetition(repetition) => {
            let least = repetition.min as usize;
            let greatest = repetition.max.map_or(least.max(cap), |bound| bound as usize);
            let count = match choice {
                Choice::Short => least.max(if repetition.max.is_none() { cap.min(greatest) } else { least }),
                Choice::Long => greatest,
                Choice::Random => random.random_range(least..=greatest),
            };
            for _ in 0..count {
                if text.len() > most * 4 {
                    return;
                }
                write(&repetition.sub, choice, (cap, most), random, text);
            }
        }
    }
}

fn character(class: &Class, choice: Choice, random: &mut impl Rng) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    // What people write, where the class has such: letters and digits rather than signs, which may not stand at an end.
    let has = |c: &char| ranges.iter().any(|(start, end)| (*start..=*end).contains(c));
    let mut plain = ('0'..='9').chain('a'..='z').chain('A'..='Z');
    match choice {
        Choice::Short => plain.find(has),
        Choice::Long => plain.rfind(has),
        Choice::Random => {
            let printable: Vec<char> = ('!'..='~').filter(has).collect();
            printable.choose(random).copied()
        }
    }
    .or_else(|| ranges.first().map(|range| range.0))
}

#[cfg(test)]
mod tests {
    use super::{Choice, matching};
    use operator_core::api::formats;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn every_pattern_of_our_own_gives_short_long_and_random_strings_that_match_it() {
        let mut random = StdRng::seed_from_u64(1);
        for (pattern, most) in [
            (formats::ADDRESS, 42),
            (formats::HASH, 66),
            (formats::SECONDS, 8),
            (formats::MILLISECONDS, 8),
            (formats::AMOUNT, 34),
            (formats::QUANTITY, 32),
            (formats::LABEL, 40),
            (formats::OBJECT_NAME, 253),
            (formats::CIDR, 43),
            (formats::IMAGE, 512),
        ] {
            let compiled = regex::Regex::new(pattern).expect("a pattern");
            for choice in [Choice::Short, Choice::Long, Choice::Random] {
                let text = matching(pattern, 1..=most, choice, &mut random)
                    .unwrap_or_else(|| panic!("{pattern} {choice:?}"));
                assert!(compiled.is_match(&text) && text.len() <= most, "{pattern}: {text:?}");
            }
        }
        let short = matching("^[a-z][a-z0-9]*$", 1..=12, Choice::Short, &mut random);
        assert_eq!(short.as_deref(), Some("a"));
        let long = matching("^[a-z][a-z0-9]*$", 1..=12, Choice::Long, &mut random);
        assert_eq!(long.map(|text| text.len()), Some(12));
        assert_eq!(matching("^x{9}$", 0..=5, Choice::Long, &mut random), None, "no such string");
    }
}
