//! Receipts as `eth/69` carries them (EIP-7642): `[type, status, cumulative gas, logs]`, a list whatever the type, and
//! without the bloom, which follows from the logs.

use super::list::{DecodeError, raw_item};
use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxReceipt};
use alloy_primitives::Log;
use alloy_rlp::{BufMut, Decodable, Encodable, Header};

/// The receipts of one block, to be encoded so.
pub(crate) struct WithoutBlooms<'a>(pub(crate) &'a [ReceiptEnvelope]);

impl WithoutBlooms<'_> {
    fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.0.iter().for_each(|receipt| encode(receipt, &mut out));
        out
    }
}

impl Encodable for WithoutBlooms<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        let payload = self.payload();
        Header { list: true, payload_length: payload.len() }.encode(out);
        out.put_slice(&payload);
    }
}

fn encode(receipt: &ReceiptEnvelope, out: &mut Vec<u8>) {
    let kind = receipt.tx_type() as u8;
    let status = receipt.status_or_post_state();
    let (gas, logs) = (receipt.cumulative_gas_used(), receipt.logs().to_vec());
    alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&[&kind, &status, &gas, &logs], out);
}

/// Reads one; the bloom is computed.
pub(crate) fn decode(buf: &mut &[u8]) -> Result<ReceiptEnvelope, DecodeError> {
    let item = raw_item(buf)?;
    let mut fields = Header::decode_bytes(&mut &*item, true)?;
    let kind = u8::decode(&mut fields)?;
    let status = Eip658Value::decode(&mut fields)?;
    let cumulative_gas_used = u64::decode(&mut fields)?;
    let logs: Vec<Log> = Vec::decode(&mut fields)?;
    if !fields.is_empty() {
        return Err(DecodeError::Trailing(fields.len()));
    }
    let receipt: ReceiptWithBloom<Receipt> = Receipt { status, cumulative_gas_used, logs }.into();
    Ok(match kind {
        0 => ReceiptEnvelope::Legacy(receipt),
        1 => ReceiptEnvelope::Eip2930(receipt),
        2 => ReceiptEnvelope::Eip1559(receipt),
        3 => ReceiptEnvelope::Eip4844(receipt),
        4 => ReceiptEnvelope::Eip7702(receipt),
        other => return Err(DecodeError::TransactionType(other)),
    })
}
