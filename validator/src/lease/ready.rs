//! Whether this node could vote, told to its fence.

use super::LeaseHandle;
use fence::Role;
use ledger::HeadInfo;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often it is judged while no block comes.
const LOOK: Duration = Duration::from_millis(500);
/// A holder that could not vote for so long gives the identity up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether nothing that was signed before is in doubt: a journal or a record knows it, or a block was decided `without` this node, and
/// with it every height that it may have voted at (ADR 5). That must bind whoever takes over, too: a first record begins above.
async fn is_settled(lease: &LeaseHandle, without: Option<u64>, head: &HeadInfo) -> bool {
    let Some(without) = without else { return true };
    if lease.view.borrow().recorded {
        return true;
    }
    let is_past = head.header.timestamp > without;
    if is_past {
        lease.begin_at(head.number.saturating_add(1)).await;
    }
    is_past
}

/// Tells it until the node ends: with every block, since who was behind may have caught up with it. A node whose journal was made
/// in place of a lost one names the timestamp after which a block is one that was decided `without` it.
pub async fn tell_ready(
    lease: LeaseHandle,
    without: Option<u64>,
    is_ready: impl Fn() -> bool + Send,
    mut heads: watch::Receiver<HeadInfo>,
    stop: CancellationToken,
) {
    let mut unready: Option<Instant> = None;
    loop {
        let head = heads.borrow_and_update().clone();
        let is_ready = is_settled(&lease, without, &head).await && is_ready();
        unready = if is_ready { None } else { unready.or_else(|| Some(Instant::now())) };
        let is_holder = lease.view.borrow().role == Role::Holder;
        if is_holder && unready.is_some_and(|since| since.elapsed() >= PATIENCE) {
            tracing::warn!("this node holds the identity and cannot vote: it is given up");
            unready = None;
            lease.release().await;
        } else {
            lease.ready(is_ready).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
            Ok(()) = heads.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Change, Changed,
        rig::{Memory, Rig, SUBJECT},
    };
    use super::*;
    use alloy_consensus::Header;
    use alloy_primitives::B256;
    use fence::{Evidence, Holder, HolderId, Name, Place, Record, Successor};
    use std::sync::Arc;

    /// Blocks after it were decided without this node.
    const WITHOUT: u64 = 110;

    fn head(number: u64, timestamp: u64) -> HeadInfo {
        HeadInfo { number, hash: B256::ZERO, header: Arc::new(Header { timestamp, ..Header::default() }) }
    }

    /// A node that could vote, but for what it does not know; and its heads.
    fn told(store: Memory, without: Option<u64>) -> (Rig, watch::Sender<HeadInfo>) {
        let rig = Rig::over(store);
        let (heads, seen) = watch::channel(head(7, WITHOUT));
        tokio::spawn(tell_ready(rig.lease.clone(), without, || true, seen, CancellationToken::new()));
        (rig, heads)
    }

    async fn held(rig: &mut Rig) -> Place {
        match rig.changes.recv().await {
            Some(Changed { change: Change::Held(record), .. }) => record.place,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_its_journal_a_node_makes_a_first_record_above_a_block_that_was_decided_without_it() {
        let (mut rig, heads) = told(Memory::default(), Some(WITHOUT));
        tokio::select! {
            () = rig.store.was_read(50) => {}
            change = rig.changes.recv() => panic!("it sits out, {change:?}"),
        }
        assert_eq!(rig.store.record(), None);
        heads.send_replace(head(8, WITHOUT + 1));
        assert_eq!(held(&mut rig).await, Place { height: 9, ..Place::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn with_its_journal_or_another_ones_record_a_node_sits_nothing_out() {
        let (mut rig, _heads) = told(Memory::default(), None);
        assert_eq!(held(&mut rig).await, Place::default());
        let place = Place { height: 5, round: 0, phase: 3 };
        let record = Record {
            subject: SUBJECT,
            revision: 4,
            epoch: 1,
            beat: 4,
            holder: Holder { id: HolderId([2; 16]), name: Name::new("b").unwrap() },
            journal: B256::repeat_byte(2),
            place,
            digest: B256::repeat_byte(5),
            evidence: Evidence::default(),
            released: Some(Successor::Anybody),
            requested: None,
        };
        let (mut rig, _heads) = told(Memory::holding(record), Some(WITHOUT));
        assert_eq!(held(&mut rig).await, place);
    }
}
