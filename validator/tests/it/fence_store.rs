//! The stores of the fence's record against what they are stores at: a swap is done by one, or by none.

use alloy_primitives::{Address, B256, Bytes};
use azure_access::{Https, Limits, trust};
use chain::config::{AzureConfig, FenceConfig, FenceStore};
use fence::{Evidence, Holder, HolderId, Name, Place, Record};
use serde_json::json;
use std::{
    env,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use validator::lease::{Opening, Store, Swapped, open};
use vault_double::{AUDIENCE, Client, Double, Options, projected_token};

use crate::support::wait_for;

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const NODE: &str = "system:serviceaccount:bank-a:node";

fn record(revision: u64, promise: usize) -> Record {
    Record {
        subject: B256::repeat_byte(1),
        revision,
        epoch: 1,
        beat: revision,
        holder: Holder { id: HolderId([7; 16]), name: Name::new("node-0").unwrap() },
        journal: B256::repeat_byte(2),
        place: Place { height: revision, round: 0, phase: 0 },
        digest: B256::repeat_byte(3),
        evidence: Evidence { promise: Bytes::from(vec![9; promise]), ..Evidence::default() },
        released: None,
        requested: None,
    }
}

/// What every store must do.
async fn is_a_store(store: Arc<dyn Store>) {
    assert_eq!(store.read().await.unwrap(), None);
    let Swapped::Won(first) = store.swap(None, &record(1, 0)).await.unwrap() else { panic!("not made") };
    assert_eq!(store.swap(None, &record(1, 0)).await.unwrap(), Swapped::Lost, "made twice");
    let found = store.read().await.unwrap().unwrap();
    assert_eq!(Record::decode(&found.bytes), Ok(record(1, 0)));
    // Of many at once, one.
    let swaps = (0..8).map(|_| {
        let (store, first) = (Arc::clone(&store), first.clone());
        tokio::spawn(async move { store.swap(Some(&first), &record(2, 0)).await.unwrap() })
    });
    let done = futures::future::join_all(swaps).await;
    let mut won: Vec<_> = done
        .into_iter()
        .filter_map(|swapped| match swapped.unwrap() {
            Swapped::Won(version) => Some(version),
            Swapped::Lost => None,
        })
        .collect();
    assert_eq!(won.len(), 1, "one version is replaced once");
    let second = won.remove(0);
    assert_eq!(store.swap(Some(&first), &record(3, 0)).await.unwrap(), Swapped::Lost, "an old version");
    // As long as one may be.
    let most = store.limit() - 1_024;
    assert!(matches!(store.swap(Some(&second), &record(3, most)).await.unwrap(), Swapped::Won(_)));
    let found = store.read().await.unwrap().unwrap();
    assert_eq!(Record::decode(&found.bytes), Ok(record(3, most)));
}

fn opened(store: FenceStore, azure: Option<&AzureConfig>) -> Arc<dyn Store> {
    let config =
        FenceConfig { store, holder: "node-0".into(), preferred: false, initialise: true, lease_ms: 6_000 };
    let opening =
        Opening { genesis_hash: B256::ZERO, identity: Address::ZERO, journal: B256::repeat_byte(2) };
    let Ok(opened) = open(&config, azure, opening, |_| None) else { panic!("refused") };
    opened.store
}

#[tokio::test]
#[ignore = "needs an API server: make failover"]
async fn real_failover_store_in_a_lease() {
    let named =
        |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run make failover"));
    let lease = FenceStore::KubernetesLease {
        server: named("FENCE_SERVER"),
        namespace: "fence".into(),
        name: format!("store-{}", std::process::id()),
        token_file: named("FENCE_TOKEN"),
        ca_file: named("FENCE_CA"),
    };
    is_a_store(opened(lease, None)).await;
}

/// Microsoft's emulator of Azure's storage, ended with the test.
struct Azurite(Child);

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "needs Azurite: make failover"]
async fn real_failover_store_in_a_blob() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let (_storage, account) = storage(dir.path());
    let client = Client { client_id: CLIENT.to_owned(), subjects: vec![NODE.to_owned()], grants: Vec::new() };
    let entra = Double::start(Options { clients: vec![client], ..Options::default() }).await.unwrap();
    let token = projected_token(NODE, AUDIENCE, "https://kubernetes", now() - 60, now() + 3_600);
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, token).unwrap();
    let authority = std::fs::read_to_string(dir.path().join("ca.crt")).unwrap();
    let azure = AzureConfig {
        tenant_id: entra.tenant().to_owned(),
        client_id: CLIENT.to_owned(),
        token_file: token_file.to_string_lossy().into_owned(),
        authority_host: Some(entra.url()),
        ca_bundle: Some(format!("{authority}\n{}", entra.authority())),
    };
    let container_url = format!("{account}/fence");
    make_container(&container_url, &authority, entra.tenant()).await;
    let blob = FenceStore::AzureBlob { container_url, blob: "bank-a/0x11".into() };
    is_a_store(opened(blob, Some(&azure))).await;
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An authority, and a certificate of it for the loopback address.
fn certificates(dir: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign && \
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.csr -subj /CN=storage && \
         printf 'subjectAltName=IP:127.0.0.1' > san && \
         openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out tls.crt";
    let made = Command::new("sh").args(["-ec", script]).current_dir(dir).stderr(Stdio::null()).status();
    assert!(made.unwrap().success());
}

/// The emulator and the address of its account.
fn storage(dir: &Path) -> (Azurite, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../e2e/azurite/node_modules/azurite/dist/src/blob/main.js");
    let log = dir.join("azurite.log");
    let child = Command::new("node")
        .arg(program)
        .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--oauth", "basic"])
        .args(["--cert", "tls.crt", "--key", "tls.key", "--inMemoryPersistence", "--disableTelemetry"])
        .current_dir(dir)
        .stdout(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let storage = Azurite(child);
    let account = wait_for("Azurite to listen", || {
        let text = std::fs::read_to_string(&log).ok()?;
        let (_, address) = text.lines().find_map(|line| line.split_once("successfully listens on "))?;
        Some(format!("{}/devstoreaccount1", address.trim()))
    });
    (storage, account)
}

/// As the account's owner: the emulator looks at a token's claims, not at its signature.
async fn make_container(url: &str, authority: &str, tenant: &str) {
    let part = |value: serde_json::Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now() - 60, "nbf": now() - 60, "exp": now() + 3_600,
    });
    let jwt = format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "none", "typ": "JWT" })), part(claims));
    let request = http::Request::put(format!("{url}?restype=container"))
        .header("authorization", format!("Bearer {jwt}"))
        .header("x-ms-version", "2026-04-06")
        .body(bytes::Bytes::new())
        .unwrap();
    let https = Https::new(trust::bundle(authority.as_bytes()).unwrap(), Limits::default()).unwrap();
    assert_eq!(https.ask(request).await.unwrap().status(), 201);
}
