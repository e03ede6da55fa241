//! One chain: the ledger, the pool, and when each seat was last heard.

use super::{Delivery, Node, pool::Pool};
use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use chain::{
    Extra, Seal,
    config::NodeConfig,
    genesis::{Genesis, GenesisError},
    governance::Governance,
    hash::{commit_hash, with_round_and_seals},
    quorum::quorum,
    status::SeatHeard,
};
use ledger::{
    At, BuildAttributes, CommitError, Ledger, LedgerError, OpenError, Options, Recovered, Transaction,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the chain itself refuses; none of it may happen.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The genesis file.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// The genesis file has another hash than the configuration.
    #[error("the genesis file has hash {found}, node.json names {wanted}")]
    Hash {
        /// Of the file.
        found: B256,
        /// In node.json.
        wanted: B256,
    },
    /// The ledger does not open.
    #[error("ledger: {0}")]
    Open(#[from] OpenError),
    /// It does not read.
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// A block of ours is refused.
    #[error("block refused: {0}")]
    Commit(#[from] CommitError),
    /// Headers.
    #[error("header: {0}")]
    Header(#[from] alloy_rlp::Error),
}

/// What a transaction does to the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeatMove {
    /// Adds a seat.
    Seat(Address),
    /// Gives one up.
    Unseat(Address),
    /// Neither.
    Other,
}

/// A transaction before it is in the pool.
pub(super) struct Offered {
    pub(super) recovered: Recovered,
    pub(super) seat_move: SeatMove,
}

/// One chain.
pub struct Chain {
    ledger: Ledger,
    period_ms: u64,
    last_block_ms: u64,
    heard: BTreeMap<Address, (u64, u64)>,
    pool: Pool,
    seats: BTreeSet<Address>,
}

impl Chain {
    /// Block 0 of the genesis file that a node mounts.
    pub(super) fn new(genesis: &str, config: &NodeConfig) -> Result<Self, ChainError> {
        let options = Options {
            state_cache_bytes: 1 << 20,
            block_cache_bytes: 1 << 20,
            trie_bytes: 4 << 20,
            ..Options::default()
        };
        let ledger = Ledger::in_memory(Genesis::from_json(genesis)?, options)?;
        let found = ledger.head().hash;
        if found != config.network.genesis_hash {
            return Err(ChainError::Hash { found, wanted: config.network.genesis_hash });
        }
        let seats = ledger.validators()?.into_iter().collect();
        let period_ms = ledger.parameters()?.block_period_s * 1000;
        Ok(Self { ledger, period_ms, last_block_ms: 0, heard: BTreeMap::new(), pool: Pool::default(), seats })
    }

    /// The ledger, for reads.
    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Newest block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.ledger.head().number
    }

    /// Seats of the next block.
    #[must_use]
    pub fn seats(&self) -> BTreeSet<Address> {
        self.seats.clone()
    }

    /// Whether an identity is one of them.
    pub(super) fn has_seat(&self, identity: &Address) -> bool {
        self.seats.contains(identity)
    }

    /// The same with when each was heard.
    pub(super) fn heard(&self) -> Vec<SeatHeard> {
        let heard = |address: &Address| {
            let (height, at_ms) = self.heard.get(address).copied().unwrap_or_default();
            SeatHeard { address: *address, height, at_ms }
        };
        self.seats.iter().map(heard).collect()
    }

    /// When voters were heard last.
    pub(super) const fn heard_at(&self) -> u64 {
        self.last_block_ms
    }

    /// Makes a block when one is due and the voters are a quorum. Voters are heard all the same.
    pub(super) fn advance(&mut self, now_ms: u64, voters: &[&Node]) -> Result<bool, ChainError> {
        if now_ms < self.last_block_ms + self.period_ms {
            return Ok(false);
        }
        let height = self.height();
        for node in voters.iter().filter_map(|node| node.casts()) {
            self.heard.insert(node, (height, now_ms));
        }
        self.last_block_ms = now_ms;
        if voters.is_empty() || voters.len() < quorum(self.seats.len()) {
            return Ok(false);
        }
        self.block(now_ms, voters)?;
        Ok(true)
    }

    fn block(&mut self, now_ms: u64, voters: &[&Node]) -> Result<(), ChainError> {
        let head = self.ledger.head();
        let due = head.header.timestamp + self.period_ms / 1000;
        let attributes = BuildAttributes {
            timestamp: due.max(now_ms / 1000),
            beneficiary: voters.iter().find_map(|node| node.casts()).unwrap_or_default(),
            extra_data: Extra::unsealed(0).to_bytes(),
            gas_limit_target: self.ledger.parameters()?.gas_limit_target,
        };
        self.pool.arrive(head.number);
        let mut waiting = self.pool.ready();
        let built = self.ledger.build(&attributes, || waiting.next(), || false)?;
        let hash = commit_hash(&built.block.header, 0)?;
        let seals: Vec<Seal> = voters.iter().filter_map(|node| node.seal(hash)).collect();
        let header = with_round_and_seals(&built.block.header, 0, seals)?;
        self.ledger.commit(ledger::Block { header, body: built.block.body.clone() })?;
        self.seats = self.ledger.validators()?.into_iter().collect();
        for sender in self.pool.senders() {
            self.pool.mined(sender, self.ledger.account(sender, At::Head)?.nonce);
        }
        Ok(())
    }

    /// Decodes a raw transaction as a node does when it is given one.
    pub(super) fn offer(&self, raw: &[u8]) -> Result<Offered, String> {
        let transaction = Transaction::decode_2718(&mut &*raw).map_err(|error| format!("rlp: {error}"))?;
        let sender = transaction.recover_signer().map_err(|error| format!("signature: {error}"))?;
        let input = transaction.input().clone();
        let seat_move = Governance::seatCall::abi_decode(&input).map_or_else(
            |_| {
                Governance::unseatCall::abi_decode(&input)
                    .map_or(SeatMove::Other, |call| SeatMove::Unseat(call.identity))
            },
            |call| SeatMove::Seat(call.identity),
        );
        let recovered = Recovered { hash: *transaction.tx_hash(), sender, tx: Arc::new(transaction) };
        let next = self.next_nonce(sender);
        if recovered.tx.nonce() < next {
            return Err(format!("nonce too low: next nonce {next}, tx nonce {}", recovered.tx.nonce()));
        }
        match self.pool.get(sender, recovered.tx.nonce()) {
            Some(known) if known.hash == recovered.hash => Err("already known".to_owned()),
            Some(_) => Err("replacement transaction underpriced".to_owned()),
            None => Ok(Offered { recovered, seat_move }),
        }
    }

    /// What becomes of a transaction that a node was given.
    pub(super) fn take(&mut self, transaction: Recovered, delivery: Delivery) {
        let height = self.height();
        match delivery {
            Delivery::Whole | Delivery::ReplyLost => self.pool.add(transaction, height),
            Delivery::Late => self.pool.add_late(transaction, height),
            Delivery::Held => self.pool.hold(transaction, None),
            Delivery::Forgotten => self.pool.hold(transaction, Some(height)),
            Delivery::Refused | Delivery::Dropped => {}
        }
    }

    fn next_nonce(&self, account: Address) -> u64 {
        self.ledger.account(account, At::Head).map_or(0, |account| account.nonce)
    }

    /// Transactions of an account in blocks, or with those that wait in the pool.
    pub(super) fn nonce(&self, account: Address, pending: bool) -> u64 {
        let mut nonce = self.next_nonce(account);
        while pending && self.pool.waits(account, nonce) {
            nonce += 1;
        }
        nonce
    }

    /// `eth_call` at the newest block; what it reverts with, or why it did not run.
    pub(super) fn call(
        &self,
        from: Address,
        to: Address,
        input: Bytes,
    ) -> Result<Bytes, Result<Bytes, String>> {
        let request = ledger::CallRequest {
            from: Some(from),
            to: Some(to),
            data: input,
            ..ledger::CallRequest::default()
        };
        let outcome = self.ledger.call(&request, At::Head).map_err(|error| Err(error.to_string()))?;
        match outcome.status {
            ledger::CallStatus::Success => Ok(outcome.output),
            ledger::CallStatus::Revert => Err(Ok(outcome.output)),
            ledger::CallStatus::Halt(why) => Err(Err(why)),
        }
    }

    /// The member's id whose admin this is, by the contract.
    pub(super) fn member(&self, admin: Address) -> Option<u32> {
        let input = Governance::snapshotCall {}.abi_encode().into();
        let output = self.call(Address::ZERO, chain::governance::GOVERNANCE, input).ok()?;
        let snapshot = Governance::snapshotCall::abi_decode_returns(&output).ok()?;
        snapshot.members.iter().find(|member| member.admin == admin).map(|member| member.id)
    }
}
