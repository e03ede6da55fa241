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
    assert_eq!(core.stats(), Stats { pending: 3, queued: 1, bytes: 400, local: 0 });
    assert_eq!(core.pending_nonce(&address(1)), Some(3));
    assert_eq!(core.pending_nonce(&address(2)), Some(0));
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
        bytes: 550,
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
    assert_eq!(core.stats(), Stats { pending: 2, queued: 0, bytes: 200, local: 0 });
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
    assert_eq!(core.stats(), Stats { pending: 1, queued: 1, bytes: 200, local: 1 });
    core.expire(21);
    assert_eq!(core.stats(), Stats { pending: 1, queued: 0, bytes: 100, local: 0 });
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
