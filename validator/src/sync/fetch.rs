//! Fetching from one peer: headers, then bodies, one batch ahead of what is being imported.

use super::{Failure, Sync};
use crate::import::{ImportError, Source};
use alloy_consensus::Header;
use alloy_primitives::B256;
use devp2p::{BlockId, Network, PeerId};
use ledger::{Block, CommitError};
use tokio::sync::mpsc;

/// Headers asked for in one request.
const HEADERS: u64 = 192;
/// Bodies asked for in one request.
const BODIES: usize = 128;

impl Sync {
    /// Imports what the peer has beyond our head, until it has no more.
    pub(super) async fn fetch_from(&self, peer: PeerId) -> Result<(), Failure> {
        let head = self.importer.head();
        // One batch waits while the one before is imported: memory stays bounded.
        let (batches, mut ready) = mpsc::channel(1);
        let fetch = download(self.network.clone(), peer, head.number, head.hash, batches);
        let import = async {
            while let Some(blocks) = ready.recv().await {
                self.import_all(blocks).await?;
            }
            Ok(())
        };
        tokio::pin!(fetch);
        tokio::pin!(import);
        tokio::select! {
            // Everything imported: the download has ended, and its result is there.
            imported = &mut import => match imported {
                Ok(()) => fetch.await,
                failed => failed,
            },
            fetched = &mut fetch => {
                import.await?;
                fetched
            }
        }
    }

    async fn import_all(&self, blocks: Vec<Block>) -> Result<(), Failure> {
        for block in blocks {
            let number = block.header.number;
            match self.importer.import(block, Source::Fetched).await {
                Ok(_) => {}
                Err(source) => return Err(Failure::Import { number, source }),
            }
        }
        Ok(())
    }
}

/// Sends batches of linked blocks that follow (`number`, `hash`).
async fn download(
    network: Network,
    peer: PeerId,
    mut number: u64,
    mut hash: B256,
    batches: mpsc::Sender<Vec<Block>>,
) -> Result<(), Failure> {
    loop {
        let headers = network.headers(peer, BlockId::Number(number.saturating_add(1)), HEADERS).await?;
        let full = headers.len() as u64 == HEADERS;
        let mut linked = link(number, hash, headers)?;
        let Some((last_hash, last)) = linked.last() else { return Ok(()) };
        (number, hash) = (last.number, *last_hash);
        while !linked.is_empty() {
            let asked: Vec<B256> = linked.iter().take(BODIES).map(|(hash, _)| *hash).collect();
            let bodies = network.bodies(peer, asked).await?;
            if bodies.is_empty() {
                return Err(Failure::Useless("headers without their bodies".to_string()));
            }
            let whole = linked.drain(..bodies.len().min(linked.len()));
            let blocks = whole.zip(bodies).map(|((_, header), body)| Block { header, body }).collect();
            if batches.send(blocks).await.is_err() {
                return Ok(());
            }
        }
        if !full {
            return Ok(());
        }
    }
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
