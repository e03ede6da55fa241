//! The journal's records as the core wants them.

use super::ProposedBlock;
use crate::{faults::Faults, journal::Record};
use qbft::{Recovered, wire::decode_record};

/// Decodes the records. One that does not decode is left out: the slot stays taken in the journal, so nothing
/// different can be signed in it.
pub(super) fn recovered(records: &[Record], faults: &Faults) -> Recovered<ProposedBlock> {
    let decode = |record: &Record| {
        decode_record(record.phase, &record.payload)
            .inspect_err(|error| {
                faults.report(format!("vote of height {} round {}: {error}", record.height, record.round));
            })
            .ok()
    };
    Recovered::new(records.iter().filter_map(decode))
}
