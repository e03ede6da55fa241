//! When a node found proposals valid and sent its messages, by its own log.

use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

/// Code of a PROPOSAL.
const PROPOSAL: u64 = 0x12;
/// Code of a COMMIT.
const COMMIT: u64 = 0x14;

/// What a node did at one height, Unix milliseconds with fractions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AtHeight {
    /// First found a proposal valid, or sent its own.
    pub(crate) valid_ms: Option<f64>,
    /// First sent a COMMIT.
    pub(crate) commit_ms: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    message: String,
    height: Option<u64>,
    code: Option<u64>,
}

/// By height.
pub(crate) fn read(path: &Path) -> anyhow::Result<BTreeMap<u64, AtHeight>> {
    let mut heights: BTreeMap<u64, AtHeight> = BTreeMap::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        // A panic's lines are no JSON, and the last line may be cut off.
        let Ok(Line { timestamp, fields }) = serde_json::from_str(&line) else { continue };
        let (Some(height), Some(at_ms)) = (fields.height, unix_ms(&timestamp)) else { continue };
        let at = heights.entry(height).or_default();
        match (fields.message.as_str(), fields.code) {
            ("proposal is valid", _) | ("consensus message sent", Some(PROPOSAL)) => {
                at.valid_ms.get_or_insert(at_ms);
            }
            ("consensus message sent", Some(COMMIT)) => {
                at.commit_ms.get_or_insert(at_ms);
            }
            _ => {}
        }
    }
    Ok(heights)
}

/// Of `2026-11-22T15:12:26.123456Z`.
fn unix_ms(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(str::parse::<u32>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.split(':').map(str::parse::<f64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let seconds = f64::from(days(year, month, day)?) * 86_400.0 + hour * 3600.0 + minute * 60.0 + second;
    Some(seconds * 1000.0)
}

/// Days from 1970 to a date of the Gregorian calendar.
fn days(year: u32, month: u32, day: u32) -> Option<u32> {
    // Years that begin in March end with the day that comes and goes.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    let of_months = (153 * month + 2) / 5;
    (of_years + of_months + day).checked_sub(719_469)
}
