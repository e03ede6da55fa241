//! A node whose only validator is the test: it commits a block whenever it is told to.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use chain::{
    Extra,
    genesis::{Genesis, GenesisSpec, MessageEncoding, QbftConfig, render},
    hash, signature,
};
use k256::ecdsa::SigningKey;
use ledger::{Block, BuildAttributes, CommittedBlock, Ledger, Options};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use validator::{
    ots_index::{self, IndexThread, OtsIndex},
    pool::{Limits, Origin, Pool},
    rpc::{NodeView, RpcAccess, RpcLimits, RpcOptions, RpcPort, ServerHandle, SyncProgress, serve},
    votes::PendingVotes,
};

pub(crate) const CHAIN_ID: u64 = 4242;
/// `set(uint256)` stores and emits `Changed(uint256)`, `get()` returns, all else reverts with `Error("nope")`.
pub(crate) const CONTRACT: &[u8] = &hex!(
    "60bf8060095f395ff35f3560e01c80636d4ce63c14602357806360fe47b114602c576064605b5f3960645ffd5b5f545f5260205ff35b600435805f555f527f938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b82960205fa10008c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000046e6f706500000000000000000000000000000000000000000000000000000000"
);
pub(crate) const CHANGED: B256 =
    B256::new(hex!("938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b829"));

pub(crate) struct Key {
    key: SigningKey,
    pub(crate) address: Address,
}

impl Key {
    pub(crate) fn new(seed: &str) -> Self {
        let key = SigningKey::from_slice(keccak256(seed).as_slice()).unwrap();
        let point = key.verifying_key().to_encoded_point(false);
        let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
        Self { key, address }
    }

    fn sign(&self, hash: B256) -> Signature {
        self.key.sign_prehash_recoverable(hash.as_slice()).unwrap().into()
    }

    /// Type 2 at price zero.
    pub(crate) fn dynamic(&self, nonce: u64, to: TxKind, input: impl Into<Bytes>) -> Bytes {
        let input = input.into();
        let tx =
            TxEip1559 { chain_id: CHAIN_ID, nonce, gas_limit: 500_000, to, input, ..TxEip1559::default() };
        let signature = self.sign(tx.signature_hash());
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }

    /// Type 0 at price zero.
    pub(crate) fn legacy(&self, nonce: u64, to: TxKind, input: impl Into<Bytes>) -> Bytes {
        let (chain_id, input) = (Some(CHAIN_ID), input.into());
        let tx = TxLegacy { chain_id, nonce, gas_limit: 500_000, to, input, ..TxLegacy::default() };
        let signature = self.sign(tx.signature_hash());
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }
}

/// `set(value)`.
pub(crate) fn set(value: u64) -> Bytes {
    [&hex!("60fe47b1")[..], &U256::from(value).to_be_bytes::<32>()].concat().into()
}

/// `get()`.
pub(crate) const GET: &[u8] = &hex!("6d4ce63c");

struct Alone;

impl NodeView for Alone {
    fn peer_count(&self) -> usize {
        3
    }
    fn syncing(&self) -> Option<SyncProgress> {
        None
    }
    fn client_version(&self) -> String {
        "quorate/v0.1.0/test".into()
    }
    fn coinbase(&self) -> Option<Address> {
        Some(Address::repeat_byte(9))
    }
}

pub(crate) struct Chain {
    validator: Key,
    extra: Extra,
    pub(crate) ledger: Ledger,
    pub(crate) pool: Pool,
    pub(crate) votes: PendingVotes,
    heads: broadcast::Sender<Arc<CommittedBlock>>,
    pub(crate) ots: Option<Arc<OtsIndex>>,
}

pub(crate) fn genesis() -> (Key, Extra, Genesis) {
    let validator = Key::new("validator");
    let qbft = QbftConfig {
        blockperiodseconds: 1,
        requesttimeoutseconds: 4,
        requesttimeoutmilliseconds: None,
        epochlength: 30_000,
        validatorcontractaddress: None,
        proposalround: hash::ProposalRound::Real,
        messageencoding: MessageEncoding::FourItem,
    };
    let spec = GenesisSpec {
        chain_id: CHAIN_ID,
        gas_limit: 30_000_000,
        qbft,
        accounts: [].into(),
        predeploys: vec![],
    };
    let unnamed = Extra::unsealed(0);
    let extra = Extra { validators: vec![validator.address], ..unnamed.clone() };
    let text = render(&spec).unwrap().replace(&unnamed.to_bytes().to_string(), &extra.to_bytes().to_string());
    (validator, extra, Genesis::from_json(&text).unwrap())
}

/// A port for everybody, of any number.
pub(crate) fn port(namespaces: &[&str]) -> RpcPort {
    RpcPort {
        listen: "127.0.0.1:0".into(),
        namespaces: namespaces.iter().map(ToString::to_string).collect(),
        transports: vec![],
        access: RpcAccess::default(),
        tls: None,
    }
}

/// The thread that keeps the index.
pub(crate) struct Indexing {
    stop: CancellationToken,
    thread: IndexThread,
}

impl Indexing {
    pub(crate) fn end(self) {
        self.stop.cancel();
        self.thread.join();
    }
}

impl Chain {
    pub(crate) fn open(dir: &Path) -> Self {
        Self::open_with(dir, Options::default())
    }

    pub(crate) fn open_with(dir: &Path, options: Options) -> Self {
        let (validator, extra, genesis) = genesis();
        let ledger = Ledger::open(&dir.join("chain"), genesis, options).unwrap();
        let pool = Pool::open(&dir.join("pool"), ledger.clone(), Limits::default()).unwrap();
        Self {
            validator,
            extra,
            ledger,
            pool,
            votes: PendingVotes::default(),
            heads: broadcast::Sender::new(4),
            ots: None,
        }
    }

    /// Keeps the index in this file from now on, and waits until it has caught up.
    pub(crate) fn index(&mut self, file: &Path) -> Indexing {
        let index = Arc::new(OtsIndex::open(file, self.ledger.genesis().hash).unwrap());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (ledger, heads) = (self.ledger.clone(), self.heads.subscribe());
        let thread = ots_index::spawn(Arc::clone(&index), ledger, heads, &tasks, stop.clone()).unwrap();
        assert!(index.wait_for(self.ledger.head().number, Duration::from_mins(1)));
        self.ots = Some(index);
        Indexing { stop, thread }
    }

    pub(crate) async fn serve(&self) -> ServerHandle {
        self.serve_with(RpcLimits::default(), &["debug", "eth", "net", "web3", "txpool", "qbft"]).await
    }

    pub(crate) async fn serve_with(&self, limits: RpcLimits, namespaces: &[&str]) -> ServerHandle {
        self.serve_on(limits, vec![port(namespaces)]).await
    }

    pub(crate) async fn serve_on(&self, limits: RpcLimits, ports: Vec<RpcPort>) -> ServerHandle {
        let options = RpcOptions {
            ports,
            limits,
            ledger: self.ledger.clone(),
            pool: self.pool.clone(),
            heads: self.heads.clone(),
            votes: self.votes.clone(),
            node: Arc::new(Alone),
            ots: self.ots.clone(),
        };
        serve(options).await.unwrap()
    }

    /// Puts what waits into a block, commits it and tells pool and subscribers, as the node does.
    pub(crate) fn next(&self) -> Arc<CommittedBlock> {
        let head = self.ledger.head();
        let attributes = BuildAttributes {
            timestamp: head.header.timestamp + 1,
            beneficiary: self.validator.address,
            extra_data: self.extra.to_bytes(),
            gas_limit_target: 30_000_000,
        };
        let mut waiting = self.pool.best();
        let built = self.ledger.build(&attributes, || waiting.next(), || false).unwrap();
        let signed = hash::commit_hash(&built.block.header, 0).unwrap();
        let seal = signature::seal_from(&self.validator.sign(signed));
        let header = hash::with_round_and_seals(&built.block.header, 0, vec![seal]).unwrap();
        let committed = self.ledger.commit(Block { header, body: built.block.body.clone() }).unwrap();
        self.pool.on_new_head(&committed).unwrap();
        // Nobody subscribed is fine.
        let _ = self.heads.send(Arc::clone(&committed));
        committed
    }

    pub(crate) async fn submit(&self, raw: Bytes) -> B256 {
        self.pool.submit(raw, Origin::Rpc([127, 0, 0, 1].into())).await.unwrap()
    }

    /// Deploys [`CONTRACT`] in a block of its own.
    pub(crate) async fn deploy(&self, owner: &Key) -> Address {
        self.submit(owner.dynamic(0, TxKind::Create, CONTRACT)).await;
        self.next();
        owner.address.create(0)
    }
}
