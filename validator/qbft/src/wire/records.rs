//! RLP of journal records. Private to this node: no other program reads it, and what it nests is authenticated again
//! when it is read, so that a damaged journal cannot plant a certificate.

use super::{
    WireError, decode_list, decode_prepare, decode_prepares, decode_round_change, decode_signed, end, list,
    prepare_list, prepare_payload, proposal_payload, raw_item, round_change_payload, signed_round_change,
    take_empty_list,
};
use crate::{
    auth::Signed,
    block::Proposal,
    message::{Certificate, Justification, Phase, Prepared, ProposalPayload, authenticate_all},
    record::Record,
    wire::Encoding,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, Encodable, Header};
use chain::signature::SignatureError;
use core::ops::Range;

/// Why a journal's bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Malformed.
    #[error("journal record: {0}")]
    Wire(#[from] WireError),
    /// A nested signature names nobody.
    #[error("journal record: {0}")]
    Signature(#[from] SignatureError),
}

impl From<alloy_rlp::Error> for RecordError {
    fn from(error: alloy_rlp::Error) -> Self {
        Self::Wire(WireError::Rlp(error))
    }
}

/// The bytes of a record; its phase is stored beside them.
pub fn encode_record<B: Proposal + Encodable>(record: &Record<B>) -> Vec<u8> {
    match record {
        Record::Proposal { payload, justification } => list(|out| {
            out.extend(proposal_payload(payload, Encoding::Legacy));
            out.extend(list(|out| {
                justification.round_changes.iter().for_each(|part| signed_round_change(part, out));
            }));
            out.extend(prepare_list(&justification.prepares));
        }),
        Record::Prepare(prepare) => prepare_payload(prepare),
        Record::Commit { height, certificate } => list(|out| {
            height.encode(out);
            out.extend(encode_certificate(certificate));
        }),
        Record::RoundChange { payload, certificate } => list(|out| {
            out.extend(round_change_payload(payload));
            match certificate {
                Some(certificate) => out.extend(encode_certificate(certificate)),
                None => out.push(EMPTY_LIST_CODE),
            }
        }),
    }
}

/// Reads a record of the phase with this code.
pub fn decode_record<B: Proposal + Decodable>(code: u8, bytes: &[u8]) -> Result<Record<B>, RecordError> {
    let mut buf = bytes;
    let phase = Phase::from_code(code).ok_or(WireError::Code { got: code })?;
    let mut items = Header::decode_bytes(&mut buf, true)?;
    end(buf)?;
    let record = match phase {
        Phase::Proposal => decode_proposal(&mut items)?,
        Phase::Prepare => Record::Prepare(decode_prepare(&mut items, 0)?),
        Phase::Commit => {
            let height = u64::decode(&mut items)?;
            Record::Commit { height, certificate: Arc::new(decode_certificate(&mut items)?) }
        }
        Phase::RoundChange => {
            let mut raw = raw_item(&mut items)?;
            let mut fields = Header::decode_bytes(&mut raw, true)?;
            let payload = decode_round_change(&mut fields, 0)?;
            end(fields)?;
            let certificate = if take_empty_list(&mut items) {
                None
            } else {
                Some(Arc::new(decode_certificate(&mut items)?))
            };
            Record::RoundChange { payload, certificate }
        }
    };
    end(items)?;
    Ok(record)
}

/// The certificate in a record's bytes: what it says was prepared, and where its block stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Round and digest.
    pub prepared: Prepared,
    /// The block's bytes, within the record's.
    pub block: Range<usize>,
}

/// Finds the certificate in the bytes of a record of the phase with this code; none if it carries none. Nothing of it is
/// authenticated: who takes the block out of a record, to keep it elsewhere, wants to know where it was.
pub fn certified(code: u8, bytes: &[u8]) -> Result<Option<Certified>, RecordError> {
    let mut buf = bytes;
    let phase = Phase::from_code(code).ok_or(WireError::Code { got: code })?;
    let mut items = Header::decode_bytes(&mut buf, true)?;
    end(buf)?;
    match phase {
        Phase::Proposal | Phase::Prepare => return Ok(None),
        Phase::Commit => drop(u64::decode(&mut items)?),
        Phase::RoundChange => {
            raw_item(&mut items)?;
            if take_empty_list(&mut items) {
                return Ok(None);
            }
        }
    }
    let mut fields = Header::decode_bytes(&mut items, true)?;
    let prepared = Prepared { round: u32::decode(&mut fields)?, digest: Decodable::decode(&mut fields)? };
    // Nothing but the rest of the certificate and of the record comes after it.
    let start = bytes.len().saturating_sub(items.len()).saturating_sub(fields.len());
    let block = raw_item(&mut fields)?;
    Ok(Some(Certified { prepared, block: start..start.saturating_add(block.len()) }))
}

fn decode_proposal<B: Proposal + Decodable>(items: &mut &[u8]) -> Result<Record<B>, RecordError> {
    let mut fields = Header::decode_bytes(items, true)?;
    let (height, round) = (u64::decode(&mut fields)?, u32::decode(&mut fields)?);
    let payload = ProposalPayload { height, round, block: B::decode(&mut fields)? };
    end(fields)?;
    let round_changes =
        decode_list(items, |item| decode_signed(Phase::RoundChange, item, decode_round_change))?;
    let round_changes =
        round_changes.into_iter().map(Signed::authenticate::<B::Auth>).collect::<Result<Vec<_>, _>>()?;
    let prepares = authenticate_all::<B>(decode_prepares(items)?)?;
    Ok(Record::Proposal { payload, justification: Justification { round_changes, prepares } })
}

fn encode_certificate<B: Proposal + Encodable>(certificate: &Certificate<B>) -> Vec<u8> {
    list(|out| {
        certificate.prepared.round.encode(out);
        certificate.prepared.digest.encode(out);
        certificate.block.encode(out);
        out.extend(prepare_list(&certificate.prepares));
    })
}

fn decode_certificate<B: Proposal + Decodable>(items: &mut &[u8]) -> Result<Certificate<B>, RecordError> {
    let mut fields = Header::decode_bytes(items, true)?;
    let prepared = Prepared { round: u32::decode(&mut fields)?, digest: Decodable::decode(&mut fields)? };
    let block = B::decode(&mut fields)?;
    let prepares = authenticate_all::<B>(decode_prepares(&mut fields)?)?;
    end(fields)?;
    Ok(Certificate { prepared, block, prepares })
}
