//! Transactions of an account that wait for a block, and when one is offered anew.

/// Blocks after which a transaction that still waits is offered anew.
const STUCK_BLOCKS: u64 = 20;

/// A transaction that waits for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    nonce: u64,
    /// Height at which it was seen first.
    since: u64,
}

impl Waiting {
    /// What is known after a look at an account with this next nonce: `waits` when a transaction of it is on its way.
    #[must_use]
    pub fn seen(before: Option<Self>, nonce: u64, waits: bool, height: u64) -> Option<Self> {
        let same = before.filter(|before| before.nonce == nonce);
        waits.then(|| same.unwrap_or(Self { nonce, since: height }))
    }

    /// Whether it has waited for so long that it is offered anew, with its nonce: at most one of the two can land.
    #[must_use]
    pub const fn is_stuck(&self, height: u64) -> bool {
        height.saturating_sub(self.since) > STUCK_BLOCKS
    }
}

#[cfg(test)]
mod tests {
    use super::Waiting;

    #[test]
    fn what_waits_longer_than_twenty_blocks_is_stuck_and_another_nonce_begins_anew() {
        let first = Waiting::seen(None, 7, true, 100).expect("it waits");
        assert!(!first.is_stuck(120) && first.is_stuck(121));
        assert_eq!(Waiting::seen(Some(first), 7, true, 121), Some(first), "it is the same one");
        assert_eq!(Waiting::seen(Some(first), 7, false, 121), None, "none is on its way any more");
        let next = Waiting::seen(Some(first), 8, true, 121).expect("another waits");
        assert!(!next.is_stuck(141) && next.is_stuck(142));
        assert!(!next.is_stuck(90), "a node that is behind");
    }
}
