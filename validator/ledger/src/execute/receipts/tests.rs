use super::*;
use alloy_consensus::{Eip658Value, SignableTransaction, TxEip1559, TxType};
use alloy_primitives::{Address, Bytes, Log, LogData, Signature, TxKind, U256};

fn item(place: usize) -> (Transaction, Receipt) {
    let tx = TxEip1559 {
        nonce: place as u64,
        to: TxKind::Call(Address::repeat_byte(1)),
        input: vec![7; place % 97].into(),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(place + 1), U256::from(2), false);
    let log = |byte| Log {
        address: Address::repeat_byte(byte),
        data: LogData::new_unchecked(Vec::new(), Bytes::from(vec![byte; 9])),
    };
    let logs = if place.is_multiple_of(3) { vec![log(u8::try_from(place % 251).unwrap())] } else { vec![] };
    let gas = 21_000 * (place as u64 + 1);
    let receipt = crate::store::codec::receipt(TxType::Eip1559, Eip658Value::Eip658(true), gas, logs);
    (tx.into_signed(signature).into(), receipt)
}

#[test]
fn roots_worked_out_beside_execution_are_those_of_the_finished_lists() {
    for length in [0, 1, 2, 63, 64, 65, 127, 128, 129, 191, 192, 255, 256, 257, 1_000] {
        let (transactions, receipts): (Vec<_>, Vec<_>) = (0..length).map(item).unzip();
        let mut running = RunningRoots::default();
        transactions.iter().zip(&receipts).for_each(|(tx, receipt)| running.push(tx, receipt));
        assert_eq!(running.finish(), roots(&transactions, &receipts), "{length} transactions");
    }
}

#[test]
fn a_block_that_is_given_up_half_way_leaves_nothing_behind() {
    let mut running = RunningRoots::default();
    (0..200).map(item).for_each(|(tx, receipt)| running.push(&tx, &receipt));
    let line = std::sync::Arc::downgrade(running.receipts.line.as_ref().unwrap());
    drop(running);
    // Work that was under way holds it no longer than it lasts.
    while line.upgrade().is_some() {
        std::thread::yield_now();
    }
}
