//! Who may peer, as the governance contract says: read at the head, again only when the contract's storage changed (ADR 33).

use crate::{announce::Carriers, import::Importer, reload::Live};
use alloy_primitives::B256;
use chain::governance::GOVERNANCE;
use devp2p::{AllowList, Network, PeerId};
use ledger::{Ledger, LedgerError};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Follows the contract's list of node ids.
pub struct Doorkeeper {
    /// State to read the list in.
    pub ledger: Ledger,
    /// Heads.
    pub importer: Arc<Importer>,
    /// Who is told.
    pub network: Network,
    /// Says how many strangers may read at once.
    pub live: watch::Receiver<Live>,
    /// Nodes that carry seats.
    pub carriers: watch::Receiver<Carriers>,
}

impl Doorkeeper {
    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut heads = self.importer.heads();
        let (mut mark, mut listed) = (None, HashSet::new());
        loop {
            heads.borrow_and_update();
            let (ledger, known) = (self.ledger.clone(), mark);
            match tokio::task::spawn_blocking(move || changed(&ledger, known)).await {
                Ok(Ok(Some((now, ids)))) => {
                    (mark, listed) = (Some(now), ids);
                    self.apply(&listed);
                }
                Ok(Ok(None)) => {}
                // Who may peer is not worth stopping for: the list of before stays.
                Ok(Err(error)) => tracing::warn!(%error, "cannot read the allow list of nodes"),
                Err(_) => return,
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
                Ok(()) = self.carriers.changed() => self.apply(&listed),
                Ok(()) = self.live.changed() => self.apply(&listed),
            }
        }
    }

    /// A list without any node is no list: whoever turned it on would lock the network out of itself.
    /// Nodes that carry seats belong to the network whether somebody listed them or not.
    fn apply(&self, listed: &HashSet<PeerId>) {
        tracing::debug!(nodes = listed.len(), "allow list of nodes read");
        let carriers = self.carriers.borrow().clone();
        let nodes = listed.iter().copied().chain(carriers.iter().map(|carrier| carrier.node_id)).collect();
        let list = AllowList {
            nodes: Arc::new(nodes),
            read_only_slots: self.live.borrow().read_only_slots,
            open_contract: Some(GOVERNANCE),
        };
        self.network.allow(Some(list).filter(|_| !listed.is_empty()));
    }
}

/// The list and the mark it was read at, if the mark is another one.
fn changed(ledger: &Ledger, known: Option<B256>) -> Result<Option<(B256, HashSet<PeerId>)>, LedgerError> {
    let mark = ledger.governance_mark()?;
    match mark.filter(|mark| known != Some(*mark)) {
        Some(mark) => Ok(Some((mark, ledger.node_ids()?.into_iter().collect()))),
        None => Ok(None),
    }
}
