//! The fences of one process: a spare stands by for several identities, and holds one of them at a time.
//!
//! While it holds one it is ready for none of the others. Two swaps that were under way at once may both be won: the second
//! identity is then given up with the next write, and nobody is told that it was ever held.

use crate::{
    event::{Input, Output},
    machine::Fence,
};
use alloc::vec::Vec;

/// One of them.
#[derive(Clone, Debug)]
struct Part {
    fence: Fence,
    /// Whether this process could vote with the identity.
    is_ready: bool,
    /// What the fence was told of that.
    told: bool,
    /// Won while another one was held: being given up.
    is_surplus: bool,
}

/// All of them, by number.
#[derive(Clone, Debug)]
pub struct Holdings {
    parts: Vec<Part>,
    held: Option<usize>,
}

impl Holdings {
    /// Holds none of them yet.
    #[must_use]
    pub fn new(fences: Vec<Fence>) -> Self {
        let part = |fence| Part { fence, is_ready: false, told: false, is_surplus: false };
        Self { parts: fences.into_iter().map(part).collect(), held: None }
    }

    /// One of the fences.
    #[must_use]
    pub fn fence(&self, of: usize) -> Option<&Fence> {
        self.parts.get(of).map(|part| &part.fence)
    }

    /// Which identity this process votes with.
    #[must_use]
    pub const fn held(&self) -> Option<usize> {
        self.held
    }

    /// Takes one input for the fence of that number, at `now_ms` of a clock that never goes back; what to do about it, and
    /// for which of them.
    pub fn step(&mut self, of: usize, input: Input, now_ms: u64) -> Vec<(usize, Output)> {
        let mut out = Vec::new();
        let held = self.held;
        let Some(part) = self.parts.get_mut(of) else { return out };
        let input = match input {
            Input::Ready(is_ready) => {
                part.is_ready = is_ready;
                if part.is_surplus {
                    // What is being given up would be kept by it.
                    Input::Tick
                } else {
                    part.told = is_ready && held.is_none_or(|held| held == of);
                    Input::Ready(part.told)
                }
            }
            Input::Release(to) => {
                (part.is_ready, part.told) = (false, false);
                Input::Release(to)
            }
            input => input,
        };
        for output in part.fence.step(input, now_ms) {
            if self.is_told(of, &output) {
                out.push((of, output));
            }
        }
        self.tell_ready(now_ms, &mut out);
        out
    }

    /// Notes what is held; whether anybody is to know.
    fn is_told(&mut self, of: usize, output: &Output) -> bool {
        match output {
            Output::Held { .. } => match self.held {
                None => self.held = Some(of),
                Some(_) => self.set_surplus(of, true),
            },
            Output::Lost(_) | Output::Released(_) | Output::Stopped(_) => {
                let was_surplus = self.parts.get(of).is_some_and(|part| part.is_surplus);
                self.set_surplus(of, false);
                self.held = self.held.filter(|held| *held != of);
                return !was_surplus || matches!(output, Output::Stopped(_));
            }
            _ => return true,
        }
        self.held == Some(of)
    }

    fn set_surplus(&mut self, of: usize, is_surplus: bool) {
        if let Some(part) = self.parts.get_mut(of) {
            part.is_surplus = is_surplus;
        }
    }

    /// Whoever may hold its identity now and might not before, or the other way round, is told so. A fence asks for nothing
    /// but the store's doing about it.
    fn tell_ready(&mut self, now_ms: u64, out: &mut Vec<(usize, Output)>) {
        let held = self.held;
        for (of, part) in self.parts.iter_mut().enumerate() {
            let is_ready = part.is_ready && held.is_none_or(|held| held == of);
            // It goes on giving up what it won too much.
            let is_new = part.told != is_ready && (!is_ready || !part.is_surplus);
            if is_new {
                part.told = is_ready;
                out.extend(
                    part.fence.step(Input::Ready(is_ready), now_ms).into_iter().map(|done| (of, done)),
                );
            }
        }
    }
}
