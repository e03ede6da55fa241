//! The vault's double, and the operator as a workload identity that it knows: by a token of this very API server.

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::api::PostParams;
use operator_trials::world::World;
use serde_json::{Value, json};
use tempfile::TempDir;
use vault_double::{AUDIENCE, Client, Double, Faults, Grant, Issuer, Options, Role, Scope};

const OPERATOR: &str = "22222222-2222-2222-2222-222222222222";
/// Whose the nodes' tokens would be; none of them runs here.
pub(super) const NODES: &str = "33333333-3333-3333-3333-333333333333";
/// ServiceAccount of the operator's pod.
const ACCOUNT: &str = "quorate-operator-azure";

/// A vault and Entra.
pub(super) struct Vault {
    pub(super) double: Double,
    folder: TempDir,
}

impl Vault {
    /// Starts it; the API server of this world is the one whose tokens are believed.
    pub(super) async fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // This API server signs tokens on an elliptic curve, and Entra, as its double, looks at RSA signatures only.
        let issuer = Issuer { issuer: Some(issuer(world).await), jwks: None };
        let subjects = vec![format!("system:serviceaccount:{}:{ACCOUNT}", world.namespace)];
        // What docs/keys.md gives the operator: keys are made and listed, its accounts' keys sign, secrets are set and not read.
        let grants = [Role::Creator, Role::Signer, Role::SecretWriter]
            .map(|role| Grant { role, scope: Scope::Vault })
            .to_vec();
        let clients = vec![Client { client_id: OPERATOR.to_owned(), subjects, grants }];
        let options = Options { clients, issuer, ..Options::default() };
        let double = Double::start(options).await.expect("a double");
        std::fs::write(folder.path().join("ca.crt"), double.authority()).expect("written");
        std::fs::write(folder.path().join("token"), token(world).await).expect("written");
        Self { double, folder }
    }

    /// The environment of the operator's pod.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        vec![
            ("QUORATE_AZURE_VAULT_HOSTS", "localhost".to_owned()),
            ("QUORATE_AZURE_CA_FILE", path("ca.crt")),
            ("AZURE_TENANT_ID", self.double.tenant().to_owned()),
            ("AZURE_CLIENT_ID", OPERATOR.to_owned()),
            ("AZURE_AUTHORITY_HOST", self.double.url()),
            ("AZURE_FEDERATED_TOKEN_FILE", path("token")),
            ("RUST_LOG", "info".to_owned()),
        ]
    }

    /// A fleet whose keys are there, with these fields beside.
    pub(super) fn fleet(&self, more: &Value) -> Value {
        let mut vault = json!({
            "vaultUrl": self.double.url(), "tenantId": self.double.tenant(), "clientId": NODES,
            "authorityHost": self.double.url(), "caBundle": self.double.authority(),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            vault[name] = value.clone();
        }
        json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bank-a" },
            "spec": {
                "consortiumRef": { "name": "trade-finance" }, "replicas": 4,
                "keys": { "azureKeyVault": vault }, "storage": { "size": "2Gi" },
            },
        })
    }

    /// A member whose accounts are there.
    pub(super) fn consortium(&self, world: &World) -> Value {
        let account = |name: &str| {
            let name = format!("{}-{name}", world.namespace);
            json!({ "azureKeyVault": { "vaultUrl": self.double.url(), "keyName": name } })
        };
        json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "trade-finance" },
            "spec": {
                "member": { "alias": "bank-a", "admin": account("admin"), "operator": account("operator") },
                "create": { "chainId": 10101, "fleets": ["bank-a"], "blockPeriod": "2s" },
            },
        })
    }

    /// Name of a node's key.
    pub(super) fn key(world: &World, index: u32) -> String {
        format!("{}-bank-a-{index}", world.namespace)
    }

    /// What is wrong from now on.
    pub(super) fn faults(&self, change: impl FnOnce(&mut Faults)) {
        let mut faults = Faults::default();
        change(&mut faults);
        self.double.set_faults(faults);
    }

    /// The operator has no role any more.
    pub(super) fn revoke(&self) {
        self.faults(|faults| faults.revoked.extend([OPERATOR.to_owned()]));
    }

    /// Keys that were made.
    pub(super) fn made(&self) -> u64 {
        self.double.count("create-key", "served")
    }

    /// Requests to the vault, tokens aside.
    pub(super) fn requests(&self) -> u64 {
        let counts = self.double.counts();
        counts.iter().filter(|count| count.operation != "token").map(|count| count.count).sum()
    }
}

async fn issuer(world: &World) -> String {
    let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new());
    let document: Value = world.client.request(request.expect("a request")).await.expect("read");
    document["issuer"].as_str().expect("an issuer").to_owned()
}

/// What the kubelet would put into the operator's pod.
async fn token(world: &World) -> String {
    let accounts = world.api::<ServiceAccount>();
    let account: ServiceAccount =
        serde_json::from_value(json!({ "metadata": { "name": ACCOUNT } })).expect("an account");
    accounts.create(&PostParams::default(), &account).await.expect("created");
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(vec![AUDIENCE.to_owned()]),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let given =
        accounts.create_token_request(ACCOUNT, &PostParams::default(), &request).await.expect("given");
    given.status.and_then(|status| status.token).expect("a token")
}
