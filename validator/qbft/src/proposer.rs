//! Whose turn it is.

use alloy_primitives::Address;

/// How the turn moves when the parent's proposer has left the set (`qbft-facts` §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProposerRule {
    /// The next higher address, wrapping round: Besu and every new network of ours.
    #[default]
    Besu,
    /// As if it had been the first of the set: GoQuorum.
    GoQuorum,
}

/// The proposer of `round` among `validators` (ascending) after a block of `parent`; `None` for an empty set.
///
/// The zero address (genesis) stands before every validator, by both rules.
#[must_use]
pub fn proposer(rule: ProposerRule, validators: &[Address], parent: Address, round: u32) -> Option<Address> {
    let first = match validators.binary_search(&parent) {
        Ok(index) => index.saturating_add(1),
        Err(_) if rule == ProposerRule::GoQuorum && !parent.is_zero() => 1,
        Err(next_higher) => next_higher,
    };
    let turn = usize::try_from(round).unwrap_or(usize::MAX);
    let start = first.checked_rem(validators.len())?;
    let offset = turn.checked_rem(validators.len())?;
    validators.get(start.saturating_add(offset).checked_rem(validators.len())?).copied()
}
