use alloy_primitives::{B256, Bytes};
use fence::{Block, Evidence, Holder, HolderId, MAX_RECORD, Name, Place, Record, RecordError, Successor};

fn record() -> Record {
    Record {
        subject: B256::repeat_byte(1),
        revision: 258,
        epoch: 3,
        beat: 7,
        holder: Holder { id: HolderId([2; 16]), name: Name::new("bank-a-1").unwrap() },
        journal: B256::repeat_byte(3),
        place: Place { height: 4_096, round: 2, phase: 3 },
        digest: B256::repeat_byte(4),
        evidence: Evidence {
            promise: Bytes::from_static(b"lock"),
            block: Block::Here(Bytes::from_static(b"blk")),
        },
        released: Some(Successor::Named(Name::new("bank-a-2").unwrap())),
        requested: None,
    }
}

#[test]
fn the_bytes_of_a_record_stay_what_they_are() {
    let golden = concat!(
        "51525446454e43",
        "01",
        "0101010101010101010101010101010101010101010101010101010101010101",
        "0000000000000102",
        "0000000000000003",
        "0000000000000007",
        "02020202020202020202020202020202",
        "0862616e6b2d612d31",
        "0303030303030303030303030303030303030303030303030303030303030303",
        "0000000000001000",
        "00000002",
        "03",
        "0404040404040404040404040404040404040404040404040404040404040404",
        "000000046c6f636b",
        "0100000003626c6b",
        "020862616e6b2d612d32",
        "00",
    );
    let bytes = record().encode();
    let (body, _) = bytes.split_last_chunk::<4>().unwrap();
    assert_eq!(hex::encode(body), golden);
    assert_eq!(bytes.len(), record().encoded_len());
}

#[test]
fn every_record_is_read_as_it_was_written() {
    let name = || Name::new("x").unwrap();
    for block in [Block::None, Block::Here(Bytes::new()), Block::Elsewhere(B256::repeat_byte(9))] {
        for released in [None, Some(Successor::Anybody), Some(Successor::Named(name()))] {
            for requested in [None, Some(name())] {
                let mut record = record();
                record.evidence.block = block.clone();
                (record.released, record.requested) = (released.clone(), requested);
                let bytes = record.encode();
                assert_eq!(bytes.len(), record.encoded_len());
                assert_eq!(Record::decode(&bytes), Ok(record));
            }
        }
    }
}

#[test]
fn a_change_of_any_bit_is_noticed() {
    let bytes = record().encode();
    for index in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[index / 8] ^= 1 << (index % 8);
        assert!(Record::decode(&changed).is_err(), "bit {index}");
    }
}

#[test]
fn a_record_cut_short_or_with_more_behind_it_is_none() {
    let bytes = record().encode();
    for length in 0..bytes.len() {
        assert!(Record::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(Record::decode(&longer), Err(RecordError::Damaged { .. })));
}

#[test]
fn a_record_of_a_later_release_is_refused_by_its_version() {
    let mut bytes = record().encode();
    bytes[7] = 2;
    assert_eq!(Record::decode(&bytes), Err(RecordError::Version { have: 2, want: 1 }));
    assert_eq!(Record::decode(b"{\"spec\":{}}"), Err(RecordError::NoRecord));
    assert_eq!(Record::decode(&vec![0; MAX_RECORD + 1]), Err(RecordError::TooLong { got: MAX_RECORD + 1 }));
}

#[test]
fn names_are_short_and_printable() {
    for name in ["", "a b", "a\n", "ä", &"x".repeat(254)] {
        assert!(Name::new(name).is_err(), "{name:?}");
    }
    assert!(Name::new("x".repeat(253)).is_ok());
}
