//! Messages of `istanbul/100` and records of the vote journal.

use crate::Block;
use qbft::{
    Encoding, Proposal,
    wire::{decode, decode_record, encode, encode_record},
};

/// First byte: the message code, anything; then the message. What decodes and is signed encodes to the same bytes.
pub fn wire(data: &[u8]) {
    let Some((code, bytes)) = data.split_first() else { return };
    let code = if *code < 0xf0 { 0x12 + code % 4 } else { *code };
    let Ok(decoded) = decode::<Block>(code, bytes) else { return };
    // PREPAREs beside a ROUND-CHANGE that claims nothing are dropped, and come back out of no encoder.
    let is_bare = !matches!(&decoded, qbft::Unverified::RoundChange { round_change, prepares, .. }
        if round_change.payload.prepared.is_none() && !prepares.is_empty());
    let Ok(message) = decoded.authenticate() else { return };
    if !is_bare {
        return;
    }
    let encoded = [Encoding::Legacy, Encoding::Besu26].map(|encoding| encode(&message, encoding));
    assert!(encoded.iter().any(|encoded| encoded == bytes), "a second encoding of one message");
    if let qbft::Message::Proposal(message) = &message {
        let block = &message.proposal.payload().block;
        assert_eq!(block.with_round(7).with_round(block.round()).digest(), block.digest());
    }
}

/// First byte: the phase; then the record.
pub fn record(data: &[u8]) {
    let Some((code, bytes)) = data.split_first() else { return };
    let code = if *code < 0xf0 { 0x12 + code % 4 } else { *code };
    if let Ok(record) = decode_record::<Block>(code, bytes) {
        assert_eq!(encode_record(&record), bytes, "a second encoding of one record");
        assert_eq!(record.phase().code(), code);
    }
}

/// What the node would have made durable before sending a PROPOSAL, PREPARE or bare ROUND-CHANGE: seeds for `record`.
#[must_use]
pub fn record_of(message: qbft::Unverified<Block>) -> Option<qbft::Record<Block>> {
    Some(match message.authenticate().ok()? {
        qbft::Message::Proposal(message) => qbft::Record::Proposal {
            payload: message.proposal.payload().clone(),
            justification: message.justification.clone(),
        },
        qbft::Message::Prepare(vote) => qbft::Record::Prepare(*vote.payload()),
        qbft::Message::Commit(_) => return None,
        qbft::Message::RoundChange(message) => {
            let payload = *message.round_change.payload();
            let certificate = payload.prepared.zip(message.block.clone()).map(|(prepared, block)| {
                let prepares = message.prepares.clone();
                std::sync::Arc::new(qbft::message::Certificate { prepared, block, prepares })
            });
            qbft::Record::RoundChange { payload, certificate }
        }
    })
}
