//! Messages of heights to come, bounded per author, and what they tell of our own place.

use crate::{config::FUTURE_MESSAGES, message::Message, reject::Rejected};
use alloc::vec::Vec;
use alloy_primitives::Address;

/// Kept messages and, per author, the highest height it spoke of.
#[derive(Clone, Debug)]
pub(crate) struct Future<B> {
    messages: Vec<Message<B>>,
    heights: Vec<(Address, u64)>,
    hinted: u64,
}

impl<B> Default for Future<B> {
    fn default() -> Self {
        Self { messages: Vec::new(), heights: Vec::new(), hinted: 0 }
    }
}

impl<B: PartialEq> Future<B> {
    /// Notes where `author` works. Returns the highest height that `witnesses` authors have reached, once per height.
    pub(crate) fn heard(&mut self, author: Address, height: u64, witnesses: usize) -> Option<u64> {
        match self.heights.iter_mut().find(|(known, _)| *known == author) {
            Some((_, known)) if *known >= height => return None,
            Some((_, known)) => *known = height,
            None => self.heights.push((author, height)),
        }
        let mut heights: Vec<u64> = self.heights.iter().map(|(_, height)| *height).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        let reached = *heights.get(witnesses.saturating_sub(1))?;
        (reached > self.hinted).then(|| {
            self.hinted = reached;
            reached
        })
    }

    /// Keeps a message. Where an author's share is full, nearer heights and rounds displace farther ones.
    pub(crate) fn keep(&mut self, message: Message<B>) -> Result<(), Rejected> {
        let (author, phase) = (message.author(), message.phase());
        let place = |message: &Message<B>| (message.height(), message.round());
        let share: Vec<(usize, (u64, u32))> = self
            .messages
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.author() == author && kept.phase() == phase)
            .map(|(index, kept)| (index, place(kept)))
            .collect();
        if share.iter().any(|(_, kept)| *kept == place(&message)) {
            return Err(Rejected::Duplicate { author });
        }
        if share.len() < FUTURE_MESSAGES {
            self.messages.push(message);
            return Ok(());
        }
        let farthest = share.into_iter().max_by_key(|(_, kept)| *kept);
        let displaced = farthest.filter(|(_, far)| *far > place(&message)).map(|(index, _)| index);
        match displaced.and_then(|index| self.messages.get_mut(index)) {
            Some(slot) => {
                *slot = message;
                Ok(())
            }
            None => Err(Rejected::Backlog { author }),
        }
    }

    /// Messages kept, and authors remembered.
    pub(crate) fn kept(&self) -> (usize, usize) {
        (self.messages.len(), self.heights.len())
    }

    /// The messages of `height`, in order of arrival; older ones, and those of authors who have left, are dropped.
    pub(crate) fn take(&mut self, height: u64, validators: &[Address]) -> Vec<Message<B>> {
        self.heights.retain(|(author, _)| validators.binary_search(author).is_ok());
        if self.messages.is_empty() {
            return Vec::new();
        }
        let (due, mut rest): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.messages).into_iter().partition(|message| message.height() == height);
        rest.retain(|message| {
            message.height() > height && validators.binary_search(&message.author()).is_ok()
        });
        self.messages = rest;
        due
    }
}
