//! RLP of messages and records (`qbft-facts` §2.2–2.4). Both encodings are decoded, told apart by item count; which one
//! is emitted is the network's choice. A receiver hashes the payload as received and relays the bytes as received.

use crate::{
    auth::{Signed, Verified},
    block::Proposal,
    message::{
        Commit, Message, Phase, Prepare, Prepared, ProposalPayload, RoundChange, Signatures, Unsigned,
        Unverified,
    },
};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Decodable, EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};
use chain::Seal;

mod records;

pub use records::{Certified, RecordError, certified, decode_record, encode_record};

/// Most ROUND-CHANGEs or PREPAREs taken in one message: well above any validator set, well below what would keep a
/// core busy with signatures.
pub const MAX_NESTED: usize = 256;

/// How PROPOSAL and ROUND-CHANGE are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Four items, the third of ROUND-CHANGE and the fourth of the PROPOSAL payload a block access list (here always
    /// absent): Besu from 26.1 on and every new network of ours.
    #[default]
    Besu26,
    /// Three items: GoQuorum and earlier Besu.
    Legacy,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not one of 0x12 to 0x15.
    #[error("message code {got:#x}, expected 0x12 to 0x15")]
    Code {
        /// Found.
        got: u8,
    },
    /// Not canonical RLP of the expected shape.
    #[error("malformed message: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// Neither encoding has so many items.
    #[error("{what} of {got} items, expected 3 or 4")]
    Items {
        /// Which list.
        what: &'static str,
        /// Found.
        got: usize,
    },
    /// More nested messages than [`MAX_NESTED`].
    #[error("more than {MAX_NESTED} nested messages")]
    TooMany,
    /// A block access list, which this version does not know.
    #[error("block access list in a message; this network has none")]
    AccessList,
}

/// The bytes of a message, without its code.
pub fn encode<B: Proposal + Encodable>(message: &Message<B>, encoding: Encoding) -> Vec<u8> {
    match message {
        Message::Proposal(message) => list(|out| {
            let proposal = &message.proposal;
            envelope(&proposal_payload(proposal.payload(), encoding), proposal.signature(), out);
            out.extend(list(|out| {
                out.extend(list(|out| {
                    message
                        .justification
                        .round_changes
                        .iter()
                        .for_each(|part| signed_round_change(part, out));
                }));
                out.extend(prepare_list(&message.justification.prepares));
            }));
        }),
        Message::Prepare(message) => signed(&prepare_payload(message.payload()), message.signature()),
        Message::Commit(message) => signed(&commit_payload(message.payload()), message.signature()),
        Message::RoundChange(message) => list(|out| {
            signed_round_change(&message.round_change, out);
            match &message.block {
                Some(block) => block.encode(out),
                None => out.push(EMPTY_LIST_CODE),
            }
            if encoding == Encoding::Besu26 {
                out.push(EMPTY_STRING_CODE);
            }
            out.extend(prepare_list(&message.prepares));
        }),
    }
}

/// Reads a message; nothing in it is authenticated yet.
pub fn decode<B: Proposal + Decodable>(code: u8, bytes: &[u8]) -> Result<Unverified<B>, WireError> {
    let mut buf = bytes;
    let message = match Phase::from_code(code).ok_or(WireError::Code { got: code })? {
        Phase::Proposal => decode_proposal(&mut buf)?,
        Phase::Prepare => Unverified::Prepare(decode_signed(Phase::Prepare, &mut buf, decode_prepare)?),
        Phase::Commit => Unverified::Commit(decode_signed(Phase::Commit, &mut buf, decode_commit)?),
        Phase::RoundChange => decode_round_change_message(&mut buf)?,
    };
    end(buf)?;
    Ok(message)
}

impl<B: Proposal + Encodable> Unsigned<B> {
    /// Has `sign` sign what the request takes: one hash, or for a COMMIT the seal first and then the message with it.
    pub fn sign_with<E>(
        &self,
        encoding: Encoding,
        mut sign: impl FnMut(B256) -> Result<Seal, E>,
    ) -> Result<Signatures, E> {
        let (phase, payload, seal) = match self {
            Self::Proposal(payload) => (Phase::Proposal, proposal_payload(payload, encoding), None),
            Self::Prepare(payload) => (Phase::Prepare, prepare_payload(payload), None),
            Self::Commit { height, round, digest, commit_hash } => {
                let seal = sign(*commit_hash)?;
                let commit = Commit { height: *height, round: *round, digest: *digest, seal };
                (Phase::Commit, commit_payload(&commit), Some(seal))
            }
            Self::RoundChange(payload) => (Phase::RoundChange, round_change_payload(payload), None),
        };
        Ok(Signatures { message: sign(signing_hash(phase, &payload))?, seal })
    }
}

/// `keccak(rlp([code, payload]))` over the payload's own bytes.
fn signing_hash(phase: Phase, payload: &[u8]) -> B256 {
    keccak256(list(|out| {
        phase.code().encode(out);
        out.extend_from_slice(payload);
    }))
}

fn list(fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut payload = Vec::new();
    fill(&mut payload);
    let mut out = Vec::with_capacity(payload.len().saturating_add(9));
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(&payload);
    out
}

fn signed(payload: &[u8], signature: &Seal) -> Vec<u8> {
    list(|out| {
        out.extend_from_slice(payload);
        signature.encode(out);
    })
}

fn envelope(payload: &[u8], signature: &Seal, out: &mut Vec<u8>) {
    out.extend(signed(payload, signature));
}

fn signed_round_change(part: &Verified<RoundChange>, out: &mut Vec<u8>) {
    envelope(&round_change_payload(part.payload()), part.signature(), out);
}

fn prepare_list(prepares: &[Verified<Prepare>]) -> Vec<u8> {
    list(|out| {
        for part in prepares {
            envelope(&prepare_payload(part.payload()), part.signature(), out);
        }
    })
}

fn proposal_payload<B: Encodable>(payload: &ProposalPayload<B>, encoding: Encoding) -> Vec<u8> {
    list(|out| {
        payload.height.encode(out);
        payload.round.encode(out);
        payload.block.encode(out);
        if encoding == Encoding::Besu26 {
            out.push(EMPTY_STRING_CODE);
        }
    })
}

fn prepare_payload(payload: &Prepare) -> Vec<u8> {
    list(|out| {
        payload.height.encode(out);
        payload.round.encode(out);
        payload.digest.encode(out);
    })
}

fn commit_payload(payload: &Commit) -> Vec<u8> {
    list(|out| {
        payload.height.encode(out);
        payload.round.encode(out);
        payload.digest.encode(out);
        payload.seal.encode(out);
    })
}

fn round_change_payload(payload: &RoundChange) -> Vec<u8> {
    list(|out| {
        payload.height.encode(out);
        payload.round.encode(out);
        match &payload.prepared {
            Some(prepared) => out.extend(list(|out| {
                prepared.round.encode(out);
                prepared.digest.encode(out);
            })),
            None => out.push(EMPTY_LIST_CODE),
        }
    })
}

fn decode_proposal<B: Decodable>(buf: &mut &[u8]) -> Result<Unverified<B>, WireError> {
    let mut items = Header::decode_bytes(buf, true)?;
    let proposal = decode_signed(Phase::Proposal, &mut items, |fields, count| {
        let (height, round) = (u64::decode(fields)?, u32::decode(fields)?);
        let block = B::decode(fields)?;
        match count {
            3 => {}
            4 => no_access_list(fields)?,
            got => return Err(WireError::Items { what: "proposal payload", got }),
        }
        Ok(ProposalPayload { height, round, block })
    })?;
    let mut justification = Header::decode_bytes(&mut items, true)?;
    let round_changes =
        decode_list(&mut justification, |item| decode_signed(Phase::RoundChange, item, decode_round_change))?;
    let prepares = decode_prepares(&mut justification)?;
    end(justification)?;
    end(items)?;
    Ok(Unverified::Proposal { proposal, round_changes, prepares })
}

fn decode_round_change_message<B: Decodable>(buf: &mut &[u8]) -> Result<Unverified<B>, WireError> {
    let mut items = Header::decode_bytes(buf, true)?;
    let count = count_items(items)?;
    let round_change = decode_signed(Phase::RoundChange, &mut items, decode_round_change)?;
    let block = if take_empty_list(&mut items) { None } else { Some(B::decode(&mut items)?) };
    match count {
        3 => {}
        4 => no_access_list(&mut items)?,
        got => return Err(WireError::Items { what: "round change", got }),
    }
    let prepares = decode_prepares(&mut items)?;
    end(items)?;
    Ok(Unverified::RoundChange { round_change, block, prepares })
}

fn decode_prepares(buf: &mut &[u8]) -> Result<Vec<Signed<Prepare>>, WireError> {
    decode_list(buf, |item| decode_signed(Phase::Prepare, item, decode_prepare))
}

fn decode_prepare(fields: &mut &[u8], _: usize) -> Result<Prepare, WireError> {
    Ok(Prepare { height: u64::decode(fields)?, round: u32::decode(fields)?, digest: B256::decode(fields)? })
}

fn decode_commit(fields: &mut &[u8], _: usize) -> Result<Commit, WireError> {
    Ok(Commit {
        height: u64::decode(fields)?,
        round: u32::decode(fields)?,
        digest: B256::decode(fields)?,
        seal: Seal::decode(fields)?,
    })
}

fn decode_round_change(fields: &mut &[u8], _: usize) -> Result<RoundChange, WireError> {
    let (height, round) = (u64::decode(fields)?, u32::decode(fields)?);
    let prepared = if take_empty_list(fields) {
        None
    } else {
        let mut claim = Header::decode_bytes(fields, true)?;
        let prepared = Prepared { round: u32::decode(&mut claim)?, digest: B256::decode(&mut claim)? };
        end(claim)?;
        Some(prepared)
    };
    Ok(RoundChange { height, round, prepared })
}

/// `[payload, signature]`; `read` gets the payload's items and their number, and must use them up.
fn decode_signed<P>(
    phase: Phase,
    buf: &mut &[u8],
    read: impl FnOnce(&mut &[u8], usize) -> Result<P, WireError>,
) -> Result<Signed<P>, WireError> {
    let mut items = Header::decode_bytes(buf, true)?;
    let raw = raw_item(&mut items)?;
    let mut inner = raw;
    let mut fields = Header::decode_bytes(&mut inner, true)?;
    let count = count_items(fields)?;
    let payload = read(&mut fields, count)?;
    end(fields)?;
    let signature = Seal::decode(&mut items)?;
    end(items)?;
    Ok(Signed { payload, signing_hash: signing_hash(phase, raw), signature })
}

fn decode_list<T>(
    buf: &mut &[u8],
    mut read: impl FnMut(&mut &[u8]) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let mut items = Header::decode_bytes(buf, true)?;
    let mut out = Vec::new();
    while !items.is_empty() {
        if out.len() == MAX_NESTED {
            return Err(WireError::TooMany);
        }
        out.push(read(&mut items)?);
    }
    Ok(out)
}

/// Splits off the next item, its header included.
fn raw_item<'a>(buf: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let start = *buf;
    let mut rest = start;
    let header = Header::decode(&mut rest)?;
    let length = start.len().saturating_sub(rest.len()).saturating_add(header.payload_length);
    let (item, rest) = start.split_at_checked(length).ok_or(alloy_rlp::Error::InputTooShort)?;
    *buf = rest;
    Ok(item)
}

fn count_items(mut items: &[u8]) -> Result<usize, WireError> {
    let mut count = 0usize;
    while !items.is_empty() {
        raw_item(&mut items)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

fn take_empty_list(buf: &mut &[u8]) -> bool {
    match buf.split_first() {
        Some((&EMPTY_LIST_CODE, rest)) => {
            *buf = rest;
            true
        }
        _ => false,
    }
}

fn no_access_list(buf: &mut &[u8]) -> Result<(), WireError> {
    match buf.split_first() {
        Some((&EMPTY_STRING_CODE, rest)) => {
            *buf = rest;
            Ok(())
        }
        _ => Err(WireError::AccessList),
    }
}

fn end(rest: &[u8]) -> Result<(), WireError> {
    if rest.is_empty() { Ok(()) } else { Err(WireError::Rlp(alloy_rlp::Error::UnexpectedLength)) }
}
