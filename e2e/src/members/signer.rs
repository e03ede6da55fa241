//! An admin whose key no operator has: a person signs what the status shows, and sends it by JSON-RPC.

use super::{Admin, LONG, Member};
use crate::patience::{Progress, with_progress};
use alloy_primitives::{Address, Bytes, TxKind};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

impl Member {
    /// Where a person has the admin's key: waits for what is to be signed, signs and sends it, and waits until nothing is asked
    /// for any more. Elsewhere the operator does that.
    pub async fn sign(&self) -> Result<()> {
        let Admin::Person(account) = &self.admin else { return Ok(()) };
        let asked = with_progress(&format!("{}: what its admin is to sign", self.place), LONG, || async {
            let asked = self.to_sign().await?;
            Ok(if asked.is_empty() { Progress::Waiting("nothing".to_owned()) } else { Progress::Done(asked) })
        })
        .await?;
        let rpc = self.rpc().await?;
        for one in asked {
            let text = |field: &str| one[field].as_str().with_context(|| format!("{field} of {one}"));
            let (to, data) = (text("to")?.parse::<Address>()?, text("data")?.parse::<Bytes>()?);
            let nonce = rpc.next_nonce(account.address).await?;
            let (raw, hash) = account.eip1559(nonce, TxKind::Call(to), data)?;
            ensure!(rpc.send(&raw).await? == hash, "the node names another transaction");
            let what = format!("{}: signed elsewhere: {}", self.place, text("what")?);
            let receipt = with_progress(&what, LONG, || async {
                let receipt = rpc.receipt(hash).await?;
                Ok(receipt.map_or_else(|| Progress::Waiting("no block yet".to_owned()), Progress::Done))
            })
            .await?;
            if receipt["status"] != "0x1" {
                bail!("{what} failed: {receipt}");
            }
        }
        with_progress(&format!("{}: nothing is left to sign", self.place), LONG, || async {
            let left = self.to_sign().await?;
            Ok(if left.is_empty() { Progress::Done(()) } else { Progress::Waiting(format!("{left:?}")) })
        })
        .await
    }

    /// What its `Consortium` asks the admin's holder to sign.
    pub async fn to_sign(&self) -> Result<Vec<Value>> {
        Ok(self.consortium().await?["status"]["toSign"].as_array().cloned().unwrap_or_default())
    }
}
