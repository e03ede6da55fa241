//! A double of Azure Key Vault and of the part of Microsoft Entra that a workload identity meets, for tests.
//!
//! It speaks the data plane as Microsoft's Rust SDK does, over TLS with an authority of its own; issues tokens for federated
//! service accounts and takes no others; gives roles to clients and refuses in Azure's words. What goes wrong is set by whoever
//! runs it ([`Faults`]) and drawn from a seed, and every digest that was ever signed is in a log. See the crate's README.

mod access;
mod admin;
mod assertion;
mod certificates;
mod clock;
mod faults;
mod jwt;
mod log;
mod operation;
mod refusal;
mod seeded;
mod server;
mod state;
mod vault;
mod wire;

pub use access::{Action, Client, Grant, Role, Scope};
pub use assertion::{AUDIENCE, Issuer, Jwk, Jwks, projected_token};
pub use faults::{Away, Faults, TokenClock};
pub use log::{Count, Signed};
pub use operation::Operation;

use refusal::Refusal;
use seeded::Seed;
use server::Shared;
use state::State;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use vault::{keys::CreateKey, secrets::SetSecret};

/// How a double begins.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the vault and the token endpoint listen.
    pub listen: SocketAddr,
    /// Where the switches are; nowhere when absent.
    pub admin: Option<SocketAddr>,
    /// Names and addresses that the certificate is for; the first is the one in [`Double::url`].
    pub names: Vec<String>,
    /// What everything random comes from.
    pub seed: u64,
    /// Directory of the clients.
    pub tenant: String,
    /// Who may do what.
    pub clients: Vec<Client>,
    /// Where assertions come from.
    pub issuer: Issuer,
    /// Signatures that the log keeps.
    pub most_signed: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin: None,
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            seed: 1,
            tenant: "11111111-1111-1111-1111-111111111111".to_owned(),
            clients: Vec::new(),
            issuer: Issuer::default(),
            most_signed: 100_000,
        }
    }
}

/// Why there is no double.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is not to be had.
    #[error("cannot listen on {address}: {source}; name another port, or 0 for any")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A name that no certificate can be for, or no randomness.
    #[error("no certificate for {names:?}: {reason}")]
    Tls {
        /// Names of the certificate.
        names: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Nothing to be called by.
    #[error("names is empty; the certificate needs one")]
    NoName,
    /// What was asked of it before it began.
    #[error("{0}")]
    Refused(String),
}

/// Why the double does not do as it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.message)
    }
}

/// A new version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedKey {
    /// Its version.
    pub version: String,
    /// Its public key, `04 ‖ x ‖ y`.
    pub public_key: [u8; 65],
}

/// A running double; ends when dropped.
pub struct Double {
    shared: Arc<Shared>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    name: String,
    tenant: String,
    authority: Arc<str>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Double {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        // Connections that are open end too.
        self.shared.away.send_replace(Some(Away::Refusing));
    }
}

impl Double {
    /// Starts one on the present runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { listen, admin, names, seed, tenant, clients, issuer, most_signed } = options;
        let name = names.first().cloned().ok_or(StartError::NoName)?;
        let tls = certificates::acceptor(&names);
        let (acceptor, authority) =
            tls.map_err(|error| StartError::Tls { names, reason: error.to_string() })?;
        let authority: Arc<str> = authority.into();
        let mut state = State::new(Seed(seed), tenant.clone(), most_signed);
        state.set_clients(clients).map_err(|refusal| StartError::Refused(refusal.message))?;
        state.issuer = issuer;
        let shared = Arc::new(Shared {
            state: parking_lot::Mutex::new(state),
            clock: clock::Clock::default(),
            away: watch::Sender::new(None),
        });
        let (listener, address) = bound(listen).await?;
        let mut tasks = vec![tokio::spawn(server::run(Arc::clone(&shared), listener, address, acceptor))];
        let mut admin_address = None;
        if let Some(admin) = admin {
            let (listener, address) = bound(admin).await?;
            admin_address = Some(address);
            tasks.push(tokio::spawn(admin::run(Arc::clone(&shared), listener, Arc::clone(&authority))));
        }
        Ok(Self { shared, address, admin: admin_address, name, tenant, authority, tasks })
    }

    /// Address of the vault, and of the token endpoint too.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.name, self.address.port())
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its switches are.
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Directory of the clients.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Certificate of the authority that vouches for it, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// What is wrong with one key instead; nothing of its own with none.
    pub fn set_faults_of_key(&self, name: &str, faults: Option<Faults>) -> Result<(), Refused> {
        Ok(self.shared.state.lock().set_faults_of_key(name, faults)?)
    }

    /// Who may do what from now on.
    pub fn set_clients(&self, clients: Vec<Client>) -> Result<(), Refused> {
        Ok(self.shared.state.lock().set_clients(clients)?)
    }

    /// Puts the double's clock off the machine's by so many seconds.
    pub fn set_clock_off(&self, seconds: i64) {
        self.shared.clock.set_off(seconds);
    }

    /// Makes a key, or a new version of one.
    pub fn create_key(&self, name: &str) -> Result<CreatedKey, Refused> {
        let mut state = self.shared.state.lock();
        let short = state.faults_of(name).short_coordinates;
        let made = state.vault.create_key(name, CreateKey::default(), short, self.shared.clock.now())?;
        Ok(CreatedKey { version: made.about.id.clone(), public_key: made.public() })
    }

    /// Puts a key in that was made elsewhere, as a new version.
    pub fn import_key(&self, name: &str, secret: &[u8; 32]) -> Result<CreatedKey, Refused> {
        let mut state = self.shared.state.lock();
        let made = state.vault.import_key(name, secret, self.shared.clock.now())?;
        Ok(CreatedKey { version: made.about.id.clone(), public_key: made.public() })
    }

    /// Makes every version of a key usable, or none.
    pub fn enable_key(&self, name: &str, enabled: bool) -> Result<(), Refused> {
        Ok(self.shared.state.lock().vault.enable_key(name, enabled)?)
    }

    /// Takes a key away for good.
    pub fn lose_key(&self, name: &str) -> Result<(), Refused> {
        Ok(self.shared.state.lock().vault.lose_key(name)?)
    }

    /// Writes a secret, or a new version of one. Gives the version.
    pub fn set_secret(&self, name: &str, value: &str) -> Result<String, Refused> {
        let mut state = self.shared.state.lock();
        let body = SetSecret::of(value.to_owned());
        Ok(state.vault.set_secret(name, body, self.shared.clock.now())?.id().to_owned())
    }

    /// Makes every version of a secret readable, or none.
    pub fn enable_secret(&self, name: &str, enabled: bool) -> Result<(), Refused> {
        Ok(self.shared.state.lock().vault.enable_secret(name, enabled)?)
    }

    /// How often each operation ended how.
    pub fn counts(&self) -> Vec<Count> {
        self.shared.state.lock().log.counts()
    }

    /// How often this operation ended so.
    pub fn count(&self, operation: &str, outcome: &str) -> u64 {
        let counts = self.counts();
        let found = counts.iter().find(|count| count.operation == operation && count.outcome == outcome);
        found.map_or(0, |count| count.count)
    }

    /// Access tokens that were given, the last of them: whoever looks for what a client must not tell needs to know them.
    pub fn tokens(&self) -> Vec<String> {
        self.shared.state.lock().log.tokens()
    }

    /// What was signed after this place in the log; 0 for everything that is kept.
    pub fn signed_since(&self, sequence: u64) -> Vec<Signed> {
        self.shared.state.lock().log.since(sequence)
    }
}

async fn bound(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
