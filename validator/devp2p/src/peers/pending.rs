//! Questions that a peer has not answered yet.

use crate::eth::{Reply, message::Query};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
    sync::Arc,
};
use tokio::sync::{Semaphore, oneshot};

/// Questions that may be open at once; Besu serves no more.
pub(crate) const MAX_OUTSTANDING: usize = 5;

/// Open questions of one session.
pub(crate) struct Pending {
    pub(crate) slots: Semaphore,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    next: u64,
    waiting: HashMap<u64, (Discriminant<Reply>, oneshot::Sender<Reply>)>,
}

/// An open question; dropping it gives the answer up.
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) answer: oneshot::Receiver<Reply>,
    open: Arc<Mutex<Open>>,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Given to who asked.
    Delivered,
    /// Nobody waits any more.
    Late,
    /// Never asked for.
    Unsolicited,
    /// Not the kind of answer asked for.
    WrongKind,
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self { slots: Semaphore::new(MAX_OUTSTANDING), open: Arc::default() }
    }

    /// Opens a question.
    pub(crate) fn open(&self, query: &Query) -> Ticket {
        let (sender, answer) = oneshot::channel();
        let mut open = self.open.lock();
        let id = open.next;
        open.next = open.next.wrapping_add(1);
        open.waiting.insert(id, (kind_of_answer(query), sender));
        Ticket { id, answer, open: Arc::clone(&self.open) }
    }

    /// Hands an answer to who asked.
    pub(crate) fn settle(&self, id: u64, reply: Reply) -> Settled {
        let mut open = self.open.lock();
        let Some((kind, sender)) = open.waiting.remove(&id) else {
            return if id < open.next { Settled::Late } else { Settled::Unsolicited };
        };
        if kind != discriminant(&reply) {
            return Settled::WrongKind;
        }
        if sender.send(reply).is_ok() { Settled::Delivered } else { Settled::Late }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.open.lock().waiting.remove(&self.id);
    }
}

fn kind_of_answer(query: &Query) -> Discriminant<Reply> {
    discriminant(&match query {
        Query::Headers(_) => Reply::Headers(Vec::new()),
        Query::Bodies(_) => Reply::Bodies(Vec::new()),
        Query::Pooled(_) => Reply::Pooled(Vec::new()),
        Query::Receipts(_) => Reply::Receipts(Vec::new()),
        Query::NodeData => Reply::NodeData,
    })
}

#[cfg(test)]
mod tests {
    use super::{Pending, Settled};
    use crate::eth::{Reply, message::Query};

    #[test]
    fn an_answer_reaches_who_asked() {
        let pending = Pending::new();
        let mut ticket = pending.open(&Query::Bodies(Vec::new()));
        assert_eq!(pending.settle(ticket.id, Reply::Bodies(Vec::new())), Settled::Delivered);
        assert_eq!(ticket.answer.try_recv().unwrap(), Reply::Bodies(Vec::new()));
    }

    #[test]
    fn late_unasked_and_foreign_answers_are_told_apart() {
        let pending = Pending::new();
        let given_up = pending.open(&Query::Bodies(Vec::new()));
        let id = given_up.id;
        drop(given_up);
        assert_eq!(pending.settle(id, Reply::Bodies(Vec::new())), Settled::Late);
        assert_eq!(pending.settle(77, Reply::Bodies(Vec::new())), Settled::Unsolicited);
        let ticket = pending.open(&Query::Bodies(Vec::new()));
        assert_eq!(pending.settle(ticket.id, Reply::Headers(Vec::new())), Settled::WrongKind);
    }
}
