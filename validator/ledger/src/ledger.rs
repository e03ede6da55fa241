//! The handle, and opening.

use crate::{
    Adopted, Block, HeadInfo, InvalidBlock, KnownSenders, LedgerError, OpenError, Options, Spent,
    candidates::Candidates,
    consensus::NextHeight,
    execute::block::Executed,
    recent::Recent,
    spent::Clocks,
    store::{
        Place,
        behind::State,
        blocks::BlockStore,
        codec::SlimAccount,
        layer::Layer,
        queue::Bounds,
        state::{StateHead, StateStore, WriteOptions},
        tail::Blocks,
        view::StateView,
    },
    trie::{
        root::{AccountDelta, StateDiff, state_diff},
        tries::Tries,
    },
    validate,
    writer::{SharedHead, Writer},
};
use alloy_primitives::{B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use chain::{genesis::Genesis, voting::VoteTally};
use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use revm::bytecode::Bytecode;
use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, OnceLock},
};

/// Contracts whose analysed code stays in memory; at 24 KiB each at most 12 MiB.
const CODE_CACHE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(511);

/// A chain's blocks and state. Cheap to clone; every clone is the same ledger.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) chain: Arc<Chain>,
}

/// Everything behind the handle.
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) options: Options,
    pub(crate) blocks: Blocks,
    pub(crate) state: State,
    pub(crate) candidates: Candidates,
    /// One commit at a time.
    pub(crate) committing: Mutex<()>,
    /// A record taken up for the height after its parent.
    pub(crate) adopted: RwLock<Option<Arc<Adopted>>>,
    pub(crate) known_senders: OnceLock<Arc<dyn KnownSenders>>,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) tries: Arc<Tries>,
    /// The first block whose body and receipts are here.
    pub(crate) earliest: u64,
    pub(crate) head: SharedHead,
    /// Ends when the ledger is dropped.
    _writer: Writer,
    code: Mutex<LruCache<B256, Bytecode>>,
    pub(crate) recent: Recent,
}

/// The head and the state after it, taken together so that a reader never sees one without the other.
pub(crate) struct Head {
    pub(crate) info: HeadInfo,
    pub(crate) view: StateView,
    /// Validators and parameters of the next height, once somebody asked.
    pub(crate) next: OnceLock<NextHeight>,
    /// Votes after this block, in block-header mode once somebody asked.
    pub(crate) tally: OnceLock<Arc<VoteTally>>,
    /// The newest block whose own seals were checked, where that is one before.
    pub(crate) sealed: Option<HeadInfo>,
}

impl Ledger {
    /// Opens the ledger in `dir`, creating it from `genesis` when empty, and replays blocks that the state lags behind.
    pub fn open(dir: &Path, genesis: Genesis, options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| OpenError::Directory { path: dir.to_path_buf(), source })?;
        let (blocks, state) = (dir.join("blocks.redb"), dir.join("state.redb"));
        Self::open_at(Place::File(&blocks), Place::File(&state), genesis, options)
    }

    /// A ledger that is gone when it is dropped: for chains that are only measured by.
    pub fn in_memory(genesis: Genesis, options: Options) -> Result<Self, OpenError> {
        Self::open_at(Place::Memory, Place::Memory, genesis, options)
    }

    fn open_at(
        blocks: Place<'_>,
        state: Place<'_>,
        genesis: Genesis,
        options: Options,
    ) -> Result<Self, OpenError> {
        let blocks = BlockStore::open(blocks, options.block_cache_bytes, &genesis)?;
        let state = StateStore::open(state, options.state_cache_bytes)?;
        let at = match state.head()? {
            Some(at) => at,
            None => write_genesis(&state, &genesis)?,
        };
        let bounds = Bounds { blocks: options.unwritten_blocks, bytes: options.unwritten_bytes };
        let state = State::over(state, bounds)?;
        let head = Head::at(&blocks, &state, at)?;
        let (hash, clocks) = (head.info.hash, Arc::<Clocks>::default());
        let head: SharedHead = Arc::new(RwLock::new(Arc::new(head)));
        let write = WriteOptions {
            history_blocks: options.history_blocks,
            durable_every: options.state_durable_every,
        };
        let tries = Arc::new(Tries::within(options.trie_bytes));
        let earliest = blocks.earliest()?;
        let blocks = Blocks::over(blocks, Arc::clone(&clocks)).map_err(OpenError::Thread)?;
        let shared = (Arc::clone(&clocks), Arc::clone(&tries), blocks.durable());
        let writer = Writer::start(&state, Arc::clone(&head), shared, write);
        let chain = Chain {
            candidates: Candidates::on(hash),
            committing: Mutex::new(()),
            adopted: RwLock::new(None),
            known_senders: OnceLock::new(),
            clocks,
            tries,
            earliest,
            head,
            _writer: writer.map_err(OpenError::Thread)?,
            code: Mutex::new(LruCache::new(CODE_CACHE)),
            recent: Recent::default(),
            genesis,
            options,
            blocks,
            state,
        };
        let ledger = Self { chain: Arc::new(chain) };
        ledger.replay(at.number)?;
        ledger.find_sealed_head()?;
        Ok(ledger)
    }

    /// Executes blocks that were made durable but whose state was not.
    fn replay(&self, from: u64) -> Result<(), OpenError> {
        let to = self.chain.blocks.head()?;
        for block in from + 1..=to {
            if block == from + 1 || block % 1000 == 0 {
                tracing::info!(block, to, "replaying sealed blocks into the state");
            }
            self.chain
                .replay(block)
                .map_err(|source| OpenError::Replay { block, source: Box::new(source) })?;
        }
        if to > from { Ok(self.flush()?) } else { Ok(()) }
    }

    /// The chain's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.chain.genesis
    }

    /// The newest block that is decided and executed.
    pub fn head(&self) -> HeadInfo {
        self.chain.head().info.clone()
    }

    /// Whom to ask for senders before recovering them; the first registration counts.
    pub fn use_known_senders(&self, known: Arc<dyn KnownSenders>) {
        self.chain.known_senders.get_or_init(|| known);
    }

    /// Where the time of blocks went since opening.
    pub fn spent(&self) -> Spent {
        self.chain.clocks.spent()
    }

    /// Blocks whose state waits to be written.
    pub fn unwritten(&self) -> usize {
        self.chain.state.unwritten()
    }

    /// Returns when this block and all before it are on disk. Until then a quorum's vote journals have it (ADR 5), so nothing
    /// may be voted for above it, and no journal may forget it.
    pub fn durable(&self, number: u64) -> Result<(), LedgerError> {
        self.chain.blocks.durable().wait(number)
    }

    /// Whether they are now.
    pub fn is_durable(&self, number: u64) -> bool {
        self.chain.blocks.durable().is(number)
    }

    /// Writes all that waits and makes it durable: for a clean stop, so that the next start has nothing to replay.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.chain.blocks.flush()?;
        self.chain.state.flush()
    }
}

impl Chain {
    pub(crate) fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.read())
    }

    /// Moves the head to an executed block that was appended to the block file; its state is written behind it.
    pub(crate) fn advance(&self, info: HeadInfo, mut executed: Arc<Executed>) -> Result<(), LedgerError> {
        // The candidate is nobody else's from here on, so that what waits to be written keeps no version of the tries alive.
        self.candidates.move_to(info.hash);
        let tries = match Arc::get_mut(&mut executed) {
            Some(own) => std::mem::take(&mut own.diff.tries),
            None => executed.diff.tries.clone(),
        };
        let retired = self.tries.adopt(&tries);
        let parent = self.head();
        let tally = self.next_tally(&parent, &info)?;
        let next = self.carried(&parent, &info, &executed.diff);
        let layer = Layer::of_block(info.number, executed, retired);
        self.settle(Head { info, view: parent.view.clone(), next, tally, sealed: None }, layer);
        Ok(())
    }

    /// Moves the head to the last block of a layer, all of which were appended to the block file.
    pub(crate) fn settle(&self, last: Head, layer: Layer) {
        let hash = last.info.hash;
        {
            // The writer changes both in this order too.
            let mut head = self.head.write();
            *head = Arc::new(Head { view: self.state.queue.add(layer), ..last });
        }
        self.candidates.move_to(hash);
    }

    /// Executes a stored block on the head. Its seals were checked before it was stored.
    fn replay(&self, number: u64) -> Result<(), InvalidBlock> {
        let unknown = || LedgerError::UnknownBlock(number.to_string());
        let (header, hash) = self.blocks.header(number)?.ok_or_else(unknown)?;
        let body = self.blocks.body(number)?.ok_or_else(unknown)?;
        let parent = self.head();
        let block = Block { header, body };
        let executed = validate::execute(self, &parent, &block, hash)?;
        let info = HeadInfo { number, hash, header: Arc::new(block.header) };
        self.state.room()?;
        self.advance(info, Arc::new(executed))?;
        Ok(())
    }

    /// Code by hash, analysed once.
    pub(crate) fn code(&self, view: &StateView, hash: B256) -> Result<Bytecode, LedgerError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.code.lock().get(&hash) {
            return Ok(code.clone());
        }
        let corrupt = LedgerError::Corrupt { what: "contract code" };
        let Some(bytes) = view.code(&hash)? else { return Err(corrupt) };
        let code = Bytecode::new_raw_checked(bytes).map_err(|_| corrupt)?;
        self.code.lock().put(hash, code.clone());
        Ok(code)
    }
}

impl Head {
    /// The head that the state file stands at, checked against the block file.
    fn at(blocks: &BlockStore, state: &State, at: StateHead) -> Result<Self, OpenError> {
        let newest = blocks.head()?;
        let ahead = || OpenError::StateAhead { state: at.number, blocks: newest };
        let (header, hash) = blocks.header(at.number)?.ok_or_else(ahead)?;
        if header.state_root != at.root || hash != at.hash {
            return Err(OpenError::StateRoot { block: at.number, got: at.root, want: header.state_root });
        }
        let info = HeadInfo { number: at.number, hash, header: Arc::new(header) };
        Ok(Self { info, view: state.view(), next: OnceLock::new(), tally: OnceLock::new(), sealed: None })
    }
}

/// Writes the state of block 0. Zero slots are not stored; empty accounts are, as other clients do (`node-facts` G).
fn write_genesis(state: &StateStore, genesis: &Genesis) -> Result<StateHead, OpenError> {
    let (mut deltas, mut code) = (Vec::new(), Vec::new());
    for (address, account) in &genesis.alloc {
        let slots = account.storage.iter().flatten().filter(|(_, value)| !value.is_zero());
        let mut slots: Vec<_> =
            slots.map(|(slot, value)| (keccak256(slot), U256::ZERO, U256::from_be_bytes(value.0))).collect();
        slots.sort_unstable_by_key(|(slot, _, _)| *slot);
        let bytes = account.code.clone().filter(|code| !code.is_empty());
        let code_hash = bytes.as_ref().map_or(KECCAK256_EMPTY, keccak256);
        code.extend(bytes.map(|bytes| (code_hash, bytes)));
        let next = SlimAccount {
            nonce: account.nonce.unwrap_or_default(),
            balance: account.balance,
            code_hash,
            storage_root: EMPTY_ROOT_HASH,
        };
        let account = keccak256(address);
        deltas.push(AccountDelta { account, previous: None, next: Some(next), wiped: false, slots });
    }
    let diff: StateDiff = state_diff(&state.view()?, &Tries::within(0), EMPTY_ROOT_HASH, deltas, code)?;
    let head = StateHead { number: 0, hash: genesis.hash, root: diff.root };
    if diff.root != genesis.header.state_root {
        return Err(OpenError::StateRoot { block: 0, got: diff.root, want: genesis.header.state_root });
    }
    let (transaction_hashes, senders, receipts) = Default::default();
    let executed = Executed { hash: genesis.hash, transaction_hashes, senders, receipts, diff };
    let layer = Arc::new(Layer::of_block(0, Arc::new(executed), None));
    state.write(&[layer], WriteOptions { history_blocks: 0, durable_every: 1 })?;
    Ok(head)
}
