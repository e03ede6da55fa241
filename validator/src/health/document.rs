//! The status document, put together on request.

use super::{Health, Standing, Votable, is_silent, judged_head, live_seats, readiness};
use crate::{
    clock::unix_ms,
    lease::LeaseHandle,
    metrics::gauge,
    signer::{Signer, Snapshot},
    sync::claim,
};
use chain::status::{
    Fence, FenceRole, Head, Identity, Journal, NodeStatus, Peer, Pool, STATUS_VERSION, SignerState, Standby,
};
use devp2p::PeerInfo;
use fence::Role;
use std::{collections::BTreeMap, sync::atomic::Ordering};

const CLIENT_CHARS: usize = 64;

impl Health {
    /// What readiness is judged by, now.
    pub(super) fn standing(&self) -> Standing {
        let peers = self.network.peers();
        self.standing_among(&peers)
    }

    fn standing_among(&self, peers: &[PeerInfo]) -> Standing {
        let view = self.driver.view.borrow().clone();
        let head = self.importer.head();
        let head_age_ms = unix_ms().saturating_sub(head.header.timestamp.saturating_mul(1000));
        let own = view.seats.iter().find(|seat| view.seated && Some(seat.address) == view.identity);
        Standing {
            head: head.number,
            best_peer_head: judged_head(peers.iter().map(|peer| claim(peer).head)),
            peers: peers.len(),
            sole_seat: view.seated && view.seats.len() == 1,
            silent: view.holds && is_silent(own, head_age_ms, view.period_ms),
            fault: self.fault(),
        }
    }

    /// Whether this node could vote if this identity were its own: caught up, and with a key.
    pub fn could_vote(&self, signer: &dyn Signer) -> bool {
        signer.snapshot().has_key() && readiness(&Standing { silent: false, ..self.standing() }).is_ok()
    }

    /// What stopped this node from taking part. The pool's journal fails on its own thread, so its fault is told here.
    fn fault(&self) -> Option<String> {
        let pool = self.pool.fault();
        if let Some(fault) = &pool {
            self.faults.stopped(fault.clone());
        }
        let import = self.importer.is_broken().then(|| "imports have stopped".to_string());
        import.or_else(|| self.faults.stopping()).or(pool)
    }

    /// What is wrong with the disk now; unlike what failed, it can pass without a restart.
    fn disk_fault(&self) -> Option<String> {
        let looked = self.disk.look();
        if looked.began {
            self.metrics.faults.inc();
        }
        if let Some(room) = looked.room {
            self.metrics.data_free_bytes.set(gauge(room.free));
            self.metrics.data_size_bytes.set(gauge(room.size));
        }
        looked.fault
    }

    /// Gauges that nobody sets as things happen.
    pub(super) fn refresh_gauges(&self) {
        let view = self.driver.view.borrow().clone();
        let stats = self.pool.stats();
        let live = live_seats(&view.seats, self.importer.head().number, view.period_ms, unix_ms());
        self.metrics.p2p_sent_bytes.inner().store(self.network.sent_bytes(), Ordering::Relaxed);
        for (kind, count) in self.network.counters() {
            let counter = self.metrics.p2p_events.get_or_create_owned(&[("kind", kind)]);
            counter.inner().store(count, Ordering::Relaxed);
        }
        for (reason, count) in self.pool.refusals() {
            let counter = self.metrics.pool_refused.get_or_create_owned(&[("reason", reason)]);
            counter.inner().store(count, Ordering::Relaxed);
        }
        self.disk_fault();
        self.refresh_signer();
        self.metrics.peers.set(gauge(self.network.peers().len()));
        self.metrics.seats.set(gauge(view.seats.len()));
        self.metrics.seats_live.set(gauge(live));
        self.metrics.pool_pending.set(gauge(stats.pending));
        self.metrics.pool_queued.set(gauge(stats.queued));
    }

    /// Of a spare all signers together: each may be needed next.
    fn refresh_signer(&self) {
        let all: Vec<Snapshot> = self.identities.iter().map(|one| one.signer.snapshot()).collect();
        if all.is_empty() {
            return;
        }
        let mut requests = BTreeMap::new();
        for (outcome, count) in all.iter().flat_map(|snapshot| &snapshot.requests) {
            *requests.entry(*outcome).or_insert(0_u64) += *count;
        }
        for (outcome, count) in requests {
            let counter = self.metrics.vault_requests.get_or_create_owned(&[("outcome", outcome)]);
            counter.inner().store(count, Ordering::Relaxed);
        }
        let is_ready = all.iter().all(|snapshot| snapshot.signer.state == SignerState::Ready);
        let is_behind = all.iter().any(|snapshot| snapshot.signer.newer_version.is_some());
        let circuit = all.iter().map(|snapshot| snapshot.circuit.number()).max();
        self.metrics.signer_ready.set(i64::from(is_ready));
        self.metrics.vault_circuit.set(circuit.unwrap_or_default());
        self.metrics.key_version_behind.set(i64::from(is_behind));
    }

    /// Everything, at one moment.
    pub(super) fn document(&self) -> NodeStatus {
        let peers = self.network.peers();
        let standing = self.standing_among(&peers);
        let ready = readiness(&standing);
        let head = self.importer.head();
        let view = self.driver.view.borrow().clone();
        let stats = self.pool.stats();
        NodeStatus {
            version: STATUS_VERSION,
            chain_id: self.chain_id,
            genesis_hash: self.genesis_hash,
            node_id: self.node_id,
            now_ms: unix_ms(),
            started_ms: self.started_ms,
            head: Head { number: head.number, hash: head.hash, timestamp: head.header.timestamp },
            best_peer_head: standing.best_peer_head,
            ready: ready.is_ok(),
            not_ready_reason: ready.err(),
            peers: peers.iter().map(peer).collect(),
            identity: self.identity(),
            carriers: self.carriers.borrow().iter().map(Into::into).collect(),
            consensus: view.consensus.filter(|_| view.voting),
            standby_for: self.identities.iter().filter(|one| !one.is_own).filter_map(standby).collect(),
            seats: view.seats.clone(),
            pool: Pool { pending: stats.pending, queued: stats.queued },
            faults: self.disk_fault().into_iter().chain(self.faults.list()).collect(),
        }
    }

    fn identity(&self) -> Option<Identity> {
        let view = self.driver.view.borrow().clone();
        let (address, journal) = (view.identity?, view.journal?);
        let sitting_out = journal.sitting_out.map(|lost| {
            format!("vote journal {lost} is not on this disk; waiting for a block that was made after this node started")
        });
        let one = self.identities.iter().find(|one| one.signer.address() == address)?;
        let signer = one.signer.snapshot();
        Some(Identity {
            address,
            seated: view.seated,
            voting: view.voting && signer.has_key(),
            signer: Some(signer.signer),
            journal: Journal { id: journal.id, sitting_out },
            fence: one.lease.as_ref().map(fence),
            seat_proof: self.seat_proof.borrow().clone().filter(|_| !view.seated),
        })
    }
}

fn standby(one: &Votable) -> Option<Standby> {
    let fence = fence(one.lease.as_ref()?);
    let signer_ready = one.signer.snapshot().signer.state == SignerState::Ready;
    Some(Standby { address: one.signer.address(), signer_ready, fence })
}

fn fence(lease: &LeaseHandle) -> Fence {
    let view = lease.view.borrow().clone();
    let role = match view.role {
        Role::Standby => FenceRole::Standby,
        Role::Holder => FenceRole::Holder,
        Role::Stopped => FenceRole::Stopped,
    };
    let (reason, message) = view.trouble.unzip();
    Fence {
        role,
        holder: view.holder,
        epoch: view.epoch,
        recorded: view.recorded,
        reason: reason.map(str::to_owned),
        message,
    }
}

fn peer(info: &PeerInfo) -> Peer {
    Peer {
        node_id: info.id,
        client: info.client.chars().take(CLIENT_CHARS).collect(),
        remote: info.remote.to_string(),
        inbound: info.inbound,
        head: claim(info).head,
    }
}
