//! The journal's records as the core wants them.

use super::ProposedBlock;
use crate::{faults::Faults, journal::Record};
use chain::hash::ProposalRound;
use qbft::{Recovered, wire::decode_record};

/// Decodes the records; with them, the height from which on to vote. One that does not decode may have held the lock
/// of its height, so nothing more is signed there: without the lock another block could be voted for.
pub(super) fn recovered(
    records: &[Record],
    rule: ProposalRound,
    faults: &Faults,
) -> (Recovered<ProposedBlock>, u64) {
    let mut votes_from = 0;
    let mut decoded = Vec::with_capacity(records.len());
    for record in records {
        match decode_record::<ProposedBlock>(record.phase, &record.payload) {
            Ok(record) => decoded.push(record.with_blocks(|block| block.under(rule))),
            Err(error) => {
                votes_from = votes_from.max(record.height.saturating_add(1));
                faults.report(format!(
                    "vote of height {} round {}: {error}; not voting at that height any more",
                    record.height, record.round
                ));
            }
        }
    }
    (Recovered::new(decoded), votes_from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, Bytes};
    use qbft::{Config, Input, Instance, NewHead, message::Prepare, wire::encode_record};
    use std::sync::Arc;

    fn record(phase: u8, payload: Bytes) -> Record {
        Record { height: 5, round: 0, phase, digest: B256::repeat_byte(1), payload }
    }

    fn prepare() -> Record {
        let prepare = Prepare { height: 5, round: 0, digest: B256::repeat_byte(1) };
        record(0x13, encode_record::<ProposedBlock>(&qbft::Record::Prepare(prepare)).into())
    }

    #[test]
    fn a_record_that_does_not_decode_ends_voting_on_its_height_and_only_there() {
        let faults = Faults::new(Arc::default());
        let identity = alloy_primitives::Address::repeat_byte(1);
        let damaged = record(0x14, Bytes::from_static(b"no commit"));
        for (records, votes) in [(vec![prepare()], true), (vec![prepare(), damaged], false)] {
            let (recovered, votes_from) = recovered(&records, ProposalRound::Real, &faults);
            let head = NewHead {
                number: 4,
                hash: B256::ZERO,
                timestamp: 100,
                proposer: identity,
                validators: [identity].into(),
                period_ms: 1_000,
                empty_period_ms: 0,
                request_timeout_ms: 1_000,
                first_round: 0,
            };
            let config = Config { votes_from, ..Config::new(Some(identity)) };
            let (mut instance, outputs) = Instance::new(config, head.clone(), recovered, 100_000);
            assert_eq!((instance.voter().is_some(), !outputs.is_empty()), (votes, votes));
            instance.step(Input::NewBlock(NewHead { number: 5, ..head }), 102_000).unwrap();
            assert!(instance.voter().is_some());
        }
        assert_eq!(faults.list().len(), 1);
    }
}
