//! The only caller of the protocol core: events become its inputs, its outputs become effects.
//!
//! One task owns the core and never waits for anything slow. Execution runs on blocking threads, signatures are checked
//! and votes are written on threads of their own, and whatever they give comes back as an input. The core orders what
//! belongs together: nothing is signed before its record is durable, nothing is sent before it is signed.

mod ahead;
mod block;
mod build;
mod heard;
mod own;
mod perform;
mod recover;
mod sign;
mod strikes;
mod timers;
mod verify;
mod view;
mod waiting;

pub use ahead::{Ahead, Offer, QUEUE as PREVIEWS, Runner};
pub use block::ProposedBlock;
pub use verify::{Inbox, Incoming, Verifier};
pub use view::{DriverView, JournalView};

use crate::{
    clock::{Clock, Now, unix_ms},
    faults::Faults,
    import::Importer,
    journal::{JournalHandle, Record},
    metrics::{Metrics, gauge},
    pool::Pool,
    signer::Signer,
    sync::SyncHandle,
    votes::PendingVotes,
};
use alloy_primitives::{Address, B256};
use build::FinishTime;
use chain::{
    client::{ClientProfile, WireRules},
    genesis::MessageEncoding,
};
use devp2p::{Audience, Misbehaviour, Network, PeerId};
use heard::Heard;
use ledger::{HeadInfo, Ledger, LedgerError};
use own::Own;
use perform::Held;
use qbft::{Encoding, Input, Instance, NewHead, Rejected};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use strikes::Strikes;
use timers::Timers;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use verify::{Checked, Window};

/// Results of effects that may wait for the driver.
const EFFECTS: usize = 1024;
/// The driver shows that it lives at least this often, and reads the clock anew in case it was stepped.
const TICK: Duration = Duration::from_millis(500);

/// The network forgets what it has delivered at most this often, however much is dropped.
const FORGET: Duration = Duration::from_millis(100);

/// Longest wait before the rules of the next height are read again after they could not be; doubled from [`TICK`].
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How far a block's timestamp must lie behind our start to prove that its height was decided without us: more than
/// any two clocks of the network may differ.
pub const SIT_OUT_MARGIN_S: u64 = 10;

/// The identity, its journal and what the journal said.
pub struct Voter {
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Makes votes durable.
    pub journal: JournalHandle,
    /// Its id.
    pub journal_id: B256,
    /// Id of the journal in whose place it was made.
    pub replaces: Option<B256>,
    /// Whether it accepts votes; if not, the node sits out.
    pub active: bool,
    /// The votes of the newest undecided height in it.
    pub records: Vec<Record>,
}

/// What the driver works with.
pub struct Parts {
    /// Chain and state.
    pub ledger: Ledger,
    /// Transactions to build from.
    pub pool: Pool,
    /// Where finalised blocks go.
    pub importer: Arc<Importer>,
    /// Peers.
    pub network: Network,
    /// Told when others are ahead.
    pub sync: SyncHandle,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where faults are told.
    pub faults: Faults,
    /// Validators that the operator wants in or out.
    pub votes: PendingVotes,
    /// The identity; none for observers.
    pub voter: Option<Voter>,
    /// How the network's nodes speak.
    pub rules: WireRules,
    /// What time it is.
    pub clock: Clock,
    /// Blocks that are run before they are proposed.
    pub ahead: Ahead,
    /// Tells when a recovery record was taken up.
    pub reseats: watch::Receiver<()>,
}

/// What others may look at while the driver runs.
#[derive(Clone)]
pub struct DriverHandle {
    /// Newest view.
    pub view: watch::Receiver<Arc<DriverView>>,
    /// Unix milliseconds of the loop's last turn.
    pub heartbeat: Arc<AtomicU64>,
}

/// The task.
pub struct Driver {
    parts: Parts,
    encoding: Encoding,
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
    /// What will be sent at the tick.
    held: Option<Held>,
    timers: Timers,
    effects: mpsc::Sender<Input<ProposedBlock>>,
    results: mpsc::Receiver<Input<ProposedBlock>>,
    inbox: Inbox,
    tasks: TaskTracker,
    view: watch::Sender<Arc<DriverView>>,
    heartbeat: Arc<AtomicU64>,
}

impl Driver {
    /// Starts the core on the ledger's head with what the journal holds; nothing is performed before [`Driver::run`].
    pub async fn start(
        parts: Parts,
        inbox: Inbox,
        tasks: TaskTracker,
    ) -> Result<(Self, DriverHandle), LedgerError> {
        strikes::count_from_zero(&parts.metrics);
        let head = next_height(&parts.ledger).await?;
        let identity = parts.voter.as_ref().map(|voter| voter.signer.address());
        let sitting_out = parts.voter.as_ref().is_some_and(|voter| !voter.active);
        let records = parts.voter.as_ref().map_or(&[][..], |voter| &voter.records);
        let (recovered, votes_from) = recover::recovered(records, parts.rules.proposal_round, &parts.faults);
        let mut config = qbft::Config::new(identity);
        config.votes_from = if sitting_out { u64::MAX } else { votes_from };
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
        let (instance, outputs) = Instance::new(config, head.clone(), recovered, now_ms);
        let (effects, results) = mpsc::channel(EFFECTS);
        let heartbeat = Arc::new(AtomicU64::new(unix_ms()));
        let (view, watch) = watch::channel(Arc::default());
        let mut driver = Self {
            encoding,
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
            held: None,
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
        let outputs = self.instance.step(input, self.parts.clock.unix_ms()).inspect_err(|rejected| {
            let reason = [("reason", rejected.label())];
            self.parts.metrics.messages_rejected.get_or_create(&reason).inc();
            tracing::debug!(%rejected, "consensus input refused");
        })?;
        self.perform(outputs);
        Ok(())
    }

    fn on_message(&mut self, checked: Checked) {
        let Checked { from, code, payload, message } = checked;
        tracing::debug!(height = message.height(), code, bytes = payload.len(), "consensus message checked");
        self.heard.note(message.author(), message.height(), unix_ms());
        let is_current = message.height() == self.instance.height();
        match self.step(Input::Message(message)) {
            // Validators need not be connected to each other: what we accept we pass on, as received.
            Ok(()) => self.parts.network.broadcast_consensus(code, payload, Some(from)),
            // At another height it may be our own view that is behind.
            Err(rejected) if is_current => self.strike(from, &rejected),
            Err(_) => {}
        }
    }

    /// A peer that was away has missed what we said: it need not wait for the next re-send.
    fn greet(&mut self, peer: PeerId) {
        for (code, payload) in self.own.greeting(peer, self.instance.height(), self.instance.round()) {
            self.parts.network.send_consensus(peer, code, payload);
        }
    }

    /// An honest peer passes on only what it accepted itself, so refusals that no honest view explains are few.
    fn strike(&mut self, from: PeerId, rejected: &Rejected) {
        if !rejected.is_misbehaviour() && !matches!(rejected, Rejected::NotValidator { .. }) {
            return;
        }
        if self.strikes.strike(from, self.instance.height()) {
            self.parts.network.penalise(from, Misbehaviour::InvalidConsensus);
        }
    }

    async fn on_head(&mut self, head: &HeadInfo) {
        if head.number <= self.head.number {
            return;
        }
        let skipped = head.number > self.head.number + 1;
        let next = match next_height(&self.parts.ledger).await {
            Ok(next) => next,
            // Without a validator set there is nobody to vote with; the chain cannot go on here.
            Err(error) => {
                let wait = self.retry.map_or(TICK, |(_, wait)| (wait * 2).min(RETRY_MAX));
                self.retry = Some((Instant::now() + wait, wait));
                return self.parts.faults.report(error.to_string());
            }
        };
        self.retry = None;
        let reseated = next.validators != self.head.validators;
        self.head = next;
        self.look_at_head();
        if skipped || reseated {
            // Messages for the height now being decided were dropped: as too far ahead, or of a seat we did not know.
            self.parts.network.forget_consensus();
        }
        if let Some(voter) = &self.parts.voter {
            voter.journal.prune(self.head.number);
        }
        self.heard.keep(&self.head.validators);
        let _ = self.step(Input::NewBlock(self.head.clone()));
        self.end_sitting_out().await;
    }

    /// Begins the present height anew with the set of the record that was taken up.
    async fn on_reseat(&mut self) {
        let next = match next_height(&self.parts.ledger).await {
            Ok(next) => next,
            Err(error) => return self.parts.faults.report(error.to_string()),
        };
        // With a newer head the next height is begun by that.
        if next.number != self.head.number || next.first_round <= self.head.first_round {
            return;
        }
        self.head = next;
        self.look_at_head();
        self.parts.network.forget_consensus();
        self.heard.keep(&self.head.validators);
        let _ = self.step(Input::Reseated(self.head.clone()));
    }

    /// Tells the verifier which messages are worth checking, and the network who is to get ours.
    fn look_at_head(&self) {
        let (height, seats) = (self.head.number.saturating_add(1), Arc::clone(&self.head.validators));
        if self.parts.rules.one_key {
            self.parts.network.consensus_audience(Audience::Holders(Arc::clone(&seats)));
        }
        self.inbox.window.send_replace(Window { height, seats });
    }

    /// A block proposed after our start was decided without us, and so was everything before it.
    async fn end_sitting_out(&mut self) {
        let proof = self.started_s.saturating_add(SIT_OUT_MARGIN_S);
        let Some(voter) = &self.parts.voter else { return };
        if !self.sitting_out || self.head.timestamp <= proof {
            return;
        }
        match voter.journal.activate(self.head.number).await {
            Ok(()) => {
                let height = self.head.number.saturating_add(1);
                tracing::info!(height, journal = %voter.journal_id, "sitting out is over, voting with a new journal");
                self.sitting_out = false;
                let _ = self.step(Input::VoteFrom { height });
            }
            Err(refusal) => self.parts.faults.report(refusal.to_string()),
        }
    }

    fn identity(&self) -> Option<Address> {
        self.parts.voter.as_ref().map(|voter| voter.signer.address())
    }

    fn publish(&self) {
        let metrics = &self.parts.metrics;
        metrics.round.set(gauge(self.instance.round()));
        let identity = self.identity();
        let seated = identity.is_some_and(|address| self.head.validators.contains(&address));
        let round = self.instance.round();
        self.view.send_replace(Arc::new(DriverView {
            consensus: self.instance.proposer(round).map(|proposer| chain::status::Consensus {
                height: self.instance.height(),
                round,
                proposer,
            }),
            identity,
            seated,
            voting: self.instance.voter().is_some() && self.may_vote(),
            journal: self.parts.voter.as_ref().map(|voter| JournalView {
                id: voter.journal_id,
                sitting_out: voter.replaces.filter(|_| self.sitting_out),
            }),
            seats: self.heard.table(&self.head.validators),
            period_ms: self.head.period_ms,
        }));
    }
}

/// A payload was dropped, and the network did not forget just now.
async fn dropped(told: &Notify, forgot: Instant) {
    tokio::time::sleep_until((forgot + FORGET).into()).await;
    told.notified().await;
}

/// The head and the rules for the block after it, read from one state.
async fn next_height(ledger: &Ledger) -> Result<NewHead, LedgerError> {
    let ledger = ledger.clone();
    let read = move || loop {
        let head = ledger.head();
        let adopted = ledger.adopted();
        let (mut validators, parameters) = (ledger.validators()?, ledger.parameters()?);
        if ledger.head().number != head.number || ledger.adopted() != adopted {
            continue;
        }
        validators.sort_unstable();
        return Ok(NewHead {
            number: head.number,
            hash: head.hash,
            timestamp: head.header.timestamp,
            proposer: head.header.beneficiary,
            validators: validators.into(),
            period_ms: parameters.block_period_s.saturating_mul(1000),
            empty_period_ms: parameters.empty_block_period_s.saturating_mul(1000),
            request_timeout_ms: parameters.request_timeout_ms,
            first_round: adopted.map_or(0, |adopted| adopted.record.reseat().first_round()),
        });
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_| Err(LedgerError::Engine("reading the validator set was cut short".to_string())))
}
