//! What a plan needs: a namespace with its record, nodes, controllers, and the way of operators to it.

use super::{Reference, patience::Patience, process::Process, supervisor};
use crate::faults::{
    controllers::Controllers,
    front::{Event, Front, Gate},
    history::{History, Log},
    network::Network,
    oracle::treasure::ByHand,
    plan::{Fault, Plan},
};
use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use serde_json::json;
use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

/// Port of an operator's endpoints; every process has an address of its own.
const ENDPOINTS: u16 = 8080;
/// The last part of the address whose port 1 says that a subnet is taken.
const TAKEN: &str = "254:1";

/// What all plans share.
pub struct Surroundings {
    /// The API server.
    pub client: Client,
    /// Its record.
    pub history: Arc<History>,
    /// The operator.
    pub program: PathBuf,
    /// Where the output of operators that went wrong is kept.
    pub kept: PathBuf,
    next: AtomicU32,
    beginning: Mutex<()>,
    /// Stages that are set.
    running: Arc<AtomicUsize>,
    patience: Patience,
}

/// An API server that takes longer for its version has enough to do.
const CALM: Duration = Duration::from_millis(150);
/// Between two plans' beginnings, so that the work of the one shows before the next.
const APART: Duration = Duration::from_millis(250);
/// Between two looks, and how many: the load may be another's.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: usize = 10;
/// So few plans that run are not what keeps the machine busy: the next begins without looking.
const FEW: usize = 8;

impl Surroundings {
    /// Starts the record.
    pub async fn new(client: Client, program: PathBuf, kept: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&kept)?;
        let history = History::start(&client).await?;
        Ok(Self {
            client,
            history,
            program,
            kept,
            next: AtomicU32::new(0),
            beginning: Mutex::default(),
            running: Arc::default(),
            patience: Patience::start(),
        })
    }

    /// Waits for a machine that keeps up. The operator gives a node two seconds to answer, so plans that starve one another
    /// would try other things than the faults they name.
    pub async fn calm(&self) {
        let _one_at_a_time = self.beginning.lock().await;
        for _ in 0..LOOKS {
            if self.running.load(Ordering::Relaxed) < FEW {
                break;
            }
            let asked = Instant::now();
            let answered = self.client.apiserver_version().await;
            if answered.is_ok() && asked.elapsed() < CALM {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(APART).await;
    }

    /// Three parts of loopback addresses that nobody else on this machine uses, as long as the listener lives.
    fn subnet(&self) -> anyhow::Result<(String, TcpListener)> {
        for _ in 0..20_000 {
            let number = self.next.fetch_add(1, Ordering::Relaxed) % 20_000;
            let subnet = format!("127.{}.{}", 40 + number / 250, 1 + number % 250);
            if let Ok(taken) = TcpListener::bind(format!("{subnet}.{TAKEN}")) {
                return Ok((subnet, taken));
            }
        }
        anyhow::bail!("no free loopback subnet")
    }
}

/// One plan's stage.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) history: Arc<History>,
    pub(super) namespace: String,
    pub(super) log: Arc<Log>,
    pub(super) gate: Arc<Gate>,
    pub(super) network: Arc<Network>,
    pub(super) plan: Plan,
    pub(super) by_hand: Vec<ByHand>,
    pub(super) crew: Arc<Mutex<Crew>>,
    pub(super) events: Option<mpsc::UnboundedReceiver<Event>>,
    pub(super) tasks: JoinSet<()>,
    pub(super) kept: PathBuf,
    pub(super) patience: Patience,
    scratch: TempDir,
    _subnet: TcpListener,
    _counted: Counted,
}

/// One of those that run, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn among(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(running.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The operator processes of a plan, dead and alive.
pub(super) struct Crew {
    pub(super) members: Vec<(Arc<Front>, Process)>,
    /// Those that still run.
    pub(super) alive: Vec<usize>,
    client: Client,
    gate: Arc<Gate>,
    log: Arc<Log>,
    namespace: String,
    program: PathBuf,
    subnet: String,
    folder: PathBuf,
    page: usize,
}

impl Crew {
    /// Starts one more operator; `view` is what its reads show at first.
    pub(super) async fn start(&mut self, view: u64) -> anyhow::Result<usize> {
        let instance = self.members.len();
        let (front, kubeconfig) = Front::start(
            self.client.clone(),
            self.gate.clone(),
            (&self.namespace, self.log.clone()),
            instance,
            self.page,
            &self.folder,
        )
        .await?;
        front.show(view);
        let listen = format!("{}.{}:{ENDPOINTS}", self.subnet, 200 + instance);
        let output = self.folder.join(format!("operator-{instance}.log"));
        let process = Process::start(&self.program, &self.namespace, &kubeconfig, listen, output)?;
        self.members.push((front, process));
        self.alive.push(instance);
        Ok(instance)
    }

    pub(super) fn kill(&mut self, instance: usize) {
        let dying: Vec<usize> =
            self.alive.iter().copied().filter(|alive| instance == usize::MAX || *alive == instance).collect();
        for one in dying {
            self.members[one].0.close();
            self.members[one].1.kill();
            self.alive.retain(|alive| *alive != one);
        }
    }
}

impl Stage {
    pub(super) async fn set(around: &Surroundings, plan: Plan) -> anyhow::Result<Self> {
        let (subnet, taken) = around.subnet()?;
        let number = around.next.load(Ordering::Relaxed);
        let namespace =
            format!("{}-{}-{}-{}-{number}", plan.scenario, plan.fault, plan.at, std::process::id());
        let log = around.history.of(&namespace);
        let metadata = ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() };
        let made = Namespace { metadata, ..Namespace::default() };
        Api::all(around.client.clone()).create(&PostParams::default(), &made).await.context("a namespace")?;
        let (gate, events) = Gate::new();
        let network = Network::new(gate.clone());
        gate.look_at(&network);
        let scratch = tempfile::tempdir()?;
        let crew = Crew {
            members: Vec::new(),
            alive: Vec::new(),
            client: around.client.clone(),
            gate: gate.clone(),
            log: log.clone(),
            namespace: namespace.clone(),
            program: around.program.clone(),
            subnet: subnet.clone(),
            folder: scratch.path().to_owned(),
            page: plan.fault.page(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(network.clone().run());
        let controllers =
            Controllers::new(around.client.clone(), &namespace, log.clone(), network.clone(), &subnet);
        tasks.spawn(controllers.run());
        Ok(Self {
            client: around.client.clone(),
            history: around.history.clone(),
            namespace,
            log,
            gate,
            network,
            plan,
            by_hand: Vec::new(),
            crew: Arc::new(Mutex::new(crew)),
            events: Some(events),
            tasks,
            kept: around.kept.clone(),
            patience: around.patience.clone(),
            scratch,
            _subnet: taken,
            _counted: Counted::among(&around.running),
        })
    }

    /// Starts the operator, and does what comes before the faults.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        self.crew.lock().await.start(0).await?;
        let beginning = self.plan.scenario.beginning();
        if beginning.is_empty() {
            return Ok(());
        }
        for step in beginning {
            self.step(step).await?;
        }
        self.quiet().await.context("the beginning")
    }

    /// From now on the plan's fault may happen.
    pub(super) async fn arm(&mut self, plan: Plan, reference: &Reference) -> anyhow::Result<()> {
        if plan.fault == Fault::TwoLeaders {
            self.crew.lock().await.start(0).await?;
        }
        let events = self.events.take().context("armed twice")?;
        let supervisor = supervisor::Supervisor {
            plan,
            crew: self.crew.clone(),
            gate: self.gate.clone(),
            log: self.log.clone(),
            from: self.log.version(),
            wanted: reference.state.clone(),
        };
        self.gate.arm(plan.fault, plan.at);
        self.tasks.spawn(supervisor.run(events));
        Ok(())
    }

    /// Nothing is held back any more.
    pub(super) fn end_fault(&self) {
        self.gate.release();
    }

    /// What went wrong inside the operator.
    pub(super) fn panics(&self) -> Vec<String> {
        self.crew.try_lock().map_or_else(
            |_| Vec::new(),
            |crew| crew.members.iter().flat_map(|(_, process)| process.panics()).collect(),
        )
    }

    /// Keeps what the operators said and what was written; returns where.
    pub(super) fn keep_output(&self) -> String {
        let place = self.kept.join(&self.namespace);
        let copied = std::fs::create_dir_all(&place).and_then(|()| {
            for entry in std::fs::read_dir(self.scratch.path())? {
                let entry = entry?;
                std::fs::copy(entry.path(), place.join(entry.file_name()))?;
            }
            let written: Vec<String> = self
                .gate
                .written()
                .iter()
                .enumerate()
                .map(|(index, one)| format!("{} {} {:?} {}\n", index + 1, one.instance, one.fate, one.what))
                .collect();
            std::fs::write(place.join("writes"), written.concat())?;
            std::fs::write(
                place.join("state.json"),
                format!("{:#}", json!(crate::faults::oracle::state::masked(&self.log.now()))),
            )
        });
        copied.map_or_else(|error| error.to_string(), |()| place.display().to_string())
    }

    /// Ends everything that moves. What stands still is thrown away with its API server: to delete it would cost that more
    /// work than to keep it.
    pub(super) async fn clear(mut self) {
        self.crew.lock().await.kill(usize::MAX);
        self.tasks.shutdown().await;
        self.history.forget(&self.namespace);
    }
}
