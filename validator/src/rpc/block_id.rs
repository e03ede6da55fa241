//! Which block a client means: number, tag, or EIP-1898 object. Finality is immediate, so `latest`, `safe`,
//! `finalized` and `pending` are one.

use super::{context::Context, error::Failure};
use alloy_primitives::{B256, U64};
use ledger::At;
use serde::{Deserialize, Deserializer, de::Error};

/// A block as named in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BlockId {
    /// The head.
    #[default]
    Latest,
    /// The oldest that is here whole: block 0, unless the chain began here with a snapshot.
    Earliest,
    /// By height.
    Number(u64),
    /// By on-chain hash.
    Hash(B256),
}

impl BlockId {
    /// The block at this moment: the head becomes its number, so that several reads of one call see one block.
    pub(super) fn at(self, context: &Context) -> At {
        match self {
            Self::Latest => At::Number(context.ledger.head().number),
            Self::Earliest => At::Number(context.ledger.earliest_block()),
            Self::Number(number) => At::Number(number),
            Self::Hash(hash) => At::Hash(hash),
        }
    }

    /// Height, unless named by hash.
    pub(super) fn number(self, context: &Context, head: u64) -> Option<u64> {
        match self {
            Self::Latest => Some(head),
            Self::Earliest => Some(context.ledger.earliest_block()),
            Self::Number(number) => Some(number),
            Self::Hash(_) => None,
        }
    }
}

/// The block to read state at; one that is not here is an error.
pub(super) fn state_at(context: &Context, id: Option<BlockId>) -> Result<At, Failure> {
    let at = id.unwrap_or_default().at(context);
    match context.ledger.number(at)? {
        Some(number) => Ok(At::Number(number)),
        None => Err(Failure::unknown_block()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Eip1898 {
    block_number: Option<Word>,
    block_hash: Option<B256>,
    /// There is one chain only, so every block is canonical.
    #[serde(rename = "requireCanonical")]
    _require_canonical: Option<bool>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Word(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Raw {
    Word(Word),
    Object(Eip1898),
}

impl<'de> Deserialize<'de> for BlockId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::deserialize(deserializer).map_err(|_| {
            D::Error::custom("expected a block number, a tag, or an object with blockHash or blockNumber")
        })?;
        match raw {
            Raw::Word(Word(text)) => parse(&text).map_err(D::Error::custom),
            Raw::Object(Eip1898 { block_number: Some(Word(text)), block_hash: None, .. }) => {
                parse(&text).map_err(D::Error::custom)
            }
            Raw::Object(Eip1898 { block_number: None, block_hash: Some(hash), .. }) => Ok(Self::Hash(hash)),
            Raw::Object(_) => Err(D::Error::custom(
                "cannot specify both blockHash and blockNumber, choose one or the other",
            )),
        }
    }
}

fn parse(text: &str) -> Result<BlockId, String> {
    match text {
        "latest" | "safe" | "finalized" | "pending" | "" => return Ok(BlockId::Latest),
        "earliest" => return Ok(BlockId::Earliest),
        _ => {}
    }
    let Some(digits) = text.strip_prefix("0x") else {
        return Err("hex string without 0x prefix".to_string());
    };
    if digits.is_empty() {
        return Err("hex string \"0x\"".to_string());
    }
    if digits.len() == 64 {
        return text.parse().map(BlockId::Hash).map_err(|_| "invalid block hash".to_string());
    }
    U64::from_str_radix(digits, 16)
        .map(|number| BlockId::Number(number.to()))
        .map_err(|_| "invalid hex number, or larger than 64 bits".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_are_named_by_number_tag_or_object() {
        let hash = B256::repeat_byte(7);
        let table = [
            (json!("latest"), Some(BlockId::Latest)),
            (json!("pending"), Some(BlockId::Latest)),
            (json!("safe"), Some(BlockId::Latest)),
            (json!("finalized"), Some(BlockId::Latest)),
            (json!("earliest"), Some(BlockId::Earliest)),
            (json!("0x10"), Some(BlockId::Number(16))),
            (json!({"blockNumber": "0x2"}), Some(BlockId::Number(2))),
            (json!({"blockHash": hash, "requireCanonical": true}), Some(BlockId::Hash(hash))),
            (json!({"blockHash": hash, "blockNumber": "0x1"}), None),
            (json!({}), None),
            (json!("0x"), None),
            (json!("16"), None),
            (json!("newest"), None),
            (json!(true), None),
            (json!("0x10000000000000000"), None),
        ];
        for (input, want) in table {
            assert_eq!(serde_json::from_value::<BlockId>(input.clone()).ok(), want, "{input}");
        }
    }
}
