//! A running node: what is started in which order, and stopped in which.

mod error;
mod fencing;
mod peering;

pub use error::NodeError;

use crate::{
    chain_reader::LedgerReader,
    clock::{Clock, unix_ms},
    driver::{Ahead, Driver, DriverHandle, PREVIEWS, Parts, Runner, Verifier, Voter},
    events,
    faults::Faults,
    gossip,
    health::{self, Health, Votable},
    import::Importer,
    journal::{self, Decision, Opened},
    metrics::Metrics,
    node_view::View,
    ots_index::{self, IndexThread, OtsIndex},
    pool::{Limits, Pool},
    reload,
    reseat::{self, Recoverer},
    room::Disk,
    rpc::{self, RpcOptions, ServerHandle},
    seat_proof::SeatProver,
    setup::{Candidate, Setup},
    signer::{Counted, Signer},
    sync::Sync,
    votes::PendingVotes,
};
use alloy_primitives::Address;
use chain::config::IdentityConfig;
use devp2p::{ForkSchedule, Network, NetworkOptions};
use ledger::{Ledger, Options};
use peering::Peering;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The stores, open.
#[derive(Clone)]
struct Stores {
    ledger: Ledger,
    pool: Pool,
    /// If it is kept.
    ots: Option<Arc<OtsIndex>>,
}

/// Runs a node until `stop` is cancelled, then stops it in order: first voting, then peers, then the stores.
pub async fn run(setup: Setup, stop: CancellationToken) -> Result<(), NodeError> {
    run_by(setup, Clock::system(), stop).await
}

/// The same by another clock than the machine's.
pub async fn run_by(setup: Setup, clock: Clock, stop: CancellationToken) -> Result<(), NodeError> {
    let (started_ms, started_s) = (unix_ms(), clock.unix_ms() / 1000);
    let metrics = Arc::new(Metrics::default());
    let (setup, faults) = (counted(setup, &metrics), Faults::new(Arc::clone(&metrics)));
    let data_dir = PathBuf::from(&setup.config.data_dir);
    // Ports first: a taken one is told before anything on disk is touched.
    let health_port = health::listen(setup.listen.metrics).await?;
    let stores = open_stores(&setup, data_dir.clone()).await?;
    let (tasks, Stores { ledger, pool, .. }) = (TaskTracker::new(), stores.clone());
    reseat::load(&data_dir, &ledger)?;
    let (mut voters, journal_threads) = open_voters(&setup, &data_dir, &ledger, &metrics).await?;
    let changes = fencing::begin(&setup, &mut voters, &metrics, &faults, &tasks, &stop)?;
    let (identity, who) = whose(&voters);
    let importer = import_as(&ledger, &pool, &metrics, &faults, &who);
    let (network, peer_events) = devp2p::start(network_options(&setup), reader(&ledger, &pool)).await?;
    importer.announce_to(network.clone());
    let (verifier, inbox) =
        Verifier::start(network.clone(), Arc::clone(&metrics), setup.rules).map_err(NodeError::Thread)?;
    let (sync, sync_handle) = Sync::new(Arc::clone(&importer), network.clone(), clock.clone());
    keep_signers(&setup, &tasks, &stop);
    // Before anything is voted on: what can fail at a start fails here, and leaves nothing half done.
    let (votes, ahead) = (PendingVotes::default(), Ahead::default());
    let rpc = serve_rpc(&setup, &stores, &importer, &network, (&metrics, who), &votes).await?;
    let index_thread = keep_index(stores, &importer, &tasks, &stop)?;
    let (recovery, records) = mpsc::channel(reseat::QUEUE);
    let (recoverer, reseats) = recoverer(&ledger, &importer, &network, &faults, &data_dir);
    tasks.spawn(recoverer.run(records, stop.clone()));
    let identities = voters.iter().map(votable).collect();
    let parts = Parts {
        ledger: ledger.clone(),
        pool: pool.clone(),
        importer: Arc::clone(&importer),
        network: network.clone(),
        sync: sync_handle.clone(),
        metrics: Arc::clone(&metrics),
        faults: faults.clone(),
        votes,
        voters,
        changes,
        identity,
        rules: setup.rules,
        clock,
        ahead: ahead.clone(),
        reseats,
    };
    let (driver, handle) = Driver::start(parts, inbox, tasks.clone()).await?;
    let gossip = spread_transactions(&pool, &network, &tasks, &stop);
    let (previews, previews_in) = mpsc::channel(PREVIEWS);
    let runner = Runner { ledger: ledger.clone(), pool: pool.clone(), driver: handle.clone(), ahead };
    tasks.spawn(runner.run(previews_in, stop.clone()));
    tasks.spawn(driver.run(stop.clone()));
    tasks.spawn(sync.run(stop.clone()));
    let live = reload::follow(&setup, &network, &metrics, &faults, &tasks, &stop);
    let peering = Peering { setup: &setup, ledger: &ledger, importer: &importer, network: &network, live };
    let (announced, carriers) = peering.start(&handle, &tasks, &stop);
    let routes = events::Routes { verifier, sync: sync_handle, previews, announced, recovery, gossip };
    tasks.spawn(events::route(peer_events, routes, stop.clone()));
    let seat_proof = prove_seat(&setup, &ledger, &importer, &handle, &tasks, &stop);
    let health = Arc::new(Health {
        chain_id: setup.config.network.chain_id,
        genesis_hash: setup.genesis.hash,
        node_id: setup.node_key.id(),
        started_ms,
        importer,
        network: network.clone(),
        pool,
        driver: handle,
        carriers,
        identities,
        seat_proof,
        metrics,
        faults,
        disk: Disk::new(data_dir),
    });
    fencing::tell(&health, started_s, &tasks, &stop);
    tasks.spawn(health::serve(health, health_port, stop.clone()));
    tracing::info!(head = ledger.head().number, genesis = %setup.genesis.hash, family = ?setup.genesis.family, "node is running");
    stop.cancelled().await;
    shut_down(rpc, network, tasks, ledger, (journal_threads, index_thread)).await
}

fn reader(ledger: &Ledger, pool: &Pool) -> Arc<LedgerReader> {
    Arc::new(LedgerReader { ledger: ledger.clone(), pool: pool.clone() })
}

/// Whose node this is: of a spare nobody's yet.
fn whose(voters: &[Voter]) -> (watch::Sender<Option<Address>>, watch::Receiver<Option<Address>>) {
    watch::channel(voters.iter().find(|voter| voter.is_own).map(|voter| voter.signer.address()))
}

fn import_as(
    ledger: &Ledger,
    pool: &Pool,
    metrics: &Arc<Metrics>,
    faults: &Faults,
    who: &watch::Receiver<Option<Address>>,
) -> Arc<Importer> {
    Arc::new(Importer::new(ledger.clone(), pool.clone(), Arc::clone(metrics), faults.clone(), who.clone()))
}

/// Every signature is counted, whatever it is for.
fn counted(mut setup: Setup, metrics: &Arc<Metrics>) -> Setup {
    for candidate in &mut setup.candidates {
        candidate.signer = Arc::new(Counted::new(Arc::clone(&candidate.signer), Arc::clone(metrics)));
    }
    setup
}

fn keep_signers(setup: &Setup, tasks: &TaskTracker, stop: &CancellationToken) {
    for candidate in &setup.candidates {
        tasks.spawn(Arc::clone(&candidate.signer).keep(stop.clone()));
    }
}

fn votable(voter: &Voter) -> Votable {
    Votable {
        signer: Arc::clone(&voter.signer),
        lease: voter.lease.clone(),
        is_own: voter.is_own,
        has_journal: voter.active,
    }
}

fn spread_transactions(
    pool: &Pool,
    network: &Network,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> mpsc::Sender<gossip::Inbound> {
    let (arrived, inbound) = mpsc::channel(gossip::QUEUE);
    tasks.spawn(gossip::send(pool.clone(), network.clone(), stop.clone()));
    tasks.spawn(gossip::receive(pool.clone(), network.clone(), inbound, tasks.clone(), stop.clone()));
    arrived
}

fn recoverer(
    ledger: &Ledger,
    importer: &Arc<Importer>,
    network: &Network,
    faults: &Faults,
    data_dir: &Path,
) -> (Recoverer, watch::Receiver<()>) {
    let (taken_up, reseats) = watch::channel(());
    let recoverer = Recoverer {
        ledger: ledger.clone(),
        importer: Arc::clone(importer),
        network: network.clone(),
        faults: faults.clone(),
        data_dir: data_dir.to_path_buf(),
        taken_up,
    };
    (recoverer, reseats)
}

async fn open_stores(setup: &Setup, data_dir: PathBuf) -> Result<Stores, NodeError> {
    let genesis = setup.genesis.clone();
    let limits = setup.config.rpc.as_ref().map(|rpc| rpc.limits).unwrap_or_default();
    let keeps_index = setup.config.rpc.as_ref().is_some_and(|rpc| rpc.ots_index);
    let options = Options {
        call_gas_cap: limits.call_gas,
        log_range_blocks: limits.log_blocks,
        log_results: limits.logs as usize,
        log_bytes: limits.response_bytes as usize,
        ..setup.ledger_options()
    };
    let open = move || {
        std::fs::create_dir_all(&data_dir)
            .map_err(|source| NodeError::DataDir { path: data_dir.clone(), source })?;
        let ledger = Ledger::open(&data_dir.join("chain"), genesis, options)?;
        let pool = Pool::open(&data_dir.join("pool"), ledger.clone(), Limits::default())?;
        // What the pool recovered need not be recovered again when it comes back in a block.
        ledger.use_known_senders(pool.known_senders());
        let index = data_dir.join("ots.redb");
        let ots =
            keeps_index.then(|| OtsIndex::open(&index, ledger.genesis().hash)).transpose()?.map(Arc::new);
        Ok(Stores { ledger, pool, ots })
    };
    tokio::task::spawn_blocking(open).await.map_err(|_| NodeError::CutShort)?
}

type JournalThread = std::thread::JoinHandle<()>;

/// Opens each identity's journal as the configuration says (product: a lost journal is not a first start).
async fn open_voters(
    setup: &Setup,
    data_dir: &Path,
    ledger: &Ledger,
    metrics: &Arc<Metrics>,
) -> Result<(Vec<Voter>, Vec<JournalThread>), NodeError> {
    let (mut voters, mut threads) = (Vec::new(), Vec::new());
    for Candidate { config, signer, is_own } in &setup.candidates {
        let dir = data_dir.join("votes").join(format!("{:#x}", config.address));
        let (identity, signer, is_own) = (config.clone(), Arc::clone(signer), *is_own);
        let (ledger, metrics) = (ledger.clone(), Arc::clone(metrics));
        let open = move || open_journal(&identity, (signer, is_own), &dir, &ledger, &metrics);
        let (voter, thread) = tokio::task::spawn_blocking(open).await.map_err(|_| NodeError::CutShort)??;
        voters.push(voter);
        threads.push(thread);
    }
    Ok((voters, threads))
}

fn open_journal(
    identity: &IdentityConfig,
    (signer, is_own): (Arc<dyn Signer>, bool),
    dir: &Path,
    ledger: &Ledger,
    metrics: &Arc<Metrics>,
) -> Result<(Voter, JournalThread), NodeError> {
    let head = ledger.head().number;
    let opened = Opened::open(dir)?;
    let decision = journal::decide(&identity.journal, opened.describe());
    let mut journal = match (decision, opened) {
        (Decision::Create(start), opened) => opened.create(start)?,
        (Decision::Use | Decision::UseAndActivate, Opened::Found(journal)) => journal,
        (Decision::Use | Decision::UseAndActivate, Opened::Empty(_)) => return Err(NodeError::CutShort),
    };
    if journal.is_recorded() && identity.fence.is_none() {
        return Err(NodeError::Unfenced(identity.address));
    }
    if decision == Decision::UseAndActivate {
        journal.activate(head)?;
    }
    let records = fencing::newest_votes(&mut journal, head, identity.fence.is_some())?;
    let (active, journal_id) = (journal.is_active(), journal.id());
    let (replaces, recorded) = (journal.replaces(), journal.is_recorded());
    tracing::info!(identity = %identity.address, journal = %journal_id, active, records = records.len(), "vote journal is open");
    let write_time = metrics.journal_write.clone();
    let ledger = ledger.clone();
    let durable = move |height| ledger.durable(height).map_err(|error| error.to_string());
    let (handle, thread) =
        journal::spawn(journal, durable, move |took| write_time.observe(took.as_secs_f64()))
            .map_err(NodeError::Thread)?;
    let journal = handle;
    let voter =
        Voter { is_own, signer, journal, journal_id, replaces, active, recorded, records, lease: None };
    Ok((voter, thread))
}

fn network_options(setup: &Setup) -> NetworkOptions {
    NetworkOptions {
        key: setup.node_key.clone(),
        listen: setup.listen.p2p,
        peers: setup.config.p2p.peers.clone(),
        max_peers: setup.config.p2p.max_peers,
        network_id: setup.config.network.eth_network_id(),
        forks: ForkSchedule::from_genesis(&setup.genesis, setup.rules.profile),
        eth_versions: setup.eth_versions.clone(),
        client: format!("quorate/{}", env!("CARGO_PKG_VERSION")),
    }
}

async fn serve_rpc(
    setup: &Setup,
    stores: &Stores,
    importer: &Arc<Importer>,
    network: &Network,
    (metrics, identity): (&Arc<Metrics>, watch::Receiver<Option<Address>>),
    votes: &PendingVotes,
) -> Result<Option<ServerHandle>, NodeError> {
    let Some(config) = &setup.config.rpc else { return Ok(None) };
    let view = View {
        network: network.clone(),
        importer: Arc::clone(importer),
        metrics: Arc::clone(metrics),
        identity,
        starting: importer.head().number,
        data_dir: PathBuf::from(&setup.config.data_dir),
    };
    let server = rpc::serve_apart(RpcOptions {
        ports: config.all_ports(),
        limits: config.limits,
        ledger: stores.ledger.clone(),
        pool: stores.pool.clone(),
        heads: importer.committed_sender(),
        votes: votes.clone(),
        node: Arc::new(view),
        ots: stores.ots.clone(),
    });
    Ok(Some(server.await?))
}

/// Starts the thread that keeps the index from addresses to transactions, if one is kept.
fn keep_index(
    stores: Stores,
    importer: &Importer,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Option<IndexThread>, NodeError> {
    let Stores { ledger, ots: Some(index), .. } = stores else { return Ok(None) };
    let heads = importer.committed_sender().subscribe();
    ots_index::spawn(index, ledger, heads, tasks, stop.clone()).map(Some).map_err(NodeError::Thread)
}

fn prove_seat(
    setup: &Setup,
    ledger: &Ledger,
    importer: &Arc<Importer>,
    driver: &DriverHandle,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> crate::seat_proof::SeatProofWatch {
    let (sender, proof) = watch::channel(None);
    let of_member = |candidate: &Candidate| Some((Arc::clone(&candidate.signer), candidate.config.member?));
    let identities: Vec<_> = setup.candidates.iter().filter_map(of_member).collect();
    if !identities.is_empty() {
        let prover = SeatProver {
            ledger: ledger.clone(),
            importer: Arc::clone(importer),
            driver: driver.clone(),
            identities,
        };
        tasks.spawn(prover.run(sender, stop.clone()));
    }
    proof
}

/// Voting has stopped with the driver; what is being committed is finished, then peers and files are let go.
async fn shut_down(
    rpc: Option<ServerHandle>,
    network: Network,
    tasks: TaskTracker,
    ledger: Ledger,
    (journal_threads, index_thread): (Vec<JournalThread>, Option<IndexThread>),
) -> Result<(), NodeError> {
    if let Some(rpc) = rpc {
        rpc.stop().await;
    }
    tracing::debug!("rpc has stopped");
    network.shutdown().await;
    tracing::debug!("network has stopped");
    tasks.close();
    tasks.wait().await;
    tracing::debug!("tasks have ended");
    let close = move || {
        if let Some(thread) = index_thread {
            thread.join();
        }
        for thread in journal_threads {
            // It ends with the last handle, which the driver held.
            let _ = thread.join();
        }
        ledger.flush()
    };
    tokio::task::spawn_blocking(close).await.map_err(|_| NodeError::CutShort)??;
    tracing::info!("stopped");
    Ok(())
}
