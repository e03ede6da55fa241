//! Signed documents of `quorate/1`, the same as files and by JSON-RPC: recovery records and which node carries which seat.

use chain::{announcement::Announcement, enode::Enode, reseat::RecoveryRecord};

/// Of which chain and when what is read is judged.
const CHAIN: u64 = 10101;
const NOW_MS: u64 = 1_790_000_000_000;

/// First byte: a record or announcements as peers send them, or a record as a file; then the document. What decodes encodes to
/// the same bytes, and what is judged is judged without a panic.
pub fn notice(data: &[u8]) {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 3 {
        0 => record(bytes),
        1 => announcements(bytes),
        _ => {
            let Ok(record) = str::from_utf8(bytes).map(RecoveryRecord::from_json) else { return };
            record.into_iter().for_each(|record| judge(&record));
        }
    }
}

fn record(bytes: &[u8]) {
    let Ok(record) = alloy_rlp::decode_exact::<RecoveryRecord>(bytes) else { return };
    assert_eq!(alloy_rlp::encode(&record), bytes, "a second encoding of one record");
    judge(&record);
}

fn judge(record: &RecoveryRecord) {
    let text = record.to_json().expect("it is made of strings");
    let again = RecoveryRecord::from_json(&text);
    assert!(again.map_or(record.version != chain::reseat::RECOVERY_VERSION, |again| again == *record));
    let reseat = record.reseat();
    assert_eq!(reseat.validators().len(), record.seats.len());
    // Nobody is an operator of no members, and no signature is of an admin.
    let checked = reseat.check(record.digest(), &[]);
    assert!(checked.is_err(), "a record without members holds");
    let first = reseat.first_round();
    assert!(
        reseat.check_seats(&[]).is_err()
            && (first >= chain::reseat::ROUNDS_PER_ATTEMPT || record.attempt == 0)
    );
}

fn announcements(bytes: &[u8]) {
    let Ok(list) = alloy_rlp::decode_exact::<Vec<Announcement>>(bytes) else { return };
    assert_eq!(alloy_rlp::encode(&list), bytes, "a second encoding of one list");
    for said in list.iter().take(4) {
        let good = said.verify(CHAIN, NOW_MS).is_ok();
        match said.enode() {
            Ok(Some(place)) => assert_eq!(place.to_string().parse::<Enode>().ok(), Some(place)),
            Ok(None) => assert!(said.endpoint.is_empty()),
            Err(_) => assert!(!good, "a seat is believed to be nowhere"),
        }
    }
}
