//! Members take turns without talking: the height says whose turn it is.

use crate::api::consortium::{MemberSeats, Region};
use alloy_primitives::Address;

/// Blocks of one turn.
pub const TURN_BLOCKS: u64 = 30;
/// A turn's last blocks begin nothing: what was begun just before must show to the next member, by silence of
/// [`PRESENT_BLOCKS`](crate::liveness::PRESENT_BLOCKS), before it begins something itself.
const QUIET_BLOCKS: u64 = 10;

/// A member's place among the members in on-chain order. A member of several clusters has a place for each, so that no two of them
/// stop a node in the same turn of their member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// From 0.
    pub place: u64,
    /// Members, at least 1.
    pub members: u64,
}

impl Turn {
    /// The place of the member with this admin account, as the Consortium's status lists the members: every so many rounds, if it
    /// has several clusters.
    #[must_use]
    pub fn among(members: &[MemberSeats], admin: Address, region: Option<Region>) -> Option<Self> {
        let place = members.iter().position(|member| member.admin.parse() == Ok(admin))?;
        let (place, members) = (u64::try_from(place).ok()?, u64::try_from(members.len()).ok()?);
        let Some(region) = region else { return Some(Self { place, members }) };
        let (cluster, clusters) = (u64::try_from(region.place).ok()?, u64::try_from(region.of).ok()?);
        Some(Self { place: place + members * cluster.checked_sub(1)?, members: members * clusters })
    }

    /// Whether the member may begin a voluntary stop while the newest block is `height`.
    #[must_use]
    pub const fn is_open(self, height: u64) -> bool {
        if self.members <= 1 {
            return true;
        }
        (height / TURN_BLOCKS) % self.members == self.place
            && height % TURN_BLOCKS < TURN_BLOCKS - QUIET_BLOCKS
    }

    /// First block of the member's next turn after `height`.
    #[must_use]
    pub const fn next(self, height: u64) -> u64 {
        let round = TURN_BLOCKS.saturating_mul(self.members);
        if round == 0 {
            return height;
        }
        let first = (height / round) * round + self.place * TURN_BLOCKS;
        if first > height { first } else { first + round }
    }
}
