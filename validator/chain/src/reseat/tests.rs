use super::*;
use crate::Extra;
use alloc::{string::ToString, vec};

fn reseat() -> Reseat {
    let seat = |byte| NamedSeat { identity: Address::repeat_byte(byte), operator: Address::repeat_byte(9) };
    Reseat { attempt: 3, seats: vec![seat(1), seat(2)], signatures: vec![Seal::repeat_byte(7)] }
}

#[test]
fn what_stands_in_a_header_reads_back_and_covers_the_block_hash_but_not_the_seals() {
    let extra = Extra { reseat: Some(reseat()), seals: vec![Seal::repeat_byte(8)], ..Extra::unsealed(4) };
    let bytes = extra.to_bytes();
    assert_eq!(Extra::decode_exact(&bytes).unwrap(), extra);
    let header = |extra: &Extra| alloy_consensus::Header {
        extra_data: extra.to_bytes(),
        ..alloy_consensus::Header::default()
    };
    let hash = |extra: &Extra| crate::hash::block_hash(&header(extra)).unwrap();
    assert_eq!(hash(&extra), hash(&Extra { seals: vec![], round: 0, ..extra.clone() }));
    assert_ne!(hash(&extra), hash(&Extra { reseat: None, ..extra.clone() }));
}

#[test]
fn a_sixth_item_that_is_no_record_and_a_seventh_are_refused() {
    for sixth in [&[0x80][..], &[0xc0], &[0xc1, 0x01], &[0xc3, 0x01, 0xc0, 0xc0, 0xc0]] {
        let mut items = vec![];
        for part in [&[0x80][..], &[0xc0], &[0xc0], &[0x80], &[0xc0], sixth] {
            items.extend_from_slice(part);
        }
        let mut bytes = vec![0xc0 + u8::try_from(items.len()).unwrap()];
        bytes.extend_from_slice(&items);
        assert!(Extra::decode_exact(&bytes).is_err(), "{sixth:02x?}");
    }
}

#[test]
fn a_signature_is_for_one_chain_height_parent_attempt_and_list_of_seats() {
    let digest = reseat().digest(1, 2, B256::ZERO);
    let other = |change: &dyn Fn(&mut Reseat)| {
        let mut other = reseat();
        change(&mut other);
        other.digest(1, 2, B256::ZERO)
    };
    assert_eq!(other(&|reseat| reseat.signatures.clear()), digest);
    for differs in [
        reseat().digest(9, 2, B256::ZERO),
        reseat().digest(1, 9, B256::ZERO),
        reseat().digest(1, 2, B256::repeat_byte(9)),
        other(&|reseat| reseat.attempt = 9),
        other(&|reseat| reseat.seats.reverse()),
        other(&|reseat| reseat.seats.truncate(1)),
    ] {
        assert_ne!(differs, digest);
    }
}

#[test]
fn sets_of_one_height_vote_in_rounds_of_their_own() {
    assert_eq!(reseat().first_round(), 6_000_000);
    let last = Reseat { attempt: MAX_ATTEMPTS, ..reseat() };
    assert!(last.first_round().checked_add(ROUNDS_PER_ATTEMPT).is_some());
}

#[test]
fn a_document_reads_back_and_one_of_another_version_or_with_unknown_fields_is_refused() {
    let record = RecoveryRecord {
        version: RECOVERY_VERSION,
        chain_id: 5,
        governance: GOVERNANCE,
        height: 7,
        parent_hash: B256::repeat_byte(3),
        attempt: 1,
        seats: reseat().seats,
        signatures: vec![],
    };
    let text = record.to_json().unwrap();
    assert_eq!(RecoveryRecord::from_json(&text).unwrap(), record);
    assert_eq!(record.reseat().digest(5, 7, record.parent_hash), record.digest());
    let newer = RecoveryRecord { version: 2, ..record }.to_json().unwrap();
    assert!(matches!(RecoveryRecord::from_json(&newer), Err(RecoveryError::Version { got: 2 })));
    let unknown = text.replacen("attempt", "attempts", 1);
    assert!(RecoveryRecord::from_json(&unknown).unwrap_err().to_string().contains("attempts"));
}
