//! A key that stays in a vault: every signature is asked for there, within the time that a vote has.
//!
//! The node does not wait for the vault: it starts, syncs and serves, and signs once it has seen that the vault's key is the
//! identity's. A task beside keeps the token good and a connection warm, tries a vault that failed, and looks for newer versions.

use super::{
    Request, Signer, SignerError, Snapshot,
    breaker::{Admit, Breaker, Circuit},
    budget::{self, Next},
    local_key::KeyRefused,
    state::Told,
};
use alloy_primitives::{Address, B256};
use azure_access::vault::{VaultError, VaultKey};
use chain::{
    Seal,
    status::{SignerHome, SignerState},
};
use futures::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Signatures asked of the vault at the same time: those of a round, and those beside.
const AT_ONCE: usize = 6;
/// How often it is looked whether there is something to keep.
const PULSE: Duration = Duration::from_secs(5);
/// The same while the vault fails.
const QUICK_PULSE: Duration = Duration::from_millis(250);
/// A connection that nobody used for so long is used, so that it is there when it is needed.
const IDLE: Duration = Duration::from_secs(20);
/// Longest answer that is waited for outside of votes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer that a vault is tried by: slower ones are of no use to votes.
const TRIED: Duration = Duration::from_secs(1);
/// How often it is looked for newer versions.
const LOOK: Duration = Duration::from_hours(1);
/// Until the first look.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// One version of a key in a vault. Each call is one attempt.
pub trait KeyVault: Send + Sync + 'static {
    /// The version in use.
    fn pinned(&self) -> &str;

    /// What the vault shows of it.
    fn key(&self) -> BoxFuture<'_, Result<VaultKey, VaultError>>;

    /// Name of the newest version.
    fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>>;

    /// A signature that verifies with this key.
    fn sign<'a>(&'a self, key: &'a VaultKey, digest: B256) -> BoxFuture<'a, Result<Seal, VaultError>>;

    /// Renews what opens the vault, ahead of its end.
    fn renew(&self) -> BoxFuture<'_, Result<(), VaultError>>;
}

/// Signs with a vault's key.
pub struct RemoteSigner {
    identity: Address,
    vault: Arc<dyn KeyVault>,
    key: OnceLock<VaultKey>,
    breaker: Mutex<Breaker>,
    places: Semaphore,
    told: Told,
    used: Mutex<Instant>,
    /// Whether a read that goes well tells that what failed is over: nobody was there, or reads are all that failed.
    read_tells: Mutex<bool>,
    /// From 0 to 1.
    chance: fn() -> f64,
}

impl RemoteSigner {
    /// Asks nothing before [`Signer::keep`].
    pub fn new(identity: Address, vault: Arc<dyn KeyVault>, chance: fn() -> f64) -> Self {
        Self {
            identity,
            vault,
            key: OnceLock::new(),
            breaker: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            told: Told::waiting(SignerHome::AzureKeyVaultKey),
            used: Mutex::new(Instant::now()),
            read_tells: Mutex::default(),
            chance,
        }
    }

    /// Asks until there is a signature, no time left, or nothing to hope for.
    async fn signed(&self, request: Request) -> Result<Seal, SignerError> {
        let key = self.key.get().ok_or_else(|| SignerError::NoKey(self.told.reason()))?;
        let began = Instant::now();
        let left = || request.budget.saturating_sub(began.elapsed());
        let place = timeout(left(), self.places.acquire()).await;
        let _place = place.map_err(|_| SignerError::NoTurn)?.map_err(|_| SignerError::NoTurn)?;
        let (mut attempts, mut last) = (0, None);
        loop {
            if let Err(refused) = self.admitted(left()).await {
                // What the vault said says more than that it is left alone now.
                let error = last.inspect(|error| self.failing(error, false)).map(SignerError::Vault);
                return Err(error.unwrap_or(refused));
            }
            attempts += 1;
            let limit = budget::attempt(request.budget, left());
            let outcome = self.asked(self.vault.sign(key, request.hash), limit).await;
            let error = match outcome {
                Ok(seal) => {
                    self.breaker.lock().succeeded();
                    self.recovered();
                    return Ok(seal);
                }
                Err(error) => error,
            };
            match budget::after(&error, attempts, left(), (self.chance)()) {
                Next::Again(pause) => {
                    last = Some(error);
                    sleep(pause).await;
                }
                Next::GiveUp => {
                    self.failing(&error, false);
                    return Err(error.into());
                }
            }
        }
    }

    /// Waits for as long as the vault wants to be left alone, if that leaves time to ask.
    async fn admitted(&self, left: Duration) -> Result<(), SignerError> {
        let mut left = left;
        loop {
            let admitted = self.breaker.lock().admit(Instant::now().into_std());
            match admitted {
                Admit::Now => return Ok(()),
                Admit::Open => return Err(SignerError::OpenCircuit),
                Admit::After(pause) if pause >= left => {
                    return Err(VaultError::Throttled { retry_after: Some(pause) }.into());
                }
                Admit::After(pause) => {
                    sleep(pause).await;
                    left = left.saturating_sub(pause);
                }
            }
        }
    }

    /// One attempt, and what it tells of the vault.
    async fn asked<T>(
        &self,
        attempt: impl Future<Output = Result<T, VaultError>>,
        limit: Duration,
    ) -> Result<T, VaultError> {
        let outcome = timeout(limit, attempt).await.unwrap_or(Err(VaultError::Deadline));
        let now = Instant::now();
        *self.used.lock() = now;
        self.told.count(outcome.as_ref().map_or_else(VaultError::label, |_| "ok"));
        let mut breaker = self.breaker.lock();
        match &outcome {
            Ok(_) => breaker.answered(),
            Err(VaultError::Throttled { retry_after }) => breaker.throttled(now.into_std(), *retry_after),
            Err(_) => breaker.failed(now.into_std(), (self.chance)()),
        }
        outcome
    }

    fn recovered(&self) {
        *self.read_tells.lock() = false;
        if self.told.says(SignerState::Ready, None) {
            tracing::info!(identity = %self.identity, "the vault signs");
        }
    }

    fn failing(&self, error: &VaultError, is_read: bool) {
        use VaultError::{Deadline, Network, Unavailable};
        let is_away = matches!(error, Deadline | Network(_) | Unavailable { .. });
        let is_news = self.told.says(SignerState::Failing, Some(error.to_string()));
        let mut read_tells = self.read_tells.lock();
        *read_tells = is_away || (is_read && (is_news || *read_tells));
        drop(read_tells);
        if is_news {
            tracing::warn!(identity = %self.identity, %error, "the vault does not sign");
        }
    }

    /// What it does beside signing.
    async fn work(&self) {
        if self.key.get().is_none() && !self.learned().await {
            return std::future::pending().await;
        }
        let mut look = Instant::now() + FIRST_LOOK;
        let (mut renew, mut failures) = (Instant::now(), 0);
        loop {
            let circuit = self.breaker.lock().circuit();
            sleep(if circuit == Circuit::Closed { PULSE } else { QUICK_PULSE }).await;
            if Instant::now() >= renew {
                failures = if self.renewed().await { 0 } else { failures + 1 };
                renew = Instant::now() + budget::renewal(failures, (self.chance)());
            }
            let is_idle = self.used.lock().elapsed() >= IDLE;
            if is_idle || circuit != Circuit::Closed {
                self.tried().await;
            }
            if Instant::now() >= look {
                look += LOOK.mul_f64(0.9 + (self.chance)() / 5.0);
                self.looked().await;
            }
        }
    }

    /// Renews the token if it is about to end; whether it is good.
    async fn renewed(&self) -> bool {
        match timeout(PATIENCE, self.vault.renew()).await.unwrap_or(Err(VaultError::Deadline)) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "token of the vault not renewed");
                false
            }
        }
    }

    /// Asks for the key until there is one; whether it is the identity's.
    async fn learned(&self) -> bool {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let shown = timeout(PATIENCE, self.vault.key()).await.unwrap_or(Err(VaultError::Deadline));
            let shown = shown.and_then(|key| {
                let version = key.version.version.clone();
                if key.version.enabled { Ok(key) } else { Err(VaultError::Disabled(version)) }
            });
            let error = match shown {
                Ok(key) => return self.taken(key),
                Err(error) => error,
            };
            if self.told.says(SignerState::Waiting, Some(error.to_string())) || attempts == 1 {
                tracing::warn!(identity = %self.identity, %error, "no key yet; this seat does not vote");
            }
            sleep(budget::wait(&error, attempts, (self.chance)())).await;
        }
    }

    fn taken(&self, key: VaultKey) -> bool {
        let got = Address::from_public_key(&key.public);
        if got != self.identity {
            let refused = KeyRefused::WrongKey { got, want: self.identity };
            let reason = format!("key {} of version {} {refused}", key.name, key.version.version);
            tracing::error!(%reason, "the vault's key is refused; this seat does not vote");
            self.told.says(SignerState::Refused, Some(reason));
            return false;
        }
        tracing::info!(identity = %self.identity, key = key.name, version = key.version.version, "the vault has the key");
        let _ = self.key.set(key);
        self.told.says(SignerState::Ready, None);
        true
    }

    /// Two cheap calls at once, as PREPARE and the seal for COMMIT are asked for at once: so many connections stay open.
    async fn tried(&self) {
        if self.breaker.lock().admit(Instant::now().into_std()) != Admit::Now {
            return;
        }
        let both = async { futures::try_join!(self.vault.key(), self.vault.key()) };
        match self.asked(both, TRIED).await {
            // What a vault that is away withheld, it gives again; a signature that it refused, it may refuse again. A spare signs
            // nothing for days: of what only its reads were refused, they tell that it is over.
            Ok(_) if *self.read_tells.lock() => self.recovered(),
            // That it is asked too often shows that it is there.
            Ok(_) | Err(VaultError::Throttled { .. }) => {}
            Err(error) => self.failing(&error, true),
        }
    }

    async fn looked(&self) {
        match timeout(PATIENCE, self.vault.newest()).await.unwrap_or(Err(VaultError::Deadline)) {
            Ok(newest) => self.told.newest(&newest, self.vault.pinned()),
            Err(error) => tracing::debug!(%error, "versions of the key not looked at"),
        }
    }
}

impl Signer for RemoteSigner {
    fn address(&self) -> Address {
        self.identity
    }

    fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
        self.signed(request).boxed()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn snapshot(&self) -> Snapshot {
        self.told.snapshot(self.breaker.lock().circuit())
    }

    fn keep(self: Arc<Self>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.work() => {}
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
