//! The memory that clients of RPC may take, all together: requests as they arrive, what they parse to, and answers until
//! they are written.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit stands for.
const UNIT: usize = 1024;

/// A budget in bytes; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    units: Arc<Semaphore>,
    bytes: u64,
}

/// Part of the budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    permit: OwnedSemaphorePermit,
}

/// Nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests and answers in progress take all of {bytes} bytes, try again")]
pub(super) struct Exhausted {
    bytes: u64,
}

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))), bytes }
    }

    /// Takes `bytes`, rounded up to whole KiB; what is not there now is refused, as waiting would hold the rest.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held, Exhausted> {
        let exhausted = Exhausted { bytes: self.bytes };
        let units = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| exhausted)?;
        let permit = Arc::clone(&self.units).try_acquire_many_owned(units).map_err(|_| exhausted)?;
        Ok(Held { permit })
    }

    /// Takes as much more as `held` needs in order to stand for `bytes`.
    pub(super) fn grow(&self, held: &mut Held, bytes: usize) -> Result<(), Exhausted> {
        let missing = bytes.saturating_sub(held.permit.num_permits().saturating_mul(UNIT));
        if missing > 0 {
            held.permit.merge(self.hold(missing)?.permit);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_given_twice_and_comes_back_when_dropped() {
        let memory = Memory::new(10 * 1024);
        let most = memory.hold(9 * 1024 + 1).unwrap();
        assert_eq!(
            memory.hold(1).unwrap_err().to_string(),
            "requests and answers in progress take all of 10240 bytes, try again"
        );
        drop(most);
        let first = memory.hold(1024).unwrap();
        let second = memory.hold(9 * 1024).unwrap();
        assert!(memory.hold(1).is_err());
        drop((first, second));
        memory.hold(10 * 1024).unwrap();
    }

    #[test]
    fn what_grows_is_charged_once() {
        let memory = Memory::new(10 * 1024);
        let mut held = memory.hold(0).unwrap();
        for bytes in 0..=3 * 1024 {
            memory.grow(&mut held, bytes).unwrap();
        }
        let rest = memory.hold(7 * 1024).unwrap();
        assert!(memory.grow(&mut held, 3 * 1024 + 1).is_err());
        drop(held);
        drop((memory.hold(3 * 1024).unwrap(), rest));
    }

    #[test]
    fn more_than_there_ever_is_is_refused() {
        assert!(Memory::new(1 << 20).hold(usize::MAX).is_err());
        assert!(Memory::new(1 << 20).hold((1 << 20) + 1).is_err());
    }
}
