//! Fetching from one peer, as a pipeline: headers, bodies, senders, import. Every stage works while the next one does, and
//! a bounded number of segments waits between them.

use super::{
    Failure, Sync,
    bodies::{self, Segment, Sources},
    headers::{self, Linked},
};
use crate::import::Importer;
use devp2p::{Network, PeerId};
use ledger::{Prepared, Vouched};
use parking_lot::Mutex;
use std::{collections::VecDeque, time::Instant};
use tokio::sync::mpsc;

/// Batches of headers that wait for their bodies.
const HEADER_BATCHES: usize = 4;
/// Segments that wait between two stages.
const SEGMENTS: usize = 1;
/// Other peers that bodies are asked of at most.
const LENDERS: usize = 3;

/// A segment on its way to the ledger, and who lent which bodies.
type Ready = (VecDeque<Prepared>, Vec<(u64, PeerId)>);

/// A failure, and whom it is of when that is not the peer of the headers.
pub(super) struct Ended {
    pub(super) failure: Failure,
    pub(super) lender: Option<PeerId>,
}

/// How fetching from a peer ended.
pub(super) struct Fetched {
    pub(super) outcome: Result<(), Ended>,
    /// Other peers that did not answer.
    pub(super) silent: Vec<PeerId>,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self { failure, lender: None }
    }
}

impl Sync {
    /// Imports what the peer has beyond our head, until it has no more. `others` have these blocks too.
    pub(super) async fn fetch_from(&self, peer: PeerId, claimed: u64, mut others: Vec<PeerId>) -> Fetched {
        others.truncate(LENDERS);
        let silent = Mutex::new(Vec::new());
        let sources = Sources { network: &self.network, main: peer, others, silent: &silent };
        let mut outcome = self.fetch_by(&sources, claimed).await;
        if outcome.as_ref().is_err_and(|ended| ended.failure.is_of_seals()) {
            outcome = self.fetch_vouched(&sources).await;
        }
        Fetched { outcome, silent: silent.into_inner() }
    }

    async fn fetch_by(&self, sources: &Sources<'_>, claimed: u64) -> Result<(), Ended> {
        let head = self.importer.head();
        let (batches, linked) = mpsc::channel(HEADER_BATCHES);
        let download = download(&self.network, sources.main, (head.number, head.hash), claimed, batches);
        self.import_all(sources, download, linked, &Vouched::default()).await
    }

    /// Imports what the peer has up to the next block whose own seals it must have checked. Where segments end is our choice, and
    /// seals in between may be false without its fault: here a later block vouches for them, or the peer made them all up.
    async fn fetch_vouched(&self, sources: &Sources<'_>) -> Result<(), Ended> {
        let head = self.importer.head();
        let mut run = headers::run(&self.network, sources.main, (head.number, head.hash)).await?;
        let headers = run.iter().map(|(_, header)| header.clone()).collect();
        let vouched = self.importer.vouch(headers).await.map_err(Failure::from)?;
        run.truncate(vouched.len());
        let (batches, linked) = mpsc::channel(1);
        // There is room for one.
        let _ = batches.try_send(run);
        drop(batches);
        self.import_all(sources, async { Ok(()) }, linked, &vouched).await
    }

    /// Imports the blocks of headers that come in.
    async fn import_all(
        &self,
        sources: &Sources<'_>,
        download: impl Future<Output = Result<(), Ended>>,
        linked: mpsc::Receiver<Vec<Linked>>,
        vouched: &Vouched,
    ) -> Result<(), Ended> {
        let (segments, fetched) = mpsc::channel(SEGMENTS);
        let (ready, prepared) = mpsc::channel(SEGMENTS);
        let stages = async {
            let (headers, bodies, senders) = tokio::join!(
                download,
                bodies::download(sources, linked, segments),
                prepare(&self.importer, fetched, ready)
            );
            headers?;
            bodies?;
            senders
        };
        let import = import(&self.importer, prepared, vouched);
        tokio::pin!(stages, import);
        tokio::select! {
            // What was fetched before a failure is as good as ever.
            ended = &mut stages => import.await.and(ended),
            imported = &mut import => match imported {
                Ok(()) => stages.await,
                failed => failed,
            },
        }
    }
}

async fn download(
    network: &Network,
    peer: PeerId,
    from: (u64, alloy_primitives::B256),
    claimed: u64,
    batches: mpsc::Sender<Vec<Linked>>,
) -> Result<(), Ended> {
    headers::download(network, peer, from, claimed, batches).await.map_err(Ended::from)
}

async fn prepare(
    importer: &Importer,
    mut fetched: mpsc::Receiver<Segment>,
    ready: mpsc::Sender<Ready>,
) -> Result<(), Ended> {
    while let Some(Segment { blocks, lenders, .. }) = fetched.recv().await {
        let prepared = importer.prepare(blocks).await.map_err(|error| blamed(error.into(), &lenders))?;
        if ready.send((prepared, lenders)).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn import(
    importer: &Importer,
    mut prepared: mpsc::Receiver<Ready>,
    vouched: &Vouched,
) -> Result<(), Ended> {
    loop {
        let begun = Instant::now();
        let Some((blocks, lenders)) = prepared.recv().await else { return Ok(()) };
        importer.waited(begun.elapsed());
        importer.import_segments(blocks, vouched).await.map_err(|error| blamed(error.into(), &lenders))?;
    }
}

/// A wrong body is the fault of whoever lent it.
fn blamed(failure: Failure, lenders: &[(u64, PeerId)]) -> Ended {
    let lender = failure.wrong_body().and_then(|number| Segment::lender(lenders, number));
    Ended { failure, lender }
}
