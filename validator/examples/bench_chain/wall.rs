//! The wall: how many signatures these cores recover, divided by the nodes that each recover all of them.

use crate::{network::NODES, signing::Signed};
use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::Decodable2718 as _;
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// How long one measurement takes.
const TIME: Duration = Duration::from_secs(3);
/// Signatures recovered between two looks at the clock.
const ROUND: usize = 4096;

/// Transactions a second of which every node can recover every sender, with all cores at nothing else; the same code as
/// the node's, on signatures of this run.
pub(crate) fn measure(signed: &Signed) -> anyhow::Result<f64> {
    let sample = (0..ROUND.min(signed.len())).map(|index| TxEnvelope::decode_2718_exact(signed.raw(index)));
    let sample = sample.collect::<Result<Vec<_>, _>>()?;
    anyhow::ensure!(!sample.is_empty(), "nothing was signed, so nothing can be recovered");
    let (start, mut recovered) = (Instant::now(), 0_u64);
    while start.elapsed() < TIME {
        let fine = sample.par_iter().filter(|tx| tx.recover_signer().is_ok()).count();
        anyhow::ensure!(fine == sample.len(), "{} signatures give no sender", sample.len() - fine);
        recovered += fine as u64;
    }
    let each_second = report_rate(recovered, start.elapsed());
    Ok(each_second / f64::from(NODES))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn report_rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
