use super::*;
use crate::pool::raw;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{eip2718::Encodable2718, eip2930::AccessListItem, eip7702::Authorization};
use alloy_primitives::{B256, Signature, TxKind};

const RULES: Rules = Rules {
    max_bytes: MAX_TRANSACTION_BYTES,
    gas_price_allowed: true,
    istanbul: true,
    chain_id: 7,
    block_gas_limit: 30_000_000,
    base_fee: 0,
    berlin: true,
    london: true,
    shanghai: true,
    prague: true,
    transaction_gas_cap: Some(16_777_216),
};

fn signed(tx: impl SignableTransaction<Signature> + Into<TxEnvelopeOf>) -> TxEnvelope {
    tx.into().0
}

/// So that the table below can list unsigned transactions of every type.
struct TxEnvelopeOf(TxEnvelope);

macro_rules! sign {
    ($($ty:ty),*) => {$(
        impl From<$ty> for TxEnvelopeOf {
            fn from(tx: $ty) -> Self {
                Self(tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)).into())
            }
        }
    )*};
}
sign!(TxLegacy, TxEip2930, TxEip1559, TxEip7702);

fn legacy() -> TxLegacy {
    TxLegacy { chain_id: Some(7), gas_limit: 21_000, to: TxKind::Call(Address::ZERO), ..TxLegacy::default() }
}

fn dynamic() -> TxEip1559 {
    TxEip1559 { chain_id: 7, gas_limit: 21_000, to: TxKind::Call(Address::ZERO), ..TxEip1559::default() }
}

fn create(size: usize, gas_limit: u64) -> TxEip1559 {
    TxEip1559 { to: TxKind::Create, input: vec![0; size].into(), gas_limit, ..dynamic() }
}

fn delegating() -> TxEip7702 {
    TxEip7702 { chain_id: 7, gas_limit: 46_000, ..TxEip7702::default() }
}

#[test]
fn each_rule_has_its_words() {
    let authorization = Authorization { chain_id: U256::from(7), address: Address::ZERO, nonce: 0 };
    let authorization = authorization.into_signed(Signature::new(U256::from(1), U256::from(1), false));
    let list = vec![AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO; 2] }];
    let access = TxEip2930 {
        chain_id: 7,
        to: TxKind::Call(Address::ZERO),
        access_list: list.into(),
        ..TxEip2930::default()
    };
    let old = Rules {
        berlin: false,
        london: false,
        shanghai: false,
        prague: false,
        transaction_gas_cap: None,
        ..RULES
    };
    let table: Vec<(TxEnvelope, Rules, &str)> = vec![
        (signed(legacy()), RULES, ""),
        (signed(dynamic()), RULES, ""),
        (
            signed(TxLegacy { chain_id: None, ..legacy() }),
            RULES,
            "only replay-protected (EIP-155) transactions allowed over RPC",
        ),
        (
            signed(TxLegacy { chain_id: Some(1), ..legacy() }),
            RULES,
            "invalid sender: invalid chain id for signer: have 1 want 7",
        ),
        (
            signed(TxLegacy { nonce: u64::MAX, ..legacy() }),
            RULES,
            "nonce has max value: nonce 18446744073709551615",
        ),
        (
            signed(TxLegacy { gas_limit: 20_999, ..legacy() }),
            RULES,
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        (
            signed(TxLegacy { input: vec![1; 10].into(), ..legacy() }),
            RULES,
            "intrinsic gas too low: gas 21000, minimum needed 21160",
        ),
        (
            signed(TxLegacy { input: vec![1; 100].into(), gas_limit: 23_000, ..legacy() }),
            RULES,
            "insufficient gas for floor data gas cost: gas 23000, minimum needed 25000",
        ),
        (
            signed(TxLegacy { input: vec![1; 100].into(), gas_limit: 23_000, ..legacy() }),
            Rules { prague: false, ..RULES },
            "",
        ),
        (
            signed(TxLegacy { input: vec![1; 10].into(), gas_limit: 21_679, ..legacy() }),
            Rules { istanbul: false, prague: false, ..RULES },
            "intrinsic gas too low: gas 21679, minimum needed 21680",
        ),
        (
            signed(TxLegacy { gas_price: 9, ..legacy() }),
            Rules { gas_price_allowed: false, ..RULES },
            "Gas price not 0: transaction offers 9 wei, this chain takes only 0",
        ),
        (signed(legacy()), Rules { gas_price_allowed: false, ..RULES }, ""),
        (
            signed(create(40_000, 1_000_000)),
            Rules { max_bytes: 32_768, ..RULES },
            "oversized data: transaction size 40021, limit 32768",
        ),
        (signed(TxLegacy { gas_limit: 16_777_216, ..legacy() }), RULES, ""),
        (
            signed(TxLegacy { gas_limit: 16_777_217, ..legacy() }),
            RULES,
            "transaction gas limit too high (cap: 16777216, tx: 16777217)",
        ),
        (signed(TxLegacy { gas_limit: 30_000_001, ..legacy() }), old, "exceeds block gas limit"),
        (
            signed(TxEip1559 { max_priority_fee_per_gas: 1, ..dynamic() }),
            RULES,
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            signed(dynamic()),
            Rules { base_fee: 7, ..RULES },
            "max fee per gas less than block base fee: maxFeePerGas: 0, baseFee: 7",
        ),
        (signed(dynamic()), Rules { base_fee: 7, ..RULES }.without_passing(), ""),
        (signed(dynamic()), Rules { block_gas_limit: 20_000, ..RULES }, "exceeds block gas limit"),
        (signed(dynamic()), Rules { block_gas_limit: 20_000, ..RULES }.without_passing(), ""),
        (signed(create(49_152, 1_000_000)), RULES, ""),
        (
            signed(create(49_153, 1_000_000)),
            RULES,
            "max initcode size exceeded: code size 49153, limit 49152",
        ),
        (signed(create(32, 53_000)), RULES, "intrinsic gas too low: gas 53000, minimum needed 53130"),
        (
            signed(TxEip2930 { gas_limit: 27_199, ..access.clone() }),
            RULES,
            "intrinsic gas too low: gas 27199, minimum needed 27200",
        ),
        (signed(TxEip2930 { gas_limit: 27_200, ..access.clone() }), RULES, ""),
        (signed(TxEip2930 { gas_limit: 27_200, ..access }), old, "transaction type not supported"),
        (signed(dynamic()), old, "transaction type not supported"),
        (signed(delegating()), RULES, "EIP-7702 transaction with empty auth list"),
        (signed(TxEip7702 { authorization_list: vec![authorization.clone()], ..delegating() }), RULES, ""),
        (
            signed(TxEip7702 { authorization_list: vec![authorization], ..delegating() }),
            old,
            "transaction type not supported",
        ),
    ];
    for (row, (tx, rules, want)) in table.into_iter().enumerate() {
        let got = check(&tx, &rules).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(got, want, "row {row}");
    }
}

#[test]
fn what_is_no_transaction_is_refused_before_it_is_looked_at() {
    let whole = signed(dynamic()).encoded_2718();
    let table: [(Vec<u8>, &str); 5] = [
        (vec![], "typed transaction too short"),
        (vec![3, 0xf8], "transaction type not supported"),
        (vec![0x7f], "transaction type not supported"),
        (vec![0xc0; MAX_TRANSACTION_BYTES + 1], "oversized data: transaction size 131073, limit 131072"),
        ([whole.as_slice(), &[0]].concat(), ""),
    ];
    for (raw, want) in table {
        let error = PoolError::from(raw::decode(&raw).unwrap_err());
        assert!(want.is_empty() || error.to_string() == want, "{error}");
        assert_eq!(error.is_protocol_breach(), want.is_empty() || want.starts_with("typed"), "{error}");
    }
    assert_eq!(raw::decode(&whole).unwrap().encoded_2718(), whole);
}

#[test]
fn a_high_s_is_no_sender() {
    let half_order_plus = U256::MAX - U256::from(1_u64 << 40);
    let tx = dynamic().into_signed(Signature::new(U256::from(1), half_order_plus, false));
    assert_eq!(recover(&tx.into()).unwrap_err().to_string(), "invalid sender");
}
