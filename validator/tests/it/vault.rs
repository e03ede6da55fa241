//! Identities whose keys are in a vault, against the project's own double of one.

use crate::support::{network::TestNetwork, wait_for};
use alloy_primitives::Address;
use chain::{
    config::{AzureConfig, SignerConfig, VaultObject},
    status::{NodeStatus, Signer, SignerHome, SignerState},
};
use std::{
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Runtime;
use vault_double::{
    AUDIENCE, Away, Client, Double, Faults, Grant, Options, Role, Scope, TokenClock, projected_token,
};

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const SUBJECT: &str = "system:serviceaccount:bank-a:bank-a";

/// A vault, and what nodes open it with.
struct Vault {
    double: Double,
    // After the double, which ends its tasks on it.
    _runtime: Runtime,
}

impl Vault {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { clients: vec![client()], ..Options::default() };
        let double = runtime.block_on(Double::start(options)).unwrap();
        Self { double, _runtime: runtime }
    }

    fn azure(&self, dir: &Path) -> AzureConfig {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = projected_token(SUBJECT, AUDIENCE, "https://cluster", now - 60, now + 24 * 3600);
        let token_file = dir.join("token");
        std::fs::write(&token_file, token).unwrap();
        AzureConfig {
            tenant_id: self.double.tenant().to_owned(),
            client_id: CLIENT.to_owned(),
            token_file: token_file.to_str().unwrap().to_owned(),
            authority_host: Some(self.double.url()),
            ca_bundle: Some(self.double.authority().to_owned()),
        }
    }

    fn object(&self, name: &str, version: String) -> VaultObject {
        VaultObject { vault_url: self.double.url(), name: name.to_owned(), version }
    }

    /// Takes a node's key out of its file and into the vault, where it stays.
    fn keep_key(&self, network: &TestNetwork, node: usize) -> String {
        let key = self.double.import_key("bank-a-0", &take_key(network, node)).unwrap();
        let object = self.object("bank-a-0", key.version);
        self.configure(network, node, SignerConfig::AzureKeyVaultKey(object))
    }

    /// The same as a secret that the node reads into its memory.
    fn keep_secret(&self, network: &TestNetwork, node: usize) -> String {
        let text = hex::encode(take_key(network, node));
        let version = self.double.set_secret("bank-a-1", &text).unwrap();
        let object = self.object("bank-a-1", version);
        self.configure(network, node, SignerConfig::AzureKeyVaultSecret(object));
        text
    }

    fn configure(&self, network: &TestNetwork, node: usize, signer: SignerConfig) -> String {
        let azure = self.azure(network.dir.path());
        let version = signer.vault_object().unwrap().version.clone();
        network.nodes[node].edit_config(|config| {
            config.azure = Some(azure);
            config.identity.as_mut().unwrap().signer = signer;
        });
        version
    }

    fn away(&self, away: Option<Away>) {
        self.double.set_faults(Faults { away, ..Faults::default() });
    }
}

fn client() -> Client {
    let grant = |role| Grant { role, scope: Scope::Vault };
    Client {
        client_id: CLIENT.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        grants: vec![grant(Role::Signer), grant(Role::SecretReader)],
    }
}

/// Everything in a folder and below it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn take_key(network: &TestNetwork, node: usize) -> [u8; 32] {
    let SignerConfig::File { path } = network.nodes[node].read_config().identity.unwrap().signer else {
        panic!("a key in a file");
    };
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    hex::decode(text.trim()).unwrap().try_into().unwrap()
}

fn signer(status: &NodeStatus) -> Signer {
    status.identity.as_ref().unwrap().signer.clone().unwrap()
}

/// Waits until a node's signer is ready: a signature that comes late is a failure until the next one.
fn wait_signer(network: &TestNetwork, node: usize) -> Signer {
    network.nodes[node].wait_status("a ready signer", |status| {
        Some(signer(&status)).filter(|signer| signer.state == SignerState::Ready)
    })
}

fn own(network: &TestNetwork, node: usize) -> Address {
    network.nodes[node].read_config().identity.unwrap().address
}

/// Waits until a node's seat is heard at a height that was not decided when this was asked.
fn wait_heard(network: &TestNetwork, node: usize) {
    let (seat, watcher) = (own(network, node), network.nodes.last().unwrap());
    let from = watcher.height() + 2;
    watcher.wait_status("the seat's vote", |status| {
        status.seats.iter().any(|heard| heard.address == seat && heard.height >= from).then_some(())
    });
}

#[test]
fn keys_in_a_vault_and_in_memory_from_a_vault_vote_like_those_in_files_and_leave_no_trace() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    vault.double.set_faults(Faults {
        high_s: 1.0,
        short_coordinates: true,
        throttled: 0.1,
        ..Faults::default()
    });
    vault.keep_key(&network, 0);
    let secret = vault.keep_secret(&network, 1);
    network.nodes.iter_mut().for_each(|node| node.start_saying("trace"));
    wait_heard(&network, 0);
    wait_heard(&network, 1);
    assert_eq!(wait_signer(&network, 0).home, SignerHome::AzureKeyVaultKey);
    assert_eq!(wait_signer(&network, 1).home, SignerHome::AzureKeyVaultSecret);
    assert_eq!(signer(&network.nodes[2].status().unwrap()).home, SignerHome::File);
    let metrics = network.nodes[0].get("/metrics").unwrap().1;
    for kind in ["prepare", "commit_seal", "commit"] {
        let counted = format!("quorate_signatures_total{{kind=\"{kind}\",outcome=\"ok\"}}");
        assert!(metrics.contains(&counted), "{counted} in\n{metrics}");
    }
    wait_for("the metric", || {
        network.nodes[0].get("/metrics")?.1.contains("quorate_signer_ready 1").then_some(())
    });
    // What only this node and the vault know is in nothing that it writes or says.
    let node = &network.nodes[1];
    let said = [
        std::fs::read_to_string(&node.log).unwrap(),
        node.get("/status").unwrap().1,
        node.get("/metrics").unwrap().1,
        std::fs::read_to_string(&node.config).unwrap(),
    ];
    let token = std::fs::read_to_string(network.dir.path().join("token")).unwrap();
    for text in &said {
        let text = text.to_lowercase();
        assert!(!text.contains(&secret), "the key is told");
        assert!(!text.contains(&token.to_lowercase()), "the token is told");
    }
    assert!(said[0].contains("TRACE"), "the log says all there is to say");
}

/// With the key in the vault, what opens the vault is the secret: the service account's token and Entra's. Refusals are told with
/// what came back, requests are logged, and a crash comes when it comes.
#[test]
fn what_opens_the_vault_is_in_nothing_that_a_node_says_or_leaves_behind() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    vault.keep_key(&network, 0);
    network.nodes.iter_mut().for_each(|node| node.start_saying("trace"));
    wait_heard(&network, 0);
    let told = |word: &str| {
        network.nodes[0]
            .wait_status(word, |status| signer(&status).reason.filter(|text| text.contains(word)));
    };
    vault.double.enable_key("bank-a-0", false).unwrap();
    told("disabled");
    vault.double.enable_key("bank-a-0", true).unwrap();
    vault.double.set_faults(Faults { revoked: [CLIENT.to_owned()].into(), ..Faults::default() });
    told("no role");
    // An hour later the node's token has ended, and those that it is given then have ended too.
    vault.double.set_faults(Faults { tokens: TokenClock::Behind, ..Faults::default() });
    vault.double.set_clock_off(2 * 3600);
    let given = vault.double.count("token", "served");
    wait_for("tokens that the vault does not take", || {
        (vault.double.count("token", "served") > given + 1).then_some(())
    });
    vault.double.set_clients(Vec::new()).unwrap();
    wait_for("Entra's refusal", || (vault.double.count("token", "refused") > 0).then_some(()));
    told("AADSTS");
    vault.double.set_clients(vec![client()]).unwrap();
    vault.away(None);
    wait_heard(&network, 0);
    vault.away(Some(Away::Hanging));
    told("in time");
    vault.away(None);
    wait_heard(&network, 0);

    let node = &mut network.nodes[0];
    let mut said: Vec<(String, Vec<u8>)> = ["/status", "/metrics", "/livez", "/readyz"]
        .map(|path| (path.to_owned(), node.get(path).unwrap().1.into_bytes()))
        .into();
    said.extend(["cmdline", "environ"].map(|file| (file.to_owned(), node.kept_by_kernel(file))));
    let ended = node.end_by("-ABRT");
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended:?}");
    let left = files(node.config.parent().unwrap());
    assert!(left.iter().all(|path| !path.file_name().unwrap().to_string_lossy().starts_with("core")));
    said.extend(left.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())));
    let log = std::fs::read_to_string(&node.log).unwrap();
    assert!(log.contains("TRACE") && log.contains("/keys/bank-a-0/"), "requests are logged at this level");

    let federated = std::fs::read_to_string(network.dir.path().join("token")).unwrap();
    let secrets = vault.double.tokens();
    assert!(secrets.len() > 2);
    // Of a token, the part that says who and until when is in no other place either.
    let parts = secrets.iter().chain([&federated]).flat_map(|token| token.split('.').skip(1));
    let parts: Vec<&str> = parts.filter(|part| part.len() > 16).collect();
    assert!(parts.len() > secrets.len());
    for (place, bytes) in &said {
        let text = String::from_utf8_lossy(bytes);
        assert!(!parts.iter().any(|part| text.contains(part)), "{place} tells a token");
    }
}

#[test]
fn a_vault_that_is_away_costs_its_seat_the_votes_and_nothing_else() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    vault.keep_key(&network, 0);
    vault.away(Some(Away::Refusing));
    network.nodes.iter_mut().for_each(crate::support::network::Node::start);
    // It syncs and serves without its key.
    network.wait_height(3);
    let waiting = network.nodes[0].status().unwrap();
    let told = signer(&waiting);
    assert_eq!(told.state, SignerState::Waiting, "{told:?}");
    assert!(told.reason.is_some() && !waiting.identity.unwrap().voting);
    vault.away(None);
    wait_heard(&network, 0);
    for away in [Away::Refusing, Away::Hanging] {
        vault.away(Some(away));
        network.nodes[0].wait_status("the vault's failure", |status| {
            (signer(&status).state == SignerState::Failing).then_some(())
        });
        let height = network.nodes[3].height();
        network.wait_height(height + 2);
        vault.away(None);
        wait_heard(&network, 0);
        wait_signer(&network, 0);
    }
}

#[test]
fn a_key_of_somebody_else_is_refused_with_both_addresses_and_the_node_serves_on() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    let theirs = vault.double.create_key("bank-b-0").unwrap();
    take_key(&network, 0);
    let object = vault.object("bank-b-0", theirs.version);
    vault.configure(&network, 0, SignerConfig::AzureKeyVaultKey(object));
    network.nodes.iter_mut().for_each(crate::support::network::Node::start);
    let reason = network.nodes[0].wait_status("the refusal", |status| {
        let signer = signer(&status);
        (signer.state == SignerState::Refused).then_some(signer.reason)
    });
    let public = k256::PublicKey::from_sec1_bytes(&theirs.public_key).unwrap();
    let got = Address::from_public_key(&public.into());
    let (reason, want) = (reason.unwrap(), own(&network, 0));
    assert!(reason.contains(&got.to_string()) && reason.contains(&want.to_string()), "{reason}");
    network.wait_height(2);
    assert_eq!(vault.double.count("sign", "ok"), 0);
}

#[test]
fn what_a_vault_refuses_is_told_by_its_reason_and_what_it_signs_wrongly_is_never_sent() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    vault.keep_key(&network, 0);
    network.nodes.iter_mut().for_each(crate::support::network::Node::start);
    wait_heard(&network, 0);
    vault.double.enable_key("bank-a-0", false).unwrap();
    network.nodes[0].wait_status("disabled", |status| {
        signer(&status).reason.filter(|reason| reason.contains("disabled"))
    });
    vault.double.enable_key("bank-a-0", true).unwrap();
    wait_heard(&network, 0);
    vault.double.set_faults(Faults { revoked: [CLIENT.to_owned()].into(), ..Faults::default() });
    network.nodes[0]
        .wait_status("revoked", |status| signer(&status).reason.filter(|r| r.contains("no role")));
    vault.double.set_faults(Faults { foreign: 1.0, ..Faults::default() });
    network.nodes[0].wait_status("foreign", |status| {
        signer(&status).reason.filter(|reason| reason.contains("does not verify"))
    });
    vault.double.set_faults(Faults::default());
    wait_heard(&network, 0);
    let rejected = network.nodes[3].get("/metrics").unwrap().1;
    assert!(!rejected.contains("wrong_signer") && !rejected.contains("not_validator"), "{rejected}");
}

#[test]
fn a_newer_version_of_the_key_is_told_and_not_used() {
    let (mut network, vault) = (TestNetwork::create(4, 4), Vault::start());
    let pinned = vault.keep_key(&network, 0);
    let newer = vault.double.create_key("bank-a-0").unwrap().version;
    network.nodes.iter_mut().for_each(crate::support::network::Node::start);
    wait_heard(&network, 0);
    let told = network.nodes[0].wait_status("the newer version", |status| signer(&status).newer_version);
    assert_eq!(told, newer);
    wait_heard(&network, 0);
    assert!(vault.double.signed_since(0).iter().all(|signed| signed.version == pinned));
    wait_for("the metric", || {
        network.nodes[0].get("/metrics")?.1.contains("quorate_key_version_behind 1").then_some(())
    });
}
