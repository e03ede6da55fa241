use super::*;
use std::fs;

async fn append(journal: &Journal, payload: &[u8]) {
    let slot = journal.slot().await.unwrap();
    slot.append(vec![Bytes::copy_from_slice(payload)]).await.unwrap().unwrap();
}

fn reopened(dir: &Path) -> Replay {
    Journal::open(dir).unwrap().1
}

fn texts(replay: &Replay) -> Vec<&[u8]> {
    replay.transactions.iter().map(AsRef::as_ref).collect()
}

#[tokio::test]
async fn what_was_confirmed_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, replay) = Journal::open(dir.path()).unwrap();
    assert!(replay.transactions.is_empty());
    for payload in [b"one".as_slice(), b"two", b"three"] {
        append(&journal, payload).await;
    }
    // Opened beside the living writer, as after a crash: nothing is flushed at the end.
    assert_eq!(texts(&reopened(dir.path())), [b"one".as_slice(), b"two", b"three"]);
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_off_and_writing_goes_on_behind_it() {
    let source = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(source.path()).unwrap();
    append(&journal, b"first").await;
    let good = fs::read(source.path().join("pool.journal")).unwrap().len();
    append(&journal, b"second").await;
    let whole = fs::read(source.path().join("pool.journal")).unwrap();
    for length in good..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("pool.journal"), &whole[..length]).unwrap();
        let (journal, replay) = Journal::open(dir.path()).unwrap();
        assert_eq!(texts(&replay), [b"first".as_slice()], "cut at {length}");
        assert_eq!(replay.torn_bytes, (length - good) as u64);
        append(&journal, b"third").await;
        assert_eq!(texts(&reopened(dir.path())), [b"first".as_slice(), b"third"]);
    }
}

#[tokio::test]
async fn a_flipped_bit_ends_the_good_part() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    append(&journal, b"first").await;
    append(&journal, b"second").await;
    let path = dir.path().join("pool.journal");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(texts(&reopened(dir.path())), [b"first".as_slice()]);
}

#[tokio::test]
async fn compaction_keeps_the_living_and_what_came_after() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    for payload in [b"a".as_slice(), b"b", b"c"] {
        append(&journal, payload).await;
    }
    journal.compact(|| vec![Bytes::from_static(b"b")]);
    append(&journal, b"d").await;
    assert_eq!(texts(&reopened(dir.path())), [b"b".as_slice(), b"d"]);
}

#[test]
fn a_crash_while_compacting_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    create_file(&dir.path().join("pool.journal"), &[Bytes::from_static(b"kept")]).unwrap();
    fs::write(dir.path().join("pool.journal.new"), b"half").unwrap();
    assert_eq!(texts(&reopened(dir.path())), [b"kept".as_slice()]);
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.journal");
    fs::write(&path, b"not a journal at all").unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"not a journal at all");
}

#[test]
fn many_waiters_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.journal");
    let (file, _) = open_file(&path).unwrap();
    let (commands, queue) = mpsc::channel(QUEUE);
    let mut waiting = Vec::new();
    for n in 0..1000_u32 {
        let (done, durable) = oneshot::channel();
        let raw = Bytes::copy_from_slice(&n.to_be_bytes());
        commands.try_send(Command::Append { raw: vec![raw], done }).unwrap();
        waiting.push(durable);
    }
    drop(commands);
    // Everything is queued before the writer starts, so one batch takes it all.
    Writer::new(file, path, Fault::default()).run(queue);
    for durable in waiting {
        durable.blocking_recv().unwrap().unwrap();
    }
    assert_eq!(reopened(dir.path()).transactions.len(), 1000);
}

#[test]
fn after_a_failed_write_nothing_is_accepted_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pool.journal");
    drop(open_file(&path).unwrap());
    // Open for reading only: every write fails, as on a disk that went away.
    let broken = File::open(&path).unwrap();
    let (commands, queue) = mpsc::channel(QUEUE);
    let fault = Fault::default();
    let writer = Writer::new(broken, path, Arc::clone(&fault));
    let writer = std::thread::spawn(move || writer.run(queue));
    for want in ["write failed", "failed earlier"] {
        let (done, durable) = oneshot::channel();
        commands.blocking_send(Command::Append { raw: vec![Bytes::from_static(b"lost")], done }).unwrap();
        let error = durable.blocking_recv().unwrap().unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let (done, durable) = oneshot::channel();
    commands.blocking_send(Command::Append { raw: Vec::new(), done }).unwrap();
    assert!(durable.blocking_recv().unwrap().is_err(), "what was queued before is not on disk");
    assert!(fault.get().is_some());
    drop(commands);
    writer.join().unwrap();
    assert!(reopened(dir.path()).transactions.is_empty());
}
