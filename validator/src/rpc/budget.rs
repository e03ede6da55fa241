//! Bytes of answers, counted while they are written: an answer that grows too long is given up at its limit, not after it was
//! made, and what all clients have in progress counts against the memory that there is for them.
//!
//! The budget is that of a message, one call or a batch. It reaches [`encode`] through the thread on which the method runs from
//! begin to end, so that no method can forget it.

use super::{
    error::Failure,
    memory::{Held, Memory},
};
use parking_lot::Mutex;
use serde::Serialize;
use std::{cell::RefCell, io, sync::Arc};

/// Bytes taken at first, and then at a time: few calls need more than one.
const FIRST: usize = 1 << 10;
const STEP: usize = 16 << 10;

/// JSON of one result.
#[derive(Clone, Debug)]
pub(super) struct Encoded(String);

impl Encoded {
    pub(super) fn get(&self) -> &str {
        &self.0
    }
}

/// What the answers to one message may take.
pub(super) struct Budget {
    /// Of one answer.
    most: usize,
    /// Of all answers together.
    total: usize,
    memory: Memory,
    taken: Mutex<Taken>,
}

struct Taken {
    bytes: usize,
    held: Held,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Budget>>> = const { RefCell::new(None) };
}

impl Budget {
    /// For answers of at most `most` bytes each and `total` together.
    pub(super) fn new(most: usize, total: usize, memory: Memory) -> Result<Self, Failure> {
        let held = memory.hold(0)?;
        Ok(Self { most, total, memory, taken: Mutex::new(Taken { bytes: 0, held }) })
    }

    /// Runs a method whose answer is paid from this budget.
    pub(super) fn pays<T>(self: &Arc<Self>, method: impl FnOnce() -> T) -> T {
        let _restored = Restored(CURRENT.replace(Some(Arc::clone(self))));
        method()
    }

    fn take(&self, bytes: usize) -> Result<(), Failure> {
        let mut taken = self.taken.lock();
        let sum = taken.bytes.saturating_add(bytes);
        if sum > self.total {
            return Err(Failure::TooLarge { most: self.total });
        }
        self.memory.grow(&mut taken.held, sum)?;
        taken.bytes = sum;
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        let mut taken = self.taken.lock();
        taken.bytes = taken.bytes.saturating_sub(bytes);
    }
}

struct Restored(Option<Arc<Budget>>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Encodes a result within the budget of the message that is being answered.
pub(super) fn encode(value: &impl Serialize) -> Result<Encoded, Failure> {
    let Some(budget) = CURRENT.with_borrow(Clone::clone) else {
        return Ok(Encoded(serde_json::to_string(value)?));
    };
    let mut writer = Writer { budget: &budget, bytes: Vec::new(), granted: 0, refused: None };
    let outcome = serde_json::to_writer(&mut writer, value);
    let Writer { bytes, granted, refused, .. } = writer;
    match (outcome, refused) {
        (Ok(()), _) => {
            budget.give_back(granted.saturating_sub(bytes.len()));
            String::from_utf8(bytes).map(Encoded).map_err(|_| Failure::Internal)
        }
        (Err(error), refused) => {
            budget.give_back(granted);
            Err(refused.unwrap_or_else(|| error.into()))
        }
    }
}

struct Writer<'a> {
    budget: &'a Budget,
    bytes: Vec<u8>,
    granted: usize,
    refused: Option<Failure>,
}

impl Writer<'_> {
    fn grant(&mut self, length: usize) -> Result<(), Failure> {
        if length > self.budget.most {
            return Err(Failure::TooLarge { most: self.budget.most });
        }
        if length <= self.granted {
            return Ok(());
        }
        let step = if self.granted == 0 { FIRST } else { STEP };
        let missing = length - self.granted;
        // Near the end of the budget only what is needed.
        let taken = match self.budget.take(missing.max(step)) {
            Ok(()) => missing.max(step),
            Err(_) => self.budget.take(missing).map(|()| missing)?,
        };
        self.granted += taken;
        Ok(())
    }
}

impl io::Write for Writer<'_> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if let Err(failure) = self.grant(self.bytes.len().saturating_add(part.len())) {
            self.refused = Some(failure);
            return Err(io::Error::other("no room"));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::ser::{SerializeSeq, Serializer};
    use std::cell::Cell;

    /// A list without end, which counts how much of it was asked for.
    struct Endless<'a>(&'a Cell<usize>);

    impl Serialize for Endless<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            loop {
                self.0.set(self.0.get() + 1);
                list.serialize_element("0123456789")?;
            }
        }
    }

    fn budget(most: usize, total: usize, memory: u64) -> Arc<Budget> {
        Arc::new(Budget::new(most, total, Memory::new(memory)).unwrap())
    }

    #[test]
    fn an_answer_is_given_up_at_its_limit_and_what_it_took_comes_back() {
        let asked = Cell::new(0);
        let budget = budget(1000, 10_000, 1 << 20);
        let refused = budget.pays(|| encode(&Endless(&asked))).unwrap_err();
        assert_eq!(refused.to_string(), "response too large: at most 1000 bytes");
        assert_eq!(asked.get(), 77, "of 13 bytes each");
        assert_eq!(budget.taken.lock().bytes, 0);
        assert_eq!(budget.pays(|| encode(&"x")).unwrap().get(), r#""x""#);
        assert_eq!(budget.taken.lock().bytes, 3);
    }

    #[test]
    fn answers_of_a_batch_share_a_limit_and_all_clients_share_the_memory() {
        let asked = Cell::new(0);
        let batch = budget(1 << 30, 100, 1 << 20);
        assert_eq!(batch.pays(|| encode(&"x".repeat(88))).unwrap().get().len(), 90);
        let refused = batch.pays(|| encode(&Endless(&asked))).unwrap_err();
        assert_eq!(refused.to_string(), "response too large: at most 100 bytes");
        let poor = budget(1 << 30, 1 << 30, 64 << 10);
        asked.set(0);
        let refused = poor.pays(|| encode(&Endless(&asked))).unwrap_err();
        let want = "requests and answers in progress take all of 65536 bytes, try again";
        assert_eq!(refused.to_string(), want);
        assert!(asked.get() <= (64 << 10) / 13 + 1, "{}", asked.get());
    }

    #[test]
    fn without_a_message_nothing_is_counted() {
        assert_eq!(encode(&1).unwrap().get(), "1");
    }
}
