use super::*;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, TxKind, U256, keccak256};
use chain::{
    Extra,
    genesis::{Genesis, GenesisSpec, MessageEncoding, QbftConfig, render},
    hash, signature,
};
use k256::ecdsa::SigningKey;
use ledger::{Block, BuildAttributes, Options};

const CLIENT: Origin = Origin::Rpc(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const PEER: Origin = Origin::Peer(B512::ZERO);

struct Key(SigningKey);

impl Key {
    fn new(seed: &str) -> Self {
        Self(SigningKey::from_slice(keccak256(seed).as_slice()).unwrap())
    }

    fn address(&self) -> Address {
        Address::from_public_key(self.0.verifying_key())
    }

    fn sign(&self, hash: B256) -> Signature {
        self.0.sign_prehash_recoverable(hash.as_slice()).unwrap().into()
    }

    fn pays(&self, nonce: u64, to: Address, value: u64) -> Bytes {
        let (to, value) = (TxKind::Call(to), U256::from(value));
        let tx = TxEip1559 { chain_id: 1, nonce, gas_limit: 21_000, to, value, ..TxEip1559::default() };
        let signature = self.sign(tx.signature_hash());
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// A chain with one validator, which makes a block when it is told to.
struct Chain {
    pool: Pool,
    validator: Key,
    extra: Extra,
    _dir: tempfile::TempDir,
}

impl Chain {
    fn new(funded: &[(&Key, u64)]) -> Self {
        let qbft = QbftConfig {
            blockperiodseconds: 1,
            requesttimeoutseconds: 4,
            requesttimeoutmilliseconds: None,
            epochlength: 30_000,
            validatorcontractaddress: None,
            proposalround: hash::ProposalRound::Real,
            messageencoding: MessageEncoding::FourItem,
        };
        let accounts = funded.iter().map(|(key, wei)| (key.address(), U256::from(*wei))).collect();
        let spec = GenesisSpec { chain_id: 1, gas_limit: 30_000_000, qbft, accounts, predeploys: vec![] };
        let (validator, unnamed) = (Key::new("validator"), Extra::unsealed(0));
        let extra = Extra { validators: vec![validator.address()], ..unnamed.clone() };
        let text =
            render(&spec).unwrap().replace(&unnamed.to_bytes().to_string(), &extra.to_bytes().to_string());
        let genesis = Genesis::from_json(&text).unwrap();
        let ledger = Ledger::in_memory(genesis, Options::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::open(dir.path(), ledger, Limits::default()).unwrap();
        Self { pool, validator, extra, _dir: dir }
    }

    /// Puts what waits into a block; how many were.
    fn next(&self) -> usize {
        let ledger = &self.pool.shared.ledger;
        let attributes = BuildAttributes {
            timestamp: ledger.head().header.timestamp + 1,
            beneficiary: self.validator.address(),
            extra_data: self.extra.to_bytes(),
            gas_limit_target: 30_000_000,
        };
        let mut waiting = self.pool.best();
        let built = ledger.build(&attributes, || waiting.next(), || false).unwrap();
        let seal =
            signature::seal_from(&self.validator.sign(hash::commit_hash(&built.block.header, 0).unwrap()));
        let header = hash::with_round_and_seals(&built.block.header, 0, vec![seal]).unwrap();
        let committed = ledger.commit(Block { header, body: built.block.body.clone() }).unwrap();
        self.pool.on_new_head(&committed).unwrap();
        committed.transaction_hashes.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_pay_to_a_sender_counts_while_something_of_it_waits() {
    let (poor, payer) = (Key::new("poor"), Key::new("payer"));
    let chain = Chain::new(&[(&poor, 1), (&payer, 1000)]);
    let to = payer.address();
    chain.pool.submit(poor.pays(1, to, 1), CLIENT).await.unwrap();
    let refused = chain.pool.submit(poor.pays(0, to, 50), CLIENT).await.unwrap_err();
    assert!(matches!(refused, PoolError::InsufficientFunds { .. }), "{refused}");
    chain.pool.submit(payer.pays(0, poor.address(), 100), PEER).await.unwrap();
    assert_eq!(chain.next(), 1);
    let refused = chain.pool.submit(poor.pays(0, to, 101), CLIENT).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "insufficient funds for gas * price + value: balance 101, queued cost 1, tx cost 101, overshot 1"
    );
    chain.pool.submit(poor.pays(0, to, 50), CLIENT).await.unwrap();
    assert_eq!((chain.next(), chain.pool.stats()), (2, Stats::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_earlier_nonce_is_announced_when_that_came() {
    let (first, second) = (Key::new("first"), Key::new("second"));
    let chain = Chain::new(&[]);
    let (mut accepted, to) = (chain.pool.subscribe_accepted(), first.address());
    let mut announced = || {
        let mut nonces = Vec::new();
        while let Ok(pooled) = accepted.try_recv() {
            nonces.push(pooled.recovered.tx.nonce());
        }
        nonces
    };
    for (nonce, origin) in [(2, CLIENT), (1, PEER)] {
        chain.pool.submit(first.pays(nonce, to, 0), origin).await.unwrap();
    }
    assert!(announced().is_empty(), "no block can take them, and so peers need not keep them");
    chain.pool.submit(first.pays(0, to, 0), CLIENT).await.unwrap();
    assert_eq!(announced(), [0, 1, 2]);
    chain.pool.submit(second.pays(1, to, 0), CLIENT).await.unwrap();
    chain.pool.submit(second.pays(0, to, 0), PEER).await.unwrap();
    assert_eq!(announced(), [0, 1], "whoever sent what was missing");
    assert_eq!(chain.next(), 5);
    assert!(announced().is_empty(), "each once");
}
