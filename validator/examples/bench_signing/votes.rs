//! Two votes a height: durable, then signed by one way or the other.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use anyhow::{Context as _, bail, ensure};
use k256::ecdsa::SigningKey;
use qbft::{Encoding, Input, Phase, Signatures, Ticket, Unsigned, message::Prepare};
use std::{path::Path, sync::Arc, time::Instant};
use validator::{
    driver::{ProposedBlock, Signing},
    journal::{self, JournalHandle, Opened, Record, Start},
    metrics::Metrics,
    signer::{Counted, FileSigner, Signer, budget},
};

/// A key as good as any.
const KEY: [u8; 32] = [7; 32];
/// Of a network with the usual request timeout.
const REQUEST_TIMEOUT_MS: u64 = 1500;
/// Heights before anything is measured: the file of the journal grows at first.
const WARM_UP: u64 = 200;
/// Bytes of a journal's record: a COMMIT's has the certificate with its block.
const PREPARE_BYTES: usize = 64;
const COMMIT_BYTES: usize = 2048;

/// How a height's votes were signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the signing service.
    Service,
    /// By the key itself.
    Direct,
}

/// What a height took, both votes together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Height {
    pub(crate) way: Way,
    pub(crate) durable_us: f64,
    pub(crate) signed_us: f64,
}

struct Voter {
    journal: JournalHandle,
    key: FileSigner,
    signer: Arc<dyn Signer>,
    metrics: Arc<Metrics>,
    tickets: u64,
}

/// Votes on so many heights.
pub(crate) async fn run(dir: &Path, heights: u64) -> anyhow::Result<Vec<Height>> {
    let mut voter = Voter::open(dir)?;
    let mut seen = Vec::new();
    for height in 1..=WARM_UP + heights {
        let way = drawn(height);
        let took = voter.vote(height, way).await?;
        if height > WARM_UP {
            seen.push(took);
        }
        voter.journal.prune(height);
    }
    Ok(seen)
}

/// Neither way always follows the other: a disk may have a rhythm.
fn drawn(height: u64) -> Way {
    if keccak256(height.to_be_bytes())[0] & 1 == 0 { Way::Service } else { Way::Direct }
}

impl Voter {
    fn open(dir: &Path) -> anyhow::Result<Self> {
        if dir.exists() {
            std::fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let file = dir.join("identity.key");
        std::fs::write(&file, alloy_primitives::hex::encode(KEY))?;
        let identity = Address::from_private_key(&SigningKey::from_slice(&KEY)?);
        let metrics = Arc::new(Metrics::default());
        let served = Arc::new(FileSigner::open(&file, identity)?);
        let kept = Opened::open(&dir.join("votes"))?.create(Start::Active { replaces: None })?;
        let (journal, _thread) = journal::spawn(kept, |_| Ok(()), |_| {})?;
        Ok(Self {
            journal,
            key: FileSigner::open(&file, identity)?,
            signer: Arc::new(Counted::new(served, Arc::clone(&metrics))),
            metrics,
            tickets: 0,
        })
    }

    async fn vote(&mut self, height: u64, way: Way) -> anyhow::Result<Height> {
        let digest = keccak256(height.to_be_bytes());
        let mut took = Height { way, durable_us: 0.0, signed_us: 0.0 };
        let prepare = Unsigned::Prepare(Prepare { height, round: 0, digest });
        let commit = Unsigned::Commit { height, round: 0, digest, commit_hash: keccak256(digest) };
        for (unsigned, phase, bytes) in
            [(prepare, Phase::Prepare, PREPARE_BYTES), (commit, Phase::Commit, COMMIT_BYTES)]
        {
            took.durable_us += self.made_durable(height, phase, digest, bytes).await?;
            took.signed_us += self.signed(unsigned, way)?;
        }
        Ok(took)
    }

    async fn made_durable(
        &self,
        height: u64,
        phase: Phase,
        digest: B256,
        bytes: usize,
    ) -> anyhow::Result<f64> {
        let payload = Bytes::from(vec![0xa5; bytes]);
        let began = Instant::now();
        self.journal.insert(Record { height, round: 0, phase: phase.code(), digest, payload }).await?;
        Ok(micros(began))
    }

    fn signed(&mut self, unsigned: Unsigned<ProposedBlock>, way: Way) -> anyhow::Result<f64> {
        let (encoding, began) = (Encoding::Besu26, Instant::now());
        let (signatures, took): (Signatures, f64) = match way {
            Way::Direct => {
                let signed = unsigned.sign_with(encoding, |hash| self.key.sign_now(hash))?;
                (signed, micros(began))
            }
            Way::Service => {
                self.tickets += 1;
                let ticket = Ticket(self.tickets);
                let budget = budget::vote(REQUEST_TIMEOUT_MS, 0);
                let signing = Signing { ticket, unsigned, encoding, budget, ahead: None };
                let (signer, metrics) = (Arc::clone(&self.signer), Arc::clone(&self.metrics));
                match signing.begin(signer, metrics) {
                    Ok(Input::Signed { ticket: of, signatures }) if of == ticket => {
                        (signatures, micros(began))
                    }
                    _ => bail!("the service did not sign at once"),
                }
            }
        };
        // Neither way may be one that a compiler leaves out.
        ensure!(!signatures.message.is_zero(), "no signature");
        Ok(took)
    }
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}
