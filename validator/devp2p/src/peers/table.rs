//! All connected peers. Events about coming and going are sent under its lock, so that their order is the table's.

use super::{peer::Peer, tie_break::newer_wins};
use crate::{PeerId, PeerInfo};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

/// Peers by id.
pub(crate) struct Table {
    local: PeerId,
    max_peers: usize,
    peers: Mutex<HashMap<PeerId, Arc<Peer>>>,
    changed: watch::Sender<()>,
}

/// Why a connection does not become a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("already connected to this peer")]
    Duplicate,
    #[error("all {max} peer slots are taken")]
    TooMany { max: usize },
}

impl Table {
    pub(crate) fn new(local: PeerId, max_peers: u16) -> Self {
        Self { local, max_peers: max_peers.into(), peers: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Checks whether a connection could become a peer now.
    pub(crate) fn check(&self, id: &PeerId, inbound: bool, is_static: bool) -> Result<(), Refusal> {
        self.decide(&self.peers.lock(), id, inbound, is_static).map(|_| ())
    }

    /// Makes a session a peer. `announce` gets the session that it replaces.
    pub(crate) fn admit(
        &self,
        peer: &Arc<Peer>,
        announce: impl FnOnce(Option<Arc<Peer>>),
    ) -> Result<(), Refusal> {
        let (inbound, is_static) = {
            let info = peer.info.lock();
            (info.inbound, info.is_static)
        };
        let mut peers = self.peers.lock();
        let replaced = self.decide(&peers, &peer.id, inbound, is_static)?;
        peers.insert(peer.id, Arc::clone(peer));
        announce(replaced);
        drop(peers);
        self.changed.send_replace(());
        Ok(())
    }

    /// Takes a session out, unless another one has replaced it.
    pub(crate) fn remove(&self, peer: &Peer, announce: impl FnOnce()) {
        let mut peers = self.peers.lock();
        if peers.get(&peer.id).is_some_and(|held| held.session == peer.session) {
            peers.remove(&peer.id);
            announce();
            drop(peers);
            self.changed.send_replace(());
        }
    }

    pub(crate) fn get(&self, id: &PeerId) -> Option<Arc<Peer>> {
        self.peers.lock().get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        self.peers.lock().values().cloned().collect()
    }

    pub(crate) fn infos(&self) -> Vec<PeerInfo> {
        let mut infos: Vec<_> = self.all().iter().map(|peer| peer.info.lock().clone()).collect();
        infos.sort_by_key(|info| info.id);
        infos
    }

    /// Waits until the peer is connected, or until it is not.
    pub(crate) async fn wait(&self, id: &PeerId, connected: bool) {
        let mut changes = self.changed.subscribe();
        while self.peers.lock().contains_key(id) != connected {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn decide(
        &self,
        peers: &HashMap<PeerId, Arc<Peer>>,
        id: &PeerId,
        inbound: bool,
        is_static: bool,
    ) -> Result<Option<Arc<Peer>>, Refusal> {
        if let Some(older) = peers.get(id) {
            let older_inbound = older.info.lock().inbound;
            if older.is_stopped() || newer_wins(&self.local, id, older_inbound, inbound) {
                return Ok(Some(Arc::clone(older)));
            }
            // The older one may be dead without having said so: a check makes room for the peer's next attempt.
            older.activity.ask_probe();
            return Err(Refusal::Duplicate);
        }
        let others = || peers.values().filter(|p| !p.info.lock().is_static).count();
        if !is_static && others() >= self.max_peers {
            return Err(Refusal::TooMany { max: self.max_peers });
        }
        Ok(None)
    }
}
