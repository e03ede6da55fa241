//! A namespace of its own with an operator process of its own.

use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, ObjectMeta, Patch,
        PatchParams, PostParams,
    },
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
};
use operator_core::api::{Consortium, Validator};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A test that needs it all is broken, not slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// Every operator of this process listens on a port of its own.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// The operator's kubeconfig by that of its API server's admin: one for all worlds of this process.
static OPERATOR: Mutex<BTreeMap<PathBuf, (TempDir, PathBuf)>> = Mutex::new(BTreeMap::new());
/// What the chart grants where it is asked to, and trials use.
const FEATURES: [&str; 2] = ["--set", "nodePools.aso.enabled=true"];

/// A port of an operator's own: below those that the kernel lends to outgoing connections, and nobody else's on this machine.
fn port() -> u16 {
    let first = u16::try_from(std::process::id() % 11_000).expect("small");
    let next = || 20_000 + first + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000;
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(next).take(1_000).find(is_free).expect("one free port of a thousand")
}

/// A namespace, and the operator that works in it alone, with the rights that the chart grants and no others.
pub struct World {
    /// The API server.
    pub client: Client,
    /// Name of the namespace.
    pub namespace: String,
    /// Client for the operator's own endpoints.
    pub http: reqwest::Client,
    /// Files that live as long as the world.
    pub(crate) scratch: TempDir,
    program: PathBuf,
    listen: String,
    /// With every right.
    admin: PathBuf,
    /// With the operator's own credentials.
    kubeconfig: PathBuf,
    operator: Option<Child>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kubeconfig() -> PathBuf {
    if let Some(path) = std::env::var_os("QUORATE_API_KUBECONFIG") {
        return path.into();
    }
    let up = Command::new(root().join("e2e/cluster/api-up"))
        .arg(root().join("target/api-operator"))
        .stderr(Stdio::inherit())
        .output()
        .expect("e2e/cluster/api-up runs; or set QUORATE_API_KUBECONFIG");
    assert!(up.status.success(), "no API server: e2e/cluster/api-up failed; or set QUORATE_API_KUBECONFIG");
    String::from_utf8(up.stdout).expect("a path").trim().into()
}

/// A kubeconfig that is the operator's ServiceAccount, its rights as the chart renders them.
fn credentials(admin: &Path) -> PathBuf {
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("operator.kubeconfig");
        let mut command = Command::new(root().join("charts/credentials"));
        let made = command.arg(&path).args(FEATURES).env("KUBECONFIG", admin).status();
        assert!(made.is_ok_and(|status| status.success()), "charts/credentials failed");
        (folder, path)
    };
    let mut made = OPERATOR.lock().expect("no world has failed to be made");
    made.entry(admin.to_owned()).or_insert_with(make).1.clone()
}

async fn config_of(kubeconfig: &Path) -> Config {
    let read = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.expect("a config")
}

async fn client_of(kubeconfig: &Path) -> Client {
    Client::try_from(config_of(kubeconfig).await).expect("a client")
}

/// A client of the API server of trials, which is started if there is none.
pub async fn client() -> Client {
    client_of(&kubeconfig()).await
}

/// Applies the CRDs and waits until they are served.
pub async fn establish_crds(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in operator_core::crds::all() {
        let name = crd.name_any();
        api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&crd)).await.expect("the CRD");
        until(&format!("{name} served"), || async {
            let crd = api.get(&name).await.ok()?;
            let conditions = crd.status?.conditions?;
            conditions.iter().any(|c| c.type_ == "Established" && c.status == "True").then_some(())?;
            // The condition comes a little before the path.
            let kind =
                GroupVersionKind::gvk(&crd.spec.group, &crd.spec.versions[0].name, &crd.spec.names.kind);
            let kind = ApiResource::from_gvk_with_plural(&kind, &crd.spec.names.plural);
            let objects: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
            objects.list(&ListParams::default().limit(1)).await.ok().map(drop)
        })
        .await;
    }
}

/// Waits until `found` says something.
async fn until<T, F>(what: &str, mut found: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl World {
    /// A fresh namespace and the CRDs; no operator yet. `program` is the operator's binary.
    pub async fn new(test: &str, program: impl Into<PathBuf>) -> Self {
        Self::at(kubeconfig(), test, program).await
    }

    /// The same on an API server of the caller's own, for trials of what is there or not for the whole cluster.
    pub async fn at(kubeconfig: PathBuf, test: &str, program: impl Into<PathBuf>) -> Self {
        let client = client_of(&kubeconfig).await;
        let namespace = format!("{test}-{}", std::process::id());
        let world = Self {
            client,
            namespace,
            http: reqwest::Client::builder().timeout(PATIENCE).build().expect("a client"),
            scratch: tempfile::tempdir().expect("a folder"),
            program: program.into(),
            listen: format!("127.0.0.1:{}", port()),
            kubeconfig: credentials(&kubeconfig),
            admin: kubeconfig,
            operator: None,
        };
        establish_crds(&world.client).await;
        let metadata = ObjectMeta { name: Some(world.namespace.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(world.client.clone()).create(&PostParams::default(), &namespace).await.expect("a namespace");
        world
    }

    /// The API server as the operator sees it: what the chart does not grant is refused.
    pub async fn as_operator(&self) -> Client {
        client_of(&self.kubeconfig).await
    }

    /// The kubeconfig of its API server's admin: what users and their tools do is not done by the operator's rights.
    #[must_use]
    pub fn admin(&self) -> &Path {
        &self.admin
    }

    /// Starts the operator for this namespace only.
    pub fn start(&mut self) {
        self.start_through(&self.kubeconfig.clone());
    }

    /// The same, by way of another kubeconfig.
    pub fn start_through(&mut self, kubeconfig: &Path) {
        self.start_in(kubeconfig, &[]);
    }

    /// The same as `start`, with more in its environment.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) {
        self.start_in(&self.kubeconfig.clone(), environment);
    }

    /// Both.
    pub fn start_in(&mut self, kubeconfig: &Path, environment: &[(&str, &str)]) {
        let child = Command::new(&self.program)
            .env("KUBECONFIG", kubeconfig)
            .envs(environment.iter().copied())
            .args([
                "--namespace",
                &self.namespace,
                "--node-image",
                "default.example/node:1",
                "--operator-image",
                "default.example/operator:1",
                "--listen",
                &self.listen,
                "--operator-namespace",
                "quorate-system",
                "--monitoring-namespaces",
                "monitoring",
            ])
            .spawn()
            .expect("the operator starts");
        self.operator = Some(child);
    }

    /// Another operator beside the first, with arguments of its own; whoever asked for it ends it.
    pub fn beside(&self, listen: &str, arguments: &[&str]) -> Child {
        Command::new(&self.program)
            .env("KUBECONFIG", &self.kubeconfig)
            .args([
                "--namespace",
                &self.namespace,
                "--node-image",
                "default.example/node:1",
                "--listen",
                listen,
                "--operator-namespace",
                "quorate-system",
            ])
            .args(arguments)
            .spawn()
            .expect("the operator starts")
    }

    /// Starts the operator with the rights of this user, whom the caller has given some.
    pub fn start_as(&mut self, user: &str) {
        let mut config = Kubeconfig::read_from(&self.admin).expect("a kubeconfig");
        for named in &mut config.auth_infos {
            named.auth_info.get_or_insert_default().impersonate = Some(user.to_owned());
        }
        let path = self.scratch.path().join(format!("{user}.kubeconfig"));
        let text = serde_json::to_string(&config).expect("a kubeconfig serialises");
        std::fs::write(&path, text).expect("written");
        self.start_through(&path);
    }

    /// SIGKILL: nothing is said to anybody.
    pub fn kill(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            operator.kill().expect("killed");
            operator.wait().expect("ended");
        }
    }

    /// SIGTERM: whether it ended well by itself.
    pub async fn terminate(&mut self) -> bool {
        let Some(operator) = self.operator.as_mut() else { return true };
        let told = Command::new("kill").args(["-TERM", &operator.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill");
        let operator = Mutex::new(operator);
        let ended = || async { operator.lock().ok()?.try_wait().ok()? };
        let status = until("the operator's end", ended).await;
        self.operator = None;
        status.success()
    }

    /// What one of the operator's own endpoints answers.
    pub async fn probe(&self, endpoint: &str) -> Option<reqwest::StatusCode> {
        Some(self.http.get(format!("http://{}/{endpoint}", self.listen)).send().await.ok()?.status())
    }

    /// A connection to the operator over which nothing is said yet.
    pub async fn connect(&self) -> std::io::Result<tokio::net::TcpStream> {
        tokio::net::TcpStream::connect(&self.listen).await
    }

    /// A client that hands on whatever it is answered, also what others would try again.
    pub async fn relay(&self) -> Client {
        let mut config = config_of(&self.admin).await;
        config.default_retry = false;
        Client::try_from(config).expect("a client")
    }

    /// Objects of one kind in this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until `found` says something.
    pub async fn until<T, F>(&self, what: &str, found: impl FnMut() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        until(what, found).await
    }

    /// Applies the manifests of an example in this namespace.
    pub async fn example(&self, file: &str) {
        let text = std::fs::read_to_string(root().join("examples").join(file)).expect("the example");
        for document in text.split("\n---\n") {
            let mut manifest: Value = serde_saphyr::from_str(document).expect("YAML");
            manifest["metadata"]["namespace"] = json!(self.namespace);
            self.apply(&manifest).await.expect("accepted");
        }
    }

    /// Applies a manifest as `kubectl apply --server-side` does, unknown fields refused.
    pub async fn apply(&self, manifest: &Value) -> Result<(), kube::Error> {
        let params = PatchParams::apply("user").validation_strict();
        let name = manifest["metadata"]["name"].as_str().expect("a name");
        match manifest["kind"].as_str() {
            Some("Consortium") => {
                self.api::<Consortium>().patch(name, &params, &Patch::Apply(manifest)).await.map(drop)
            }
            _ => self.api::<Validator>().patch(name, &params, &Patch::Apply(manifest)).await.map(drop),
        }
    }

    /// Scales the example's fleet by its scale subresource.
    pub async fn replicas(&self, replicas: i32) {
        let patch = json!({ "spec": { "replicas": replicas } });
        let api = self.api::<Validator>();
        api.patch_scale("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("scaled");
    }

    /// The example's fleet.
    pub async fn fleet(&self) -> Validator {
        self.api::<Validator>().get("bank-a").await.expect("the Validator")
    }

    /// The example's network.
    pub async fn consortium(&self) -> Consortium {
        self.api::<Consortium>().get("trade-finance").await.expect("the Consortium")
    }

    /// Names and data of all Secrets, and the genesis.
    pub async fn treasure(&self) -> (Vec<(String, Value)>, Option<Value>) {
        let secrets = self.api::<Secret>().list(&kube::api::ListParams::default()).await.expect("Secrets");
        let secrets = secrets.items.iter().map(|secret| (secret.name_any(), json!(secret.data))).collect();
        let genesis = self.api::<ConfigMap>().get_opt("trade-finance-genesis").await.expect("read");
        (secrets, genesis.map(|genesis| json!(genesis.data)))
    }

    /// The operator's own counter.
    pub async fn counter(&self, line: &str) -> Option<u64> {
        let text =
            self.http.get(format!("http://{}/metrics", self.listen)).send().await.ok()?.text().await.ok()?;
        let sum = text
            .lines()
            .filter(|l| l.starts_with(line))
            .filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok());
        Some(sum.sum())
    }

    /// Touches both objects until both have been passed over twice. Of three passes that end, the first may have begun before.
    pub async fn two_more_passes(&self) {
        for touch in ["once", "twice", "thrice"] {
            for kind in ["Consortium", "Validator"] {
                let line = format!("quorate_operator_reconciles_total{{kind=\"{kind}\"");
                let before = self.counter(&line).await.expect("metrics");
                let touched = json!({ "metadata": { "annotations": { "test.example/touched": touch } } });
                let (params, patch) = (PatchParams::default(), Patch::Merge(&touched));
                if kind == "Consortium" {
                    self.api::<Consortium>().patch("trade-finance", &params, &patch).await.map(drop)
                } else {
                    self.api::<Validator>().patch("bank-a", &params, &patch).await.map(drop)
                }
                .expect("touched");
                self.until("a pass", || async { (self.counter(&line).await? > before).then_some(()) }).await;
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            // The namespace stays for a look; the API server is thrown away as a whole.
            let _ = operator.kill();
            let _ = operator.wait();
        }
    }
}

/// Deletes an object and waits until it is gone.
pub async fn delete_and_wait<K>(world: &World, name: &str)
where
    K: kube::Resource<Scope = NamespaceResourceScope> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    K::DynamicType: Default,
{
    let api = world.api::<K>();
    api.delete(name, &DeleteParams::default()).await.expect("deleted");
    world
        .until(&format!("{name} gone"), || async { api.get_opt(name).await.ok()?.is_none().then_some(()) })
        .await;
}
