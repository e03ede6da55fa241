//! A finished chain, made without waiting for its ticks.

use crate::load::{Load, Traffic};
use alloy_primitives::{Address, B256, Signature, keccak256};
use chain::{
    Extra, Seal,
    genesis::Genesis,
    hash::{commit_hash, with_round_and_seals},
    signature::seal_from,
};
use ledger::{At, Block, BuildAttributes, Ledger, Recovered};
use secp256k1::{Message, SECP256K1, SecretKey};
use std::{fs, path::Path};

pub(crate) const CHAIN_ID: u64 = 10101;
/// Seats of a network whose sync is measured.
pub(crate) const SEATS: usize = 4;

/// A key and the nonce of its next transaction.
pub(crate) struct Account {
    key: SecretKey,
    pub(crate) address: Address,
    pub(crate) nonce: u64,
}

impl Account {
    pub(crate) fn from_seed(seed: &str) -> anyhow::Result<Self> {
        Self::from_secret(keccak256(seed).0)
    }

    fn from_secret(secret: [u8; 32]) -> anyhow::Result<Self> {
        let key = SecretKey::from_byte_array(secret)?;
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        Ok(Self { key, address: Address::from_slice(&keccak256(&public[1..])[12..]), nonce: 0 })
    }

    fn from_file(path: &Path) -> anyhow::Result<Self> {
        let mut secret = [0; 32];
        hex::decode_to_slice(fs::read_to_string(path)?.trim(), &mut secret)?;
        Self::from_secret(secret)
    }

    /// Who has all the money.
    pub(crate) fn admin(network: &Path) -> anyhow::Result<Self> {
        Self::from_file(&network.join("admin.key"))
    }

    pub(crate) fn sign(&self, hash: B256) -> Signature {
        let (id, bytes) =
            SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.key).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }
}

/// What to make.
pub(crate) struct Plan {
    pub(crate) load: Load,
    /// Seats, all of which seal every block.
    pub(crate) seats: usize,
    /// Blocks, after those that fund senders.
    pub(crate) blocks: u64,
    /// Every so many blocks one holds transactions.
    pub(crate) every: u64,
    /// How many; as many as fit when absent.
    pub(crate) transactions: Option<u64>,
    pub(crate) gas_limit: u64,
    pub(crate) senders: usize,
    pub(crate) recipients: u64,
}

/// What was made.
pub(crate) struct Made {
    pub(crate) blocks: u64,
    pub(crate) transactions: u64,
    pub(crate) gas: u64,
    /// Some of the transactions.
    pub(crate) hashes: Vec<B256>,
    /// Goes on sending where the chain ends.
    pub(crate) traffic: Option<Traffic>,
}

/// Hashes kept.
const HASHES: usize = 1000;

/// Builds, seals and commits block after block.
pub(crate) struct Maker {
    ledger: Ledger,
    seats: Vec<Account>,
    gas_limit: u64,
    made: Made,
}

/// Makes the chain in the data folder of a node of the network in `network`.
pub(crate) fn make(network: &Path, data: &Path, plan: &Plan) -> anyhow::Result<Made> {
    let mut maker = Maker::new(network, data, plan.seats, plan.gas_limit)?;
    let mut traffic = match plan.load {
        Load::Empty => None,
        load => {
            let mut admin = Account::admin(network)?;
            Some(Traffic::prepare(&mut maker, &mut admin, load, plan.senders, plan.recipients)?)
        }
    };
    for block in 1..=plan.blocks {
        match &mut traffic {
            Some(traffic) if block.is_multiple_of(plan.every) => maker.filled(traffic, plan.transactions)?,
            _ => maker.block_of(Vec::new())?,
        }
    }
    let made = maker.finish()?;
    Ok(Made { traffic, ..made })
}

impl Maker {
    /// Opens the chain in `data`; the first `seats` nodes of the network seal.
    pub(crate) fn new(network: &Path, data: &Path, seats: usize, gas_limit: u64) -> anyhow::Result<Self> {
        let genesis = Genesis::from_json(&fs::read_to_string(network.join("genesis.json"))?)?;
        // Only the last state matters, and whoever makes it can make it again.
        let options = ledger::Options { state_durable_every: 1_000_000, ..ledger::Options::default() };
        let seats = (0..seats).map(|i| Account::from_file(&network.join(format!("node{i}/identity.key"))));
        Ok(Self {
            ledger: Ledger::open(&data.join("chain"), genesis, options)?,
            seats: seats.collect::<Result<_, _>>()?,
            gas_limit,
            made: Made { blocks: 0, transactions: 0, gas: 0, hashes: Vec::new(), traffic: None },
        })
    }

    /// Everything on disk.
    pub(crate) fn finish(self) -> anyhow::Result<Made> {
        self.ledger.flush()?;
        Ok(self.made)
    }

    /// Blocks until so many transactions more are in them.
    pub(crate) fn take(&mut self, traffic: &mut Traffic, transactions: u64) -> anyhow::Result<()> {
        let end = self.made.transactions + transactions;
        while self.made.transactions < end {
            let left = end - self.made.transactions;
            self.filled(traffic, Some(left.min(traffic.filling(self.gas_limit))))?;
        }
        Ok(())
    }

    /// One block with exactly these transactions.
    pub(crate) fn block_of(&mut self, transactions: Vec<Recovered>) -> anyhow::Result<()> {
        let mut offered = transactions.into_iter();
        let skipped = self.block(|| offered.next())?;
        anyhow::ensure!(skipped.is_empty(), "{} transactions found no place", skipped.len());
        Ok(())
    }

    /// One block with so many transactions, or one that takes no more.
    fn filled(&mut self, traffic: &mut Traffic, transactions: Option<u64>) -> anyhow::Result<()> {
        let mut left = transactions.unwrap_or_else(|| traffic.filling(self.gas_limit));
        let skipped = self.block(|| {
            left = left.checked_sub(1)?;
            traffic.next()
        })?;
        for sender in skipped.into_iter().rev() {
            traffic.take_back(sender);
        }
        Ok(())
    }

    /// Builds, seals by every seat, commits; senders of what was left out.
    fn block(&mut self, mut next: impl FnMut() -> Option<Recovered>) -> anyhow::Result<Vec<Address>> {
        let parent = self.ledger.head();
        let number = parent.number + 1;
        let proposer = usize::try_from(number)? % self.seats.len();
        let attributes = BuildAttributes {
            timestamp: parent.header.timestamp + 1,
            beneficiary: self.seats[proposer].address,
            extra_data: Extra::unsealed(0).to_bytes(),
            gas_limit_target: self.gas_limit,
        };
        let mut offered = Vec::new();
        let offer = || {
            let next = next()?;
            offered.push((next.hash, next.sender));
            Some(next)
        };
        let built = self.ledger.build(&attributes, offer, || false)?;
        let header = &built.block.header;
        let hash = commit_hash(header, 0)?;
        let seals: Vec<Seal> = self.seats.iter().map(|seat| seal_from(&seat.sign(hash))).collect();
        let header = with_round_and_seals(header, 0, seals)?;
        self.made.blocks += 1;
        self.made.transactions += built.block.body.transactions.len() as u64;
        self.made.gas += header.gas_used;
        let room = HASHES.saturating_sub(self.made.hashes.len());
        self.made.hashes.extend(built.block.body.transactions.iter().take(room).map(|tx| *tx.tx_hash()));
        self.ledger.commit(Block { header, body: built.block.body.clone() })?;
        anyhow::ensure!(self.ledger.header(At::Head)?.is_some_and(|head| head.number == number), "no head");
        let left_out =
            |(hash, _): &&(B256, Address)| built.skipped.iter().any(|(skipped, _)| skipped == hash);
        Ok(offered.iter().filter(left_out).map(|(_, sender)| *sender).collect())
    }
}
