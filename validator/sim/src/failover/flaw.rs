//! Ways to get fencing wrong, put around the fence: each is a mistake that was made somewhere or nearly made here.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Who holds the lease signs, and tells the store later.
    SignsBeforeSwap,
    /// The store takes a swap whose expected version is an old one.
    StaleSwapTaken,
    /// A swap without an answer is taken for done.
    UnknownIsWon,
    /// What the fence refuses is signed all the same.
    RefusedIsSigned,
    /// A new holder writes a record that begins anew.
    PlaceForgotten,
    /// A new holder does not read what was promised.
    PromiseIgnored,
    /// The promise in the record is that of the vote before.
    PromiseLate,
    /// Where the record is missing a new one is made.
    MadeAnew,
    /// A spare goes on taking over while it holds an identity.
    HoldsTwo,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SignsBeforeSwap,
        Self::StaleSwapTaken,
        Self::UnknownIsWon,
        Self::RefusedIsSigned,
        Self::PlaceForgotten,
        Self::PromiseIgnored,
        Self::PromiseLate,
        Self::MadeAnew,
        Self::HoldsTwo,
    ];
}
