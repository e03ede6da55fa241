//! Which node carries which seat: said by each seat's own signature, passed on, kept for the seats there are (ADR 33).

mod kept;
mod known;

pub use known::{Carriers, Known};

use crate::{
    clock::unix_ms,
    driver::DriverHandle,
    reload::Live,
    signer::{Purpose, Request, Signer, budget},
};
use alloy_primitives::{Address, Bytes};
use chain::{
    Seal,
    announcement::{Announcement, AnnouncementError},
};
use devp2p::{Misbehaviour, Network, Notice, PeerId};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

/// Announcements of peers that may wait.
pub const QUEUE: usize = 64;
/// Our own is made anew so often, so that one that got lost is not missed for ever.
const RENEW: Duration = Duration::from_mins(5);
/// The first ones come sooner: who is a block behind does not know the seat yet.
const SOON: Duration = Duration::from_secs(5);
const FIRST_ONES: u32 = 3;
/// How often the set of seats is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What peers have to say about it.
#[derive(Debug)]
pub enum Offer {
    /// Announcements, as bytes.
    Said(PeerId, Bytes),
    /// A peer that may not know ours.
    Connected(PeerId),
}

/// Announces our own identity, and keeps and passes on what others announce.
pub struct Announcer {
    /// Of the chain.
    pub chain_id: u64,
    /// Seats.
    pub driver: DriverHandle,
    /// What this node may vote with.
    pub signers: Vec<Arc<dyn Signer>>,
    /// Says where others can dial this node.
    pub live: watch::Receiver<Live>,
    /// Peers.
    pub network: Network,
    /// The node's data, where announcements are kept.
    pub data_dir: PathBuf,
    /// Told of every change.
    pub carriers: watch::Sender<Carriers>,
}

/// What the task has in hand.
#[derive(Default)]
struct State {
    known: Known,
    own: Option<Own>,
    upkeep: kept::Upkeep,
}

/// Our own announcement.
struct Own {
    identity: Address,
    made_ms: u64,
    /// How often since we have the seat and are at this place.
    times: u32,
    endpoint: String,
}

impl Own {
    fn is_of(&self, identity: Address, endpoint: &str) -> bool {
        self.identity == identity && self.endpoint == endpoint
    }

    fn is_fresh(&self, now_ms: u64) -> bool {
        let pause = if self.times < FIRST_ONES { SOON } else { RENEW };
        u128::from(now_ms.saturating_sub(self.made_ms)) < pause.as_millis()
    }
}

impl Announcer {
    /// Runs until told to stop.
    pub async fn run(self, mut offers: mpsc::Receiver<Offer>, stop: CancellationToken) {
        let mut state = self.remember().await;
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.write(&mut state, true).await,
                offer = offers.recv() => match offer {
                    Some(Offer::Said(from, bytes)) => self.said(&mut state, from, &bytes),
                    Some(Offer::Connected(peer)) => self.greet(&state, peer),
                    None => return,
                },
                _ = looks.tick() => self.look(&mut state).await,
            }
        }
    }

    fn seats(&self) -> BTreeSet<Address> {
        self.driver.view.borrow().seats.iter().map(|seat| seat.address).collect()
    }

    /// A peer that connects is told all we know: as many as there are seats.
    fn greet(&self, state: &State, peer: PeerId) {
        let all: Vec<&Announcement> = state.known.all().collect();
        if !all.is_empty() {
            self.network.notify_peer(peer, Notice::Identity, &encode(&all));
        }
    }

    fn said(&self, state: &mut State, from: PeerId, bytes: &[u8]) {
        let Ok(list) = alloy_rlp::decode_exact::<Vec<Announcement>>(bytes) else {
            return self.network.penalise(from, Misbehaviour::InvalidNotice);
        };
        let (seats, now_ms) = (self.seats(), unix_ms());
        let mut news = Vec::new();
        for said in list {
            if !seats.contains(&said.identity) || !state.known.is_newer(&said) {
                continue;
            }
            match said.verify(self.chain_id, now_ms) {
                Ok(()) => {}
                // It may be our clock.
                Err(AnnouncementError::Ahead { .. }) => continue,
                Err(error) => {
                    tracing::debug!(%error, "announcement refused");
                    return self.network.penalise(from, Misbehaviour::InvalidNotice);
                }
            }
            state.known.keep(said.clone());
            news.push(said);
        }
        if !news.is_empty() {
            self.network.notify(Notice::Identity, &encode(&news.iter().collect::<Vec<_>>()), Some(from));
            self.publish(state);
        }
    }

    /// Forgets who has no seat any more, and speaks for our own.
    async fn look(&self, state: &mut State) {
        let seats = self.seats();
        if !seats.is_empty() && state.known.retain(&seats) {
            self.publish(state);
        }
        let held = {
            let view = self.driver.view.borrow();
            view.identity.filter(|identity| view.holds && seats.contains(identity))
        };
        match self.signers.iter().find(|signer| Some(signer.address()) == held) {
            Some(signer) => self.speak(state, signer.as_ref()).await,
            None => state.own = None,
        }
        self.write(state, false).await;
    }

    async fn speak(&self, state: &mut State, signer: &dyn Signer) {
        let now_ms = unix_ms();
        let endpoint = self.live.borrow().advertise.clone().unwrap_or_default();
        let identity = signer.address();
        let own = state.own.as_ref().filter(|own| own.is_of(identity, &endpoint));
        if own.is_some_and(|own| own.is_fresh(now_ms)) && self.carries(state, identity) {
            return;
        }
        let mut own = Announcement {
            identity,
            node_id: self.network.local_id(),
            endpoint: endpoint.clone(),
            // The node that had the identity before may have a clock that is ahead of ours.
            sequence: state
                .known
                .sequence(&identity)
                .map_or(now_ms, |known| now_ms.max(known.saturating_add(1))),
            signature: Seal::ZERO,
        };
        let hash = own.digest(self.chain_id);
        match signer.sign(Request { hash, purpose: Purpose::Announcement, budget: budget::ASIDE }).await {
            Ok(seal) => own.signature = seal,
            Err(error) if error.is_told() => return tracing::debug!(%error, "node not announced"),
            Err(error) => return tracing::warn!(%error, "node not announced"),
        }
        let before = state.own.take().filter(|own| own.is_of(identity, &endpoint));
        let times = before.map_or(0, |own| own.times);
        state.own = Some(Own { identity, made_ms: now_ms, times: times.saturating_add(1), endpoint });
        self.network.notify(Notice::Identity, &encode(&[&own]), None);
        state.known.keep(own);
        self.publish(state);
    }

    /// Whether the newest that is known of the identity is that it is here: a node that had it before may have said otherwise
    /// since.
    fn carries(&self, state: &State, identity: Address) -> bool {
        state.known.all().any(|said| said.identity == identity && said.node_id == self.network.local_id())
    }

    /// Begins with what was known when the process before this one ended.
    async fn remember(&self) -> State {
        let (dir, chain_id) = (self.data_dir.clone(), self.chain_id);
        let mut state = State::default();
        match spawn_blocking(move || kept::load(&dir, chain_id, unix_ms())).await {
            Ok(Ok(list)) => list.into_iter().for_each(|said| state.known.keep_newer(said)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "announcements kept on disk are of no use; peers will tell them anew");
            }
            Err(_) => {}
        }
        state.known.retain(&self.seats());
        state.upkeep.note(state.known.all().cloned().collect(), Instant::now());
        tracing::debug!(seats = state.known.all().count(), "announcements remembered");
        self.publish(&state);
        state
    }

    /// Keeps what is known, when it is time or at the end.
    async fn write(&self, state: &mut State, ending: bool) {
        let (list, now): (Vec<Announcement>, _) = (state.known.all().cloned().collect(), Instant::now());
        let due = if ending { state.upkeep.differs(&list) } else { state.upkeep.is_due(&list, now) };
        if !due {
            return;
        }
        state.upkeep.note(list.clone(), now);
        let dir = self.data_dir.clone();
        if let Ok(Err(error)) = spawn_blocking(move || kept::store(&dir, &list)).await {
            tracing::warn!(%error, "announcements not kept on disk");
        }
    }

    fn publish(&self, state: &State) {
        let carriers = state.known.carriers();
        let local = self.network.local_id();
        let elsewhere = carriers.iter().filter(|carrier| carrier.node_id != local);
        self.network.also_dial(elsewhere.filter_map(|carrier| carrier.enode.clone()).collect());
        self.carriers.send_replace(carriers);
    }
}

fn encode(list: &[&Announcement]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&Announcement, Announcement>(list, &mut out);
    out
}
