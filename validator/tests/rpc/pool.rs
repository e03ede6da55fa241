use crate::chain_of_one::{CONTRACT, Chain, Key, set};
use alloy_primitives::{B256, B512, TxKind};
use validator::pool::{Limits, Origin, Pool};

#[tokio::test(flavor = "multi_thread")]
async fn what_rpc_accepted_survives_a_crash_and_what_a_peer_sent_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (user, peer) = (Key::new("user"), Key::new("peer"));
    let (mined, kept) = {
        let chain = Chain::open(dir.path());
        let mined = chain.submit(user.dynamic(0, TxKind::Create, CONTRACT)).await;
        chain.next();
        let contract = TxKind::Call(user.address.create(0));
        let kept = [
            chain.submit(user.dynamic(1, contract, set(1))).await,
            chain.submit(user.legacy(2, contract, set(2))).await,
            // Behind a gap: accepted all the same.
            chain.submit(user.dynamic(9, contract, set(3))).await,
        ];
        let raw = peer.dynamic(0, contract, set(4));
        chain.pool.submit(raw, Origin::Peer(B512::ZERO)).await.unwrap();
        assert_eq!(chain.pool.stats().pending, 3);
        (mined, kept)
    };
    // The ledger lock is released with its last handle; nothing of the pool was flushed on the way out.
    let chain = Chain::open(dir.path());
    assert!(!chain.pool.contains(&mined));
    for hash in kept {
        assert!(chain.pool.contains(&hash));
    }
    let stats = chain.pool.stats();
    assert_eq!((stats.pending, stats.queued, stats.local), (2, 1, 3));
    let offered: Vec<_> = chain.pool.best().map(|tx| tx.hash).collect();
    assert_eq!(offered, kept[..2]);
    let block = chain.next();
    assert_eq!(block.transaction_hashes[..], kept[..2]);
    assert_eq!(chain.pool.stats().queued, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_transactions_are_announced_once_they_are_durable() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let mut accepted = chain.pool.subscribe_accepted();
    let user = Key::new("user");
    let raw = user.dynamic(0, TxKind::Create, CONTRACT);
    let hash = chain.submit(raw.clone()).await;
    let announced = accepted.recv().await.unwrap();
    assert_eq!((announced.recovered.hash, &announced.raw), (hash, &raw));
    assert_eq!(announced.recovered.sender, user.address);
    let again = chain.pool.submit(raw, Origin::Peer(B512::ZERO)).await.unwrap_err();
    assert_eq!(again.to_string(), "already known");
    assert!(accepted.try_recv().is_err());
    assert_eq!(chain.pool.known_senders().senders(&[hash, B256::ZERO]), [Some(user.address), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_submissions_at_once_are_all_durable() {
    let dir = tempfile::tempdir().unwrap();
    let senders: Vec<Key> = (0..8).map(|n| Key::new(&format!("sender {n}"))).collect();
    {
        let chain = Chain::open(dir.path());
        let submissions = senders.iter().flat_map(|key| {
            let pool = &chain.pool;
            (0..8).map(move |nonce| {
                pool.submit(
                    key.dynamic(nonce, TxKind::Call(key.address), []),
                    Origin::Rpc([127, 0, 0, 1].into()),
                )
            })
        });
        for result in futures::future::join_all(submissions).await {
            result.unwrap();
        }
    }
    let chain = Chain::open(dir.path());
    assert_eq!(chain.pool.stats().pending, 64);
    assert_eq!(chain.next().transaction_hashes.len(), 64);
    assert_eq!(chain.pool.stats().pending, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_stays_small_while_no_block_comes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let user = Key::new("user");
    // Ten MiB pass through; what leaves the pool leaves the file, without any block.
    for nonce in 0..256 {
        let raw = user.dynamic(nonce, TxKind::Call(user.address), vec![0; 40_000]);
        let hash = chain.submit(raw).await;
        chain.pool.discard(&hash);
    }
    let size = std::fs::metadata(dir.path().join("pool/pool.journal")).unwrap().len();
    assert!(size < 5 << 20, "{size} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_send_much_do_not_keep_clients_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = Limits { concurrent_peer_admissions: 0, ..Limits::default() };
    let pool = Pool::open(&dir.path().join("other"), chain.ledger.clone(), limits).unwrap();
    let (user, stranger) = (Key::new("user"), Key::new("stranger"));
    let from_peer = pool.submit(stranger.dynamic(0, TxKind::Create, CONTRACT), Origin::Peer(B512::ZERO));
    // Peers' admissions are all taken, for ever; a client's is not.
    let client = pool.submit(user.dynamic(0, TxKind::Create, CONTRACT), Origin::Rpc([127, 0, 0, 1].into()));
    tokio::select! {
        biased;
        _ = from_peer => panic!("there is no place for it"),
        accepted = client => { accepted.unwrap(); }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_sent_first_survives_a_crash_once_a_client_sent_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let user = Key::new("user");
    let raw = user.dynamic(0, TxKind::Create, CONTRACT);
    let hash = {
        let chain = Chain::open(dir.path());
        let hash = chain.pool.submit(raw.clone(), Origin::Peer(B512::ZERO)).await.unwrap();
        let known = chain.pool.submit(raw, Origin::Rpc([127, 0, 0, 1].into())).await.unwrap_err();
        assert_eq!(known.to_string(), "already known");
        hash
    };
    assert!(Chain::open(dir.path()).pool.contains(&hash));
}
