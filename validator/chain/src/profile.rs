//! Which client's rules a network was made for. Where GoQuorum and Besu differ in what a valid block is, whose turn it is
//! or when a transition takes effect, the family decides (`qbft-facts` §1.6, §3.2, §4).

use serde::{Deserialize, Serialize};

/// Whose rules hold on a network. Read off the genesis file; a node's configuration may say otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    /// Networks of ours: Besu's rules, and parameters that a governance contract changes.
    #[default]
    Quorate,
    /// Hyperledger Besu.
    Besu,
    /// GoQuorum.
    GoQuorum,
}

impl Family {
    /// Whether a transition at block B that concerns the validator set (mode, contract, list) takes effect for block
    /// B + 1: GoQuorum looks it up by the parent's number, Besu by the new block's.
    #[must_use]
    pub const fn selects_by_parent(self) -> bool {
        matches!(self, Self::GoQuorum)
    }

    /// Whether the gas limit may move by less than a 1024th a block only. GoQuorum does not check it.
    #[must_use]
    pub const fn bounds_gas_limit(self) -> bool {
        !matches!(self, Self::GoQuorum)
    }

    /// Whether a vote in an epoch block counts, after the pending ones were cleared: in GoQuorum only.
    #[must_use]
    pub const fn counts_epoch_vote(self) -> bool {
        matches!(self, Self::GoQuorum)
    }
}
