//! Running a block before it is proposed: its proposer says which transactions it has chosen, and finishes it meanwhile.
//!
//! What is run is kept as any candidate, by the hash of the block that came out; a proposal with that hash need not be run
//! again, and any other one is. So a false preview costs time and decides nothing: one is run for a height, from a peer that
//! was not wrong lately, within the share of a period that a builder has.

use super::{DriverHandle, build::BUSY_SHARE};
use crate::pool::{Pool, Pooled};
use alloy_primitives::B256;
use devp2p::{PeerId, own::preview::Preview};
use ledger::{At, BuildAttributes, Ledger, Recovered};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// Previews that may wait.
pub const QUEUE: usize = 8;
/// What the last transactions may need to get here from their own node.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(10);
/// Heights for which nobody listens to a peer whose preview was not what came.
const DISTRUST: u64 = 16;
/// Peers remembered for that.
const PEERS: usize = 64;

/// A preview and who sent it.
pub type Offer = (PeerId, Preview);

/// Keeps a proposal from being run beside its preview.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// Held while a preview is run.
    turn: Arc<Mutex<()>>,
    /// Highest height of which a proposal has come.
    proposed: Arc<AtomicU64>,
}

impl Ahead {
    /// A proposal of this height is here: waits until its preview has been run, if it is being run.
    pub(super) async fn proposed(&self, height: u64) {
        self.proposed.fetch_max(height, Relaxed);
        drop(self.turn.lock().await);
    }

    fn is_late(&self, height: u64) -> bool {
        self.proposed.load(Relaxed) >= height
    }
}

/// What previews are run with.
pub struct Runner {
    /// Chain and state.
    pub ledger: Ledger,
    /// Where the transactions are.
    pub pool: Pool,
    /// Whose turn it is.
    pub driver: DriverHandle,
    /// Shared with the driver.
    pub ahead: Ahead,
}

/// The preview that was run last, and the hash of what came out.
struct Last {
    from: PeerId,
    height: u64,
    hash: B256,
}

impl Runner {
    /// Runs previews until told to stop.
    pub async fn run(self, mut offers: mpsc::Receiver<Offer>, stop: CancellationToken) {
        let (mut last, mut wrong): (Option<Last>, BTreeMap<PeerId, u64>) = (None, BTreeMap::new());
        loop {
            let offer = tokio::select! {
                () = stop.cancelled() => return,
                offer = offers.recv() => offer,
            };
            let Some((from, preview)) = offer else { return };
            let height = preview.height;
            if last.as_ref().is_some_and(|last| last.height >= height) || !self.is_expected(&preview) {
                continue;
            }
            if let Some(last) = last.take().filter(|last| !self.came(last)) {
                wrong.retain(|_, until| *until > height);
                if wrong.len() < PEERS {
                    wrong.insert(last.from, height.saturating_add(DISTRUST));
                }
            }
            if wrong.get(&from).is_some_and(|until| *until > height) {
                continue;
            }
            last = self.run_one(preview).await.map(|hash| Last { from, height, hash });
        }
    }

    /// The next block, by whoever proposes it in round 0, and not by us.
    fn is_expected(&self, preview: &Preview) -> bool {
        let (head, view) = (self.ledger.head(), Arc::clone(&self.driver.view.borrow()));
        let is_turn = view.consensus.as_ref().is_some_and(|now| {
            now.height == preview.height && now.round == 0 && now.proposer == preview.beneficiary
        });
        is_turn && view.identity != Some(preview.beneficiary) && head.hash == preview.parent
    }

    fn came(&self, last: &Last) -> bool {
        let number = self.ledger.number(At::Hash(last.hash));
        number.ok().flatten() == Some(last.height)
    }

    async fn run_one(&self, preview: Preview) -> Option<B256> {
        let (pool, ahead) = (self.pool.clone(), self.ahead.clone());
        let search = move || find(&pool, &preview, &ahead).map(|found| (preview, found));
        let (preview, found) = tokio::task::spawn_blocking(search).await.ok()??;
        let turn = Arc::clone(&self.ahead.turn).lock_owned().await;
        if self.ahead.is_late(preview.height) {
            return None;
        }
        let ledger = self.ledger.clone();
        let budget = Duration::from_millis(self.driver.view.borrow().period_ms) / BUSY_SHARE;
        let work = move || {
            let hash = execute(&ledger, &preview, found, budget);
            drop(turn);
            hash
        };
        tokio::task::spawn_blocking(work).await.ok()?
    }
}

/// All of the transactions named, perhaps after some waiting for the last of them.
fn find(pool: &Pool, preview: &Preview, ahead: &Ahead) -> Option<Vec<Recovered>> {
    for tries in 0..TRIES {
        if tries > 0 {
            std::thread::sleep(PAUSE);
        }
        if ahead.is_late(preview.height) {
            return None;
        }
        let all = pool.all();
        let found =
            preview.find::<Arc<Pooled>>(|each| all.iter().for_each(|one| each(&one.recovered.hash, one)));
        if let Some(found) = found {
            return Some(found.into_iter().map(|pooled| pooled.recovered.clone()).collect());
        }
    }
    tracing::debug!(height = preview.height, "preview names transactions that are not here");
    None
}

fn execute(ledger: &Ledger, preview: &Preview, found: Vec<Recovered>, budget: Duration) -> Option<B256> {
    let began = Instant::now();
    let attributes = BuildAttributes {
        timestamp: preview.timestamp,
        beneficiary: preview.beneficiary,
        extra_data: preview.extra_data.clone(),
        gas_limit_target: ledger.parameters().ok()?.gas_limit_target,
    };
    let mut found = found.into_iter();
    let built = ledger.build(&attributes, || found.next(), || began.elapsed() > budget).ok()?;
    tracing::debug!(height = preview.height, took = ?began.elapsed(), "preview was run");
    Some(built.hash)
}
