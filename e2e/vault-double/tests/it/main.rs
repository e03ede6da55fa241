//! The double as Microsoft's own SDK meets it, through the crate that nodes and operators use.

mod faults;
mod identity;
mod operations;
mod program;
mod switches;

use azure_access::{
    Https, Identity, Limits, WorkloadIdentity, trust,
    vault::{Vault, VaultKeys, VaultSecrets},
};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use vault_double::{AUDIENCE, Client, Double, Grant, Options, Role, Scope, projected_token};

const NODE: &str = "system:serviceaccount:bank-a:bank-a";
const OPERATOR: &str = "system:serviceaccount:quorate:operator";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const NODE_ID: &str = "22222222-2222-2222-2222-222222222222";
const OPERATOR_ID: &str = "33333333-3333-3333-3333-333333333333";

/// A double and what pods have to reach it.
struct World {
    double: Double,
    folder: TempDir,
    https: Https,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn client(id: &str, subject: &str, roles: &[Role]) -> Client {
    let grants = roles.iter().map(|role| Grant { role: *role, scope: Scope::Vault }).collect();
    Client { client_id: id.to_owned(), subjects: vec![subject.to_owned()], grants }
}

fn clients() -> Vec<Client> {
    vec![
        client(NODE_ID, NODE, &[Role::Signer, Role::SecretReader]),
        client(OPERATOR_ID, OPERATOR, &[Role::Creator, Role::SecretWriter]),
    ]
}

async fn world() -> World {
    world_with(Options::default(), Duration::from_secs(30)).await
}

/// With so much patience of the clients.
async fn world_with(options: Options, deadline: Duration) -> World {
    let options = Options { clients: clients(), ..options };
    let double = Double::start(options).await.expect("started");
    let folder = tempfile::tempdir().expect("a folder");
    let roots = trust::bundle(double.authority().as_bytes()).expect("an authority");
    let https = Https::new(roots, Limits { deadline, ..Limits::default() }).expect("TLS");
    let world = World { double, folder, https };
    world.project("node", NODE, now() + 3600);
    world.project("operator", OPERATOR, now() + 3600);
    world
}

impl World {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a pod's token as the kubelet does.
    fn project(&self, name: &str, subject: &str, until: u64) {
        let token = projected_token(subject, AUDIENCE, ISSUER, now() - 60, until);
        std::fs::write(self.file(name), token).expect("written");
    }

    fn identity_of(&self, client_id: &str, file: &str) -> Identity {
        let of = WorkloadIdentity {
            tenant_id: self.double.tenant().to_owned(),
            client_id: client_id.to_owned(),
            token_file: self.file(file),
            authority_host: Some(self.double.url()),
        };
        Identity::workload(of, &self.https)
    }

    fn node(&self) -> Identity {
        self.identity_of(NODE_ID, "node")
    }

    fn operator(&self) -> Identity {
        self.identity_of(OPERATOR_ID, "operator")
    }

    fn vault(&self, identity: &Identity) -> Vault {
        Vault::at(&self.double.url(), &["localhost".to_owned()], identity, &self.https).expect("a vault")
    }

    fn keys(&self, identity: &Identity) -> VaultKeys {
        VaultKeys::new(self.vault(identity)).expect("keys")
    }

    fn secrets(&self, identity: &Identity) -> VaultSecrets {
        VaultSecrets::new(self.vault(identity)).expect("secrets")
    }
}
