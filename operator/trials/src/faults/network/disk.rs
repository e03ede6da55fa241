//! What outlives a node's process: its disk, by the uid of its PersistentVolumeClaim.

use alloy_primitives::{B256, keccak256};
use chain::config::JournalConfig;

/// One node's disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    genesis: Option<B256>,
    journal: Option<B256>,
    journals: u64,
}

impl Disk {
    /// Opens it for a chain; one that holds another chain is refused.
    pub(super) fn open(&mut self, genesis: B256) -> Result<(), B256> {
        match self.genesis {
            Some(found) if found != genesis => Err(found),
            _ => {
                self.genesis = Some(genesis);
                Ok(())
            }
        }
    }

    /// The vote journal in use, and whether the node sits out: what is missing is not made up for.
    pub(super) fn journal(&mut self, wanted: &JournalConfig, uid: &str) -> (B256, bool) {
        let found = self.journal;
        let id = *self.journal.get_or_insert_with(|| {
            self.journals += 1;
            keccak256(format!("{uid}/{}", self.journals))
        });
        let sits_out = match wanted {
            JournalConfig::Initialise => false,
            JournalConfig::Require { id } | JournalConfig::AcceptLoss { id, .. } => found != Some(*id),
        };
        (id, sits_out)
    }
}
