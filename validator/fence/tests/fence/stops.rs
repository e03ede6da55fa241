use crate::rig::{LEASE, Rig, Store, at, config, evidence, journaled};
use alloy_primitives::B256;
use fence::{Config, Input, Output, ReadAnswer, RecordError, Role, Stop};

fn stops(outputs: &[Output]) -> Vec<&Stop> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Stopped(stop) => Some(stop),
            _ => None,
        })
        .collect()
}

#[test]
fn a_missing_record_is_made_only_for_an_identity_that_never_had_one() {
    let mut store = Store::default();
    let mut rig = Rig::new(config(1, "a"));
    assert_eq!(stops(&rig.give(&mut store, Input::Ready(true))), [&Stop::Missing]);
    assert_eq!(rig.pass(&mut store, 60_000), [], "it is told once");
    assert!(store.record.is_none());
    assert_eq!(Rig::first(&mut store).fence.epoch(), Some(1));
}

#[test]
fn an_identity_that_never_voted_gets_its_record_once_what_stood_there_is_gone() {
    let mut store = Store::default();
    Rig::first(&mut store);
    let mut rig = Rig::new(Config { subject: B256::repeat_byte(8), initialise: true, ..config(2, "b") });
    assert_eq!(stops(&rig.give(&mut store, Input::Ready(true))).len(), 1);
    store.record = None;
    let out = rig.pass(&mut store, 60_000);
    assert!(out.contains(&Output::Resumed) && rig.fence.role() == Role::Holder, "{out:?}");
}

#[test]
fn a_record_of_this_identity_that_was_seen_and_then_removed_is_not_made_anew_by_who_saw_it() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let vote = first.vote(at(4, 0, 3), 5);
    first.give(&mut store, Input::Wish(vote));
    let ahead = Config { initialise: true, journaled: Some(journaled(at(5, 0, 2), 6)), ..config(2, "b") };
    let mut rig = Rig::new(ahead);
    let out = rig.give(&mut store, Input::Ready(true));
    assert!(matches!(stops(&out)[..], [Stop::JournalAhead { .. }]), "{out:?}");
    store.record = None;
    assert_eq!(stops(&rig.pass(&mut store, 60_000)), [&Stop::Missing]);
    assert!(store.record.is_none());
}

#[test]
fn a_stop_is_told_once_whatever_figures_the_record_has_meanwhile() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let mut rig = Rig::new(Config { journaled: Some(journaled(at(9, 0, 3), 5)), ..config(2, "b") });
    assert_eq!(stops(&rig.give(&mut store, Input::Ready(true))).len(), 1);
    for height in 1..4 {
        let vote = first.vote(at(height, 0, 2), 5);
        first.give(&mut store, Input::Wish(vote));
        assert_eq!(rig.pass(&mut store, 1_000), [], "{height}");
    }
}

#[test]
fn a_record_that_was_there_and_is_not_any_more_is_not_made_again() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let mut second = Rig::standby(&mut store, Config { initialise: true, ..config(2, "b") });
    let kept = store.record.take();
    let vote = rig.vote(at(1, 0, 1), 5);
    let out = rig.give(&mut store, Input::Wish(vote));
    assert_eq!(stops(&out), [&Stop::Missing]);
    assert!(matches!(out[0], Output::Refused { .. }), "{out:?}");
    assert_eq!(stops(&second.pass(&mut store, 20_000)), [&Stop::Missing]);
    assert!(store.record.is_none());
    // The record comes back: both stand by, and one takes over in a new epoch.
    store.record = kept;
    let out = rig.pass(&mut store, 500);
    assert_eq!(out, [Output::Resumed]);
    assert_eq!(rig.fence.role(), Role::Standby);
    rig.pass(&mut store, LEASE.restart_ms + 500);
    assert_eq!(rig.fence.epoch(), Some(2));
}

#[test]
fn what_is_no_record_of_this_identity_is_left_alone() {
    let mut store = Store::default();
    Rig::first(&mut store);
    let mut rig = Rig::new(Config { subject: B256::repeat_byte(8), ..config(2, "b") });
    let out = rig.give(&mut store, Input::Ready(true));
    let stop = Stop::Foreign { have: B256::repeat_byte(7), want: B256::repeat_byte(8) };
    assert_eq!(stops(&out), [&stop]);
    assert_eq!(rig.pass(&mut store, 60_000), []);
    assert_eq!(store.version, 1);
}

#[test]
fn a_damaged_record_and_one_of_a_later_release_stop_the_seat() {
    let mut store = Store::default();
    Rig::first(&mut store);
    let bytes = store.record.as_ref().unwrap().encode();
    for (index, want) in [(7, "version"), (60, "damaged")] {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        let mut rig = Rig::new(config(2, "b"));
        let ticket = crate::rig::only_read(&rig.step(Input::Tick));
        let answer = ReadAnswer::Found { version: crate::rig::version(1), bytes: changed };
        let out = rig.step(Input::Read { ticket, answer });
        let [Stop::Unreadable(error)] = stops(&out)[..] else { panic!("{out:?}") };
        assert!(error.to_string().contains(want), "{error}");
        assert_ne!(*error, RecordError::NoRecord);
    }
}

#[test]
fn a_journal_with_later_votes_than_the_record_stops_the_seat() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let vote = first.vote(at(4, 0, 3), 5);
    first.give(&mut store, Input::Wish(vote));
    let ahead = Config { journaled: Some(journaled(at(5, 0, 2), 6)), ..config(2, "b") };
    let mut rig = Rig::new(ahead);
    let out = rig.give(&mut store, Input::Ready(true));
    let stop = Stop::JournalAhead { journal: at(5, 0, 2), record: at(4, 0, 3) };
    assert_eq!(stops(&out), [&stop]);
    assert_eq!(stop.label(), "journal_ahead");
}

#[test]
fn an_old_disk_starts_from_the_record() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let vote = first.vote(at(9, 0, 3), 5);
    first.give(&mut store, Input::Wish(vote));
    let old = Config { journaled: Some(journaled(at(2, 0, 2), 1)), ..config(1, "a") };
    let mut rig = Rig::standby(&mut store, Config { me: crate::rig::holder(4, "a"), ..old });
    let out = rig.pass(&mut store, LEASE.restart_ms + 500);
    let [Output::Held { record }] = &out[..] else { panic!("{out:?}") };
    assert_eq!(record.place, at(9, 0, 3));
    let refused = rig.wish(at(3, 0, 1), 1);
    assert!(matches!(refused[0], Output::Refused { .. }));
}

#[test]
fn a_first_record_begins_with_the_journals_newest_vote() {
    let mut store = Store::default();
    let before = journaled(at(7, 1, 3), 6);
    let mut rig = Rig::new(Config { initialise: true, journaled: Some(before.clone()), ..config(1, "a") });
    rig.give(&mut store, Input::Ready(true));
    let record = store.record.unwrap();
    assert_eq!(
        (record.place, record.digest, record.evidence),
        (before.place, before.digest, before.evidence)
    );
}

#[test]
fn a_first_record_of_an_identity_whose_votes_are_unknown_begins_above_what_is_decided() {
    let table = [
        (None, at(9, 0, 0)),
        (Some(at(7, 1, 3)), at(9, 0, 0)),
        // What is known and is later stands.
        (Some(at(9, 0, 2)), at(9, 0, 2)),
    ];
    for (newest, begins) in table {
        let mut store = Store::default();
        let journaled = newest.map(|place| journaled(place, 6));
        let mut rig = Rig::new(Config { initialise: true, journaled, ..config(1, "a") });
        rig.give(&mut store, Input::BeginAt(9));
        rig.give(&mut store, Input::BeginAt(4));
        rig.give(&mut store, Input::Ready(true));
        assert_eq!(store.place(), begins);
        let is_kept = newest == Some(begins);
        assert_eq!(store.record.as_ref().unwrap().evidence == evidence(6), is_kept);
        // And so for whoever takes over.
        rig.give(&mut store, Input::Release(fence::Successor::Anybody));
        let mut second = Rig::new(config(2, "b"));
        second.give(&mut store, Input::Ready(true));
        assert!(matches!(second.wish(at(8, 0, 2), 5)[..], [Output::Refused { .. }, ..]));
        let vote = second.vote(at(9, 0, 3), 5);
        assert!(matches!(second.give(&mut store, Input::Wish(vote))[..], [Output::Granted { .. }]));
    }
}

#[test]
fn a_record_that_is_there_begins_where_it_stands() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let vote = first.vote(at(4, 0, 3), 5);
    first.give(&mut store, Input::Wish(vote));
    first.give(&mut store, Input::Release(fence::Successor::Anybody));
    let mut second = Rig::new(config(2, "b"));
    second.give(&mut store, Input::BeginAt(9));
    second.give(&mut store, Input::Ready(true));
    assert_eq!((store.place(), second.fence.role()), (at(4, 0, 3), Role::Holder));
}

#[test]
fn old_versions_are_waited_out_and_a_store_set_back_stops_the_seat() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let old = store.clone();
    let vote = first.vote(at(1, 0, 1), 5);
    first.give(&mut store, Input::Wish(vote));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    // A cache is behind for a while.
    let mut behind = old.clone();
    assert_eq!(second.pass(&mut behind, LEASE.lease_ms - 1_000), []);
    assert_eq!(second.pass(&mut store, 500), []);
    // The store itself is.
    let out = second.pass(&mut behind, LEASE.lease_ms * 6);
    assert_eq!(stops(&out), [&Stop::SetBack { have: 1, want: 2 }]);
    assert_eq!(behind.version, old.version, "nothing was written");
    // Somebody without that memory wrote another second revision.
    behind.record.as_mut().unwrap().revision = 2;
    assert_eq!(second.pass(&mut behind, 500), [], "it is told already");
    assert_eq!(second.fence.role(), Role::Stopped);
}

#[test]
fn while_the_store_is_away_nothing_is_granted_and_it_goes_on_after() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let (ticket, ..) = crate::rig::only_swap(&rig.wish(at(1, 0, 1), 5));
    let mut out = rig.step(Input::Swapped { ticket, answer: fence::SwapAnswer::Unknown });
    for _ in 0..50 {
        rig.now += 200;
        out = match out[..] {
            [Output::Read { ticket }] => rig.step(Input::Read { ticket, answer: ReadAnswer::Away }),
            [Output::WaitUntil { .. }] => rig.step(Input::Tick),
            ref other => panic!("{other:?}"),
        };
    }
    let answered = rig.settle(&mut store, out);
    let rest = rig.pass(&mut store, 1_000);
    let granted = answered.iter().chain(&rest).filter(|output| matches!(output, Output::Granted { .. }));
    assert_eq!(granted.count(), 1);
}
