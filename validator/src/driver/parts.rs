//! What the driver is given, and what it gives in return.

use super::{Ahead, DriverView};
use crate::{
    clock::Clock,
    faults::Faults,
    import::Importer,
    journal::{JournalHandle, Record},
    lease::{Changed, LeaseHandle},
    metrics::Metrics,
    pool::Pool,
    signer::Signer,
    sync::SyncHandle,
    votes::PendingVotes,
};
use alloy_primitives::{Address, B256};
use chain::client::WireRules;
use devp2p::Network;
use ledger::Ledger;
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::{mpsc, watch};

/// An identity, its journal and what the journal said.
pub struct Voter {
    /// Whether it is this node's own; a spare has none of its own, and votes with one of those that it stands by for.
    pub is_own: bool,
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Makes votes durable.
    pub journal: JournalHandle,
    /// Its id.
    pub journal_id: B256,
    /// Id of the journal in whose place it was made.
    pub replaces: Option<B256>,
    /// Whether it accepts votes; if not, the node sits out.
    pub active: bool,
    /// Whether it knows that the identity has a record in its fence's store.
    pub recorded: bool,
    /// The votes of the newest undecided height in it; where the identity can move, of the newest height at all.
    pub records: Vec<Record>,
    /// Grants votes, where the identity can move.
    pub lease: Option<LeaseHandle>,
}

/// What the driver works with.
pub struct Parts {
    /// Chain and state.
    pub ledger: Ledger,
    /// Transactions to build from.
    pub pool: Pool,
    /// Where finalised blocks go.
    pub importer: Arc<Importer>,
    /// Peers.
    pub network: Network,
    /// Told when others are ahead.
    pub sync: SyncHandle,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where faults are told.
    pub faults: Faults,
    /// Validators that the operator wants in or out.
    pub votes: PendingVotes,
    /// What this node may vote with, by number: none for observers, one, or for a spare several of which it holds one at a time.
    pub voters: Vec<Voter>,
    /// When this node holds an identity that can move, and when it does so no more.
    pub changes: Option<mpsc::Receiver<Changed>>,
    /// Told which identity is this node's.
    pub identity: watch::Sender<Option<Address>>,
    /// How the network's nodes speak.
    pub rules: WireRules,
    /// What time it is.
    pub clock: Clock,
    /// Blocks that are run before they are proposed.
    pub ahead: Ahead,
    /// Tells when a recovery record was taken up.
    pub reseats: watch::Receiver<()>,
}

/// What others may look at while the driver runs.
#[derive(Clone)]
pub struct DriverHandle {
    /// Newest view.
    pub view: watch::Receiver<Arc<DriverView>>,
    /// Unix milliseconds of the loop's last turn.
    pub heartbeat: Arc<AtomicU64>,
}
