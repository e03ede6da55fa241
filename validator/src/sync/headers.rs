//! Headers of one peer, several requests at a time, each linked to the one before.

use super::Failure;
use crate::import::ImportError;
use alloy_consensus::Header;
use alloy_primitives::B256;
use devp2p::{BlockId, Network, PeerId};
use futures::{StreamExt as _, stream};
use ledger::{CERTIFIED_EVERY, CommitError};
use tokio::sync::mpsc;

/// Headers asked for in one request.
const HEADERS: u64 = 192;
/// Requests for headers that are open at once at most.
const REQUESTS: u64 = 3;
/// Requests for the headers up to the next certified block at most: more than twice as many as it takes.
const RUN_REQUESTS: usize = 16;

/// A header and its on-chain hash.
pub(super) type Linked = (B256, Header);

/// Sends batches of headers that follow (`number`, `hash`), until the peer has no more. `claimed` is the height it claims.
pub(super) async fn download(
    network: &Network,
    peer: PeerId,
    (mut number, mut hash): (u64, B256),
    claimed: u64,
    batches: mpsc::Sender<Vec<Linked>>,
) -> Result<(), Failure> {
    // What nobody claims is asked for one request at a time.
    let open = claimed.saturating_sub(number).div_ceil(HEADERS).clamp(1, REQUESTS);
    let first = number.saturating_add(1);
    let asked = (0..).map(|turn: u64| {
        let from = first.saturating_add(turn.saturating_mul(HEADERS));
        network.headers(peer, BlockId::Number(from), HEADERS)
    });
    let mut answers = stream::iter(asked).buffered(usize::try_from(open).unwrap_or(1));
    while let Some(headers) = answers.next().await {
        let headers = headers?;
        let full = headers.len() as u64 == HEADERS;
        let linked = link(number, hash, headers)?;
        let Some((last_hash, last)) = linked.last() else { return Ok(()) };
        (number, hash) = (last.number, *last_hash);
        if batches.send(linked).await.is_err() || !full {
            return Ok(());
        }
    }
    Ok(())
}

/// What the peer has after (`number`, `hash`) up to the next block whose seals every node checks, or up to its newest: whoever is
/// honest knows the last one's seals to be right.
pub(super) async fn run(
    network: &Network,
    peer: PeerId,
    (mut number, mut hash): (u64, B256),
) -> Result<Vec<Linked>, Failure> {
    let end = certified_after(number);
    let mut run = Vec::new();
    for _ in 0..RUN_REQUESTS {
        let amount = end.saturating_sub(number).min(HEADERS);
        if amount == 0 {
            break;
        }
        let from = BlockId::Number(number.saturating_add(1));
        let linked = link(number, hash, network.headers(peer, from, amount).await?)?;
        let Some((last_hash, last)) = linked.last() else { break };
        (number, hash) = (last.number, *last_hash);
        run.extend(linked);
    }
    Ok(run)
}

/// The first block above this one whose seals every node checks in any case.
const fn certified_after(number: u64) -> u64 {
    (number / CERTIFIED_EVERY).saturating_add(1).saturating_mul(CERTIFIED_EVERY)
}

/// Checks that the headers follow each other from (`number`, `hash`) on, and gives each its hash.
fn link(number: u64, hash: B256, headers: Vec<Header>) -> Result<Vec<(B256, Header)>, Failure> {
    let (mut number, mut parent) = (number, hash);
    let mut linked = Vec::with_capacity(headers.len());
    for header in headers {
        let want = number.saturating_add(1);
        if header.number != want {
            return Err(Failure::Useless(format!("header {} where {want} was due", header.number)));
        }
        if header.parent_hash != parent {
            // With finality a fork below us cannot be: let the ledger say what is wrong with the first one.
            let source = ImportError::Refused(CommitError::Parent { got: header.parent_hash, want: parent });
            return Err(Failure::Import { number: want, source });
        }
        let hash = chain::hash::block_hash(&header)
            .map_err(|e| Failure::Useless(format!("header {want} has bad extra data: {e}")))?;
        (number, parent) = (want, hash);
        linked.push((hash, header));
    }
    Ok(linked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain_of(length: u64) -> (B256, Vec<Header>) {
        let genesis = B256::repeat_byte(1);
        let mut parent = genesis;
        let headers = (1..=length).map(|number| {
            let extra_data = chain::Extra::unsealed(0).to_bytes();
            let header = Header { number, parent_hash: parent, extra_data, ..Header::default() };
            parent = chain::hash::block_hash(&header).unwrap();
            header
        });
        let headers = headers.collect();
        (genesis, headers)
    }

    #[test]
    fn a_run_ends_with_the_next_block_that_every_node_checks() {
        assert_eq!([0, 1, 999, 1000, 1001].map(certified_after), [1000, 1000, 1000, 2000, 2000]);
    }

    #[test]
    fn headers_that_follow_each_other_get_their_hashes() {
        let (genesis, headers) = chain_of(5);
        let linked = link(0, genesis, headers).unwrap();
        assert_eq!(linked.len(), 5);
        assert_eq!(linked[4].1.parent_hash, linked[3].0);
    }

    #[test]
    fn a_gap_a_foreign_parent_and_bad_extra_data_are_refused() {
        let (genesis, headers) = chain_of(3);
        let gap = vec![headers[0].clone(), headers[2].clone()];
        assert!(matches!(link(0, genesis, gap), Err(Failure::Useless(_))));
        assert!(matches!(link(0, B256::ZERO, headers.clone()), Err(Failure::Import { number: 1, .. })));
        let bad = vec![Header { extra_data: [1].into(), ..headers[0].clone() }];
        assert!(matches!(link(0, genesis, bad), Err(Failure::Useless(_))));
    }
}
