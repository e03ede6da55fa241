//! A container of Microsoft's emulator of Azure's storage, for nodes that come with the token of a workload identity.

use super::{tls::certificates, wait_for};
use azure_access::{Https, Limits, trust};
use chain::config::{AzureConfig, FenceStore};
use serde_json::json;
use std::{
    fs::File,
    path::Path,
    process::{Child, Command},
    time::{SystemTime, UNIX_EPOCH},
};
use vault_double::{AUDIENCE, Client, Double, Options, projected_token};

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const NODE: &str = "system:serviceaccount:bank-a:node";

/// The container, and who nodes are to it; all of it ends with the test.
pub(crate) struct Blobs {
    pub(crate) azure: AzureConfig,
    container_url: String,
    _storage: Azurite,
    _entra: Double,
    _dir: tempfile::TempDir,
}

impl Blobs {
    /// An empty container.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        certificates(dir.path());
        let (storage, account) = storage(dir.path());
        let client =
            Client { client_id: CLIENT.to_owned(), subjects: vec![NODE.to_owned()], grants: Vec::new() };
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
        Self { azure, container_url, _storage: storage, _entra: entra, _dir: dir }
    }

    /// As a node's configuration names a blob.
    pub(crate) fn store(&self, blob: &str) -> FenceStore {
        FenceStore::AzureBlob { container_url: self.container_url.clone(), blob: blob.into() }
    }
}

/// Microsoft's emulator of Azure's storage, ended with the test.
struct Azurite(Child);

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
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
