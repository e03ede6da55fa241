//! What the blocks of a chain hold.

use crate::maker::{Account, Maker};
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use ledger::Recovered;
use std::sync::Arc;

/// Kinds of chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Load {
    Empty,
    Transfers,
    Calls,
}

impl Load {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Transfers => "transfers",
            Self::Calls => "calls",
        }
    }
}

/// Gas limit of a token transfer; what it uses is less.
const CALL_GAS: u64 = 80_000;
/// What a token transfer between known accounts uses, about.
const CALL_USES: u64 = 34_000;

/// `transfer(to, amount)` of a token, its two words as plain input: two balances by `keccak(address)`, one event.
/// ```text
/// caller MSTORE(0) · s = keccak(0..32) · SSTORE(s, SLOAD(s) − amount)
/// to MSTORE(0) · s = keccak(0..32) · SSTORE(s, SLOAD(s) + amount)
/// amount MSTORE(0) · LOG3(0..32, 0xaa, caller, to) · STOP
/// ```
const TOKEN: [u8; 51] = [
    0x33, 0x5f, 0x52, // mem[0] = caller
    0x60, 0x20, 0x35, // amount
    0x60, 0x20, 0x5f, 0x20, // s
    0x80, 0x54, // SLOAD(s): amount, s, v
    0x91, 0x90, 0x91, // s, amount, v
    0x03, // v − amount
    0x90, 0x55, // SSTORE(s, v − amount)
    0x5f, 0x35, 0x5f, 0x52, // mem[0] = to
    0x60, 0x20, 0x35, // amount
    0x60, 0x20, 0x5f, 0x20, // s
    0x80, 0x54, // amount, s, v
    0x91, 0x90, 0x91, // s, amount, v
    0x01, // v + amount
    0x90, 0x55, // SSTORE(s, v + amount)
    0x60, 0x20, 0x35, 0x5f, 0x52, // mem[0] = amount
    0x5f, 0x35, 0x33, 0x60, 0xaa, 0x60, 0x20, 0x5f, 0xa3, // LOG3(0, 32, 0xaa, caller, to)
];

/// Init code that deploys `runtime`.
fn init_code(runtime: &[u8]) -> Vec<u8> {
    let size = u8::try_from(runtime.len()).unwrap_or(u8::MAX);
    [&[0x60, size, 0x80, 0x60, 0x0b, 0x5f, 0x39, 0x5f, 0xf3, 0, 0], runtime].concat()
}

/// Senders with money, and what they call.
pub(crate) struct Traffic {
    senders: Vec<Account>,
    recipients: u64,
    token: Option<Address>,
    next: u64,
}

impl Traffic {
    /// Makes blocks that fund the senders and, for calls, deploy the token.
    pub(crate) fn prepare(
        maker: &mut Maker,
        admin: &mut Account,
        load: Load,
        count: usize,
        recipients: u64,
    ) -> anyhow::Result<Self> {
        let senders: Vec<Account> =
            (0..count).map(|i| Account::from_seed(&format!("sender {i}"))).collect::<Result<_, _>>()?;
        for part in senders.chunks(1000) {
            let funds = |account: &Account| transfer(admin, account.address, 1_000_000_000);
            maker.block_of(part.iter().map(funds).collect())?;
        }
        let mut traffic = Self { senders, recipients, token: None, next: 0 };
        if load == Load::Calls {
            traffic.deploy(maker, admin)?;
        }
        Ok(traffic)
    }

    /// From now on token transfers: makes a block that deploys the token.
    pub(crate) fn deploy(&mut self, maker: &mut Maker, admin: &mut Account) -> anyhow::Result<()> {
        self.token = Some(admin.address.create(admin.nonce));
        maker.block_of(vec![sign(admin, TxKind::Create, 0, init_code(&TOKEN).into(), 1_000_000)])
    }

    /// The next transaction: senders in turn, recipients in an order of their own.
    pub(crate) fn next(&mut self) -> Option<Recovered> {
        let turn = self.next;
        self.next += 1;
        let recipient = keccak256((turn.wrapping_mul(7919) % self.recipients.max(1)).to_be_bytes());
        let to = Address::from_word(recipient);
        let count = self.senders.len();
        let sender = self.senders.get_mut(usize::try_from(turn).ok()? % count.max(1))?;
        Some(match self.token {
            None => transfer(sender, to, 1),
            Some(token) => {
                let input = [to.into_word().0, U256::from(1).to_be_bytes()].concat();
                sign(sender, TxKind::Call(token), 0, input.into(), CALL_GAS)
            }
        })
    }

    /// Transactions that fill a block of this gas limit, and some more.
    pub(crate) const fn filling(&self, gas_limit: u64) -> u64 {
        gas_limit / if self.token.is_some() { CALL_USES } else { 21_000 } + 1
    }

    /// Who sends first, and the token, if there is one.
    pub(crate) fn names(&self) -> (Option<Address>, Option<Address>) {
        (self.senders.first().map(|sender| sender.address), self.token)
    }

    /// Takes back a transaction that found no room: its sender uses the nonce again.
    pub(crate) fn take_back(&mut self, sender: Address) {
        if let Some(account) = self.senders.iter_mut().find(|account| account.address == sender) {
            account.nonce -= 1;
        }
    }
}

fn transfer(from: &mut Account, to: Address, value: u64) -> Recovered {
    sign(from, TxKind::Call(to), value, Bytes::new(), 21_000)
}

fn sign(from: &mut Account, to: TxKind, value: u64, input: Bytes, gas_limit: u64) -> Recovered {
    let tx = TxEip1559 {
        chain_id: crate::maker::CHAIN_ID,
        nonce: from.nonce,
        gas_limit,
        to,
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    };
    from.nonce += 1;
    let signature = from.sign(tx.signature_hash());
    let tx = TxEnvelope::from(tx.into_signed(signature));
    Recovered { hash: *tx.tx_hash(), sender: from.address, tx: Arc::new(tx) }
}
