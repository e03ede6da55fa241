//! Emergency re-seat at a running node: records come as a file beside the data or from peers, are checked against the
//! halted state, kept on disk, and only then voted by (ADR 34).

mod kept;

pub use kept::{KeptError, load, put};

use crate::{faults::Faults, import::Importer};
use alloy_primitives::{B256, keccak256};
use chain::reseat::RecoveryRecord;
use devp2p::{Misbehaviour, Network, Notice, PeerId};
use ledger::{InvalidBlock, Ledger, RecordRefused};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How often the folder is looked at for a record.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two times that all peers are told of a record taken up: one that was behind may have lost it.
const REPEAT: u32 = 10;
/// Records of peers that may wait.
pub const QUEUE: usize = 16;

/// What peers have to say about re-seats.
#[derive(Debug)]
pub enum Offer {
    /// A record, as bytes.
    Record(PeerId, alloy_primitives::Bytes),
    /// A peer that may not know ours.
    Connected(PeerId),
}

/// Takes records up.
pub struct Recoverer {
    /// The halted state, and what was taken up in it.
    pub ledger: Ledger,
    /// Heads.
    pub importer: Arc<Importer>,
    /// Peers to pass records on to.
    pub network: Network,
    /// Where a refused file is told.
    pub faults: Faults,
    /// The node's data.
    pub data_dir: PathBuf,
    /// Told after a record was taken up.
    pub taken_up: watch::Sender<()>,
}

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    File,
    Peer(PeerId),
}

/// Why a record was not taken up.
#[derive(Debug, thiserror::Error)]
enum NotTakenUp {
    #[error(transparent)]
    Refused(#[from] RecordRefused),
    #[error(transparent)]
    Kept(#[from] KeptError),
    #[error("the node is stopping")]
    Stopping,
}

/// What the folder and the peers gave so far.
#[derive(Default)]
struct Known {
    /// Hash of the file that was looked at last.
    file: Option<B256>,
    looks: u32,
    /// A record for a height that this node has not come to yet.
    early: Option<(Source, RecoveryRecord)>,
}

impl Recoverer {
    /// Runs until told to stop.
    pub async fn run(self, mut offers: mpsc::Receiver<Offer>, stop: CancellationToken) {
        let (mut heads, mut known) = (self.importer.heads(), Known::default());
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                offer = offers.recv() => match offer {
                    Some(Offer::Record(from, bytes)) => self.offered(from, &bytes, &mut known).await,
                    Some(Offer::Connected(peer)) => self.greet(peer),
                    None => return,
                },
                changed = heads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    heads.borrow_and_update();
                    if let Some((source, record)) = known.early.take() {
                        self.consider(source, record, &mut known).await;
                    }
                }
                _ = looks.tick() => self.look(&mut known).await,
            }
        }
    }

    /// A peer that connects may have been away when the record went round.
    fn greet(&self, peer: PeerId) {
        if let Some(adopted) = self.ledger.adopted() {
            self.network.notify_peer(peer, Notice::Recovery, &alloy_rlp::encode(&adopted.record));
        }
    }

    async fn offered(&self, from: PeerId, bytes: &[u8], known: &mut Known) {
        match alloy_rlp::decode_exact::<RecoveryRecord>(bytes) {
            Ok(record) => self.consider(Source::Peer(from), record, known).await,
            Err(_) => self.network.penalise(from, Misbehaviour::InvalidNotice),
        }
    }

    /// Takes the file in the folder, once for each content.
    async fn look(&self, known: &mut Known) {
        known.looks = known.looks.wrapping_add(1);
        if let Some(adopted) = self.ledger.adopted().filter(|_| known.looks.is_multiple_of(REPEAT)) {
            self.network.notify(Notice::Recovery, &alloy_rlp::encode(&adopted.record), None);
        }
        let dir = self.data_dir.clone();
        let read = tokio::task::spawn_blocking(move || kept::offered(&dir)).await;
        let text = match read {
            Ok(Ok(Some(text))) => text,
            Ok(Ok(None)) => return known.file = None,
            Ok(Err(error)) => return self.faults.report(error.to_string()),
            Err(_) => return,
        };
        let hash = keccak256(&text);
        if known.file.replace(hash) == Some(hash) {
            return;
        }
        match RecoveryRecord::from_json(&text) {
            Ok(record) => self.consider(Source::File, record, known).await,
            Err(error) => self.faults.report(format!("{}: {error}", kept::OFFERED)),
        }
    }

    async fn consider(&self, source: Source, record: RecoveryRecord, known: &mut Known) {
        match self.take_up(&record).await {
            Ok(true) => {
                tracing::warn!(
                    height = record.height,
                    attempt = record.attempt,
                    seats = record.seats.len(),
                    ?source,
                    "recovery record taken up: voting with its seats from now on, never again with those before"
                );
                self.network.notify(Notice::Recovery, &alloy_rlp::encode(&record), None);
                self.taken_up.send_replace(());
            }
            Ok(false) => {}
            Err(NotTakenUp::Refused(RecordRefused::NotYet { .. })) => {
                // A file is a person's word: a peer's must not take its place.
                let keeps = matches!(known.early, Some((Source::File, _))) && source != Source::File;
                if !keeps {
                    known.early = Some((source, record));
                }
            }
            Err(error) => self.refused(source, &record, &error),
        }
    }

    fn refused(&self, source: Source, record: &RecoveryRecord, error: &NotTakenUp) {
        match (source, error) {
            (Source::Peer(peer), NotTakenUp::Refused(RecordRefused::Block(InvalidBlock::Reseat(_)))) => {
                self.network.penalise(peer, Misbehaviour::InvalidNotice);
            }
            // The file has done its work and may stay.
            (Source::File, NotTakenUp::Refused(RecordRefused::Decided { .. }))
                if self.ledger.carries(record).is_ok_and(|carries| carries) => {}
            (Source::File, error) | (_, error @ NotTakenUp::Kept(_)) => {
                self.faults.report(format!("recovery record not taken up: {error}"));
            }
            (Source::Peer(_), error) => tracing::debug!(%error, "recovery record of a peer left"),
        }
    }

    /// On disk before in force: a node that voted with the new set must not come back with the old one.
    async fn take_up(&self, record: &RecoveryRecord) -> Result<bool, NotTakenUp> {
        let (ledger, dir, record) = (self.ledger.clone(), self.data_dir.clone(), record.clone());
        let work = move || {
            if ledger.adopted().is_some_and(|adopted| adopted.record.digest() == record.digest()) {
                return Ok(false);
            }
            ledger.check_record(&record)?;
            kept::keep(&dir, &record)?;
            Ok(ledger.adopt(&record)?)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| NotTakenUp::Stopping)?
    }
}
