//! Azure as the operator meets it: Microsoft's emulator of its storage over https, and the vault double's token endpoint, which
//! takes the token of one service account and no other.

use crate::tls;
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use vault_double::{AUDIENCE, Client, Double, Options, projected_token};

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
/// Whose token Entra believes.
const OPERATOR: &str = "system:serviceaccount:quorate:quorate-operator";
const STRANGER: &str = "system:serviceaccount:quorate:default";
/// By what the log tells the test's own looks from the operators'.
const OURS: &str = "?timeout=30";
/// It has to load its whole tree of packages first.
const PATIENCE: Duration = Duration::from_mins(2);

/// Storage and token endpoint, with certificates of one private authority.
pub(super) struct Azure {
    folder: TempDir,
    storage: Child,
    address: String,
    entra: Double,
}

impl Azure {
    /// Starts both.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        tls::certificates(folder.path());
        let entra = entra(folder.path()).await;
        let storage = start_storage(folder.path());
        let mut azure = Self { folder, storage, address: String::new(), entra };
        azure.address = azure.listening().await;
        azure
    }

    async fn listening(&mut self) -> String {
        let start = SystemTime::now();
        loop {
            let log = self.log();
            if let Some((_, address)) =
                log.lines().find_map(|line| line.split_once("successfully listens on "))
            {
                return address.trim().to_owned();
            }
            assert!(self.storage.try_wait().expect("its state").is_none(), "Azurite ended: {log}");
            assert!(
                start.elapsed().is_ok_and(|waited| waited < PATIENCE),
                "Azurite does not start: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("azurite.log")).unwrap_or_default()
    }

    /// Tokens that were given.
    pub(super) fn tokens(&self) -> u64 {
        self.entra.count("token", "served")
    }

    /// Documents that the operators have written (`PUT`) or read (`GET`), as the storage's log says.
    pub(super) fn documents(&self, method: &str) -> usize {
        let log = self.log();
        let theirs = |line: &&str| line.contains(".json") && !line.contains(OURS);
        log.lines().filter(|line| line.contains(&format!("\"{method} /"))).filter(theirs).count()
    }

    /// Address of a container.
    pub(super) fn container(&self, name: &str) -> String {
        format!("{}/devstoreaccount1/{name}", self.address)
    }

    /// The environment of a pod with the workload identity, its federated token in this file.
    pub(super) fn environment(&self, token: &str) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let mut environment = self.without_identity();
        environment.extend([
            ("AZURE_TENANT_ID", self.entra.tenant().to_owned()),
            ("AZURE_CLIENT_ID", CLIENT.to_owned()),
            ("AZURE_AUTHORITY_HOST", self.entra.url()),
            ("AZURE_FEDERATED_TOKEN_FILE", path(token)),
        ]);
        environment
    }

    /// That of a pod without one.
    pub(super) fn without_identity(&self) -> Vec<(&'static str, String)> {
        let authorities = self.folder.path().join("authorities").to_string_lossy().into_owned();
        vec![
            ("QUORATE_AZURE_STORAGE_HOSTS", "127.0.0.1".to_owned()),
            ("QUORATE_AZURE_CA_FILE", authorities),
            ("RUST_LOG", "info".to_owned()),
        ]
    }

    /// A request with every right, as of the account's owner.
    pub(super) async fn ask(
        &self,
        method: Method,
        address: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header("authorization", format!("Bearer {}", jwt(self.entra.tenant())))
            .header("x-ms-version", "2026-04-06");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        exchange(&self.folder.path().join("ca.crt"), request.body(Full::from(body)).expect("a request")).await
    }

    /// A container; one that lets everybody read, if so wanted.
    pub(super) async fn make_container(&self, name: &str, public: bool) -> String {
        let address = self.container(name);
        let headers: &[_] = if public { &[("x-ms-blob-public-access", "container")] } else { &[] };
        let made =
            self.ask(Method::PUT, &format!("{address}?restype=container"), headers, String::new()).await;
        assert_eq!(made.status(), 201, "{:?}", made.body());
        address
    }

    /// Puts a blob there.
    pub(super) async fn write(&self, address: &str, text: String) {
        let headers = [("x-ms-blob-type", "BlockBlob"), ("content-type", "application/json")];
        let written = self.ask(Method::PUT, address, &headers, text).await;
        assert_eq!(written.status(), 201, "{:?}", written.body());
    }

    /// A blob and its version, if it is there.
    pub(super) async fn read(&self, address: &str) -> Option<(String, String)> {
        let read = self.ask(Method::GET, &format!("{address}{OURS}"), &[], String::new()).await;
        let version = read.headers().get("etag")?.to_str().ok()?.to_owned();
        (read.status() == 200).then(|| (String::from_utf8_lossy(read.body()).into_owned(), version))
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        let _ = self.storage.kill();
        let _ = self.storage.wait();
    }
}

fn start_storage(folder: &Path) -> Child {
    let log = File::create(folder.join("azurite.log")).expect("a log");
    Command::new("node")
        .arg(installed())
        .args([
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",
            "--oauth",
            "basic",
            "--cert",
            "tls.crt",
            "--key",
            "tls.key",
        ])
        .args(["--inMemoryPersistence", "--disableTelemetry"])
        .current_dir(folder)
        .stdout(log)
        .stderr(Stdio::inherit())
        .spawn()
        .expect("node; see e2e/azurite")
}

/// The emulator's program, installed when it is not there.
fn installed() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/azurite");
        let program = folder.join("node_modules/azurite/dist/src/blob/main.js");
        if !program.exists() {
            let made = Command::new("npm").arg("ci").current_dir(&folder).status().expect("npm");
            assert!(made.success(), "npm ci in e2e/azurite failed");
        }
        program
    })
}

/// What the storage takes for a token of Entra's: it looks at its claims, not at its signature.
fn jwt(tenant: &str) -> String {
    let now = now();
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600,
    });
    let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.c2lnbmF0dXJl", part(json!({ "alg": "none", "typ": "JWT" })), part(claims))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Entra, tokens of two service accounts, and the authorities of both services in one file.
async fn entra(folder: &Path) -> Double {
    let client =
        Client { client_id: CLIENT.to_owned(), subjects: vec![OPERATOR.to_owned()], grants: Vec::new() };
    let entra =
        Double::start(Options { clients: vec![client], ..Options::default() }).await.expect("started");
    for (file, subject) in [("federated", OPERATOR), ("strange", STRANGER)] {
        let token = projected_token(subject, AUDIENCE, "https://kubernetes", now() - 60, now() + 24 * 3600);
        std::fs::write(folder.join(file), token).expect("written");
    }
    let storage = std::fs::read_to_string(folder.join("ca.crt")).expect("read");
    std::fs::write(folder.join("authorities"), storage + "\n" + entra.authority()).expect("written");
    entra
}

async fn exchange(authorities: &Path, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(authorities).expect("authorities");
    roots.add(CertificateDer::from_pem_slice(&pem).expect("a certificate")).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let authority = request.uri().authority().expect("a host").to_string();
    let socket = tokio::net::TcpStream::connect(&authority).await.expect("a connection");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("TLS");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    head.headers.insert("host", authority.parse().expect("a host"));
    head.uri = head.uri.path_and_query().expect("a path").as_str().parse().expect("a path");
    let (head, body) =
        sender.send_request(Request::from_parts(head, body)).await.expect("an answer").into_parts();
    Response::from_parts(head, body.collect().await.expect("a body").to_bytes())
}
