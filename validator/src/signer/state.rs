//! How a signer stands, for status and metrics. Nothing in here is secret.

use super::Circuit;
use chain::status::{Signer, SignerHome, SignerState};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// A moment of a signer's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the status document says.
    pub signer: Signer,
    /// Whether the vault is asked.
    pub circuit: Circuit,
    /// Signatures asked of the vault since the start, each attempt, by outcome.
    pub requests: Vec<(&'static str, u64)>,
}

impl Snapshot {
    /// A key in memory.
    pub(super) fn local() -> Self {
        Self { signer: standing(SignerHome::File), circuit: Circuit::Closed, requests: Vec::new() }
    }

    /// Whether a signature may come.
    #[must_use]
    pub fn has_key(&self) -> bool {
        matches!(self.signer.state, SignerState::Ready | SignerState::Failing)
    }
}

fn standing(home: SignerHome) -> Signer {
    Signer { home, state: SignerState::Ready, reason: None, newer_version: None }
}

/// What is told of a signer whose key is in a vault.
pub(super) struct Told {
    signer: Mutex<Signer>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
}

impl Told {
    /// Nothing has been asked yet.
    pub(super) fn waiting(home: SignerHome) -> Self {
        let reason = Some("the vault has not answered yet".to_owned());
        let signer = Signer { state: SignerState::Waiting, reason, ..standing(home) };
        Self { signer: Mutex::new(signer), requests: Mutex::default() }
    }

    /// Notes how it stands; whether that is news.
    pub(super) fn says(&self, state: SignerState, reason: Option<String>) -> bool {
        let mut signer = self.signer.lock();
        let is_news = signer.state != state;
        (signer.state, signer.reason) = (state, reason);
        is_news
    }

    /// Notes the vault's newest version.
    pub(super) fn newest(&self, newest: &str, pinned: &str) {
        let newer = (newest != pinned).then(|| newest.to_owned());
        let mut signer = self.signer.lock();
        if newer.is_some() && signer.newer_version != newer {
            tracing::warn!(newest, pinned, "the vault has a newer version; the pinned one stays in use");
        }
        signer.newer_version = newer;
    }

    pub(super) fn count(&self, outcome: &'static str) {
        *self.requests.lock().entry(outcome).or_default() += 1;
    }

    pub(super) fn reason(&self) -> String {
        self.signer.lock().reason.clone().unwrap_or_default()
    }

    pub(super) fn snapshot(&self, circuit: Circuit) -> Snapshot {
        let requests = self.requests.lock().iter().map(|(outcome, count)| (*outcome, *count)).collect();
        Snapshot { signer: self.signer.lock().clone(), circuit, requests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_told_until_it_is_the_one_in_use() {
        let told = Told::waiting(SignerHome::AzureKeyVaultKey);
        told.newest("b", "a");
        assert_eq!(told.snapshot(Circuit::Closed).signer.newer_version.as_deref(), Some("b"));
        told.newest("a", "a");
        assert_eq!(told.snapshot(Circuit::Closed).signer.newer_version, None);
    }

    #[test]
    fn who_waits_for_a_key_or_refused_one_has_none() {
        let told = Told::waiting(SignerHome::AzureKeyVaultSecret);
        for (state, has) in [
            (SignerState::Waiting, false),
            (SignerState::Ready, true),
            (SignerState::Failing, true),
            (SignerState::Refused, false),
        ] {
            told.says(state, None);
            assert_eq!(told.snapshot(Circuit::Closed).has_key(), has, "{state:?}");
        }
    }
}
