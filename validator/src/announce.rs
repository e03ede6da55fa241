//! Which node carries which seat: said by each seat's own signature, passed on, kept for the seats there are (ADR 33).

mod known;

pub use known::{Carriers, Known};

use crate::{clock::unix_ms, driver::DriverHandle, signer::Signer};
use alloy_primitives::{Address, Bytes};
use chain::{
    Seal,
    announcement::{Announcement, AnnouncementError},
};
use devp2p::{Misbehaviour, Network, Notice, PeerId};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
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
    /// The identity, if there is one.
    pub signer: Option<Arc<dyn Signer>>,
    /// `host:port` where others can dial this node, if it was told.
    pub endpoint: Option<String>,
    /// Peers.
    pub network: Network,
    /// Told of every change.
    pub carriers: watch::Sender<Carriers>,
}

/// What the task has in hand.
#[derive(Default)]
struct State {
    known: Known,
    /// When our own was made, Unix milliseconds, and how often since we have the seat.
    own: Option<(u64, u32)>,
}

impl Announcer {
    /// Runs until told to stop.
    pub async fn run(self, mut offers: mpsc::Receiver<Offer>, stop: CancellationToken) {
        let mut state = State::default();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
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
        let Some(signer) = self.signer.as_ref().filter(|signer| seats.contains(&signer.address())) else {
            return state.own = None;
        };
        let now_ms = unix_ms();
        let (made_ms, times) = state.own.unwrap_or_default();
        let pause = if times < FIRST_ONES { SOON } else { RENEW };
        if times > 0 && u128::from(now_ms.saturating_sub(made_ms)) < pause.as_millis() {
            return;
        }
        let mut own = Announcement {
            identity: signer.address(),
            node_id: self.network.local_id(),
            endpoint: self.endpoint.clone().unwrap_or_default(),
            sequence: now_ms,
            signature: Seal::ZERO,
        };
        match signer.sign(own.digest(self.chain_id)).await {
            Ok(seal) => own.signature = seal,
            Err(error) => return tracing::warn!(%error, "node not announced"),
        }
        state.own = Some((now_ms, times.saturating_add(1)));
        self.network.notify(Notice::Identity, &encode(&[&own]), None);
        state.known.keep(own);
        self.publish(state);
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
