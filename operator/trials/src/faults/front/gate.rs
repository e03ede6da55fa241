//! Numbers the writes of a plan, those to the chain too, and decides what becomes of each.

use super::{Request, Verb, status};
use crate::faults::{
    network::{Courier, Delivery, Network},
    plan::Fault,
};
use axum::{http::StatusCode, response::Response};
use futures::future::{BoxFuture, FutureExt};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::{mpsc, watch};

/// Deaths of one plan: an operator that dies at every sixth write for ever gets nowhere.
const DEATHS: usize = 6;
/// Requests after a refused write that are refused as well.
const STORM: usize = 4;

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made and answered.
    Pass,
    /// It is not made; this is the answer.
    Answer(Answer),
    /// It is made; this is the answer.
    CommitThen(Answer),
    /// The process dies before it is made.
    KillBefore,
    /// The process dies after it was made, before it knows.
    KillAfter,
    /// An eviction is granted, the process dies, and the pod stays; other writes as with [`Fate::KillAfter`].
    GrantThenKill,
    /// There is no answer at all.
    NoAnswer {
        /// Whether it is made.
        commit: bool,
    },
}

/// An answer in place of the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 409.
    Conflict,
    /// 410.
    Gone,
    /// 429 with Retry-After.
    TooManyRequests,
    /// 500.
    InternalError,
    /// 504.
    Timeout,
}

impl Answer {
    /// As the API server words it.
    #[must_use]
    pub fn response(self) -> Response {
        let (code, reason, message) = match self {
            Self::Conflict => (StatusCode::CONFLICT, "Conflict", "the object has been modified"),
            Self::Gone => (StatusCode::GONE, "Expired", "the provided continue parameter is too old"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "too many requests"),
            Self::InternalError => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "etcdserver: leader changed")
            }
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "Timeout", "request did not complete in time"),
        };
        let wait: &[(&str, &str)] = if self == Self::TooManyRequests { &[("retry-after", "1")] } else { &[] };
        status(code, reason, message, wait)
    }
}

/// What whoever runs the plan must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Kill this process; all of them when it is not known which.
    Kill(usize),
    /// A write of the first process is held: pause it, and let another take over.
    Held,
    /// The k-th write was made: events may fall silent.
    Reached,
}

/// A write that was seen.
#[derive(Clone, Debug)]
pub struct Written {
    /// By which process.
    pub instance: usize,
    /// What.
    pub what: String,
    /// The fate, for those that met one.
    pub fate: Fate,
}

#[derive(Default)]
struct State {
    fault: Fault,
    at: usize,
    is_armed: bool,
    count: usize,
    transactions: usize,
    storm: usize,
    deaths: usize,
    written: Vec<Written>,
}

/// One plan's writes.
pub struct Gate {
    state: Mutex<State>,
    events: mpsc::UnboundedSender<Event>,
    released: watch::Sender<bool>,
    network: OnceLock<Weak<Network>>,
}

impl Gate {
    /// Nothing is counted before [`Gate::arm`].
    #[must_use]
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, told) = mpsc::unbounded_channel();
        let gate = Self {
            state: Mutex::default(),
            events,
            released: watch::channel(false).0,
            network: OnceLock::new(),
        };
        (Arc::new(gate), told)
    }

    /// Whose nodes may be stopped.
    pub fn look_at(&self, network: &Arc<Network>) {
        let _ = self.network.set(Arc::downgrade(network));
    }

    fn network(&self) -> Option<Arc<Network>> {
        self.network.get()?.upgrade()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from now on; the `at`-th write, or transaction, meets the fault.
    pub fn arm(&self, fault: Fault, at: usize) {
        let mut state = self.lock();
        *state = State { fault, at, is_armed: true, ..State::default() };
    }

    /// Lets a held write go on.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// All writes since it was armed.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        self.lock().written.clone()
    }

    /// Transactions since it was armed.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.lock().transactions
    }

    /// Whether the fault has been met.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        let state = self.lock();
        if state.fault == Fault::Kills {
            return state.deaths > 0;
        }
        let count = if state.fault.is_of_chain() { state.transactions } else { state.count };
        state.is_armed && count >= state.at
    }

    /// The planted fault, if it is one.
    pub(super) fn lie(&self) -> Option<Fault> {
        let state = self.lock();
        (state.is_armed && state.fault.is_lie()).then_some(state.fault)
    }

    pub(super) fn tell(&self, event: Event) {
        // Nobody listens any more once the plan is over.
        let _ = self.events.send(event);
    }

    /// A read that is refused, if it is.
    pub(super) fn read(&self, _instance: usize, request: &Request) -> Option<Answer> {
        let mut state = self.lock();
        if state.fault == Fault::ContinueGone && request.query.contains_key("continue") && state.is_armed {
            state.transactions += 1;
            if state.transactions == state.at {
                return Some(Answer::Gone);
            }
        }
        if state.storm == 0 {
            return None;
        }
        state.storm -= 1;
        state.fault.answer()
    }

    /// What becomes of the next write; waits while it is held.
    pub(super) async fn decide(&self, instance: usize, what: &str, request: Option<&Request>) -> Fate {
        let (fate, is_held) = self.next(instance, what, request);
        if is_held {
            self.tell(Event::Held);
            let _ = self.released.subscribe().wait_for(|released| *released).await;
        }
        fate
    }

    fn next(&self, instance: usize, what: &str, request: Option<&Request>) -> (Fate, bool) {
        let mut state = self.lock();
        if !state.is_armed {
            return (Fate::Pass, false);
        }
        state.count += 1;
        if state.count == state.at {
            self.tell(Event::Reached);
        }
        let is_create = request.is_some_and(|request| request.verb == Verb::Create);
        let drawn = state.fault.drawn(state.at, state.count).filter(|_| state.deaths < DEATHS);
        state.deaths += usize::from(drawn.is_some());
        let (fate, is_held) = match (state.count == state.at, state.fault) {
            (_, Fault::Kills) => (drawn.unwrap_or(Fate::Pass), false),
            (true, Fault::Conflict) if is_create => (Fate::Pass, false),
            (true, Fault::Zombie) => (Fate::Pass, true),
            (true, fault) => {
                if fault.answer().is_some() && fault != Fault::Conflict {
                    state.storm = STORM;
                }
                (fault.fate(), false)
            }
            (false, fault) if state.storm > 0 => {
                state.storm -= 1;
                (fault.answer().map_or(Fate::Pass, Fate::Answer), false)
            }
            _ => (Fate::Pass, false),
        };
        state.written.push(Written { instance, what: what.to_owned(), fate });
        (fate, is_held)
    }

    /// What is wrong with a write that stops a node; `None` for every other write.
    pub(super) fn before(&self, request: &Request) -> Option<(String, Option<String>)> {
        let name = request.name.clone()?;
        let (node, for_good) = match (request.verb, request.resource.as_str()) {
            (Verb::Delete, "pods") => (name.strip_suffix("-0")?.to_owned(), false),
            (Verb::Delete, "statefulsets") => (name, true),
            (Verb::Create, "pods") if request.subresource.as_deref() == Some("eviction") => {
                (name.strip_suffix("-0")?.to_owned(), false)
            }
            _ => return None,
        };
        let wrong = self.network()?.wrong_to_stop(&node, for_good);
        Some((node, wrong))
    }

    pub(super) fn after(&self, request: &Request, before: Option<(String, Option<String>)>, code: u16) {
        let (Some((node, wrong)), Some(network)) = (before, self.network()) else { return };
        if !(200..300).contains(&code) {
            return;
        }
        network.stopped(&node);
        if let Some(wrong) = wrong {
            network.blame(format!("{request}: {wrong}"));
        }
    }

    async fn carry(&self, what: String) -> Delivery {
        let fate = self.decide(0, &what, None).await;
        match fate {
            Fate::Pass => self.lost(),
            Fate::Answer(_) | Fate::NoAnswer { commit: false } => Delivery::Refused,
            Fate::CommitThen(_) | Fate::NoAnswer { commit: true } => Delivery::ReplyLost,
            Fate::KillBefore => {
                self.tell(Event::Kill(usize::MAX));
                Delivery::Refused
            }
            Fate::KillAfter | Fate::GrantThenKill => {
                self.tell(Event::Kill(usize::MAX));
                Delivery::ReplyLost
            }
        }
    }

    fn lost(&self) -> Delivery {
        let mut state = self.lock();
        if !state.is_armed || state.fault == Fault::ContinueGone {
            return Delivery::Whole;
        }
        state.transactions += 1;
        if state.transactions == state.at { state.fault.delivery() } else { Delivery::Whole }
    }
}

impl Courier for Gate {
    fn deliver(&self, what: String) -> BoxFuture<'_, Delivery> {
        self.carry(what).boxed()
    }
}
