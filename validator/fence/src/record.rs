//! What stands in the store: one record for each identity.

use alloc::string::String;
use alloy_primitives::{B256, Bytes};
use core::fmt;

/// Longest name of a process, bytes: that of a Kubernetes object.
const MAX_NAME: usize = 253;

/// A slot: one vote is cast in it. Phases are numbered in the order in which they are cast within a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Phase, in the order of casting.
    pub phase: u8,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "height {} round {} phase {}", self.height, self.round, self.phase)
    }
}

/// Drawn anew by every process when it starts, so that a copy of a disk or of a manifest is another holder.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HolderId(pub [u8; 16]);

impl fmt::Debug for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a process is called; two that run the same manifest have the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// A name that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a holder's name has 1 to {MAX_NAME} printable ASCII characters, this one has {length} bytes")]
pub struct NameError {
    /// Its length.
    pub length: usize,
}

impl Name {
    /// Checks it.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let is_name =
            (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if is_name { Ok(Self(name)) } else { Err(NameError { length: name.len() }) }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who may vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub id: HolderId,
    /// What it is called.
    pub name: Name,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.id)
    }
}

/// For whom a holder gave the identity up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Successor {
    /// Whoever is first.
    Anybody,
    /// The process of this name; any other once it was silent for a lease.
    Named(Name),
}

/// The block that a promise is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Block {
    /// There is none.
    #[default]
    None,
    /// Its bytes.
    Here(Bytes),
    /// Too long for the store: by this digest it is to be had from others.
    Elsewhere(B256),
}

/// What the next holder must know of the promises made. Opaque here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The promises: for a consensus vote, the prepared certificate.
    pub promise: Bytes,
    /// The block that they are about.
    pub block: Block,
}

/// The record of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is a record of; another identity's is refused.
    pub subject: B256,
    /// Writes so far, anybody's: a read with a lower one is stale.
    pub revision: u64,
    /// Take-overs so far.
    pub epoch: u64,
    /// Writes of the holder in this epoch. Standbys judge by it whether the holder lives.
    pub beat: u64,
    /// Who may vote.
    pub holder: Holder,
    /// Id of the holder's vote journal.
    pub journal: B256,
    /// The newest slot granted. A first record may name one that nobody casts, above all that is decided.
    pub place: Place,
    /// What was granted there.
    pub digest: B256,
    /// What was promised up to there.
    pub evidence: Evidence,
    /// The holder has given the identity up.
    pub released: Option<Successor>,
    /// The preferred holder, which is ready and asks for it.
    pub requested: Option<Name>,
}

impl Record {
    /// Whether nothing but requests of others came between the two.
    #[must_use]
    pub(crate) fn is_same_beat(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.beat == other.beat && self.holder == other.holder
    }
}
