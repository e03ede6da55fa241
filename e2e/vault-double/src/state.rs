//! Everything the double knows, and what it answers: a function of that, the request and the time.

mod tokens;

use crate::{
    access::{Action, Client, Target},
    assertion::Issuer,
    faults::{Faults, Ordinals, Outcome},
    jwt,
    log::{Log, Signed},
    operation::{Operation, Route, route},
    refusal::Refusal,
    seeded::Seed,
    vault::{
        Page, Place, Vault, Wanted,
        keys::{CreateKey, KeyVersion, Sign, Twist},
        secrets::SetSecret,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Audience of the vault's access tokens.
pub(crate) const RESOURCE: &str = "https://vault.azure.net";
/// Clients that fit.
const MOST_CLIENTS: usize = 256;
/// Keys that have faults of their own.
const MOST_FAULTS: usize = 256;

/// A request, read.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Host and port as the client named them.
    pub(crate) host: String,
    pub(crate) bearer: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    fn base(&self) -> String {
        format!("https://{}", self.host)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.replace("%24", "$") == name).map(|(_, value)| value)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }
}

/// What is to become of a request: the work is done already.
#[derive(Clone, Debug)]
pub(crate) struct Performed {
    pub(crate) delay: Duration,
    /// None when the connection closes without an answer.
    pub(crate) answer: Option<Answer>,
    /// The signature that is in the answer.
    pub(crate) signed: Option<u64>,
}

/// Everything.
pub(crate) struct State {
    pub(crate) vault: Vault,
    pub(crate) faults: Faults,
    faults_of_keys: BTreeMap<String, Faults>,
    clients: BTreeMap<String, Client>,
    pub(crate) issuer: Issuer,
    ordinals: Ordinals,
    pub(crate) log: Log,
    pub(crate) tenant: String,
    secret: [u8; 32],
}

/// Who asks, and of what.
struct Caller<'a> {
    client: &'a str,
    route: Route<'a>,
}

/// What an operation gives.
struct Done {
    body: Value,
    signed: Option<u64>,
}

impl State {
    pub(crate) fn new(seed: Seed, tenant: String, most_signed: usize) -> Self {
        Self {
            vault: Vault::new(seed),
            faults: Faults::default(),
            faults_of_keys: BTreeMap::new(),
            clients: BTreeMap::new(),
            issuer: Issuer::default(),
            ordinals: Ordinals::default(),
            log: Log::new(most_signed),
            tenant,
            secret: seed.bytes(&[b"access tokens"]),
        }
    }

    /// These are the clients from now on, and no others.
    pub(crate) fn set_clients(&mut self, clients: Vec<Client>) -> Result<(), Refusal> {
        if clients.len() > MOST_CLIENTS {
            return Err(Refusal::bad(format!("{} clients, at most {MOST_CLIENTS} fit.", clients.len())));
        }
        self.clients = clients.into_iter().map(|client| (client.client_id.clone(), client)).collect();
        Ok(())
    }

    /// What is wrong with one key instead of what is wrong with all; nothing of its own with none.
    pub(crate) fn set_faults_of_key(&mut self, name: &str, faults: Option<Faults>) -> Result<(), Refusal> {
        let name = name.to_ascii_lowercase();
        let Some(faults) = faults else {
            self.faults_of_keys.remove(&name);
            return Ok(());
        };
        if self.faults_of_keys.len() >= MOST_FAULTS && !self.faults_of_keys.contains_key(&name) {
            return Err(Refusal::bad(format!("At most {MOST_FAULTS} keys have faults of their own.")));
        }
        self.faults_of_keys.insert(name, faults);
        Ok(())
    }

    /// What is wrong with a name.
    pub(crate) fn faults_of(&self, name: &str) -> &Faults {
        self.faults_of_keys.get(&name.to_ascii_lowercase()).unwrap_or(&self.faults)
    }

    /// What is wrong with what a request is about.
    pub(crate) fn faults_for(&self, asked: &Asked) -> &Faults {
        let route = route(&asked.method, &asked.path);
        route.map_or(&self.faults, |route| self.faults_of(route.name))
    }

    /// Does what the request asks for. `at_ms` is the machine's time, `now` the double's.
    pub(crate) fn perform(&mut self, asked: &Asked, now: u64, at_ms: u64) -> Performed {
        if let Some(answer) = self.entra(asked, now) {
            return Performed { delay: Duration::ZERO, answer: Some(answer), signed: None };
        }
        let Some(route) = route(&asked.method, &asked.path) else {
            self.log.count("unknown", Refusal::not_found().outcome());
            return Performed {
                delay: Duration::ZERO,
                answer: Some(self.refused(&Refusal::not_found(), asked)),
                signed: None,
            };
        };
        let label = route.operation.label();
        let name = route.name.to_ascii_lowercase();
        let ordinal = self.ordinals.next(label, &name);
        let labels: [&[u8]; 4] = [b"fate", label.as_bytes(), name.as_bytes(), &ordinal.to_be_bytes()];
        let mut draw = self.vault.seed.draw(&labels);
        let fate = self.faults_of(&name).fate(route.operation, &mut draw);
        let done = self.attempt(asked, route, fate.outcome, now, at_ms);
        let dropped = fate.outcome == Outcome::Dropped;
        let outcome = match &done {
            Err(refusal) => refusal.outcome(),
            Ok(_) if dropped => "dropped",
            Ok(_) => "served",
        };
        self.log.count(label, outcome);
        match done {
            Err(refusal) => {
                Performed { delay: fate.way, answer: Some(self.refused(&refusal, asked)), signed: None }
            }
            Ok(Done { body, signed }) => Performed {
                delay: fate.way + fate.work,
                answer: (!dropped).then(|| Answer::ok(body)),
                signed: signed.filter(|_| !dropped),
            },
        }
    }

    fn attempt(
        &mut self,
        asked: &Asked,
        route: Route<'_>,
        outcome: Outcome,
        now: u64,
        at_ms: u64,
    ) -> Result<Done, Refusal> {
        let client = self.authenticated(asked, now)?;
        match outcome {
            Outcome::Throttled => {
                return Err(Refusal::throttled(self.faults_of(route.name).retry_after_s));
            }
            Outcome::Failed => return Err(Refusal::unavailable()),
            Outcome::Served | Outcome::Dropped => {}
        }
        let version = asked.parameter("api-version").unwrap_or_default();
        if version != "2025-07-01" && !version.starts_with("7.") {
            return Err(Refusal::bad(format!("api-version {version:?} is none that this double speaks.")));
        }
        let caller = Caller { client: &client, route };
        self.authorised(&caller)?;
        if caller.route.operation.is_of_secrets() {
            return self.secrets(&caller, asked, now).map(|body| Done { body, signed: None });
        }
        self.keys(&caller, asked, now, at_ms)
    }

    fn authenticated(&self, asked: &Asked, now: u64) -> Result<String, Refusal> {
        let missing = || Refusal::unauthorised("AKV10000: Request is missing a Bearer or PoP token.");
        let bearer = asked.bearer.as_deref().ok_or_else(missing)?;
        let claims = jwt::verify(&self.secret, bearer, RESOURCE, now);
        Ok(claims.map_err(|error| Refusal::unauthorised(error.to_string()))?.appid)
    }

    fn authorised(&self, caller: &Caller<'_>) -> Result<(), Refusal> {
        let Route { operation, name, .. } = caller.route;
        let action = operation.action();
        let (target, resource) = match operation {
            Operation::RestoreKey => (Target::Vault, String::new()),
            _ if operation.is_of_secrets() => (Target::Secret(name), format!("/secrets/{name}")),
            _ => (Target::Key(name), format!("/keys/{name}")),
        };
        let revoked = self.faults_of(name).revoked.contains(caller.client);
        let known = self.clients.get(caller.client).filter(|_| !revoked);
        if known.is_some_and(|client| client.may(action, target)) {
            return Ok(());
        }
        Err(Refusal::by_rbac(caller.client, action.name(), &format!("/vaults/double{resource}")))
    }

    fn keys(&mut self, caller: &Caller<'_>, asked: &Asked, now: u64, at_ms: u64) -> Result<Done, Refusal> {
        let Route { operation, name, version } = caller.route;
        let base = asked.base();
        let place = Place { base: &base, name };
        let faults = self.faults_of(name);
        let (short, twist) =
            (faults.short_coordinates, Twist { high_s: faults.high_s, foreign: faults.foreign });
        let body = match operation {
            Operation::CreateKey => {
                self.vault.create_key(name, read::<CreateKey>(asked)?, short, now)?.bundle(place, short)
            }
            Operation::RotateKey => self.vault.rotate_key(name, short, now)?.bundle(place, short),
            Operation::UpdateKey => {
                self.vault.update_key(name, version, read::<Wanted>(asked)?, now)?.bundle(place, short)
            }
            Operation::ListKeyVersions => self.vault.list_key_versions(place, page(asked))?,
            Operation::BackupKey => json!({ "value": self.vault.back_up(name)? }),
            Operation::RestoreKey => {
                let name = self.vault.restore(&read::<Backup>(asked)?.value)?;
                self.vault.key(&name, None)?.bundle(Place { name: &name, ..place }, short)
            }
            Operation::Sign => return self.sign(caller, asked, twist, at_ms),
            _ => self.vault.key(name, version)?.bundle(place, short),
        };
        Ok(Done { body, signed: None })
    }

    fn sign(
        &mut self,
        caller: &Caller<'_>,
        asked: &Asked,
        twist: Twist,
        at_ms: u64,
    ) -> Result<Done, Refusal> {
        let Route { name, version, .. } = caller.route;
        let made = self.vault.sign(name, version, &read::<Sign>(asked)?, twist)?;
        let base = asked.base();
        let body = KeyVersion::result(Place { base: &base, name }, &made);
        let sequence = self.log.sign(Signed {
            sequence: 0,
            key: name.to_ascii_lowercase(),
            version: made.version,
            digest: hex::encode(made.digest),
            signature: hex::encode(made.signature),
            client: caller.client.to_owned(),
            asked_ms: at_ms,
            answered_ms: None,
        });
        Ok(Done { body, signed: Some(sequence) })
    }

    fn secrets(&mut self, caller: &Caller<'_>, asked: &Asked, now: u64) -> Result<Value, Refusal> {
        let Route { operation, name, version } = caller.route;
        let base = asked.base();
        let place = Place { base: &base, name };
        match operation {
            Operation::SetSecret => {
                Ok(self.vault.set_secret(name, read::<SetSecret>(asked)?, now)?.bundle(place))
            }
            Operation::ListSecretVersions => self.vault.list_secret_versions(place, page(asked)),
            _ => Ok(self.vault.secret(name, version)?.bundle(place)),
        }
    }

    fn refused(&self, refusal: &Refusal, asked: &Asked) -> Answer {
        let mut headers = Vec::new();
        if refusal.status == 401 {
            let challenge =
                format!("Bearer authorization=\"{}/{}\", resource=\"{RESOURCE}\"", asked.base(), self.tenant);
            headers.push(("www-authenticate", challenge));
        }
        if let Some(seconds) = refusal.retry_after_s {
            headers.push(("retry-after", seconds.to_string()));
        }
        Answer { status: refusal.status, headers, body: refusal.body() }
    }
}

#[derive(Deserialize)]
struct Backup {
    value: String,
}

fn read<T: DeserializeOwned>(asked: &Asked) -> Result<T, Refusal> {
    serde_json::from_slice(&asked.body)
        .map_err(|error| Refusal::bad(format!("The request body is not what it should be: {error}.")))
}

fn page(asked: &Asked) -> Page {
    let number = |name: &str| asked.parameter(name).and_then(|value| value.parse().ok());
    Page { skip: number("$skiptoken").unwrap_or(0), most: number("maxresults") }
}

impl Operation {
    /// What a role has to hold for it.
    const fn action(self) -> Action {
        match self {
            Self::CreateKey => Action::CreateKey,
            Self::GetKey | Self::ListKeyVersions => Action::ReadKey,
            Self::Sign => Action::Sign,
            Self::RotateKey => Action::RotateKey,
            Self::UpdateKey => Action::UpdateKey,
            Self::BackupKey => Action::BackupKey,
            Self::RestoreKey => Action::RestoreKey,
            Self::SetSecret => Action::SetSecret,
            Self::GetSecret => Action::GetSecret,
            Self::ListSecretVersions => Action::ReadSecretMetadata,
        }
    }
}

#[cfg(test)]
mod tests;
