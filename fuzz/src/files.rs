//! Files that the node reads back after a crash.

use alloy_primitives::{B256, Bytes};
use record::{Record, Scanned, scan};

// The shipped file itself: the node's own crate would bring the EVM and the database into every build.
#[path = "../../validator/src/journal/record.rs"]
#[expect(dead_code, reason = "what surrounds the scanning is the node's")]
mod record;

const ID: B256 = B256::repeat_byte(7);

/// The records that a file holds, and whether it ends well.
fn read(bytes: &[u8]) -> (Vec<Record>, bool) {
    let (mut records, mut offset) = (Vec::new(), 0);
    loop {
        match scan(ID, &bytes[offset..]) {
            Scanned::Record(record, length) => {
                assert_eq!(
                    record.to_frame(ID),
                    bytes[offset..offset + length],
                    "a second form of one record"
                );
                records.push(record);
                offset += length;
            }
            Scanned::End => return (records, true),
            Scanned::Damaged => return (records, false),
        }
    }
}

/// The vote journal's framing. As they come, the bytes are a file. Then as a recipe (number of records, what happens,
/// where; contents): a file cut short ends with its last whole record, one changed byte before the last record is found.
pub fn vote_file(data: &[u8]) {
    let _anything = read(data);
    let Some((&[count, what, high, low], contents)) = data.split_first_chunk::<4>() else { return };
    let records = records(count, contents);
    let frames: Vec<_> = records.iter().map(|record| record.to_frame(ID)).collect();
    let file = frames.concat();
    assert_eq!(read(&file), (records.clone(), true));
    let at = usize::from(u16::from_be_bytes([high, low])) % file.len();
    let mut end = 0;
    let before = frames.iter().take_while(|frame| {
        end += frame.len();
        end <= at
    });
    let before = before.count();
    if what == 0 {
        assert_eq!(read(&file[..at]), (records[..before].to_vec(), true), "cut at {at}");
        return;
    }
    let mut damaged = file;
    damaged[at] ^= what;
    let (found, is_well) = read(&damaged);
    assert_eq!(found, records[..before], "changed at {at}");
    assert!(!is_well || before + 1 == records.len(), "a changed byte at {at} passes for the end");
}

/// One to eight records; contents are shared out among their payloads.
fn records(count: u8, contents: &[u8]) -> Vec<Record> {
    let count = usize::from(count % 8) + 1;
    let share = contents.len() / count;
    let record = |index: usize| Record {
        height: u64::from(contents.first().copied().unwrap_or(1)),
        round: u32::try_from(index).unwrap_or(0),
        phase: 0x12,
        digest: B256::repeat_byte(9),
        payload: Bytes::copy_from_slice(&contents[index * share..(index + 1) * share]),
    };
    (0..count).map(record).collect()
}
