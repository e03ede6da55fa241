//! How far back a node keeps the state of old blocks.

use super::NodeConfig;
use serde::{Deserialize, Serialize};

/// Blocks of history of a node that is not told otherwise.
pub const HISTORY_BLOCKS: u64 = 4096;
/// The shortest history: proofs reach so far back, and so does what a node itself looks up.
pub const MIN_HISTORY_BLOCKS: u64 = 128;

/// Blocks behind the head whose state can be read. Where it becomes less, older states are refused at once and forgotten a part
/// with each block; where it becomes more, states are kept from then on: what was forgotten does not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum History {
    /// So many, [`MIN_HISTORY_BLOCKS`] or more.
    Blocks(u64),
    /// Every one, for ever.
    All,
}

/// A history too short to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "history.blocks is {got}; it must be {MIN_HISTORY_BLOCKS} or more, or history \"all\" to keep every state"
)]
pub struct HistoryError {
    /// Blocks asked for.
    pub got: u64,
}

impl NodeConfig {
    /// Blocks of history to keep; `None` for all.
    pub const fn history_blocks(&self) -> Result<Option<u64>, HistoryError> {
        match self.history {
            None => Ok(Some(HISTORY_BLOCKS)),
            Some(History::All) => Ok(None),
            Some(History::Blocks(got)) if got < MIN_HISTORY_BLOCKS => Err(HistoryError { got }),
            Some(History::Blocks(blocks)) => Ok(Some(blocks)),
        }
    }
}
