//! A key that the node reads into its memory from a vault's secret when it starts: never in a Secret of Kubernetes, in the
//! environment, in a file or in a log.
//!
//! The node does not wait for the vault: it starts, syncs and serves, and its seat votes once the key is there.

use super::{
    KeyRefused, LocalKey, Request, Signer, SignerError, Snapshot, breaker::Circuit, budget, state::Told,
};
use alloy_primitives::Address;
use azure_access::vault::VaultError;
use chain::{
    Seal,
    status::{SignerHome, SignerState},
};
use futures::future::{BoxFuture, FutureExt as _, ready};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Longest answer that is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked for newer versions.
const LOOK: Duration = Duration::from_hours(1);
/// Until the first look.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// One version of a secret in a vault. Each call is one attempt.
pub trait SecretVault: Send + Sync + 'static {
    /// The secret's name.
    fn name(&self) -> &str;

    /// The version in use.
    fn pinned(&self) -> &str;

    /// What it holds.
    fn secret(&self) -> BoxFuture<'_, Result<Zeroizing<String>, VaultError>>;

    /// Name of the newest version.
    fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>>;
}

/// Signs at once, once the key is there.
pub struct InjectSigner {
    identity: Address,
    vault: Arc<dyn SecretVault>,
    key: OnceLock<LocalKey>,
    told: Told,
    /// From 0 to 1.
    chance: fn() -> f64,
}

impl InjectSigner {
    /// Asks nothing before [`Signer::keep`].
    pub fn new(identity: Address, vault: Arc<dyn SecretVault>, chance: fn() -> f64) -> Self {
        let told = Told::waiting(SignerHome::AzureKeyVaultSecret);
        Self { identity, vault, key: OnceLock::new(), told, chance }
    }

    async fn work(&self) {
        if !self.learned().await {
            return std::future::pending().await;
        }
        sleep(FIRST_LOOK).await;
        loop {
            match timeout(PATIENCE, self.vault.newest()).await.unwrap_or(Err(VaultError::Deadline)) {
                Ok(newest) => self.told.newest(&newest, self.vault.pinned()),
                Err(error) => tracing::debug!(%error, "versions of the secret not looked at"),
            }
            sleep(LOOK.mul_f64(0.9 + (self.chance)() / 5.0)).await;
        }
    }

    /// Asks until there is an answer; whether that is the identity's key.
    async fn learned(&self) -> bool {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match timeout(PATIENCE, self.vault.secret()).await {
                Ok(Ok(text)) => return self.taken(LocalKey::from_hex(&text)),
                Ok(Err(error)) => error,
                Err(_) => VaultError::Deadline,
            };
            if self.told.says(SignerState::Waiting, Some(error.to_string())) || attempts == 1 {
                tracing::warn!(identity = %self.identity, %error, "no key yet; this seat does not vote");
            }
            sleep(budget::wait(&error, attempts, (self.chance)())).await;
        }
    }

    fn taken(&self, key: Result<LocalKey, KeyRefused>) -> bool {
        match key.and_then(|key| key.of(self.identity)) {
            Ok(key) => {
                let _ = self.key.set(key);
                self.told.says(SignerState::Ready, None);
                tracing::info!(identity = %self.identity, version = self.vault.pinned(), "the key is in memory");
                true
            }
            Err(refused) => {
                let reason =
                    format!("secret {} of version {} {refused}", self.vault.name(), self.vault.pinned());
                tracing::error!(%reason, "the vault's secret is refused; this seat does not vote");
                self.told.says(SignerState::Refused, Some(reason));
                false
            }
        }
    }
}

impl Signer for InjectSigner {
    fn address(&self) -> Address {
        self.identity
    }

    fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
        let signed = match self.key.get() {
            Some(key) => key.sign(request.hash),
            None => Err(SignerError::NoKey(self.told.reason())),
        };
        ready(signed).boxed()
    }

    fn snapshot(&self) -> Snapshot {
        self.told.snapshot(Circuit::Closed)
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
mod tests {
    use super::{
        super::{Purpose, SignerError},
        *,
    };
    use alloy_primitives::B256;
    use parking_lot::Mutex;
    use std::collections::VecDeque;

    /// Key 1, and its address.
    const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000001";
    const ADDRESS: Address = alloy_primitives::address!("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");

    type Answer = Result<&'static str, VaultError>;

    /// Answers by a script, and the last line of it from then on.
    struct Script(Mutex<VecDeque<Answer>>, &'static str);

    impl SecretVault for Script {
        fn name(&self) -> &'static str {
            "bank-a-0"
        }

        fn pinned(&self) -> &'static str {
            "a"
        }

        fn secret(&self) -> BoxFuture<'_, Result<Zeroizing<String>, VaultError>> {
            let mut script = self.0.lock();
            let answer = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
            ready(answer.unwrap().map(|text| Zeroizing::new(text.to_owned()))).boxed()
        }

        fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>> {
            ready(Ok(self.1.to_owned())).boxed()
        }
    }

    fn signer(identity: Address, newest: &'static str, answers: &[Answer]) -> Arc<InjectSigner> {
        let script = Script(Mutex::new(answers.iter().cloned().collect()), newest);
        Arc::new(InjectSigner::new(identity, Arc::new(script), || 0.5))
    }

    async fn sign(signer: &InjectSigner) -> Result<Seal, SignerError> {
        let hash = B256::repeat_byte(7);
        signer.sign(Request { hash, purpose: Purpose::Prepare, budget: budget::ASIDE }).await
    }

    /// Lets the signer work for as long as that takes by a clock that runs when nobody else does.
    async fn after(signer: &Arc<InjectSigner>, time: Duration) {
        let _ = timeout(time, Arc::clone(signer).keep(CancellationToken::new())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_is_away_is_asked_until_it_gives_the_key_and_until_then_nothing_is_signed() {
        let away = || Err(VaultError::Network("no route".to_owned()));
        let signer = signer(ADDRESS, "a", &[away(), away(), away(), Ok(KEY)]);
        assert!(matches!(sign(&signer).await, Err(SignerError::NoKey(_))));
        after(&signer, Duration::from_millis(100)).await;
        let waiting = signer.snapshot().signer;
        assert_eq!((waiting.state, waiting.reason.as_deref()), (SignerState::Waiting, Some("no route")));
        after(&signer, Duration::from_mins(1)).await;
        let seal = sign(&signer).await.expect("signs");
        assert_eq!(chain::signature::recover(B256::repeat_byte(7), &seal), Ok(ADDRESS));
        assert_eq!(signer.snapshot().signer.state, SignerState::Ready);
    }

    #[tokio::test(start_paused = true)]
    async fn another_identitys_key_and_what_is_no_key_are_refused_with_a_reason_that_does_not_show_them() {
        let ours = Address::repeat_byte(1);
        for (secret, word) in [(KEY, "0x7E5F"), ("not a key of anybody", "64 hex digits")] {
            let signer = signer(ours, "a", &[Ok(secret)]);
            after(&signer, Duration::from_secs(1)).await;
            let refused = signer.snapshot().signer;
            let reason = refused.reason.expect("a reason");
            assert_eq!(refused.state, SignerState::Refused);
            assert!(reason.contains(word) && !reason.contains(secret), "{reason}");
            assert!(matches!(sign(&signer).await, Err(SignerError::NoKey(_))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_secret_is_told_and_not_used() {
        let signer = signer(ADDRESS, "b", &[Ok(KEY)]);
        after(&signer, FIRST_LOOK * 2).await;
        let ready = signer.snapshot().signer;
        assert_eq!((ready.state, ready.newer_version.as_deref()), (SignerState::Ready, Some("b")));
        assert!(sign(&signer).await.is_ok());
    }
}
