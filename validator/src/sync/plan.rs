//! What to fetch and from whom, as a pure function.

use devp2p::PeerId;

/// A block that peers have and we do not is probably on its way; so long we wait for it.
const GRACE_MS: u64 = 400;
/// So long without a new head, a peer is asked whether there is one.
const QUIET_MS: u64 = 5_000;

/// The highest block a peer claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub peer: PeerId,
    /// Height.
    pub head: u64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing now.
    Wait,
    /// Fetch what follows our head from this peer.
    Fetch(PeerId),
}

/// Decides. `heard` is a height that validators were heard to have passed, `waited_ms` how long our head has been
/// behind, `quiet_ms` how long ago it last moved or a peer was last asked; `turn` spreads requests over equal peers.
pub fn plan(head: u64, claims: &[Claim], heard: u64, waited_ms: u64, quiet_ms: u64, turn: usize) -> Plan {
    let ahead: Vec<PeerId> = claims.iter().filter(|c| c.head > head).map(|c| c.peer).collect();
    let best = claims.iter().map(|c| c.head).max().unwrap_or(0).max(heard);
    let lag = best.saturating_sub(head);
    let urgent = lag > 1 || (lag == 1 && waited_ms >= GRACE_MS);
    if urgent && !ahead.is_empty() {
        return pick(ahead.iter(), turn);
    }
    // Votes on later heights tell that a block exists, not who has it; a long silence tells nothing.
    if (urgent && quiet_ms >= GRACE_MS) || quiet_ms >= QUIET_MS {
        return pick(claims.iter().map(|c| &c.peer), turn);
    }
    Plan::Wait
}

fn pick<'a>(peers: impl ExactSizeIterator<Item = &'a PeerId>, turn: usize) -> Plan {
    let count = peers.len().max(1);
    peers.copied().nth(turn % count).map_or(Plan::Wait, Plan::Fetch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(heads: &[u64]) -> Vec<Claim> {
        heads.iter().zip(1..).map(|(head, id)| Claim { peer: PeerId::repeat_byte(id), head: *head }).collect()
    }

    fn fetch(id: u8) -> Plan {
        Plan::Fetch(PeerId::repeat_byte(id))
    }

    #[test]
    fn nothing_is_fetched_while_nobody_claims_more() {
        assert_eq!(plan(9, &claims(&[9, 3]), 9, 0, 0, 0), Plan::Wait);
        assert_eq!(plan(9, &[], 100, 9_999, 9_999, 0), Plan::Wait);
    }

    #[test]
    fn one_block_is_waited_for_and_then_fetched() {
        assert_eq!(plan(9, &claims(&[10]), 0, 399, 0, 0), Plan::Wait);
        assert_eq!(plan(9, &claims(&[10]), 0, 400, 0, 0), fetch(1));
    }

    #[test]
    fn a_larger_gap_is_fetched_at_once_from_those_ahead_in_turn() {
        let claims = claims(&[9, 20, 30]);
        assert_eq!(plan(9, &claims, 0, 0, 0, 0), fetch(2));
        assert_eq!(plan(9, &claims, 0, 0, 0, 1), fetch(3));
        assert_eq!(plan(9, &claims, 0, 0, 0, 2), fetch(2));
    }

    #[test]
    fn votes_on_later_heights_make_any_peer_be_asked_but_not_in_a_hot_loop() {
        assert_eq!(plan(9, &claims(&[9, 9]), 12, 0, 399, 1), Plan::Wait);
        assert_eq!(plan(9, &claims(&[9, 9]), 12, 0, 400, 1), fetch(2));
    }

    #[test]
    fn a_long_silence_makes_a_peer_be_asked() {
        assert_eq!(plan(9, &claims(&[9]), 0, 0, 4_999, 0), Plan::Wait);
        assert_eq!(plan(9, &claims(&[9]), 0, 0, 5_000, 0), fetch(1));
    }
}
