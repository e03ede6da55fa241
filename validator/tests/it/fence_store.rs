//! The stores of the fence's record against what they are stores at: a swap is done by one, or by none.

use crate::{
    failover::api_server,
    support::{blobs::Blobs, leases::Leases},
};
use alloy_primitives::{Address, B256, Bytes};
use chain::config::{AzureConfig, FenceConfig, FenceStore};
use fence::{Evidence, Holder, HolderId, Name, Place, Record};
use std::sync::Arc;
use validator::lease::{Opening, Store, Swapped, open};

fn record(revision: u64, promise: usize) -> Record {
    Record {
        subject: B256::repeat_byte(1),
        revision,
        epoch: 1,
        beat: revision,
        holder: Holder { id: HolderId([7; 16]), name: Name::new("node-0").unwrap() },
        journal: B256::repeat_byte(2),
        place: Place { height: revision, round: 0, phase: 0 },
        digest: B256::repeat_byte(3),
        evidence: Evidence { promise: Bytes::from(vec![9; promise]), ..Evidence::default() },
        released: None,
        requested: None,
    }
}

/// What every store must do.
async fn is_a_store(store: Arc<dyn Store>) {
    assert_eq!(store.read().await.unwrap(), None);
    let Swapped::Won(first) = store.swap(None, &record(1, 0)).await.unwrap() else { panic!("not made") };
    assert_eq!(store.swap(None, &record(1, 0)).await.unwrap(), Swapped::Lost, "made twice");
    let found = store.read().await.unwrap().unwrap();
    assert_eq!(Record::decode(&found.bytes), Ok(record(1, 0)));
    // Of many at once, one.
    let swaps = (0..8).map(|_| {
        let (store, first) = (Arc::clone(&store), first.clone());
        tokio::spawn(async move { store.swap(Some(&first), &record(2, 0)).await.unwrap() })
    });
    let done = futures::future::join_all(swaps).await;
    let mut won: Vec<_> = done
        .into_iter()
        .filter_map(|swapped| match swapped.unwrap() {
            Swapped::Won(version) => Some(version),
            Swapped::Lost => None,
        })
        .collect();
    assert_eq!(won.len(), 1, "one version is replaced once");
    let second = won.remove(0);
    assert_eq!(store.swap(Some(&first), &record(3, 0)).await.unwrap(), Swapped::Lost, "an old version");
    // As long as one may be.
    let most = store.limit() - 1_024;
    assert!(matches!(store.swap(Some(&second), &record(3, most)).await.unwrap(), Swapped::Won(_)));
    let found = store.read().await.unwrap().unwrap();
    assert_eq!(Record::decode(&found.bytes), Ok(record(3, most)));
}

fn opened(store: FenceStore, azure: Option<&AzureConfig>) -> Arc<dyn Store> {
    let config =
        FenceConfig { store, holder: "node-0".into(), preferred: false, initialise: true, lease_ms: 6_000 };
    let opening = Opening {
        genesis_hash: B256::ZERO,
        identity: Address::ZERO,
        journal: B256::repeat_byte(2),
        recorded: false,
        of: 1,
    };
    let Ok(opened) = open(&config, azure, opening, |_| None) else { panic!("refused") };
    opened.store
}

#[tokio::test]
#[ignore = "needs an API server: make failover"]
async fn real_failover_store_in_a_lease() {
    is_a_store(opened(api_server("store"), None)).await;
}

#[tokio::test]
#[ignore = "needs Azurite: make failover"]
async fn real_failover_store_in_a_blob() {
    let blobs = Blobs::start().await;
    is_a_store(opened(blobs.store("bank-a/0x11"), Some(&blobs.azure))).await;
}

#[test]
fn a_lease_that_is_there_without_a_record_is_a_store_and_one_that_is_not_there_is_told() {
    let leases = Leases::start(&["there"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        is_a_store(opened(leases.store("there"), None)).await;
        let nowhere = opened(leases.store("nowhere"), None);
        assert_eq!(nowhere.read().await.unwrap(), None);
        let refused = nowhere.swap(None, &record(1, 0)).await.unwrap_err().to_string();
        assert!(refused.contains("which the operator makes"), "{refused}");
    });
}
