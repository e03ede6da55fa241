//! The right to a vote of an identity that can move.

use crate::{
    journal::{JournalHandle, Refusal},
    lease::LeaseHandle,
};
use fence::Vote;

/// Why there is none.
#[derive(Debug)]
pub(super) enum Denied {
    /// The block below cannot be made durable.
    Journal(Refusal),
    /// The fence says no.
    Fence(fence::Refusal),
    /// Nobody wants it any more, the node ends, or the store was away for too long.
    Over,
}

/// Asks for it once the block below is on disk: until then the record holds the lock of that block's height, as a journal does
/// (ADR 5), and a vote above would make it forget it. With the block there the fence is asked before this returns, so that votes
/// are asked for in their order. `over` ends the wait.
pub(super) fn grant(
    lease: LeaseHandle,
    journal: JournalHandle,
    wish: Vote,
    is_durable: bool,
    over: impl Future<Output = ()> + Send,
) -> impl Future<Output = Result<(), Denied>> + Send {
    let asked = is_durable.then(|| lease.wish(wish.clone()));
    async move {
        let answer = if let Some(answer) = asked {
            answer
        } else {
            tokio::select! {
                durable = journal.durable(wish.place.height.saturating_sub(1)) => durable.map_err(Denied::Journal)?,
                () = over => return Err(Denied::Over),
            }
            // Of two that waited the later may ask first: the fence refuses the other as behind, and a vote that is not cast
            // breaks no promise.
            lease.wish(wish)
        };
        match answer.await {
            Ok(answer) => answer.map_err(Denied::Fence),
            Err(_) => Err(Denied::Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::{self, Opened, Start},
        lease::{
            Change,
            rig::{Memory, Rig},
        },
    };
    use alloy_primitives::B256;
    use fence::{Evidence, Place};
    use std::{future::pending, sync::mpsc, time::Duration};

    /// An identity that is held, and its journal; `on_disk` answers whether the block is there for which it was asked.
    struct Held {
        rig: Rig,
        journal: JournalHandle,
        asked: mpsc::Receiver<u64>,
        on_disk: mpsc::Sender<Result<(), String>>,
        _dir: tempfile::TempDir,
    }

    impl Held {
        async fn begin() -> Self {
            let mut rig = Rig::over(Memory::default());
            rig.lease.ready(true).await;
            assert!(matches!(rig.changes.recv().await.unwrap().change, Change::Held(_)));
            let dir = tempfile::tempdir().unwrap();
            let start = Start::Active { replaces: None };
            let journal = Opened::open(dir.path()).unwrap().create(start).unwrap();
            let (asks, asked) = mpsc::channel();
            let (on_disk, answers) = mpsc::channel();
            let durable = move |height| {
                asks.send(height).unwrap();
                answers.recv().unwrap_or(Ok(()))
            };
            let (journal, _thread) = journal::spawn(journal, durable, |_| ()).unwrap();
            Self { rig, journal, asked, on_disk, _dir: dir }
        }

        fn grant(
            &self,
            wish: Vote,
            is_durable: bool,
            over: impl Future<Output = ()> + Send + 'static,
        ) -> impl Future<Output = Result<(), Denied>> + Send + 'static {
            grant(self.rig.lease.clone(), self.journal.clone(), wish, is_durable, over)
        }

        /// For which block was asked.
        fn asks(&self) -> u64 {
            self.asked.recv_timeout(Duration::from_mins(1)).unwrap()
        }

        fn newest(&self) -> Place {
            self.rig.store.record().unwrap().place
        }
    }

    const fn at(height: u64, phase: u8) -> Place {
        Place { height, round: 0, phase }
    }

    fn vote(place: Place) -> Vote {
        Vote { epoch: 1, place, digest: B256::repeat_byte(5), evidence: Evidence::default() }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_record_keeps_the_lock_of_a_height_until_its_block_is_on_disk() {
        let held = Held::begin().await;
        let next = tokio::spawn(held.grant(vote(at(7, 1)), false, pending()));
        assert_eq!(held.asks(), 6);
        // The height below is still open in it: nothing above was asked for.
        held.grant(vote(at(6, 3)), true, pending()).await.unwrap();
        assert_eq!(held.newest(), at(6, 3));
        held.on_disk.send(Ok(())).unwrap();
        next.await.unwrap().unwrap();
        assert_eq!(held.newest(), at(7, 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn above_a_block_that_cannot_be_written_the_fence_is_asked_for_nothing() {
        let held = Held::begin().await;
        held.on_disk.send(Err("the disk is full".into())).unwrap();
        let refused = held.grant(vote(at(7, 1)), false, pending()).await;
        let Err(Denied::Journal(Refusal::BlockNotDurable(why))) = refused else { panic!("{refused:?}") };
        assert_eq!(why, "the disk is full");
        held.grant(vote(at(6, 3)), true, pending()).await.unwrap();
        assert_eq!(held.newest(), at(6, 3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_vote_that_nobody_wants_any_more_waits_for_no_disk() {
        let held = Held::begin().await;
        let (wanted, over) = tokio::sync::oneshot::channel::<()>();
        let over = async move { drop(over.await) };
        let next = tokio::spawn(held.grant(vote(at(7, 1)), false, over));
        assert_eq!(held.asks(), 6);
        drop(wanted);
        let refused = next.await.unwrap();
        assert!(matches!(refused, Err(Denied::Over)), "{refused:?}");
        held.grant(vote(at(6, 3)), true, pending()).await.unwrap();
        assert_eq!(held.newest(), at(6, 3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn votes_above_a_durable_block_are_asked_for_in_their_order_whoever_waits_first() {
        let held = Held::begin().await;
        let [prepare, commit] = [1, 2].map(|phase| held.grant(vote(at(7, phase)), true, pending()));
        commit.await.unwrap();
        prepare.await.unwrap();
        assert_eq!(held.newest(), at(7, 2));
    }
}
