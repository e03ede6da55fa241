//! What says who may peer with this node, and which node carries which seat.

use crate::{
    admission::Doorkeeper,
    announce::{self, Announcer, Carriers},
    driver::DriverHandle,
    import::Importer,
    reload::Live,
    setup::Setup,
};
use chain::governance::GOVERNANCE;
use devp2p::Network;
use ledger::Ledger;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What it works with.
pub(super) struct Peering<'a> {
    pub(super) setup: &'a Setup,
    pub(super) ledger: &'a Ledger,
    pub(super) importer: &'a Arc<Importer>,
    pub(super) network: &'a Network,
    pub(super) live: watch::Receiver<Live>,
}

impl Peering<'_> {
    /// Starts it. Gives where announcements go, and what is known.
    pub(super) fn start(
        &self,
        driver: &DriverHandle,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (mpsc::Sender<announce::Offer>, watch::Receiver<Carriers>) {
        let config = &self.setup.config;
        let (announced, offers) = mpsc::channel(announce::QUEUE);
        let (told, carriers) = watch::channel(Carriers::from([]));
        let signers = self.setup.candidates.iter().map(|candidate| Arc::clone(&candidate.signer));
        let governed = self.setup.genesis.qbft.validatorcontractaddress == Some(GOVERNANCE);
        let announcer = Announcer {
            chain_id: config.network.chain_id,
            driver: driver.clone(),
            signers: if governed { signers.collect() } else { Vec::new() },
            live: self.live.clone(),
            network: self.network.clone(),
            data_dir: PathBuf::from(&config.data_dir),
            carriers: told,
        };
        let doorkeeper = Doorkeeper {
            ledger: self.ledger.clone(),
            importer: Arc::clone(self.importer),
            network: self.network.clone(),
            live: self.live.clone(),
            carriers: carriers.clone(),
        };
        tasks.spawn(announcer.run(offers, stop.clone()));
        tasks.spawn(doorkeeper.run(stop.clone()));
        (announced, carriers)
    }
}
