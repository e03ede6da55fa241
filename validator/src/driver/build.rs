//! Making a block: work starts ahead of the tick and transactions are taken until shortly before it; the core proposes
//! the block at the tick.

mod finish;
mod told;

pub(super) use finish::FinishTime;
pub(super) use told::PARTS;
use told::{TOLD, Told};

use super::block::ProposedBlock;
use crate::{clock::Clock, pool::Pool, votes::PendingVotes};
use alloy_primitives::{Address, B256, map::B256HashSet};
use chain::{Extra, hash::ProposalRound};
use devp2p::{Network, own::preview::Preview};
use ledger::{BuildAttributes, Ledger, LedgerError, Recovered};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// Taking transactions starts this long before the tick, at most half a period.
const LEAD_MS: u64 = 500;
/// Time for taking transactions when the block is due at once (a later round, or the first block).
const OVERDUE_MS: u64 = 200;
/// One in so many parts of a period may go into running transactions: the others, perhaps slower or busier, must run them
/// too before the round is over.
pub(super) const BUSY_SHARE: u32 = 5;
/// How often the pool is looked at for more while there is time.
const POLL: Duration = Duration::from_millis(5);
/// The same, when a block with none has been made and may wait.
const EMPTY_POLL: Duration = Duration::from_millis(20);
/// What was submitted here less long ago is left to the next block, once so many are in this one that it is told of before it
/// is proposed: peers may not have it yet. Theirs has been on its way for as long.
const SETTLING: Duration = Duration::from_millis(45);
/// Pause before transactions that no block took are tried again.
const RETRY: Duration = Duration::from_millis(250);

/// What to build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) height: u64,
    pub(super) round: u32,
    pub(super) timestamp: u64,
    pub(super) due_ms: u64,
    pub(super) period_ms: u64,
    /// When the block is wanted even without transactions; not before `due_ms`.
    pub(super) empty_due_ms: u64,
    pub(super) beneficiary: Address,
    pub(super) proposal_round: ProposalRound,
}

/// Why there is no block.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("built block has bad extra data: {0}")]
    ExtraData(#[from] alloy_rlp::Error),
    #[error("head is at {got}, the block was to follow {want}")]
    Head { got: u64, want: u64 },
    #[error("building was cut short")]
    CutShort,
}

/// What a block is made of.
#[derive(Clone)]
pub(super) struct Materials {
    pub(super) ledger: Ledger,
    pub(super) pool: Pool,
    pub(super) votes: PendingVotes,
    pub(super) clock: Clock,
    pub(super) finish: Arc<FinishTime>,
    pub(super) network: Network,
}

/// Builds; done shortly before the tick. With nothing to propose it waits for transactions until an empty block is due.
pub(super) async fn build(materials: Materials, mut order: Order) -> Result<ProposedBlock, BuildError> {
    let lead_ms = LEAD_MS.min(order.period_ms / 2);
    let may_wait = order.empty_due_ms > order.due_ms;
    let clock = materials.clock.clone();
    clock.sleep_until_ms(order.due_ms.saturating_sub(lead_ms)).await;
    loop {
        let again = materials.clone();
        let work = tokio::task::spawn_blocking(move || build_now(&again, order));
        let block = work.await.map_err(|_| BuildError::CutShort)??;
        let is_empty = block.block().body.transactions.is_empty();
        if !is_empty || !may_wait || order.due_ms >= order.empty_due_ms {
            return Ok(block);
        }
        wait_for_transactions(&materials, order.empty_due_ms).await;
        order.due_ms = clock.unix_ms().max(order.due_ms);
        order.timestamp = order.timestamp.max(order.due_ms / 1000);
    }
}

/// Until something waits, or an empty block is due. What waits may be no good: it is tried less often than looked for.
async fn wait_for_transactions(materials: &Materials, empty_due_ms: u64) {
    let Materials { pool, clock, .. } = materials;
    let pause = if pool.stats().pending == 0 { EMPTY_POLL } else { RETRY };
    loop {
        let now = clock.now();
        let left = Duration::from_millis(empty_due_ms.saturating_sub(now.unix_ms));
        clock.sleep_until(now.instant + left.min(pause)).await;
        if pool.stats().pending > 0 || clock.unix_ms() >= empty_due_ms {
            return;
        }
    }
}

fn build_now(materials: &Materials, order: Order) -> Result<ProposedBlock, BuildError> {
    let Materials { ledger, pool, votes, clock, finish, network } = materials;
    let began = Instant::now();
    let head = ledger.head();
    if head.number.checked_add(1) != Some(order.height) {
        return Err(BuildError::Head { got: head.number, want: order.height.saturating_sub(1) });
    }
    let attributes = BuildAttributes {
        timestamp: order.timestamp,
        beneficiary: order.beneficiary,
        extra_data: extra(ledger, votes, &order)?.to_bytes(),
        gas_limit_target: ledger.parameters()?.gas_limit_target,
    };
    let Order { timestamp, beneficiary, .. } = order;
    let salt = B256::from(rand::random::<[u8; 32]>());
    let preview =
        Preview::of((order.height, head.hash), timestamp, beneficiary, attributes.extra_data.clone(), salt);
    let mut told = Told::default();
    let mut source = Source::new(pool, order, clock, finish);
    let end_ms = source.end_ms;
    let next = || {
        let next = source.next();
        if order.round == 0
            && let Some(part) = told.part(&source.chosen, next.is_none(), began.elapsed())
        {
            network.preview(&preview.part(part.start, &source.chosen[part], next.is_some()));
        }
        next
    };
    let built = ledger.build(&attributes, next, || clock.unix_ms() >= end_ms)?;
    for (hash, reason) in &built.skipped {
        if reason.is_permanent() {
            tracing::debug!(%hash, %reason, "transaction can never be included, dropped");
            pool.discard(hash);
        }
    }
    let block = ProposedBlock::new(Arc::clone(&built.block), order.proposal_round)?;
    let (transactions, last) = (built.block.body.transactions.len(), source.ended.unwrap_or(began));
    let finishing = last.elapsed();
    finish.learn(transactions, finishing);
    let (took, early_ms) = (began.elapsed(), order.due_ms.saturating_sub(clock.unix_ms()));
    tracing::debug!(height = order.height, transactions, ?took, ?finishing, early_ms, "block built");
    Ok(block)
}

/// Where headers name the validators: their list, and a vote of ours unless the block resets the votes.
fn extra(ledger: &Ledger, votes: &PendingVotes, order: &Order) -> Result<Extra, LedgerError> {
    let round = match order.proposal_round {
        ProposalRound::Real => order.round,
        ProposalRound::Zero => 0,
    };
    let mut extra = Extra::unsealed(round);
    extra.reseat = ledger.adopted().map(|adopted| adopted.record.reseat());
    if let Some(tally) = ledger.votes()? {
        extra.validators = tally.validators().to_vec();
        let is_epoch = ledger.genesis().schedule.is_epoch(order.height);
        extra.vote = if is_epoch { None } else { votes.next(order.beneficiary, &tally) };
    }
    Ok(extra)
}

/// Offers what the pool has, then what comes in, until it is time to finish.
struct Source<'a> {
    pool: &'a Pool,
    clock: &'a Clock,
    ready: Box<dyn Iterator<Item = Recovered> + Send>,
    offered: B256HashSet,
    /// The same, in their order.
    chosen: Vec<B256>,
    /// Of how many arrivals everything was offered.
    arrivals: u64,
    /// When the pool was looked at and how many had come in, newest last, the last [`SETTLING`] and one before.
    looks: VecDeque<(Instant, u64)>,
    /// When the block must be finished.
    end_ms: u64,
    /// Whether there is time to wait for more than the pool holds now.
    patient: bool,
    /// When the work began, moved on by what was spent waiting.
    busy_since: Instant,
    /// How long transactions may be run.
    budget: Duration,
    /// What the block takes after its last transaction.
    finish: &'a FinishTime,
    /// When no more was offered.
    ended: Option<Instant>,
}

impl<'a> Source<'a> {
    fn new(pool: &'a Pool, order: Order, clock: &'a Clock, finish: &'a FinishTime) -> Self {
        let now_ms = clock.unix_ms();
        let patient = now_ms.saturating_add(millis(finish.reserve(0))) < order.due_ms;
        let end_ms = if patient { order.due_ms } else { now_ms.saturating_add(OVERDUE_MS) };
        let budget = Duration::from_millis(order.period_ms) / BUSY_SHARE;
        let (ready, arrivals) = pool.best_since(0, u64::MAX);
        let offered = B256HashSet::default();
        let busy_since = Instant::now();
        Self {
            pool,
            clock,
            ready: Box::new(ready),
            offered,
            chosen: Vec::new(),
            arrivals,
            looks: VecDeque::new(),
            end_ms,
            patient,
            busy_since,
            budget,
            finish,
            ended: None,
        }
    }

    fn next(&mut self) -> Option<Recovered> {
        let next = self.wait_for_next();
        if next.is_none() {
            self.ended = Some(Instant::now());
        }
        next
    }

    fn wait_for_next(&mut self) -> Option<Recovered> {
        loop {
            if self.clock.unix_ms() >= self.freeze_ms() || self.busy_since.elapsed() > self.budget {
                return None;
            }
            let offered = &mut self.offered;
            if let Some(next) = self.ready.by_ref().find(|transaction| offered.insert(transaction.hash)) {
                self.chosen.push(next.hash);
                return Some(next);
            }
            if !self.patient {
                return None;
            }
            let idle_since = Instant::now();
            std::thread::sleep(POLL);
            self.busy_since += idle_since.elapsed();
            self.look();
        }
    }

    /// Looks at the pool again.
    fn look(&mut self) {
        let now = Instant::now();
        while self.looks.get(1).is_some_and(|(at, _)| now - *at >= SETTLING) {
            self.looks.pop_front();
        }
        let settled = match self.looks.front() {
            _ if self.chosen.len() < TOLD => u64::MAX,
            Some((at, arrivals)) if now - *at >= SETTLING => *arrivals,
            // What was there at the start has been offered.
            _ => self.arrivals,
        };
        let (ready, arrivals) = self.pool.best_since(self.arrivals, settled);
        self.looks.push_back((now, arrivals));
        (self.ready, self.arrivals) = (Box::new(ready), arrivals.min(settled));
    }

    fn freeze_ms(&self) -> u64 {
        self.end_ms.saturating_sub(millis(self.finish.reserve(self.offered.len())))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
