//! What to fetch and from whom, as a pure function.

use super::turns::Rest;
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
    /// The first block whose body it has.
    pub earliest: u64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing now.
    Wait,
    /// Fetch what follows our head from this peer.
    Fetch(PeerId),
}

/// Whom to ask for what follows `head`: those that have it, rested ones first. One that did not answer lately is asked
/// only while nobody else is ahead, and never again at once.
pub(super) fn askable(claims: &[(Claim, Rest)], head: u64) -> Vec<Claim> {
    let of =
        |rest| claims.iter().filter(move |(claim, r)| *r == rest && claim.earliest <= head.saturating_add(1));
    let is_ahead = |(claim, _): &&(Claim, Rest)| claim.head > head;
    let use_resting = !of(Rest::Awake).any(|c| is_ahead(&c)) && of(Rest::Resting).any(|c| is_ahead(&c));
    of(if use_resting { Rest::Resting } else { Rest::Awake }).map(|(claim, _)| *claim).collect()
}

/// Whether some are ahead, and none of them has the next block.
pub(super) fn is_cut_off(claims: &[Claim], head: u64) -> bool {
    let mut ahead = claims.iter().filter(|claim| claim.head > head).peekable();
    ahead.peek().is_some() && ahead.all(|claim| claim.earliest > head.saturating_add(1))
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
        heads
            .iter()
            .zip(1..)
            .map(|(head, id)| Claim { peer: PeerId::repeat_byte(id), head: *head, earliest: 0 })
            .collect()
    }

    fn fetch(id: u8) -> Plan {
        Plan::Fetch(PeerId::repeat_byte(id))
    }

    fn askable_of(rests: &[(u64, Rest)]) -> Vec<u64> {
        let claims: Vec<_> = claims(&rests.iter().map(|(head, _)| *head).collect::<Vec<_>>());
        let claims: Vec<_> = claims.into_iter().zip(rests).map(|(claim, (_, rest))| (claim, *rest)).collect();
        askable(&claims, 9).iter().map(|claim| claim.head).collect()
    }

    #[test]
    fn one_that_did_not_answer_is_asked_only_while_nobody_else_is_ahead() {
        use Rest::{Awake, Paused, Resting};
        assert_eq!(askable_of(&[(20, Resting), (21, Awake), (9, Awake)]), [21, 9]);
        assert_eq!(askable_of(&[(20, Resting), (22, Paused), (9, Awake)]), [20]);
        assert_eq!(askable_of(&[(20, Paused), (9, Awake), (8, Resting)]), [9]);
        assert_eq!(askable_of(&[(20, Paused)]), [0; 0]);
    }

    #[test]
    fn a_peer_that_began_with_a_snapshot_is_not_asked_for_what_came_before() {
        let mut claim = claims(&[20])[0];
        claim.earliest = 10;
        assert_eq!(askable(&[(claim, Rest::Awake)], 9), [claim]);
        assert!(!is_cut_off(&[claim], 9));
        claim.earliest = 11;
        assert_eq!(askable(&[(claim, Rest::Awake)], 9), []);
        assert!(is_cut_off(&[claim], 9));
        assert!(!is_cut_off(&[claim, claims(&[10])[0]], 9));
        assert!(!is_cut_off(&[claim], 20));
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
