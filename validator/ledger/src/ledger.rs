//! The handle, and opening.

use crate::{HeadInfo, KnownSenders, OpenError, Options};
use chain::genesis::Genesis;
use std::{path::Path, sync::Arc};

/// A chain's blocks and state. Cheap to clone; every clone is the same ledger.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<()>,
}

impl Ledger {
    /// Opens the ledger in `dir`, creating it from `genesis` when empty, and replays blocks that the state lags behind.
    pub fn open(dir: &Path, genesis: Genesis, options: Options) -> Result<Self, OpenError> { todo!() }
    /// The chain's genesis.
    pub fn genesis(&self) -> &Genesis { todo!() }
    /// The newest block that is durable and executed.
    pub fn head(&self) -> HeadInfo { todo!() }
    /// Whom to ask for senders before recovering them; the first registration counts.
    pub fn use_known_senders(&self, known: Arc<dyn KnownSenders>) { todo!() }
    /// Makes all state written so far durable: for a clean stop, so that the next start has nothing to replay.
    pub fn flush(&self) -> Result<(), crate::LedgerError> { todo!() }
}
