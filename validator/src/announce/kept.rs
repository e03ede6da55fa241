//! What was announced, on disk: after a restart nodes find seats that moved since their configuration was written.
//!
//! The file is a memory, no authority: whatever stands in it is checked like what a peer says.

use super::encode;
use crate::replaced;
use alloy_rlp::decode_exact;
use chain::announcement::Announcement;
use devp2p::Notice;
use std::{
    collections::BTreeMap,
    io,
    path::Path,
    time::{Duration, Instant},
};

/// Beside the node's data.
const FILE: &str = "announcements.rlp";
/// Shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest time that a newer announcement of the same place waits.
const RENEW: Duration = Duration::from_mins(5);

/// What was kept and is good still.
pub(super) fn load(dir: &Path, chain_id: u64, now_ms: u64) -> io::Result<Vec<Announcement>> {
    // A file of the longest message that a peer may send.
    let bytes = replaced::read(&dir.join(FILE), Notice::Identity.max_bytes() as u64)?.unwrap_or_default();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<Announcement> =
        decode_exact(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(list.into_iter().filter(|said| said.verify(chain_id, now_ms).is_ok()).collect())
}

/// Replaces what was kept.
pub(super) fn store(dir: &Path, list: &[Announcement]) -> io::Result<()> {
    replaced::write(dir, FILE, &encode(&list.iter().collect::<Vec<_>>()))
}

/// When to write.
#[derive(Default)]
pub(super) struct Upkeep {
    written: Vec<Announcement>,
    at: Option<Instant>,
}

impl Upkeep {
    /// As if it had been written just now.
    pub(super) fn note(&mut self, list: Vec<Announcement>, now: Instant) {
        (self.written, self.at) = (list, Some(now));
    }

    /// Whether a list is to be written: soon when a seat is elsewhere, in a while when it only said so again.
    pub(super) fn is_due(&self, list: &[Announcement], now: Instant) -> bool {
        if self.written == list {
            return false;
        }
        let pause = if places(&self.written) == places(list) { RENEW } else { PAUSE };
        self.at.is_none_or(|at| now.saturating_duration_since(at) >= pause)
    }

    /// Whether a list differs at all.
    pub(super) fn differs(&self, list: &[Announcement]) -> bool {
        self.written != list
    }
}

fn places(list: &[Announcement]) -> BTreeMap<&[u8], (&[u8], &str)> {
    list.iter()
        .map(|said| (said.identity.as_slice(), (said.node_id.as_slice(), said.endpoint.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B512};
    use chain::signature::seal_from;
    use k256::ecdsa::SigningKey;

    const CHAIN: u64 = 5;

    fn said(seed: u8, endpoint: &str, sequence: u64) -> Announcement {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let mut made = Announcement {
            identity: Address::from_private_key(&key),
            node_id: B512::repeat_byte(seed),
            endpoint: endpoint.to_string(),
            sequence,
            signature: chain::Seal::ZERO,
        };
        let (signature, recovery) = key.sign_prehash_recoverable(made.digest(CHAIN).as_slice()).unwrap();
        let signature =
            alloy_primitives::Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd());
        made.signature = seal_from(&signature);
        made
    }

    #[test]
    fn what_was_kept_comes_back_and_what_somebody_put_there_does_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path(), CHAIN, 1_000).unwrap(), []);
        let good = [said(1, "a.example:30303", 10), said(2, "", 11)];
        let forged =
            Announcement { endpoint: "evil.example:30303".to_string(), ..said(3, "c.example:1", 12) };
        let ahead = said(4, "d.example:1", u64::MAX);
        store(dir.path(), &[good.as_slice(), &[forged, ahead]].concat()).unwrap();
        assert_eq!(load(dir.path(), CHAIN, 1_000).unwrap(), good);
        assert_eq!(load(dir.path(), CHAIN + 1, 1_000).unwrap(), [], "of another chain");
        let whole = std::fs::read(dir.path().join(FILE)).unwrap();
        std::fs::write(dir.path().join(FILE), &whole[..whole.len() - 1]).unwrap();
        assert!(load(dir.path(), CHAIN, 1_000).is_err(), "cut");
    }

    #[test]
    fn a_seat_that_moved_is_written_soon_and_one_that_spoke_again_in_a_while() {
        let start = Instant::now();
        let mut upkeep = Upkeep::default();
        let before = vec![said(1, "a:1", 10)];
        assert!(!upkeep.is_due(&[], start) && upkeep.is_due(&before, start));
        upkeep.note(before.clone(), start);
        let (again, moved) = ([said(1, "a:1", 20)], [said(1, "b:1", 20)]);
        let due = |list: &[Announcement], after| upkeep.is_due(list, start + after);
        assert!(!due(&before, RENEW) && !upkeep.differs(&before));
        assert!(!due(&again, PAUSE) && due(&again, RENEW) && upkeep.differs(&again));
        assert!(!due(&moved, PAUSE.checked_sub(Duration::from_millis(1)).unwrap()) && due(&moved, PAUSE));
    }
}
