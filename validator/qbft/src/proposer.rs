//! Whose turn it is.

use alloy_primitives::Address;
pub use chain::client::ProposerRule;

/// The proposer of `round` among `validators` (ascending) after a block of `parent`; `None` for an empty set.
///
/// The zero address (genesis) stands before every validator, by both rules.
#[must_use]
pub fn proposer(rule: ProposerRule, validators: &[Address], parent: Address, round: u32) -> Option<Address> {
    let step = usize::from(rule != ProposerRule::Sticky);
    let first = match validators.binary_search(&parent) {
        Ok(index) => index.saturating_add(step),
        Err(_) if rule != ProposerRule::Besu && !parent.is_zero() => step,
        Err(next_higher) => next_higher,
    };
    let turn = usize::try_from(round).unwrap_or(usize::MAX);
    let start = first.checked_rem(validators.len())?;
    let offset = turn.checked_rem(validators.len())?;
    validators.get(start.saturating_add(offset).checked_rem(validators.len())?).copied()
}
