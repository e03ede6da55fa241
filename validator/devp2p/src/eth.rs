//! `eth/66` and `eth/68`: status, messages, limits. Pure codecs.

pub mod limits;
mod list;
pub mod message;
pub(crate) mod reply;
pub mod status;
mod transaction;

pub use list::DecodeError;
pub use message::{HeadersQuery, Message};
pub use reply::Reply;
pub use status::Status;

/// A version of eth that this node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EthVersion {
    /// EIP-2481: request ids. The only one shared with GoQuorum.
    V66,
    /// EIP-5793: announcements carry types and sizes.
    V68,
}

impl EthVersion {
    /// All, ascending.
    pub const ALL: [Self; 2] = [Self::V66, Self::V68];

    /// Number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V66 => 66,
            Self::V68 => 68,
        }
    }

    /// Message ids it takes.
    #[must_use]
    pub const fn length(self) -> u8 {
        match self {
            Self::V66 | Self::V68 => 17,
        }
    }
}
