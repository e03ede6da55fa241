//! `eth/66`, `eth/68` and `eth/69`: status, messages, limits. Pure codecs.

pub mod limits;
pub(crate) mod list;
pub mod message;
pub mod range;
mod receipt;
pub(crate) mod reply;
pub mod status;
pub(crate) mod transaction;

pub use list::DecodeError;
pub use message::{HeadersQuery, Message};
pub use range::BlockRange;
pub use reply::Reply;
pub use status::{ClaimedHead, Status};

/// A version of eth that this node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EthVersion {
    /// EIP-2481: request ids. The only one shared with GoQuorum.
    V66,
    /// EIP-5793: announcements carry types and sizes.
    V68,
    /// EIP-7642: Status without total difficulty, receipts without bloom, ranges of blocks. Blocks are announced as
    /// before: Besu keeps those messages in every version.
    V69,
}

impl EthVersion {
    /// All, ascending.
    pub const ALL: [Self; 3] = [Self::V66, Self::V68, Self::V69];

    /// Number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V66 => 66,
            Self::V68 => 68,
            Self::V69 => 69,
        }
    }

    /// Message ids it takes.
    #[must_use]
    pub const fn length(self) -> u8 {
        match self {
            Self::V66 | Self::V68 => 17,
            Self::V69 => 18,
        }
    }

    /// Whether Status and BlockRangeUpdate name a range of blocks instead of a total difficulty.
    #[must_use]
    pub const fn has_ranges(self) -> bool {
        matches!(self, Self::V69)
    }
}
