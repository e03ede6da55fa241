use super::*;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{B512, Bytes, Signature, TxKind};
use ledger::Recovered;

const RICH: Sender = Sender { nonce: 0, balance: U256::MAX };

fn address(n: u8) -> Address {
    Address::with_last_byte(n)
}

fn peer(n: u8) -> Origin {
    Origin::Peer(B512::with_last_byte(n))
}

fn transaction(sender: u8, nonce: u64, price: u128, origin: Origin) -> Arc<Pooled> {
    let tx = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price,
        to: TxKind::Call(address(sender)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let tx = TxEnvelope::from(tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)));
    let recovered = Recovered { hash: *tx.tx_hash(), tx: Arc::new(tx), sender: address(sender) };
    Arc::new(Pooled { recovered, raw: Bytes::from(vec![0; 100]), origin })
}

use alloy_consensus::TxEnvelope;

fn order(core: &Core) -> Vec<(u8, u64)> {
    core.best().map(|p| (p.recovered.sender[19], p.recovered.tx.nonce())).collect()
}

fn filled(limits: Limits, rows: &[(u8, u64, u8)]) -> Core {
    let mut core = Core::new(limits);
    for (sender, nonce, source) in rows {
        core.insert(transaction(*sender, *nonce, 0, peer(*source)), RICH, 0).unwrap();
    }
    core
}

#[test]
fn nonces_are_offered_in_order_and_only_without_a_gap() {
    let core = filled(Limits::default(), &[(1, 2, 1), (1, 0, 1), (1, 1, 1), (2, 1, 1)]);
    assert_eq!(order(&core), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(core.stats(), Stats { pending: 3, queued: 1, bytes: 400, ..Stats::default() });
    assert_eq!(core.pending_nonce(&address(1)), Some(3));
    assert_eq!(core.pending_nonce(&address(2)), Some(0));
}

#[test]
fn what_waits_of_one_sender_is_that_senders_row_and_a_stranger_has_none() {
    let core = filled(Limits::default(), &[(1, 5, 1), (1, 1, 1), (1, 0, 2), (2, 3, 2), (3, 0, 1)]);
    let nonces = |list: &[Arc<Pooled>]| -> Vec<(u8, u64)> {
        list.iter().map(|p| (p.recovered.sender[19], p.recovered.tx.nonce())).collect()
    };
    let row =
        |sender: u8| core.content_from(&address(sender)).map(|c| (nonces(&c.pending), nonces(&c.queued)));
    assert_eq!(row(1), Some((vec![(1, 0), (1, 1)], vec![(1, 5)])));
    assert_eq!(row(2), Some((vec![], vec![(2, 3)])));
    assert_eq!(row(3), Some((vec![(3, 0)], vec![])));
    assert_eq!(row(4), None);
}

#[test]
fn senders_of_one_source_take_turns_oldest_first() {
    let core = filled(Limits::default(), &[(1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 0, 1), (2, 1, 1), (3, 0, 1)]);
    assert_eq!(order(&core), [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2)]);
}

#[test]
fn a_source_with_many_fresh_senders_gets_no_more_turns_than_one_with_a_single_sender() {
    let mut rows: Vec<(u8, u64, u8)> = (10..30).map(|sender| (sender, 0, 1)).collect();
    rows.extend([(1, 0, 2), (1, 1, 2), (1, 2, 2)]);
    let core = filled(Limits::default(), &rows);
    let first: Vec<u8> = order(&core).into_iter().take(6).map(|(sender, _)| sender).collect();
    assert_eq!(first, [10, 1, 11, 1, 12, 1]);
}

#[test]
fn refusals_name_their_reason_and_change_nothing() {
    let limits = Limits {
        transactions: 6,
        per_sender: 3,
        gapped_per_sender: 1,
        per_source: 4,
        per_peer: 4,
        bytes: 550,
        local_share: 0,
        ..Limits::default()
    };
    let state = Sender { nonce: 5, balance: U256::from(4) };
    let mut core = Core::new(limits);
    core.insert(transaction(1, 5, 0, peer(1)), state, 0).unwrap();
    core.insert(transaction(1, 7, 0, peer(1)), state, 0).unwrap();
    let table = [
        (transaction(1, 5, 0, peer(2)), "already known"),
        (transaction(1, 4, 0, peer(1)), "nonce too low: next nonce 5, tx nonce 4"),
        (
            transaction(1, 6, 1, peer(1)),
            "insufficient funds for gas * price + value: balance 4, tx cost 21001, overshot 20997",
        ),
        (transaction(1, 8, 0, peer(1)), "account limit exceeded: sender has 1 transactions waiting, limit 1"),
    ];
    for (tx, want) in table {
        let before = core.stats();
        assert_eq!(core.insert(tx, state, 0).unwrap_err().to_string(), want);
        assert_eq!(core.stats(), before, "{want}");
    }
    core.insert(transaction(1, 6, 0, peer(1)), state, 0).unwrap();
    let full = core.insert(transaction(1, 8, 0, peer(1)), state, 0).unwrap_err();
    assert_eq!(full.to_string(), "account limit exceeded: sender has 3 transactions waiting, limit 3");
    core.insert(transaction(2, 0, 0, peer(1)), RICH, 0).unwrap();
    let source = core.insert(transaction(3, 0, 0, peer(1)), RICH, 0).unwrap_err();
    assert_eq!(source.to_string(), "txpool is full: this client has 4 transactions waiting, limit 4");
    core.insert(transaction(3, 0, 0, peer(2)), RICH, 0).unwrap();
    assert_eq!(
        core.insert(transaction(4, 0, 0, peer(3)), RICH, 0).unwrap_err().to_string(),
        "txpool is full",
        "by bytes"
    );
}

#[test]
fn a_sender_must_afford_everything_it_has_waiting() {
    let state = Sender { nonce: 0, balance: U256::from(2) };
    let mut core = Core::new(Limits::default());
    core.insert(transaction(1, 0, 0, peer(1)), state, 0).unwrap();
    core.insert(transaction(1, 1, 0, peer(1)), state, 0).unwrap();
    let error = core.insert(transaction(1, 2, 0, peer(1)), state, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "insufficient funds for gas * price + value: balance 2, queued cost 2, tx cost 1, overshot 1"
    );
}

#[test]
fn a_replacement_must_raise_both_fee_caps_by_a_tenth() {
    let table =
        [(0, 0, false), (0, 1, true), (100, 100, false), (100, 109, false), (100, 110, true), (1, 2, true)];
    for (old, new, accepted) in table {
        let mut core = Core::new(Limits::default());
        let first = transaction(1, 0, old, peer(1));
        core.insert(Arc::clone(&first), RICH, 0).unwrap();
        // Equal prices would be the same transaction: another source of difference is needed.
        let mut second = transaction(1, 0, new, peer(1));
        if old == new {
            let tx = TxEip1559 {
                chain_id: 2,
                max_fee_per_gas: new,
                max_priority_fee_per_gas: new,
                ..TxEip1559::default()
            };
            let tx = TxEnvelope::from(tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)));
            let recovered = Recovered { hash: *tx.tx_hash(), tx: Arc::new(tx), sender: address(1) };
            second = Arc::new(Pooled { recovered, ..Pooled::clone(&second) });
        }
        let result = core.insert(Arc::clone(&second), RICH, 0);
        assert_eq!(result.is_ok(), accepted, "{old} -> {new}");
        assert_eq!(core.stats().pending, 1);
        assert_eq!(core.get(&first.recovered.hash).is_some(), !accepted);
        if let Err(error) = result {
            assert_eq!(error.to_string(), "replacement transaction underpriced");
        }
    }
}

#[test]
fn a_new_head_takes_out_mined_stale_and_unaffordable_transactions() {
    let mut core = filled(Limits::default(), &[(1, 0, 1), (1, 1, 1), (1, 2, 1), (2, 0, 1), (3, 0, 1)]);
    let mined = transaction(1, 0, 0, peer(1)).recovered.hash;
    let poor = Sender { nonce: 0, balance: U256::ZERO };
    core.on_new_head(&[mined], &[(address(1), Sender { nonce: 2, ..RICH }), (address(3), poor)]);
    assert_eq!(order(&core), [(1, 2), (2, 0)]);
    assert_eq!(core.pending_nonce(&address(3)), None);
    assert_eq!(core.stats(), Stats { pending: 2, queued: 0, bytes: 200, ..Stats::default() });
}

#[test]
fn only_gapped_transactions_expire_and_local_ones_later() {
    let limits = Limits { gapped_life_s: 10, gapped_life_local_s: 20, ..Limits::default() };
    let mut core = Core::new(limits);
    let client = Origin::Rpc([127, 0, 0, 1].into());
    core.insert(transaction(1, 0, 0, peer(1)), RICH, 0).unwrap();
    core.insert(transaction(2, 1, 0, peer(1)), RICH, 0).unwrap();
    core.insert(transaction(3, 1, 0, client), RICH, 0).unwrap();
    core.expire(11);
    assert_eq!(core.stats(), Stats { pending: 1, queued: 1, bytes: 200, local: 1, local_bytes: 100 });
    core.expire(21);
    assert_eq!(core.stats(), Stats { pending: 1, queued: 0, bytes: 100, ..Stats::default() });
}

#[test]
fn journalled_transactions_come_back_whatever_the_limits_per_sender_and_source() {
    let limits = Limits { per_sender: 1, gapped_per_sender: 0, per_source: 1, ..Limits::default() };
    let mut core = Core::new(limits);
    for nonce in [2, 1, 0] {
        core.insert(transaction(1, nonce, 0, Origin::Journal), RICH, 0).unwrap();
    }
    assert_eq!(order(&core), [(1, 0), (1, 1), (1, 2)]);
}

fn client(n: u8) -> Origin {
    Origin::Rpc([127, 0, 0, n].into())
}

fn sized(bytes: usize, pooled: &Arc<Pooled>) -> Arc<Pooled> {
    Arc::new(Pooled { raw: Bytes::from(vec![0; bytes]), ..Pooled::clone(pooled) })
}

#[test]
fn a_replacement_must_find_room_for_its_bytes_and_with_its_source() {
    let limits = Limits { bytes: 1000, per_source: 2, local_share: 0, ..Limits::default() };
    let mut core = Core::new(limits);
    core.insert(transaction(1, 0, 10, client(1)), RICH, 0).unwrap();
    core.insert(transaction(2, 0, 10, client(2)), RICH, 0).unwrap();
    core.insert(transaction(3, 0, 10, client(2)), RICH, 0).unwrap();
    let before = core.stats();
    let large = sized(801, &transaction(1, 0, 20, client(1)));
    assert_eq!(core.insert(large, RICH, 0).unwrap_err().to_string(), "txpool is full");
    let moved = core.insert(transaction(1, 0, 20, client(2)), RICH, 0).unwrap_err().to_string();
    assert!(moved.contains("this client has 2"), "{moved}");
    assert_eq!(core.stats(), before);
    core.insert(transaction(2, 0, 20, client(2)), RICH, 0).unwrap();
    core.insert(sized(800, &transaction(1, 0, 20, client(1))), RICH, 0).unwrap();
    assert_eq!(core.stats().bytes, 1000);
}

#[test]
fn peers_leave_a_share_of_places_and_bytes_to_submissions() {
    for limits in [
        Limits { transactions: 4, local_share: 4, ..Limits::default() },
        Limits { bytes: 400, local_share: 4, ..Limits::default() },
    ] {
        let mut core = filled(limits, &[(1, 0, 1), (2, 0, 1), (3, 0, 2)]);
        let refused = core.insert(transaction(4, 0, 0, peer(3)), RICH, 0).unwrap_err();
        assert_eq!(refused.to_string(), "txpool is full");
        core.insert(transaction(5, 0, 0, client(1)), RICH, 0).unwrap();
        assert_eq!(
            core.insert(transaction(6, 0, 0, client(1)), RICH, 0).unwrap_err().to_string(),
            "txpool is full"
        );
    }
}

#[test]
fn gapped_transactions_of_peers_have_a_cap_of_their_own() {
    let limits = Limits { gapped_peers: 2, ..Limits::default() };
    let mut core = filled(limits, &[(1, 1, 1), (2, 1, 2)]);
    assert_eq!(
        core.insert(transaction(3, 1, 0, peer(3)), RICH, 0).unwrap_err().to_string(),
        "txpool is full for transactions that wait for an earlier nonce: next nonce 0, tx nonce 1; send 0 first"
    );
    core.insert(transaction(3, 1, 0, client(1)), RICH, 0).unwrap();
    core.insert(transaction(4, 0, 0, peer(3)), RICH, 0).unwrap();
    // The gap closes, and so there is room for another one.
    core.insert(transaction(1, 0, 0, peer(1)), RICH, 0).unwrap();
    core.insert(transaction(5, 1, 0, peer(3)), RICH, 0).unwrap();
    core.on_new_head(&[], &[(address(2), Sender { nonce: 2, ..RICH })]);
    core.insert(transaction(6, 1, 0, peer(3)), RICH, 0).unwrap();
}

#[test]
fn a_submitted_transaction_stays_when_its_sender_cannot_pay_now() {
    let poor = Sender { nonce: 0, balance: U256::ZERO };
    let mut core = Core::new(Limits::default());
    core.insert(transaction(1, 0, 5, client(1)), RICH, 0).unwrap();
    core.insert(transaction(2, 0, 5, Origin::Journal), poor, 0).unwrap();
    core.on_new_head(&[], &[(address(1), poor), (address(2), poor)]);
    assert_eq!(core.stats().pending, 2);
    core.on_new_head(&[], &[(address(1), Sender { nonce: 1, ..poor })]);
    assert_eq!(order(&core), [(2, 0)], "a used nonce can never come in");
}

#[test]
fn peers_are_told_again_of_submissions_that_still_wait_the_longest_untold_first() {
    let mut core = Core::new(Limits::default());
    let rows = [(1, 0, client(1)), (2, 0, client(1)), (3, 0, client(1)), (4, 0, peer(1)), (5, 7, client(1))];
    for (sender, nonce, origin) in rows {
        let entered = transaction(sender, nonce, 0, origin);
        core.insert(Arc::clone(&entered), RICH, 0).unwrap();
        told(&mut core, &[entered], u64::MAX);
    }
    let told = |core: &mut Core| -> Vec<u8> {
        core.untold(3, 2, u64::MAX).iter().map(|pooled| pooled.recovered.sender[19]).collect()
    };
    core.on_new_head(&[], &[]);
    core.on_new_head(&[], &[]);
    assert_eq!(told(&mut core), [0; 0]);
    core.on_new_head(&[], &[]);
    assert_eq!(told(&mut core), [1, 2]);
    assert_eq!(told(&mut core), [3]);
    core.on_new_head(&[], &[]);
    assert_eq!(told(&mut core), [0; 0]);
}

#[test]
fn a_transaction_of_a_peer_is_booked_as_submitted_once_a_client_sends_it_too() {
    let mut core = filled(Limits::default(), &[(1, 0, 1), (2, 3, 1)]);
    let hashes =
        [(1, 0), (2, 3)].map(|(sender, nonce)| transaction(sender, nonce, 0, peer(1)).recovered.hash);
    for hash in hashes {
        assert!(core.adopt(&hash, client(1)));
        assert!(!core.adopt(&hash, client(2)), "it is one already");
    }
    assert!(!core.adopt(&B256::ZERO, client(1)));
    assert_eq!(core.stats(), Stats { pending: 1, queued: 1, bytes: 200, local: 2, local_bytes: 200 });
    assert_eq!((core.gapped.side(false).count, core.held.sources()), (0, 1));
    core.on_new_head(&hashes, &[]);
    assert_eq!(core.stats(), Stats::default());
}

#[test]
fn a_flood_through_one_peer_leaves_room_for_what_comes_through_another() {
    let limits = Limits { transactions: 12, per_peer: 6, local_share: 4, ..Limits::default() };
    let mut core = Core::new(limits);
    let taken = (10..40).filter(|sender| core.insert(transaction(*sender, 0, 0, peer(1)), RICH, 0).is_ok());
    assert_eq!(taken.count(), 6);
    for sender in 1..=3 {
        core.insert(transaction(sender, 0, 0, peer(2)), RICH, 0).unwrap();
    }
    core.insert(transaction(4, 0, 0, client(1)), RICH, 0).unwrap();
    let first: Vec<u8> = order(&core).into_iter().take(6).map(|(sender, _)| sender).collect();
    assert_eq!(first, [10, 1, 4, 11, 2, 12], "sources take turns");
}

#[test]
fn offered_many_times_what_it_holds_the_pool_refuses_unseen_and_every_block_is_full() {
    const BLOCK: usize = 10;
    let limits = Limits { transactions: 30, per_source: 30, ..Limits::default() };
    let mut core = Core::new(limits);
    let mut next = [0_u64; 60];
    for _ in 0..50 {
        // Far more than a block takes, by senders that go on with the nonce that was refused.
        for sender in 0..60_u8 {
            let offered = transaction(sender, next[usize::from(sender)], 0, client(sender % 2));
            let unseen = core.refuses_unseen(&offered.recovered.hash, 100, offered.origin);
            let state = Sender { nonce: next[usize::from(sender)], ..RICH };
            let outcome = core.insert(offered, state, 0);
            assert_eq!(
                unseen.is_some(),
                outcome.is_err(),
                "what is refused is refused before it costs anything"
            );
            next[usize::from(sender)] += u64::from(outcome.is_ok());
        }
        let mined: Vec<_> = core.best().take(BLOCK).collect();
        assert_eq!(mined.len(), BLOCK);
        let hashes: Vec<B256> = mined.iter().map(|pooled| pooled.recovered.hash).collect();
        let after = |pooled: &Arc<Pooled>| {
            let nonce = pooled.recovered.tx.nonce() + 1;
            (pooled.recovered.sender, Sender { nonce, ..RICH })
        };
        core.on_new_head(&hashes, &mined.iter().map(after).collect::<Vec<_>>());
    }
    let taken: Vec<u64> = next.to_vec();
    assert!(taken.iter().sum::<u64>() >= 50 * BLOCK as u64, "{taken:?}");
}

#[test]
fn a_second_look_offers_only_senders_of_whom_something_came() {
    let mut core = filled(Limits::default(), &[(1, 0, 1), (2, 1, 1)]);
    let looked = core.arrivals();
    assert_eq!(core.best_since(looked, u64::MAX).count(), 0);
    core.insert(transaction(2, 0, 0, peer(1)), RICH, 0).unwrap();
    let offered: Vec<_> =
        core.best_since(looked, u64::MAX).map(|p| (p.recovered.sender[19], p.recovered.tx.nonce())).collect();
    assert_eq!(offered, [(2, 0), (2, 1)], "what waited for it too");
}

#[test]
fn what_was_submitted_here_a_moment_ago_is_left_out_with_what_follows_it_and_other_senders_are_not() {
    let mut core = filled(Limits::default(), &[(1, 0, 1), (2, 0, 1)]);
    core.insert(transaction(4, 0, 0, client(1)), RICH, 0).unwrap();
    let settled = core.arrivals();
    for (sender, nonce, origin) in [(3, 0, client(1)), (1, 1, client(1)), (1, 2, peer(1)), (2, 1, peer(1))] {
        core.insert(transaction(sender, nonce, 0, origin), RICH, 0).unwrap();
    }
    let mut offered: Vec<_> =
        core.best_since(0, settled).map(|p| (p.recovered.sender[19], p.recovered.tx.nonce())).collect();
    offered.sort_unstable();
    assert_eq!(offered, [(1, 0), (2, 0), (2, 1), (4, 0)]);
    assert_eq!(core.best_since(0, u64::MAX).count(), 7);
}

/// Offers `each` transactions of each of 256 senders, and says how many were taken and of how many bytes.
fn flooded(each: u64, bytes: usize, origin: impl Fn(u8) -> Origin) -> (usize, usize) {
    let (mut core, raw) = (Core::new(Limits::default()), Bytes::from(vec![0; bytes]));
    for nonce in 0..each {
        for sender in 0..=255 {
            let pooled = transaction(sender, nonce, 0, origin(sender));
            // Most are refused; which is the point.
            let _ = core.insert(Arc::new(Pooled { raw: raw.clone(), ..Pooled::clone(&pooled) }), RICH, 0);
        }
    }
    let stats = core.stats();
    (stats.pending + stats.queued, stats.bytes)
}

#[test]
fn a_flood_fills_the_pool_to_its_limits_and_no_further() {
    let limits = Limits::default();
    let (one, _) = flooded(100, 100, |_| client(1));
    assert_eq!(one, limits.per_source, "25,600 offered by one client");
    let (peers, _) = flooded(130, 100, |sender| peer(sender % 3));
    assert_eq!(
        peers,
        limits.transactions - limits.transactions / limits.local_share,
        "33,280 offered by three peers"
    );
    let (clients, _) = flooded(130, 100, |sender| client(sender % 3));
    assert_eq!(clients, limits.transactions, "33,280 offered by three clients");
    let (_, bytes) = flooded(8, 100_000, |sender| client(sender % 5));
    assert!(bytes <= limits.bytes && bytes > limits.bytes - 100_000, "{bytes} of 204,800,000 offered");
    for origin in [client(1), peer(1)] {
        let (_, bytes) = flooded(8, 100_000, |_| origin);
        assert!(bytes <= limits.bytes / 4 && bytes > limits.bytes / 4 - 100_000, "{bytes} of one source");
    }
}

/// Nine keys without a coin send nonces 1 to 64 with 128 KiB each and never nonce 0: 72 MiB that no block can take.
#[test]
fn one_client_cannot_fill_the_pool_with_what_no_block_can_take() {
    // Gas is free here, and so a transaction of value 0 costs nothing; these have the value that the helper gives them.
    const UNFUNDED: Sender = RICH;
    let limits = Limits::default();
    let mut core = Core::new(limits);
    let flood = |core: &mut Core, origin: Origin, keys: std::ops::Range<u8>| {
        let offered = keys.flat_map(|key| (1..=64).map(move |nonce| transaction(key, nonce, 0, origin)));
        let mut refused = None;
        for tx in offered {
            refused = core.insert(sized(128 << 10, &tx), UNFUNDED, 0).err().or(refused);
        }
        refused.map(|error| error.to_string())
    };
    let refused = flood(&mut core, client(1), 1..10).expect("most are refused");
    assert_eq!(
        refused,
        "txpool is full for transactions that wait for an earlier nonce: next nonce 0, tx nonce 64; send 0 first"
    );
    assert_eq!(core.stats().bytes, limits.gapped_per_source_bytes, "of one client 4 MiB, and no more");
    for source in 2..9 {
        flood(&mut core, client(source), source * 10..source * 10 + 9);
        flood(&mut core, peer(source), source * 10 + 100..source * 10 + 109);
    }
    assert_eq!(core.stats().bytes, 2 * limits.gapped_bytes, "of all clients 8 MiB, and of all peers");
    // What blocks can take finds its room all the same: of one application with one address too.
    let taken = (0..=255_u8).flat_map(|key| (0..90).map(move |nonce| (key, nonce)));
    for (key, nonce) in taken.filter(|(key, _)| (90..100).contains(key) || *key > 190) {
        core.insert(sized(110, &transaction(key, nonce, 0, client(100))), RICH, 0).unwrap();
    }
    // A gap that closes gives its room back, and a transaction that grows needs some.
    let grown = sized(129 << 10, &transaction(1, 1, 10, client(1)));
    assert!(matches!(core.insert(grown, RICH, 0), Err(PoolError::GapsFull { next: 0, got: 1 })));
    core.insert(transaction(1, 0, 0, client(1)), RICH, 0).unwrap();
    core.insert(sized(128 << 10, &transaction(9, 1, 0, client(1))), RICH, 0).unwrap();
}

#[test]
fn a_client_is_refused_by_bytes_with_both_sides_named_and_others_are_not() {
    let limits = Limits { per_source_bytes: 250, per_peer_bytes: 150, ..Limits::default() };
    let mut core = Core::new(limits);
    core.insert(transaction(1, 0, 0, client(1)), RICH, 0).unwrap();
    core.insert(transaction(2, 0, 0, client(1)), RICH, 0).unwrap();
    let third = transaction(3, 0, 0, client(1));
    let refused = core.insert(Arc::clone(&third), RICH, 0).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "txpool is full: this client has 200 bytes of transactions waiting, limit 250, and this one has 100"
    );
    let unseen = core.refuses_unseen(&third.recovered.hash, 100, third.origin).unwrap();
    assert_eq!(unseen.to_string(), refused.to_string(), "before its signature is looked at");
    core.insert(transaction(3, 0, 0, client(2)), RICH, 0).unwrap();
    core.insert(transaction(4, 0, 0, peer(1)), RICH, 0).unwrap();
    assert!(matches!(
        core.insert(transaction(5, 0, 0, peer(1)), RICH, 0),
        Err(PoolError::SourceBytes { have: 100, size: 100, limit: 150 })
    ));
    core.insert(sized(150, &transaction(1, 0, 10, client(1))), RICH, 0).unwrap();
    assert_eq!(core.stats().bytes, 450, "a replacement gives back what it replaces");
}

#[test]
fn addresses_of_one_64_and_ipv4_mapped_into_ipv6_are_one_client() {
    let from = |address: &str| Origin::Rpc(address.parse().unwrap()).source();
    assert_eq!(from("2001:db8:0:1::1"), from("2001:db8:0:1:ffff::2"));
    assert_ne!(from("2001:db8:0:1::1"), from("2001:db8:0:2::1"));
    assert_eq!(from("::ffff:10.0.0.1"), from("10.0.0.1"));
    assert_ne!(from("10.0.0.1"), from("10.0.0.2"));
}

/// As a batch does after it was entered.
fn told(core: &mut Core, entered: &[Arc<Pooled>], durable: u64) -> Vec<(u8, u64)> {
    let from = entered.iter().map(|pooled| (pooled.recovered.sender, pooled.recovered.tx.nonce()));
    let told = core.tell(from.collect::<Vec<_>>(), durable);
    told.iter().map(|pooled| (pooled.recovered.sender[19], pooled.recovered.tx.nonce())).collect()
}

#[test]
fn peers_are_told_of_a_transaction_once_nothing_is_missing_before_it_and_once() {
    let mut core = Core::new(Limits::default());
    let mut enter = |rows: &[(u8, u64, Origin)], durable: u64| {
        let entered: Vec<_> =
            rows.iter().map(|(sender, nonce, from)| transaction(*sender, *nonce, 0, *from)).collect();
        for pooled in &entered {
            core.insert(Arc::clone(pooled), RICH, 0).unwrap();
        }
        told(&mut core, &entered, durable)
    };
    assert!(enter(&[(1, 2, client(1)), (1, 3, peer(1)), (2, 1, peer(1))], u64::MAX).is_empty());
    assert_eq!(enter(&[(1, 0, client(1))], u64::MAX), [(1, 0)]);
    assert_eq!(enter(&[(1, 1, client(1)), (3, 0, peer(1))], u64::MAX), [(1, 1), (1, 2), (1, 3), (3, 0)]);
    assert_eq!(enter(&[(1, 4, peer(1))], u64::MAX), [(1, 4)]);
    // A peer closes the gap before a submitted one that may not be on disk yet: the next block tells of that.
    assert!(enter(&[(4, 1, client(1))], u64::MAX).is_empty());
    assert_eq!(enter(&[(4, 0, peer(1))], 4), [(4, 0)]);
    assert!(core.untold(3, 9, 4).is_empty());
    let late: Vec<_> = core.untold(3, 9, u64::MAX).iter().map(|pooled| pooled.recovered.tx.nonce()).collect();
    assert_eq!((late, core.untold(3, 9, u64::MAX).len()), (vec![1], 0));
    // A block closes one.
    let closed = core.on_new_head(&[], &[(address(2), Sender { nonce: 1, ..RICH })]);
    let told: Vec<_> = core.tell(closed, u64::MAX).iter().map(|pooled| pooled.recovered.sender[19]).collect();
    assert_eq!(told, [2]);
}

#[test]
fn a_waiting_senders_balance_is_the_one_that_was_read_last() {
    let mut core = Core::new(Limits::default());
    let poor = Sender { nonce: 0, balance: U256::from(1) };
    core.insert(transaction(1, 1, 0, client(1)), poor, 0).unwrap();
    assert!(!core.affords(&address(1), U256::from(1)) && !core.affords(&address(2), U256::ZERO));
    let refused = core.insert(transaction(1, 0, 0, client(1)), RICH, 0).unwrap_err();
    assert!(matches!(refused, PoolError::InsufficientFundsQueued { .. }), "the core's own state counts");
    core.renew(&address(1), Sender { nonce: 0, balance: U256::from(100) });
    assert!(core.affords(&address(1), U256::from(99)) && !core.affords(&address(1), U256::from(100)));
    core.insert(transaction(1, 0, 0, client(1)), RICH, 0).unwrap();
    core.renew(&address(1), Sender { nonce: 1, balance: U256::from(99) });
    assert_eq!(order(&core), [(1, 1)], "what a newer state has used is gone");
    core.renew(&address(1), poor);
    assert!(core.affords(&address(1), U256::from(98)), "an older one changes nothing");
    core.remove(&transaction(1, 1, 0, client(1)).recovered.hash);
    assert_eq!(core.stats(), Stats::default());
}

#[test]
fn what_waits_is_summed_up_right_whatever_comes_and_goes() {
    let mut core = Core::new(Limits::default());
    let state = Sender { nonce: 0, balance: U256::from(1_000_000) };
    let left = |of: u64| U256::from(1_000_000 - of * 21_001);
    let owed = |core: &Core| [0, 1, 2, 3].map(|of| core.affords(&address(1), left(of)));
    let hash = |nonce, price| transaction(1, nonce, price, peer(1)).recovered.hash;
    for nonce in 0..3 {
        core.insert(transaction(1, nonce, 1, peer(1)), state, 0).unwrap();
    }
    assert_eq!(owed(&core), [false, false, false, true]);
    core.insert(transaction(1, 1, 2, peer(1)), state, 0).unwrap();
    assert_eq!(owed(&core), [false, false, false, false], "the replacement pays more");
    core.remove(&hash(1, 2));
    assert_eq!(owed(&core), [false, false, true, true]);
    core.on_new_head(&[], &[(address(1), Sender { nonce: 1, ..state })]);
    assert_eq!(owed(&core), [false, true, true, true]);
}
