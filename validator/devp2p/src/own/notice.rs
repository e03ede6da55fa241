//! Ids 5 and 6 of `quorate/1`: short documents that are signed by whom they are of, so that it does not matter who passes
//! them on. What they hold is the owner's matter; here they are bytes, bounded in length and in number.

/// What a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A recovery record, signed by admins.
    Recovery,
    /// Which node carries an identity, signed by that.
    Identity,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Recovery, Self::Identity];

    /// Message id.
    pub(crate) const fn id(self) -> u8 {
        match self {
            Self::Recovery => 5,
            Self::Identity => 6,
        }
    }

    /// Longest payload, bytes.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        match self {
            // 512 seats and 256 signatures.
            Self::Recovery => 64 * 1024,
            // 512 seats.
            Self::Identity => 256 * 1024,
        }
    }

    pub(crate) fn by_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.id() == id)
    }
}
