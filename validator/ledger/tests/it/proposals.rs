use crate::network::{CHAIN_ID, COUNTER, Network};
use alloy_consensus::{SignableTransaction, TxEip1559, proofs};
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256};
use chain::{Extra, Vote};
use ledger::{Block, InvalidBlock, Ledger, Transaction};

/// A field's name and how to spoil it.
type Tamper = (&'static str, fn(&mut Block));

struct Fixture {
    network: Network,
    ledger: Ledger,
    block: Block,
    _dir: tempfile::TempDir,
}

/// A valid proposal, built elsewhere, so that the ledger under test has not executed it.
fn fixture(network: Network) -> Fixture {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [alice, bob] = [&network.users[0], &network.users[1]];
    let transactions =
        vec![alice.transfer(0, bob.address, 5), alice.deploy(1, &COUNTER), bob.transfer(0, alice.address, 1)];
    let block = network.build(&network.open(there.path()), transactions).block;
    Fixture { ledger: network.open(here.path()), block: (*block).clone(), network, _dir: here }
}

fn refusal(fixture: &Fixture, tamper: impl FnOnce(&mut Block)) -> InvalidBlock {
    let mut block = fixture.block.clone();
    tamper(&mut block);
    fixture.ledger.validate(&block).unwrap_err()
}

#[test]
fn an_untampered_proposal_is_valid_again_and_again() {
    let fixture = fixture(Network::by_headers());
    fixture.ledger.validate(&fixture.block).unwrap();
    fixture.ledger.validate(&fixture.block).unwrap();
}

#[test]
fn each_tampered_header_field_is_refused_by_its_name() {
    let fixture = fixture(Network::by_headers());
    let tampers: [Tamper; 14] = [
        ("stateRoot", |b| b.header.state_root = B256::repeat_byte(1)),
        ("receiptsRoot", |b| b.header.receipts_root = B256::repeat_byte(1)),
        ("transactionsRoot", |b| b.header.transactions_root = B256::repeat_byte(1)),
        ("logsBloom", |b| b.header.logs_bloom = Bloom::repeat_byte(1)),
        ("gasUsed", |b| b.header.gas_used += 1),
        ("difficulty", |b| b.header.difficulty = U256::from(2)),
        ("mixHash", |b| b.header.mix_hash = B256::ZERO),
        ("sha3Uncles", |b| b.header.ommers_hash = B256::ZERO),
        ("baseFeePerGas", |b| b.header.base_fee_per_gas = Some(1)),
        ("withdrawalsRoot", |b| b.header.withdrawals_root = Some(B256::ZERO)),
        ("blobGasUsed", |b| b.header.blob_gas_used = Some(131_072)),
        ("excessBlobGas", |b| b.header.excess_blob_gas = None),
        ("parentBeaconBlockRoot", |b| b.header.parent_beacon_block_root = Some(B256::repeat_byte(1))),
        ("requestsHash", |b| b.header.requests_hash = None),
    ];
    for (name, tamper) in tampers {
        let error = refusal(&fixture, tamper);
        assert!(matches!(&error, InvalidBlock::Field { field, .. } if *field == name), "{name}: {error}");
        assert!(!error.is_local());
    }
    fixture.ledger.validate(&fixture.block).unwrap();
}

#[test]
fn a_proposal_at_the_wrong_place_time_or_gas_limit_is_refused() {
    let fixture = fixture(Network::by_headers());
    assert!(matches!(refusal(&fixture, |b| b.header.number = 2), InvalidBlock::Number { got: 2, want: 1 }));
    assert!(matches!(refusal(&fixture, |b| b.header.parent_hash = B256::ZERO), InvalidBlock::Parent { .. }));
    let early = refusal(&fixture, |b| b.header.timestamp -= 1);
    assert!(matches!(early, InvalidBlock::Timestamp { got: 1, min: 2 }), "{early}");
    let step = crate::network::GAS_LIMIT / 1024;
    let jump = refusal(&fixture, |b| b.header.gas_limit += step);
    assert!(matches!(jump, InvalidBlock::GasLimit { .. }), "{jump}");
}

#[test]
fn a_proposal_by_or_naming_the_wrong_validators_is_refused() {
    let stranger = Address::repeat_byte(5);
    let extra = |validators: Vec<Address>, vote| Extra { validators, vote, ..Extra::unsealed(0) }.to_bytes();
    let by_headers = fixture(Network::by_headers());
    let error = refusal(&by_headers, |b| b.header.beneficiary = stranger);
    assert!(matches!(error, InvalidBlock::Beneficiary(who) if who == stranger));
    let error = refusal(&by_headers, |b| b.header.extra_data = extra(vec![stranger], None));
    assert!(matches!(error, InvalidBlock::Validators { .. }), "{error}");
    let error = refusal(&by_headers, |b| b.header.extra_data = Bytes::from_static(b"not rlp"));
    assert!(matches!(error, InvalidBlock::ExtraData(_)), "{error}");

    let by_contract = fixture(Network::by_contract());
    let error = refusal(&by_contract, |b| b.header.extra_data = extra(vec![stranger], None));
    assert!(matches!(error, InvalidBlock::Validators { .. }), "{error}");
    let vote = Some(Vote { recipient: stranger, add: true });
    let error = refusal(&by_contract, |b| b.header.extra_data = extra(vec![], vote));
    assert!(matches!(error, InvalidBlock::Vote), "{error}");
}

#[test]
fn a_tampered_body_is_refused_even_when_its_header_was_valid_before() {
    let fixture = fixture(Network::by_headers());
    fixture.ledger.validate(&fixture.block).unwrap();
    let error = refusal(&fixture, |b| drop(b.body.transactions.pop()));
    assert!(matches!(error, InvalidBlock::Field { field: "transactionsRoot", .. }), "{error}");
    let error = refusal(&fixture, |b| b.body.ommers.push(b.header.clone()));
    assert!(matches!(error, InvalidBlock::Body(_)), "{error}");
    let error = refusal(&fixture, |b| b.body.withdrawals = None);
    assert!(matches!(error, InvalidBlock::Body(_)), "{error}");
}

#[test]
fn a_proposal_with_a_transaction_that_may_not_be_there_is_refused_naming_it() {
    let fixture = fixture(Network::by_headers());
    let [alice, bob] = [&fixture.network.users[0], &fixture.network.users[1]];
    let with = |transactions: Vec<Transaction>| {
        refusal(&fixture, |b| {
            b.header.transactions_root = proofs::calculate_transaction_root(&transactions);
            b.body.transactions = transactions;
        })
    };
    let again = with(vec![
        (*alice.transfer(0, bob.address, 1).tx).clone(),
        (*alice.transfer(0, bob.address, 2).tx).clone(),
    ]);
    assert!(matches!(again, InvalidBlock::Transaction { index: 1, .. }), "{again}");
    let gas = 16_777_216;
    let heavy = [
        alice.transaction(0, TxKind::Call(Address::ZERO), 0, &vec![0xff; 350_000], gas),
        bob.transaction(0, TxKind::Call(Address::ZERO), 0, &[], gas),
    ];
    let heavy = with(heavy.iter().map(|tx| (*tx.tx).clone()).collect());
    assert!(matches!(heavy, InvalidBlock::BlockGas { index: 1, .. }), "{heavy}");
    let other_chain = TxEip1559 { chain_id: CHAIN_ID + 1, gas_limit: 21_000, ..TxEip1559::default() };
    let signature = alice.sign(other_chain.signature_hash());
    let foreign = with(vec![other_chain.into_signed(signature).into()]);
    assert!(matches!(foreign, InvalidBlock::Transaction { index: 0, .. }), "{foreign}");
}
