//! A finished chain, made without waiting for its ticks.

use crate::{
    Options,
    load::{Load, Traffic},
};
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
/// Seats whose seals every block carries.
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

    pub(crate) fn sign(&self, hash: B256) -> Signature {
        let (id, bytes) =
            SECP256K1.sign_ecdsa_recoverable(Message::from_digest(hash.0), &self.key).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }
}

/// What was made.
pub(crate) struct Made {
    pub(crate) blocks: u64,
    pub(crate) transactions: u64,
    pub(crate) gas: u64,
}

/// Builds, seals and commits block after block.
pub(crate) struct Maker {
    ledger: Ledger,
    seats: Vec<Account>,
    gas_limit: u64,
    made: Made,
}

/// Makes the chain in the data folder of a node of the network in `network`.
pub(crate) fn make(network: &Path, data: &Path, load: Load, options: &Options) -> anyhow::Result<Made> {
    let genesis = Genesis::from_json(&fs::read_to_string(network.join("genesis.json"))?)?;
    // Only the last state matters, and whoever makes it can make it again.
    let ledger_options = ledger::Options { state_durable_every: 1_000_000, ..ledger::Options::default() };
    let seats = (0..SEATS).map(|i| Account::from_file(&network.join(format!("node{i}/identity.key"))));
    let mut maker = Maker {
        ledger: Ledger::open(&data.join("chain"), genesis, ledger_options)?,
        seats: seats.collect::<Result<_, _>>()?,
        gas_limit: options.gas_limit,
        made: Made { blocks: 0, transactions: 0, gas: 0 },
    };
    if load == Load::Empty {
        for _ in 0..options.empty {
            maker.block_of(Vec::new())?;
        }
    } else {
        let mut admin = Account::from_file(&network.join("admin.key"))?;
        let (senders, recipients) = (options.senders, options.recipients);
        let mut traffic = Traffic::prepare(&mut maker, &mut admin, load, senders, recipients)?;
        for _ in 0..options.full {
            maker.full_block(&mut traffic)?;
        }
    }
    maker.ledger.flush()?;
    Ok(maker.made)
}

impl Maker {
    /// One block with exactly these transactions.
    pub(crate) fn block_of(&mut self, transactions: Vec<Recovered>) -> anyhow::Result<()> {
        let mut offered = transactions.into_iter();
        let skipped = self.block(|| offered.next())?;
        anyhow::ensure!(skipped.is_empty(), "{} transactions found no place", skipped.len());
        Ok(())
    }

    /// One block that takes no more.
    fn full_block(&mut self, traffic: &mut Traffic) -> anyhow::Result<()> {
        let mut left = traffic.filling(self.gas_limit);
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
        let proposer = usize::try_from(number)? % SEATS;
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
        self.ledger.commit(Block { header, body: built.block.body.clone() })?;
        anyhow::ensure!(self.ledger.header(At::Head)?.is_some_and(|head| head.number == number), "no head");
        let left_out =
            |(hash, _): &&(B256, Address)| built.skipped.iter().any(|(skipped, _)| skipped == hash);
        Ok(offered.iter().filter(left_out).map(|(_, sender)| *sender).collect())
    }
}
