//! Accounts and their transactions, signed before anything is measured.

use crate::{
    contracts::{filler_address, token_address},
    sender::Sender,
};
use alloy_consensus::{TxEip1559, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use rayon::prelude::*;

/// Accounts that sign; transactions go round them.
pub(crate) const SENDERS: usize = 1024;
/// Accounts that receive.
const RECEIVERS: u64 = 10_000;
/// Transactions go into memory at 100 to 200 bytes each, so one run has bounds.
const CHUNK: usize = 1024;
/// Bytes of the largest payload.
const PAYLOAD: usize = 1024;
/// Fresh slots that one storage-heavy transaction writes.
const SLOTS: u64 = 10;

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// One wei to one of 10,000 accounts.
    Transfer,
    /// One token to one of 10,000 accounts.
    Erc20,
    /// Ten slots that nobody wrote before.
    Storage,
    /// A transfer with 1 kB of data.
    Payload1k,
}

impl Kind {
    /// As options and results name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Erc20 => "erc20",
            Self::Storage => "storage",
            Self::Payload1k => "payload1k",
        }
    }

    /// Of so many transfers, how many of this kind make a run.
    pub(crate) const fn of(self, transfers: usize) -> usize {
        match self {
            Self::Transfer => transfers,
            Self::Erc20 => transfers / 5,
            Self::Payload1k => transfers / 10,
            Self::Storage => transfers / 20,
        }
    }
}

/// The accounts that offer load.
pub(crate) fn senders() -> anyhow::Result<Vec<Sender>> {
    (0..SENDERS).map(|number| Sender::named(&format!("bench sender {number}"))).collect()
}

/// Signed transactions of one kind: all senders' lowest nonces first, then the next.
pub(crate) struct Signed {
    raw: Vec<Bytes>,
    hashes: Vec<B256>,
}

impl Signed {
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    pub(crate) fn raw(&self, index: usize) -> &Bytes {
        &self.raw[index]
    }

    pub(crate) fn hashes(&self) -> &[B256] {
        &self.hashes
    }

    /// The sender of the transaction at `index`.
    pub(crate) const fn sender(index: usize) -> usize {
        index % SENDERS
    }

    /// Signs `count` transactions, on every core; `nonce` is every sender's next.
    pub(crate) fn make(
        kind: Kind,
        chain_id: u64,
        senders: &[Sender],
        nonce: u64,
        count: usize,
    ) -> anyhow::Result<Self> {
        let one = |index: usize| -> anyhow::Result<(Bytes, B256)> {
            let sender = &senders[Self::sender(index)];
            let tx = sender.sign(transaction(kind, chain_id, nonce + (index / SENDERS) as u64, index as u64));
            if index.is_multiple_of(CHUNK * 64) {
                anyhow::ensure!(
                    tx.recover_signer()? == sender.address,
                    "signature {index} is not its sender's"
                );
            }
            Ok((tx.encoded_2718().into(), *tx.tx_hash()))
        };
        let both =
            (0..count).into_par_iter().with_min_len(CHUNK).map(one).collect::<anyhow::Result<Vec<_>>>()?;
        let (raw, hashes) = both.into_iter().unzip();
        Ok(Self { raw, hashes })
    }
}

fn transaction(kind: Kind, chain_id: u64, nonce: u64, index: u64) -> TxEip1559 {
    let receiver = receiver(index);
    let (gas_limit, to, value, input) = match kind {
        Kind::Transfer => (21_000, receiver, 1, Bytes::new()),
        Kind::Erc20 => (80_000, token_address(), 0, crate::contracts::transfer(receiver, 1)),
        Kind::Storage => (300_000, filler_address(), 0, crate::contracts::fill(SLOTS)),
        Kind::Payload1k => (80_000, receiver, 1, payload(index)),
    };
    TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(to),
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    }
}

/// Spread so that neither neighbours in the order nor one sender's transactions go to one account.
fn receiver(index: u64) -> Address {
    let number = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    Address::from_word(keccak256((number % RECEIVERS).to_be_bytes()))
}

/// Bytes that do not compress.
fn payload(index: u64) -> Bytes {
    let words = (0..PAYLOAD as u64 / 32).map(|word| keccak256((index << 8 | word).to_be_bytes()).0);
    words.flatten().collect::<Vec<u8>>().into()
}
