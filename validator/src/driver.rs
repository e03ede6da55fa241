//! The only caller of the protocol core: events become its inputs, its outputs become effects.
//!
//! One task owns the core and never waits for anything slow. Execution runs on blocking threads, signatures are checked
//! and votes are written on threads of their own, and whatever they give comes back as an input. The core orders what
//! belongs together: nothing is signed before its record is durable, nothing is sent before it is signed.

mod ahead;
mod block;
mod build;
mod foresight;
mod grant;
mod head;
mod heard;
mod message;
mod own;
mod parts;
mod perform;
mod proposals;
mod recover;
mod sign;
mod strikes;
mod tenure;
mod timers;
mod verify;
mod view;
mod waiting;

pub use ahead::{Ahead, Offer, QUEUE as PREVIEWS, Runner};
pub use block::ProposedBlock;
pub use head::SIT_OUT_MARGIN_S;
pub use parts::{DriverHandle, Parts, Voter};
pub use sign::{Answer, Signing};
pub use tenure::journaled;
pub use verify::{Inbox, Incoming, Verifier};
pub use view::{DriverView, JournalView};

use crate::clock::{Now, unix_ms};
use crate::lease::Changed;
use alloy_primitives::Address;
use build::FinishTime;
use chain::{client::ClientProfile, genesis::MessageEncoding};
use foresight::Foresight;
use head::next_height;
use heard::Heard;
use ledger::LedgerError;
use own::Own;
use perform::Held;
use proposals::Proposals;
use qbft::{Encoding, Input, Instance, NewHead, Output, Rejected};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use strikes::Strikes;
use tenure::{Tenure, changed};
use timers::Timers;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Results of effects that may wait for the driver.
const EFFECTS: usize = 1024;
/// The driver shows that it lives at least this often, and reads the clock anew in case it was stepped.
const TICK: Duration = Duration::from_millis(500);

/// The network forgets what it has delivered at most this often, however much is dropped.
const FORGET: Duration = Duration::from_millis(100);

/// The task.
pub struct Driver {
    parts: Parts,
    encoding: Encoding,
    /// What every core of this node begins with.
    config: qbft::Config,
    instance: Instance<ProposedBlock>,
    head: NewHead,
    sitting_out: bool,
    started_s: u64,
    heard: Heard,
    own: Own,
    strikes: Strikes,
    /// How long blocks took to be finished.
    finish: Arc<FinishTime>,
    /// Highest height whose round 0 waits for no transactions any more.
    hurried: u64,
    /// When the network last forgot what it had delivered because something was dropped.
    forgot: Instant,
    /// When the rules of the next height are to be read again, and how long the wait for it was.
    retry: Option<(Instant, Duration)>,
    /// The journal cannot be written: nothing is signed any more.
    journal_broken: Arc<AtomicBool>,
    /// Which of the voters this node votes with, if it may.
    voter: Option<usize>,
    /// Of an identity that can move.
    tenure: Tenure,
    changes: Option<mpsc::Receiver<Changed>>,
    /// What an identity that is taken over may be locked on.
    proposals: Proposals,
    /// What will be sent at the tick.
    held: Option<Held>,
    /// Votes signed at once, until the core is told; empty between events.
    signed: VecDeque<Input<ProposedBlock>>,
    /// What a signer that is a network away is asked for ahead.
    foresight: Foresight,
    timers: Timers,
    effects: mpsc::Sender<Input<ProposedBlock>>,
    results: mpsc::Receiver<Input<ProposedBlock>>,
    inbox: Inbox,
    tasks: TaskTracker,
    view: watch::Sender<Arc<DriverView>>,
    heartbeat: Arc<AtomicU64>,
}

impl Driver {
    /// Starts the core on the ledger's head with what the journal holds. What a key in memory signs of that is sent again at once;
    /// whatever is waited for comes back in [`Driver::run`].
    pub async fn start(
        mut parts: Parts,
        inbox: Inbox,
        tasks: TaskTracker,
    ) -> Result<(Self, DriverHandle), LedgerError> {
        strikes::count_from_zero(&parts.metrics);
        let head = next_height(&parts.ledger, &parts.faults).await?;
        let changes = parts.changes.take();
        let voter = parts.voters.iter().position(|voter| voter.is_own);
        let own = voter.and_then(|own| parts.voters.get(own));
        let identity = own.map(|voter| voter.signer.address());
        // Who may vote an identity that can move, and from what it starts, the fence says.
        let own = own.filter(|voter| voter.lease.is_none());
        let sitting_out = own.is_some_and(|voter| !voter.active);
        let records = own.map_or(&[][..], |voter| &voter.records);
        let (recovered, votes_from) = recover::recovered(records, parts.rules.proposal_round, &parts.faults);
        let mut config = qbft::Config::new(identity);
        config.votes_from = if sitting_out || changes.is_some() { u64::MAX } else { votes_from };
        config.proposer_rule = parts.rules.proposer_rule;
        config.proposal_round = parts.rules.proposal_round;
        config.mixed_digests = parts.rules.mixed_digests;
        config.timeout_cap_ms = parts.rules.timeout_cap_ms;
        if parts.rules.profile != ClientProfile::Quorate {
            config.pace = qbft::Pace::Classic;
        }
        let encoding = match parts.rules.message_encoding {
            MessageEncoding::FourItem => Encoding::Besu26,
            MessageEncoding::Legacy => Encoding::Legacy,
        };
        let now_ms = parts.clock.unix_ms();
        let (instance, outputs) = Instance::new(config.clone(), head.clone(), recovered, now_ms);
        let (effects, results) = mpsc::channel(EFFECTS);
        let heartbeat = Arc::new(AtomicU64::new(unix_ms()));
        let (view, watch) = watch::channel(Arc::default());
        let mut driver = Self {
            encoding,
            config,
            instance,
            head,
            sitting_out,
            started_s: now_ms / 1000,
            heard: Heard::default(),
            own: Own::default(),
            strikes: Strikes::default(),
            finish: Arc::default(),
            hurried: 0,
            forgot: Instant::now(),
            retry: None,
            journal_broken: Arc::default(),
            voter,
            tenure: Tenure::default(),
            changes,
            proposals: Proposals::default(),
            held: None,
            signed: VecDeque::new(),
            foresight: Foresight::default(),
            timers: Timers::default(),
            effects,
            results,
            inbox,
            tasks,
            view,
            heartbeat: Arc::clone(&heartbeat),
            parts,
        };
        driver.heard.keep(&driver.head.validators);
        driver.look_at_head();
        driver.perform(outputs);
        driver.publish();
        Ok((driver, DriverHandle { view: watch, heartbeat }))
    }

    /// Runs until told to stop; then nothing is signed any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut heads = self.parts.importer.heads();
        // A block may have come in between reading the head and subscribing.
        heads.mark_changed();
        self.parts.reseats.mark_changed();
        loop {
            self.heartbeat.store(unix_ms(), Ordering::Release);
            // Before anything else: a stream of messages must not keep a timer from running out.
            for timer in self.timers.due(self.now()) {
                let _ = self.step(Input::Timeout(timer));
            }
            if self.retry.is_some_and(|(at, _)| Instant::now() >= at) {
                let head = self.parts.importer.head();
                self.on_head(&head).await;
            }
            self.look_at_pool();
            let pause = self.parts.clock.sleep_until(self.timers.wake(self.now(), TICK));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Ok(()) = heads.changed() => {
                    let head = heads.borrow_and_update().clone();
                    self.on_head(&head).await;
                }
                Ok(()) = self.parts.reseats.changed() => self.on_reseat().await,
                Some(change) = changed(&mut self.changes) => self.on_change(change).await,
                Some(input) = self.results.recv() => drop(self.step(input)),
                () = dropped(&self.inbox.dropped, self.forgot) => {
                    self.forgot = Instant::now();
                    self.parts.network.forget_consensus();
                }
                Some(peer) = self.inbox.arrived.recv() => self.greet(peer),
                Some(checked) = self.inbox.checked.recv() => self.on_message(checked),
                () = pause => {}
            }
            self.publish();
        }
    }

    /// With transactions to propose no proposer waits for an empty block to be due, nor does anybody for a dead one.
    fn look_at_pool(&mut self) {
        let NewHead { number, period_ms, empty_period_ms, .. } = self.head;
        if empty_period_ms > period_ms && self.hurried <= number && self.parts.pool.waits_after(number) {
            self.hurried = number.saturating_add(1);
            let _ = self.step(Input::TransactionsWait);
        }
    }

    fn now(&self) -> Now {
        self.parts.clock.now()
    }

    /// An answer or timer that came too late is no news; what a peer's message was refused for is its sender's matter.
    fn step(&mut self, input: Input<ProposedBlock>) -> Result<(), Rejected> {
        let outputs = self.tell(input)?;
        self.perform(outputs);
        Ok(())
    }

    fn tell(&mut self, input: Input<ProposedBlock>) -> Result<Vec<Output<ProposedBlock>>, Rejected> {
        self.instance.step(input, self.parts.clock.unix_ms()).inspect_err(|rejected| {
            let reason = [("reason", rejected.label())];
            self.parts.metrics.messages_rejected.get_or_create(&reason).inc();
            tracing::debug!(%rejected, "consensus input refused");
        })
    }

    /// What this node votes with, when it may.
    fn voter(&self) -> Option<&Voter> {
        self.parts.voters.get(self.voter?)
    }

    /// Which one is this node's own, whether or not it holds it.
    fn own_voter(&self) -> Option<usize> {
        self.parts.voters.iter().position(|voter| voter.is_own)
    }

    fn identity(&self) -> Option<Address> {
        self.voter().map(|voter| voter.signer.address())
    }
}

/// A payload was dropped, and the network did not forget just now.
async fn dropped(told: &Notify, forgot: Instant) {
    tokio::time::sleep_until((forgot + FORGET).into()).await;
    told.notified().await;
}
