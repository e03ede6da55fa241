//! All connected peers. Events about coming and going are sent under its lock, so that their order is the table's.

use super::{
    admission::{AllowList, Standing},
    peer::Peer,
    tie_break::newer_wins,
};
use crate::{DisconnectReason, DownReason, PeerId, PeerInfo, counters::Count};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Two nodes that dial each other at once have both connections established within this time of each other.
const ONE_MOMENT: Duration = Duration::from_secs(5);

/// Peers by id.
pub(crate) struct Table {
    local: PeerId,
    max_peers: usize,
    peers: Mutex<HashMap<PeerId, Arc<Peer>>>,
    /// Named in our own configuration: let in always.
    named: RwLock<HashSet<PeerId>>,
    /// None while everybody is let in.
    allowed: RwLock<Option<AllowList>>,
    changed: watch::Sender<()>,
}

/// A connection that would become a peer.
pub(crate) struct Newer {
    pub(crate) id: PeerId,
    pub(crate) host: IpAddr,
    pub(crate) inbound: bool,
}

impl Newer {
    fn of(info: &PeerInfo) -> Self {
        Self { id: info.id, host: info.remote.ip(), inbound: info.inbound }
    }
}

/// Why a connection does not become a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("already connected to this peer")]
    Duplicate,
    #[error("all {max} peer slots are taken")]
    TooMany { max: usize },
    #[error("the network's allow list does not name this node")]
    NotListed,
    #[error("all {max} read-only slots are taken")]
    ReadOnlyFull { max: u16 },
}

impl Refusal {
    /// What to tell the other end.
    pub(crate) const fn farewell(self) -> DisconnectReason {
        match self {
            Self::Duplicate => DisconnectReason::AlreadyConnected,
            Self::TooMany { .. } | Self::ReadOnlyFull { .. } => DisconnectReason::TooManyPeers,
            Self::NotListed => DisconnectReason::UnexpectedIdentity,
        }
    }

    /// Under which counter it goes.
    pub(crate) const fn count(self) -> Count {
        match self {
            Self::Duplicate => Count::Duplicate,
            Self::TooMany { .. } => Count::TooManyPeers,
            Self::NotListed => Count::NotListed,
            Self::ReadOnlyFull { .. } => Count::ReadOnlyFull,
        }
    }
}

impl Table {
    pub(crate) fn new(local: PeerId, max_peers: u16) -> Self {
        Self {
            local,
            max_peers: max_peers.into(),
            peers: Mutex::default(),
            named: RwLock::default(),
            allowed: RwLock::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// What a peer is let in as.
    pub(crate) fn standing(&self, id: &PeerId) -> Standing {
        if self.named.read().contains(id) {
            Standing::Static
        } else {
            AllowList::standing(self.allowed.read().as_ref(), id)
        }
    }

    /// Whether a transaction is taken of a stranger.
    pub(crate) fn takes_of_strangers(&self, raw: &[u8]) -> bool {
        self.allowed.read().as_ref().is_some_and(|list| list.takes_of_strangers(raw))
    }

    /// Lets in by another list from now on; how many were dropped.
    pub(crate) fn allow(&self, list: Option<AllowList>) -> usize {
        let peers = self.peers.lock();
        *self.allowed.write() = list;
        self.judge(&peers)
    }

    /// Lets these in always from now on, and those of before only as the list says; how many were dropped.
    pub(crate) fn name(&self, named: HashSet<PeerId>) -> usize {
        let peers = self.peers.lock();
        *self.named.write() = named;
        self.judge(&peers)
    }

    /// Who is connected keeps its connection as far as it is let in now, the oldest strangers first.
    fn judge(&self, peers: &HashMap<PeerId, Arc<Peer>>) -> usize {
        let slots = self.allowed.read().as_ref().map_or(0, |list| list.read_only_slots);
        let mut strangers = Vec::new();
        for peer in peers.values() {
            let mut info = peer.info.lock();
            info.standing = self.standing(&peer.id);
            if info.standing == Standing::Stranger {
                strangers.push(peer);
            }
        }
        strangers.sort_by_key(|peer| peer.session);
        let surplus = strangers.into_iter().skip(slots.into());
        let refusal = if slots == 0 { Refusal::NotListed } else { Refusal::ReadOnlyFull { max: slots } };
        surplus.map(|peer| peer.stop(DownReason::Local(refusal.farewell()))).count()
    }

    /// Checks whether a connection could become a peer now.
    pub(crate) fn check(&self, newer: &Newer) -> Result<(), Refusal> {
        self.decide(&self.peers.lock(), newer).map(|_| ())
    }

    /// Makes a session a peer. `announce` gets the session that it replaces.
    pub(crate) fn admit(
        &self,
        peer: &Arc<Peer>,
        announce: impl FnOnce(Option<Arc<Peer>>),
    ) -> Result<(), Refusal> {
        let newer = Newer::of(&peer.info.lock());
        let mut peers = self.peers.lock();
        // The list may have changed since the handshake began.
        peer.info.lock().standing = self.standing(&newer.id);
        let replaced = self.decide(&peers, &newer)?;
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

    /// Whether a connection is wanted: there is none, or its path seems to be cut.
    pub(crate) fn wants(&self, id: &PeerId) -> bool {
        self.peers.lock().get(id).is_none_or(|peer| peer.activity.is_suspected())
    }

    /// Waits until a connection is wanted.
    pub(crate) async fn wait_for_want(&self, id: &PeerId) {
        let mut changes = self.changed.subscribe();
        while !self.wants(id) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Wakes who waits, after a path became suspected.
    pub(crate) fn look_again(&self) {
        self.changed.send_replace(());
    }

    fn decide(
        &self,
        peers: &HashMap<PeerId, Arc<Peer>>,
        newer: &Newer,
    ) -> Result<Option<Arc<Peer>>, Refusal> {
        if let Some(older) = peers.get(&newer.id) {
            if self.replaces(newer, older) {
                return Ok(Some(Arc::clone(older)));
            }
            // The older one may be dead without having said so: a check makes room for the peer's next attempt.
            older.activity.ask_probe();
            return Err(Refusal::Duplicate);
        }
        self.has_room(peers, newer).map(|()| None)
    }

    /// Members and strangers have slots of their own, so that strangers cannot push members out.
    fn has_room(&self, peers: &HashMap<PeerId, Arc<Peer>>, newer: &Newer) -> Result<(), Refusal> {
        let standing = self.standing(&newer.id);
        let held = || peers.values().filter(|peer| peer.info.lock().standing == standing).count();
        match standing {
            Standing::Member if held() >= self.max_peers => Err(Refusal::TooMany { max: self.max_peers }),
            Standing::Static | Standing::Member => Ok(()),
            Standing::Stranger => match self.allowed.read().as_ref().map_or(0, |list| list.read_only_slots) {
                0 => Err(Refusal::NotListed),
                max if held() >= max.into() => Err(Refusal::ReadOnlyFull { max }),
                _ => Ok(()),
            },
        }
    }

    /// Whether a connection takes the place of an older one of the same peer.
    fn replaces(&self, newer: &Newer, older: &Peer) -> bool {
        if older.is_stopped() || older.activity.is_suspected() {
            return true;
        }
        let Newer { id, host, inbound, .. } = newer;
        let (older_inbound, older_host) = {
            let info = older.info.lock();
            (info.inbound, info.remote.ip())
        };
        // Who dials again from where it was connected counts on that connection no more; two nodes that share a key come
        // from two places. Only connections of one moment are dialled without knowing of each other.
        let dialled_again = *inbound && older_host == *host;
        let of_one_moment = older_inbound != *inbound && older.activity.age() < ONE_MOMENT;
        if dialled_again && !of_one_moment {
            true
        } else {
            newer_wins(&self.local, id, older_inbound, *inbound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Newer, ONE_MOMENT, Refusal, Standing, Table};
    use crate::{
        PeerId, PeerInfo,
        eth::EthVersion,
        peers::{outbound::OutboundReader, peer::Peer},
        rlpx::capability::Shared,
    };
    use alloy_primitives::{B256, U256};
    use std::{net::SocketAddr, sync::Arc};
    use tokio::time::advance;

    const REMOTE: PeerId = PeerId::repeat_byte(2);

    /// A table of the node with this id and one peer in it, connected from 10.0.0.1.
    fn table(local: u8, inbound: bool) -> (Table, Arc<Peer>, OutboundReader) {
        let info = PeerInfo {
            id: REMOTE,
            client: String::new(),
            remote: SocketAddr::from(([10, 0, 0, 1], 1)),
            inbound,
            standing: Standing::Static,
            eth_version: 68,
            istanbul: true,
            head_hash: B256::ZERO,
            head_number: 0,
            earliest: 0,
            total_difficulty: U256::ZERO,
        };
        let shared =
            Shared { eth: EthVersion::V68, eth_base: 0x10, istanbul_base: Some(0x21), own_base: None };
        let (peer, outbound) = Peer::new(0, info, shared);
        let (table, peer) = (Table::new(PeerId::repeat_byte(local), 8), Arc::new(peer));
        table.name([REMOTE].into());
        table.admit(&peer, |_| ()).unwrap();
        (table, peer, outbound)
    }

    fn newer(host: u8, inbound: bool) -> Newer {
        Newer { id: REMOTE, host: [10, 0, 0, host].into(), inbound }
    }

    #[tokio::test(start_paused = true)]
    async fn who_dials_again_replaces_its_connection_but_not_that_of_a_twin_on_another_host() {
        for local in [1, 3] {
            let (table, _peer, _outbound) = table(local, true);
            assert_eq!(table.check(&newer(1, true)), Ok(()));
            assert_eq!(table.check(&newer(9, true)), Err(Refusal::Duplicate));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_was_dialled_replaces_the_connection_later_and_by_rank_at_first() {
        for (local, at_first) in [(1, Err(Refusal::Duplicate)), (3, Ok(()))] {
            let (table, _peer, _outbound) = table(local, false);
            assert_eq!(table.check(&newer(1, true)), at_first);
            advance(ONE_MOMENT).await;
            assert_eq!(table.check(&newer(1, true)), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_connection_of_ours_is_wanted_only_beside_one_that_is_suspected() {
        let (table, peer, _outbound) = table(1, false);
        assert!(!table.wants(&REMOTE));
        assert_eq!(table.check(&newer(1, false)), Err(Refusal::Duplicate));
        assert!(peer.activity.suspect());
        assert!(table.wants(&REMOTE));
        assert_eq!(table.check(&newer(1, false)), Ok(()));
    }
}
