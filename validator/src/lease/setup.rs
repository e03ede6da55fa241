//! From a configuration to a fence and its store.

use super::{BlobRecord, KubernetesLease, LeaseObject, Store};
use alloy_primitives::{Address, B256, keccak256};
use azure_access::{
    AzureError, BlobContainer, Https, Identity, Limits, Url, WorkloadIdentity,
    hosts::{STORAGE, may_have_tokens},
    trust,
};
use chain::config::{AzureConfig, FenceConfig, FenceStore};
use fence::{Config, Fence, Holder, HolderId, Journaled, Lease, Name, NameError};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// What a store may take. A vote whose swap takes longer is of no use to its height.
const LIMITS: Limits =
    Limits { connections: 4, answer_bytes: 4 << 20, deadline: Duration::from_millis(1_500) };
/// Reads a second that a spare of many identities may cost its stores together.
const READS: u64 = 32;
/// A lease shorter than this would change hands with every slow answer.
const LEAST_LEASE_MS: u64 = 1_000;

/// Why there is no fence. Every message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum FenceSetupError {
    /// No name.
    #[error("identity.fence.holder: {0}")]
    Holder(#[from] NameError),
    /// No time at all.
    #[error("identity.fence.leaseMs is {got}, at least {LEAST_LEASE_MS} is needed")]
    Lease {
        /// Configured.
        got: u64,
    },
    /// The file with authorities cannot be read.
    #[error("identity.fence.store.kubernetesLease.caFile {path}: {why}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Reason.
        why: String,
    },
    /// The bundle is none.
    #[error("azure.caBundle {0}")]
    Bundle(String),
    /// Nobody to be at Azure.
    #[error(
        "identity.fence.store names a blob, and azure is missing: name tenantId, clientId and tokenFile of the workload identity"
    )]
    NoIdentity,
    /// Not a place for tokens.
    #[error(
        "identity.fence.store.azureBlob.containerUrl {url} is no https address at Azure's storage; elsewhere azure.caBundle must name who vouches for it"
    )]
    Container {
        /// Configured.
        url: String,
    },
    /// Azure's client does not take it.
    #[error("identity.fence.store.azureBlob: {0}")]
    Azure(#[from] AzureError),
    /// TLS cannot be set up.
    #[error("tls: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A fence and where its record is.
pub struct Opened {
    /// The identity.
    pub identity: Address,
    /// Decides.
    pub fence: Fence,
    /// Keeps.
    pub store: Arc<dyn Store>,
    /// Longest time for a read.
    pub read_within: Duration,
}

/// Which chain, which identity, with which journal.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// The identity.
    pub identity: Address,
    /// Id of this node's journal.
    pub journal: B256,
    /// Whether that journal knows that the identity has had a record.
    pub recorded: bool,
    /// How many identities this node has or stands by for.
    pub of: usize,
}

/// Reads files; asks no store yet. `journaled` tells the journal's newest vote for a store that takes records of so many bytes.
pub fn open(
    config: &FenceConfig,
    azure: Option<&AzureConfig>,
    opening: Opening,
    journaled: impl FnOnce(usize) -> Option<Journaled>,
) -> Result<Opened, FenceSetupError> {
    let lease_ms = config.lease_ms;
    if lease_ms < LEAST_LEASE_MS {
        return Err(FenceSetupError::Lease { got: lease_ms });
    }
    let store = store(config, azure)?;
    let name = Name::new(config.holder.as_str())?;
    let fence = Fence::new(Config {
        subject: subject(opening.genesis_hash, opening.identity),
        // A copy of this disk, or this manifest elsewhere, is another holder.
        me: Holder { id: HolderId(rand::random()), name },
        is_preferred: config.preferred,
        journal: opening.journal,
        journaled: journaled(store.limit()),
        // The operator may not have heard yet that there is a record; the disk has.
        initialise: config.initialise && !opening.recorded,
        limit: store.limit(),
        lease: Lease {
            lease_ms,
            restart_ms: lease_ms / 2,
            renew_ms: lease_ms / 4,
            poll_ms: (lease_ms / 12).clamp(100, 500).max(opening.of as u64 * 1_000 / READS),
            retry_ms: 250,
        },
    });
    let read_within = Duration::from_millis(lease_ms / 4).min(LIMITS.deadline);
    Ok(Opened { identity: opening.identity, fence, store, read_within })
}

/// One record is of one identity on one chain.
fn subject(genesis_hash: B256, identity: Address) -> B256 {
    let mut text = b"quorate fence 1".to_vec();
    text.extend_from_slice(genesis_hash.as_slice());
    text.extend_from_slice(identity.as_slice());
    keccak256(text)
}

fn store(config: &FenceConfig, azure: Option<&AzureConfig>) -> Result<Arc<dyn Store>, FenceSetupError> {
    Ok(match &config.store {
        FenceStore::KubernetesLease { server, namespace, name, token_file, ca_file } => {
            let path = PathBuf::from(ca_file);
            let refused = |why| FenceSetupError::Authorities { path: path.clone(), why };
            let pem = std::fs::read(&path).map_err(|error| refused(error.to_string()))?;
            let https = Https::new(trust::bundle(&pem).map_err(refused)?, LIMITS)?;
            let object = LeaseObject {
                server: server.trim_end_matches('/').to_owned(),
                namespace: namespace.clone(),
                name: name.clone(),
                token_file: token_file.into(),
                lease_ms: config.lease_ms,
            };
            Arc::new(KubernetesLease::new(https, object))
        }
        FenceStore::AzureBlob { container_url, blob } => {
            let azure = azure.ok_or(FenceSetupError::NoIdentity)?;
            Arc::new(BlobRecord::new(container(container_url, azure)?, blob.clone()))
        }
    })
}

fn container(container_url: &str, azure: &AzureConfig) -> Result<BlobContainer, FenceSetupError> {
    let bundle = azure.ca_bundle.as_ref().map(|pem| trust::bundle(pem.as_bytes()));
    let roots = bundle.transpose().map_err(FenceSetupError::Bundle)?;
    let refused = || FenceSetupError::Container { url: container_url.chars().take(200).collect() };
    let url: Url = container_url.parse().map_err(|_| refused())?;
    let host = url.host_str().unwrap_or_default();
    // Whoever writes this file names the authorities too: with a bundle of its own it says whom it trusts.
    let is_host = may_have_tokens(STORAGE, host) || roots.is_some();
    if url.scheme() != "https" || url.query().is_some() || !is_host {
        return Err(refused());
    }
    let https = Https::new(roots.unwrap_or_else(trust::public), LIMITS)?;
    let of = WorkloadIdentity {
        tenant_id: azure.tenant_id.clone(),
        client_id: azure.client_id.clone(),
        token_file: azure.token_file.clone().into(),
        authority_host: azure.authority_host.clone(),
    };
    Ok(BlobContainer::new(url, Some(&Identity::workload(of, &https)), &https)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(store: FenceStore) -> FenceConfig {
        FenceConfig { store, holder: "bank-a-0".into(), preferred: false, initialise: true, lease_ms: 6_000 }
    }

    fn blob(url: &str) -> FenceConfig {
        config(FenceStore::AzureBlob { container_url: url.into(), blob: "bank-a-0".into() })
    }

    fn azure(ca_bundle: Option<&str>) -> AzureConfig {
        AzureConfig {
            tenant_id: "00000000-0000-0000-0000-000000000001".into(),
            client_id: "client".into(),
            token_file: "/nowhere/token".into(),
            authority_host: None,
            ca_bundle: ca_bundle.map(str::to_owned),
        }
    }

    fn opening() -> Opening {
        Opening {
            genesis_hash: B256::repeat_byte(1),
            identity: Address::repeat_byte(2),
            journal: B256::repeat_byte(3),
            recorded: false,
            of: 1,
        }
    }

    fn opened(config: &FenceConfig, azure: Option<&AzureConfig>) -> Result<Opened, FenceSetupError> {
        open(config, azure, opening(), |_| None)
    }

    #[test]
    fn an_identity_whose_journal_knows_of_a_record_is_not_given_a_first_one() {
        let config = blob("https://bank.blob.core.windows.net/fence");
        for recorded in [false, true] {
            let opening = Opening { recorded, ..opening() };
            let Ok(Opened { mut fence, .. }) = open(&config, Some(&azure(None)), opening, |_| None) else {
                panic!("refused")
            };
            let asked = fence.step(fence::Input::Ready(true), 0);
            let [fence::Output::Read { ticket }] = asked[..] else { panic!("{asked:?}") };
            let answer = fence::ReadAnswer::Missing;
            let next = fence.step(fence::Input::Read { ticket, answer }, 0);
            let is_made = matches!(next[..], [fence::Output::Swap { expected: None, .. }]);
            assert_eq!(is_made, !recorded, "{next:?}");
            assert_eq!(fence.stop().map(fence::Stop::label), recorded.then_some("record_missing"));
        }
    }

    #[test]
    fn a_fence_is_made_without_asking_anybody() {
        let Ok(opened) = opened(&blob("https://bank.blob.core.windows.net/fence"), Some(&azure(None))) else {
            panic!("refused")
        };
        assert_eq!(opened.fence.role(), fence::Role::Standby);
        assert_eq!(opened.store.limit(), 3 * 1024 * 1024);
    }

    #[test]
    fn a_spare_of_many_reads_no_more_often_together_and_short_leases_no_later() {
        let azure = azure(None);
        let poll = |of: usize, lease_ms: u64| {
            let config = FenceConfig { lease_ms, ..blob("https://bank.blob.core.windows.net/fence") };
            let opening = Opening { of, ..opening() };
            let Ok(opened) = open(&config, Some(&azure), opening, |_| None) else { panic!("refused") };
            (opened.fence.lease().poll_ms, opened.read_within)
        };
        assert_eq!(poll(1, 6_000), (500, Duration::from_millis(1_500)));
        assert_eq!(poll(1, 2_000), (166, Duration::from_millis(500)));
        assert_eq!(poll(64, 2_000).0, 2_000);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_the_field() {
        let refused = |config: &FenceConfig, azure: Option<AzureConfig>| {
            opened(config, azure.as_ref()).err().expect("refused").to_string()
        };
        let ours = "https://bank.blob.core.windows.net/fence";
        assert!(refused(&blob(ours), None).contains("azure is missing"));
        assert!(refused(&blob(ours), Some(azure(Some("no PEM")))).contains("azure.caBundle holds no"));
        for url in [
            "http://bank.blob.core.windows.net/fence",
            "https://bank.blob.core.windows.net/fence?sig=secret",
            "https://evil.example.com/fence",
            "fence",
        ] {
            assert!(refused(&blob(url), Some(azure(None))).contains("containerUrl"), "{url}");
        }
        let nameless = FenceConfig { holder: String::new(), ..blob(ours) };
        assert!(refused(&nameless, Some(azure(None))).contains("identity.fence.holder"));
        let hasty = FenceConfig { lease_ms: 10, ..blob(ours) };
        assert!(refused(&hasty, Some(azure(None))).contains("leaseMs is 10"));
        let lease = config(FenceStore::KubernetesLease {
            server: "https://127.0.0.1:6443".into(),
            namespace: "bank-a".into(),
            name: "bank-a-0".into(),
            token_file: "/nowhere/token".into(),
            ca_file: "/nowhere/ca.crt".into(),
        });
        assert!(refused(&lease, None).contains("caFile /nowhere/ca.crt"));
    }

    #[test]
    fn a_record_is_of_one_identity_on_one_chain() {
        let of = |chain, identity| subject(B256::repeat_byte(chain), Address::repeat_byte(identity));
        assert_ne!(of(1, 1), of(1, 2));
        assert_ne!(of(1, 1), of(2, 1));
        assert_eq!(of(1, 1), of(1, 1));
    }
}
