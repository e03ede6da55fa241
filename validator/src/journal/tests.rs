use super::*;
use alloy_primitives::{B256, Bytes};
use chain::config::JournalConfig;
use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

fn vote(height: u64, round: u32, digest: u8) -> Record {
    Record {
        height,
        round,
        phase: 1,
        digest: B256::repeat_byte(digest),
        payload: Bytes::from(vec![digest; 9]),
    }
}

fn fresh(dir: &Path) -> Journal {
    Opened::open(dir).unwrap().create(Start::Active { replaces: None }).unwrap()
}

fn reopen(dir: &Path) -> Journal {
    match Opened::open(dir).unwrap() {
        Opened::Found(journal) => journal,
        Opened::Empty(_) => panic!("journal is gone"),
    }
}

fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("votes.journal")
}

/// The file where its next record would go.
fn behind(journal: Journal) -> fs::File {
    let (dir, length) = (journal.dir().to_path_buf(), journal.length());
    drop(journal);
    let mut file = fs::OpenOptions::new().write(true).open(file(&dir)).unwrap();
    file.seek(SeekFrom::Start(u64::try_from(length).unwrap())).unwrap();
    file
}

#[test]
fn a_slot_takes_one_digest_and_keeps_it_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    let id = journal.id();
    assert_eq!(journal.insert(vote(5, 0, 1)), Ok(Inserted::New));
    for _ in 0..2 {
        assert_eq!(journal.insert(vote(5, 0, 1)), Ok(Inserted::Same));
        assert!(matches!(journal.insert(vote(5, 0, 2)), Err(Refusal::Conflict { .. })));
        drop(journal);
        journal = reopen(dir.path());
    }
    assert_eq!(journal.id(), id);
    assert_eq!(journal.newest(), [vote(5, 0, 1)]);
}

#[test]
fn only_records_of_the_newest_undecided_height_are_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    for record in [vote(4, 0, 1), vote(5, 0, 1), vote(5, 1, 2)] {
        journal.insert(record).unwrap();
    }
    assert_eq!(journal.newest(), [vote(5, 0, 1), vote(5, 1, 2)]);
    journal.prune(5).unwrap();
    assert_eq!(journal.newest(), []);
}

#[test]
fn what_a_running_node_voted_is_looked_at_beside_it_decided_heights_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.insert(vote(4, 0, 1)).unwrap();
    journal.prune(4).unwrap();
    journal.insert(vote(5, 0, 1)).unwrap();
    assert_eq!(look(dir.path()).unwrap(), [vote(4, 0, 1), vote(5, 0, 1)]);
    journal.insert(vote(6, 0, 1)).unwrap();
    assert!(look(&dir.path().join("missing")).is_err());
}

#[test]
fn a_decided_height_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.prune(7).unwrap();
    assert_eq!(journal.insert(vote(7, 9, 1)), Err(Refusal::Decided { height: 7, watermark: 7 }));
    assert_eq!(journal.insert(vote(8, 0, 1)), Ok(Inserted::New));
}

#[test]
fn a_record_cut_short_at_any_byte_was_never_sent_and_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.insert(vote(1, 0, 1)).unwrap();
    let whole = journal.length();
    journal.insert(vote(2, 0, 2)).unwrap();
    let end = journal.length();
    drop(journal);
    let bytes = fs::read(file(dir.path())).unwrap();
    for cut in whole..end {
        // Beyond the room that was made, a file may have grown before all of the bytes were there, or not.
        for length in if cut % 8 == 0 { vec![cut, end, bytes.len()] } else { vec![cut, end] } {
            let mut torn = bytes[..cut].to_vec();
            torn.resize(length, 0);
            fs::write(file(dir.path()), &torn).unwrap();
            let mut journal = reopen(dir.path());
            assert_eq!(journal.newest(), [vote(1, 0, 1)], "cut at {cut}, file of {length}");
            assert_eq!(journal.insert(vote(2, 0, 3)), Ok(Inserted::New));
            drop(journal);
            assert_eq!(reopen(dir.path()).newest(), [vote(2, 0, 3)]);
        }
    }
}

#[test]
fn a_damaged_record_with_others_behind_it_is_an_error_and_not_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    let start = journal.length();
    journal.insert(vote(1, 0, 1)).unwrap();
    journal.insert(vote(2, 0, 2)).unwrap();
    drop(journal);
    let mut bytes = fs::read(file(dir.path())).unwrap();
    bytes[start + 20] ^= 1;
    fs::write(file(dir.path()), &bytes).unwrap();
    match Opened::open(dir.path()) {
        Err(JournalError::Damaged { offset, .. }) => assert_eq!(offset, start),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_damaged_length_does_not_erase_the_votes_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    let start = journal.length();
    journal.insert(vote(1, 0, 1)).unwrap();
    journal.insert(vote(2, 0, 2)).unwrap();
    drop(journal);
    let whole = fs::read(file(dir.path())).unwrap();
    for byte in 0..12 {
        let mut bytes = whole.clone();
        bytes[start + byte] ^= 0x40;
        fs::write(file(dir.path()), &bytes).unwrap();
        let opened = Opened::open(dir.path());
        assert!(
            matches!(opened, Err(JournalError::Damaged { offset, .. }) if offset == start),
            "byte {byte}: {opened:?}"
        );
    }
}

#[test]
fn a_record_of_another_journal_inside_a_torn_one_is_no_record() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = fresh(dir.path());
    journal.insert(vote(1, 0, 1)).unwrap();
    let mut foreign = fresh(other.path());
    let header = foreign.length();
    foreign.insert(vote(2, 0, 2)).unwrap();
    let frame = fs::read(file(other.path())).unwrap()[header..foreign.length()].to_vec();
    let mut tail = behind(journal);
    tail.write_all(&[0xff; 40]).unwrap();
    tail.write_all(&frame).unwrap();
    assert_eq!(reopen(dir.path()).newest(), [vote(1, 0, 1)]);
}

#[test]
fn what_a_start_finds_is_written_anew_before_it_is_given_back() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.insert(vote(1, 0, 1)).unwrap();
    drop(journal);
    // Held open, so that its inode is not given to the new file.
    let old = fs::File::open(file(dir.path())).unwrap();
    let journal = reopen(dir.path());
    assert_ne!(fs::metadata(file(dir.path())).unwrap().ino(), old.metadata().unwrap().ino());
    drop(journal);
    assert_eq!(reopen(dir.path()).newest(), [vote(1, 0, 1)]);
    // A disk that does not take the copy: nothing is given back that might be signed.
    fs::create_dir(dir.path().join("votes.journal.next")).unwrap();
    assert!(matches!(Opened::open(dir.path()), Err(JournalError::Io { .. })));
}

#[test]
fn a_damaged_header_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    drop(fresh(dir.path()));
    let mut bytes = fs::read(file(dir.path())).unwrap();
    bytes[10] ^= 1;
    fs::write(file(dir.path()), &bytes).unwrap();
    assert!(matches!(Opened::open(dir.path()), Err(JournalError::Damaged { offset: 0, .. })));
}

#[test]
fn a_second_process_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let journal = fresh(dir.path());
    assert!(matches!(Opened::open(dir.path()), Err(JournalError::Locked { .. })));
    drop(journal);
    reopen(dir.path());
}

#[test]
fn a_long_file_is_rewritten_without_decided_heights() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    let id = journal.id();
    for height in 1..=3 {
        let payload = Bytes::from(vec![7; 1_500_000]);
        journal.insert(Record { payload, ..vote(height, 0, 1) }).unwrap();
    }
    journal.prune(2).unwrap();
    assert!(journal.length() < 2_000_000);
    assert_eq!(journal.insert(vote(4, 0, 1)), Ok(Inserted::New));
    drop(journal);
    let mut journal = reopen(dir.path());
    assert_eq!(journal.id(), id);
    assert_eq!(journal.newest(), [vote(4, 0, 1)]);
    assert!(matches!(journal.insert(vote(3, 0, 2)), Err(Refusal::Conflict { .. })));
    assert!(matches!(journal.insert(vote(2, 0, 2)), Err(Refusal::Decided { .. })));
}

#[test]
fn a_journal_in_place_of_a_lost_one_accepts_nothing_until_activated() {
    let dir = tempfile::tempdir().unwrap();
    let lost = B256::repeat_byte(9);
    let journal = Opened::open(dir.path()).unwrap().create(Start::Inactive { replaces: lost }).unwrap();
    let id = journal.id();
    drop(journal);
    let opened = Opened::open(dir.path()).unwrap();
    assert_eq!(opened.describe(), Some((id, Some(lost), false)));
    let Opened::Found(mut journal) = opened else { panic!() };
    assert_eq!(journal.insert(vote(1, 0, 1)), Err(Refusal::Inactive));
    journal.activate(10).unwrap();
    assert!(matches!(journal.insert(vote(10, 0, 1)), Err(Refusal::Decided { .. })));
    assert_eq!(journal.insert(vote(11, 0, 1)), Ok(Inserted::New));
}

#[test]
fn a_foreign_journal_is_kept_aside_when_a_new_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let old = fresh(dir.path());
    let id = old.id();
    drop(old);
    let opened = Opened::open(dir.path()).unwrap();
    let journal = opened.create(Start::Inactive { replaces: B256::repeat_byte(1) }).unwrap();
    assert_ne!(journal.id(), id);
    let aside = dir.path().join(format!("votes.journal.{}", hex::encode(&id[..4])));
    assert!(aside.exists());
}

#[test]
fn after_a_failed_write_nothing_is_accepted_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    // A full disk, as the kernel offers it for tests.
    journal.replace_file(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert!(matches!(journal.insert(vote(1, 0, 1)), Err(Refusal::Broken(_))));
    assert!(matches!(journal.insert(vote(1, 0, 1)), Err(Refusal::Broken(_))));
    assert!(matches!(journal.prune(9), Err(Refusal::Broken(_))));
    drop(journal);
    assert_eq!(reopen(dir.path()).insert(vote(1, 0, 2)), Ok(Inserted::New));
}

#[test]
fn garbage_behind_the_last_record_is_never_a_vote() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.insert(vote(1, 0, 1)).unwrap();
    let mut tail = behind(journal);
    tail.write_all(&[0xff; 100]).unwrap();
    assert_eq!(reopen(dir.path()).newest(), [vote(1, 0, 1)]);
}

#[test]
fn parallel_inserts_of_one_slot_have_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (handle, thread) = spawn(fresh(dir.path()), |_| Ok(()), |_| ()).unwrap();
    let winners = runtime.block_on(async {
        let tasks: Vec<_> = (1..=20)
            .map(|digest| {
                let handle = handle.clone();
                tokio::spawn(async move { handle.insert(vote(1, 0, digest)).await })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            winners += usize::from(task.await.unwrap() == Ok(Inserted::New));
        }
        winners
    });
    assert_eq!(winners, 1);
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn nothing_is_voted_above_a_block_that_is_not_on_disk_and_its_own_votes_stay_until_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (asked, questions) = std::sync::mpsc::channel();
    let (on_disk, answers) = std::sync::mpsc::channel::<Result<(), String>>();
    let durable = move |height| {
        asked.send(height).unwrap();
        answers.recv().unwrap()
    };
    let (handle, thread) = spawn(fresh(dir.path()), durable, |_| ()).unwrap();
    let insert = |height| {
        let handle = handle.clone();
        runtime.spawn(async move { handle.insert(vote(height, 0, 1)).await })
    };
    let first = insert(5);
    assert_eq!(questions.recv().unwrap(), 4);
    on_disk.send(Ok(())).unwrap();
    assert_eq!(runtime.block_on(first).unwrap(), Ok(Inserted::New));
    handle.prune(5);
    let next = insert(6);
    assert_eq!(questions.recv().unwrap(), 5, "forgetting waits");
    assert!(!next.is_finished(), "and so does the next height");
    let held = std::fs::read(dir.path().join("votes.journal")).unwrap();
    on_disk.send(Ok(())).unwrap();
    assert_eq!(questions.recv().unwrap(), 5);
    on_disk.send(Err("the disk is full".into())).unwrap();
    let refused = runtime.block_on(next).unwrap();
    assert_eq!(refused, Err(Refusal::BlockNotDurable("the disk is full".into())));
    assert_eq!(std::fs::read(dir.path().join("votes.journal")).unwrap(), held);
    drop((handle, on_disk));
    thread.join().unwrap();
}

#[test]
fn what_to_do_about_a_journal_follows_the_table() {
    let (ours, other, lost) = (B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3));
    let require = JournalConfig::Require { id: lost };
    let accept = JournalConfig::AcceptLoss { id: lost, lost: vec![lost] };
    let recorded = JournalConfig::AcceptLoss { id: ours, lost: vec![lost] };
    let active = Start::Active { replaces: Some(lost) };
    let table = [
        (JournalConfig::Initialise, None, Decision::Create(Start::Active { replaces: None })),
        (JournalConfig::Initialise, Some((ours, None, true)), Decision::Use),
        (JournalConfig::Require { id: ours }, Some((ours, None, true)), Decision::Use),
        (require.clone(), None, Decision::Create(Start::Inactive { replaces: lost })),
        (require.clone(), Some((other, None, true)), Decision::Create(Start::Inactive { replaces: lost })),
        // The id of its replacement is recorded: the old one, come back, is foreign.
        (
            JournalConfig::Require { id: ours },
            Some((lost, None, true)),
            Decision::Create(Start::Inactive { replaces: ours }),
        ),
        // Made by an earlier start in this very state: its sitting out goes on, or is over.
        (require.clone(), Some((ours, Some(lost), false)), Decision::Use),
        (require, Some((ours, Some(lost), true)), Decision::Use),
        (accept.clone(), None, Decision::Create(active)),
        (accept.clone(), Some((lost, None, true)), Decision::Use),
        // Another loss than the accepted one.
        (accept.clone(), Some((lost, Some(other), false)), Decision::Use),
        (accept.clone(), Some((ours, Some(lost), false)), Decision::UseAndActivate),
        (accept.clone(), Some((ours, Some(lost), true)), Decision::Use),
        (accept, Some((ours, Some(other), false)), Decision::Create(active)),
        // The replacement's id is recorded, and the loss accepted only then; what stands in the manifest afterwards
        // accepts no second loss.
        (recorded.clone(), Some((ours, Some(lost), false)), Decision::UseAndActivate),
        (recorded.clone(), Some((ours, Some(lost), true)), Decision::Use),
        (recorded.clone(), None, Decision::Create(Start::Inactive { replaces: ours })),
        (recorded, Some((other, Some(ours), false)), Decision::Use),
    ];
    for (config, found, want) in table {
        assert_eq!(decide(&config, found), want, "{config:?} {found:?}");
    }
}

#[test]
fn records_go_into_room_that_was_made_before_and_beyond_it_when_it_is_used_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    let room = fs::metadata(file(dir.path())).unwrap().len();
    journal.insert(vote(1, 0, 1)).unwrap();
    assert_eq!(fs::metadata(file(dir.path())).unwrap().len(), room);
    let long = Record { payload: Bytes::from(vec![7; 5_000_000]), ..vote(2, 0, 2) };
    journal.insert(long.clone()).unwrap();
    journal.insert(vote(2, 1, 3)).unwrap();
    assert!(fs::metadata(file(dir.path())).unwrap().len() > room);
    drop(journal);
    assert_eq!(reopen(dir.path()).newest(), [long, vote(2, 1, 3)]);
}

#[test]
fn that_an_identity_has_had_a_record_is_remembered_and_costs_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = fresh(dir.path());
    journal.insert(vote(5, 0, 1)).unwrap();
    assert!(!journal.is_recorded());
    journal.begin_tenure(9).unwrap();
    assert_eq!(journal.newest(), [vote(5, 0, 1)], "an active journal goes by its own votes");
    let before = fs::read(file(dir.path())).unwrap();
    journal.begin_tenure(20).unwrap();
    assert_eq!(fs::read(file(dir.path())).unwrap(), before, "nothing is written again");
    drop(journal);
    let journal = reopen(dir.path());
    assert!(journal.is_recorded() && journal.is_active());
    assert_eq!(journal.newest(), [vote(5, 0, 1)]);
}

#[test]
fn a_journal_in_place_of_a_lost_one_votes_above_what_the_fence_knows() {
    let dir = tempfile::tempdir().unwrap();
    let start = Start::Inactive { replaces: B256::repeat_byte(9) };
    let mut journal = Opened::open(dir.path()).unwrap().create(start).unwrap();
    assert_eq!(journal.insert(vote(8, 0, 1)), Err(Refusal::Inactive));
    journal.begin_tenure(7).unwrap();
    assert!(matches!(journal.insert(vote(7, 0, 1)), Err(Refusal::Decided { .. })));
    assert_eq!(journal.insert(vote(8, 0, 1)), Ok(Inserted::New));
    drop(journal);
    assert!(reopen(dir.path()).is_recorded());
}
