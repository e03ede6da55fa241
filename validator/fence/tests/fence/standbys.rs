use crate::rig::{LEASE, Rig, Store, at, config, evidence};
use fence::{Config, Input, Lease, Output, ReadAnswer, Role, Successor};

fn is_held(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Held { .. }))
}

#[test]
fn a_standby_takes_a_silent_holder_over_in_a_new_epoch_with_its_place_and_promise() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let vote = first.vote(at(4, 1, 3), 5);
    first.give(&mut store, Input::Wish(vote));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    assert!(!is_held(&second.pass(&mut store, LEASE.lease_ms - 500)));
    let out = second.pass(&mut store, 1_000);
    let [Output::Held { record }] = &out[..] else { panic!("{out:?}") };
    assert_eq!((record.epoch, record.place, &record.evidence), (2, at(4, 1, 3), &evidence(5)));
    assert_eq!(store.record, Some((**record).clone()));
    assert_eq!(second.fence.epoch(), Some(2));
}

#[test]
fn a_holder_that_renews_is_not_taken_over() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let mut second = Rig::standby(&mut store, config(2, "b"));
    for _ in 0..100 {
        first.pass(&mut store, 500);
        assert_eq!(second.pass(&mut store, 500), []);
    }
}

#[test]
fn a_standby_that_could_not_vote_takes_nothing() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    second.give(&mut store, Input::Ready(false));
    assert_eq!(second.pass(&mut store, 60_000), []);
    assert!(is_held(&second.give(&mut store, Input::Ready(true))), "the lease is over already");
}

#[test]
fn a_silent_holder_is_taken_over_when_its_lease_ends_and_not_at_the_next_look() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    let seen = second.now;
    let ends = seen + LEASE.lease_ms;
    second.now = ends - 100;
    let read = crate::rig::only_read(&second.step(Input::Tick));
    let out = second.step(Input::Read { ticket: read, answer: store.read() });
    assert_eq!(out, [Output::WaitUntil { at_ms: ends }]);
    second.now = ends;
    assert!(is_held(&second.give(&mut store, Input::Tick)));
}

#[test]
fn silence_counts_from_the_question_that_first_showed_the_beat() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::new(config(2, "b"));
    let asked = second.now;
    let read = crate::rig::only_read(&second.step(Input::Ready(true)));
    second.now += 1_400;
    let poll = second.now + LEASE.poll_ms;
    let out = second.step(Input::Read { ticket: read, answer: store.read() });
    assert_eq!(out, [Output::WaitUntil { at_ms: poll }]);
    second.now = asked + LEASE.lease_ms;
    let (_, expected, record) = crate::rig::only_swap(&second.step(Input::Tick));
    assert_eq!((expected, record.epoch), (Some(crate::rig::version(1)), 2));
}

#[test]
fn what_is_released_is_taken_at_the_next_look() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let mut second = Rig::standby(&mut store, config(2, "b"));
    assert_eq!(
        first.give(&mut store, Input::Release(Successor::Anybody)),
        [Output::Released(Successor::Anybody)]
    );
    assert!(is_held(&second.give(&mut store, Input::Look)));
    assert_eq!(first.pass(&mut store, 60_000), [], "it ends, and takes nothing back");
}

#[test]
fn what_is_released_to_one_is_taken_by_another_only_after_a_lease() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let to = Successor::Named(fence::Name::new("c").unwrap());
    first.give(&mut store, Input::Release(to));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    assert_eq!(second.pass(&mut store, LEASE.lease_ms - 500), []);
    assert!(is_held(&second.pass(&mut store, 1_000)));
}

#[test]
fn votes_asked_for_are_granted_before_the_identity_is_given_up() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let renewal = first.wish(at(1, 0, 1), 5);
    first.wish(at(1, 0, 2), 5);
    assert_eq!(first.step(Input::Release(Successor::Anybody)), []);
    let out = first.settle(&mut store, renewal);
    let kinds: Vec<bool> = out.iter().map(|output| matches!(output, Output::Granted { .. })).collect();
    assert_eq!(kinds, [true, true, false]);
    assert_eq!(out.last(), Some(&Output::Released(Successor::Anybody)));
}

#[test]
fn the_preferred_holder_gets_the_identity_within_one_vote_of_the_other() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let mut preferred = Rig::standby(&mut store, Config { is_preferred: true, ..config(2, "b") });
    assert_eq!(store.record.as_ref().unwrap().requested.as_ref().unwrap().as_str(), "b");
    let vote = first.vote(at(1, 0, 1), 5);
    let out = first.give(&mut store, Input::Wish(vote));
    assert!(matches!(out[..], [Output::Granted { .. }, Output::Released(Successor::Named(_))]), "{out:?}");
    assert!(is_held(&preferred.give(&mut store, Input::Look)));
    // And the other does not ask for it back.
    for _ in 0..20 {
        preferred.pass(&mut store, 500);
        assert_eq!(first.pass(&mut store, 500), []);
    }
    assert_eq!(first.fence.role(), Role::Standby);
}

#[test]
fn a_request_does_not_make_a_dead_holder_look_alive() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    second.pass(&mut store, LEASE.lease_ms - 1_000);
    let _preferred = Rig::standby(&mut store, Config { is_preferred: true, ..config(3, "c") });
    assert!(is_held(&second.pass(&mut store, 1_500)));
}

#[test]
fn a_process_that_finds_its_own_journal_in_the_record_waits_less() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let restarted = Config { me: crate::rig::holder(9, "a"), ..config(1, "a") };
    let mut again = Rig::standby(&mut store, restarted);
    assert!(again.fence.twin().is_some());
    assert!(!is_held(&again.pass(&mut store, LEASE.restart_ms - 500)));
    assert!(is_held(&again.pass(&mut store, 1_000)));
    assert!(again.fence.twin().is_none());
}

#[test]
fn a_second_process_under_the_same_name_stands_by_and_says_why() {
    let mut store = Store::default();
    let mut first = Rig::first(&mut store);
    let mut twin = Rig::standby(&mut store, Config { is_preferred: true, ..config(9, "a") });
    for _ in 0..100 {
        first.pass(&mut store, 500);
        assert_eq!(twin.pass(&mut store, 500), []);
    }
    assert_eq!(twin.fence.twin(), Some(&crate::rig::holder(1, "a")));
    assert_eq!(first.fence.role(), Role::Holder);
}

#[test]
fn of_two_standbys_one_wins_and_the_other_stands_by() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    let mut third = Rig::standby(&mut store, config(3, "c"));
    for _ in 0..40 {
        second.pass(&mut store, 250);
        third.pass(&mut store, 250);
    }
    let roles = [second.fence.role(), third.fence.role()];
    assert_eq!(roles.iter().filter(|role| **role == Role::Holder).count(), 1);
    assert_eq!(store.record.unwrap().epoch, 2);
}

#[test]
fn a_take_over_without_an_answer_is_known_by_the_record() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    second.now += LEASE.lease_ms;
    let (ticket, expected, record) = crate::rig::only_swap(&second.step(Input::Tick));
    store.swap(expected.as_ref(), &record);
    let out = second.step(Input::Swapped { ticket, answer: fence::SwapAnswer::Unknown });
    assert!(is_held(&second.settle(&mut store, out)));
}

#[test]
fn reads_without_an_answer_hold_up_no_take_over() {
    let mut store = Store::default();
    drop(Rig::first(&mut store));
    let mut second = Rig::standby(&mut store, config(2, "b"));
    let ends = second.now + LEASE.lease_ms;
    // From now on the store answers no read.
    let mut out = Vec::new();
    while second.now < ends {
        second.now += 100;
        out = second.step(Input::Tick);
        if let [Output::Read { ticket }] = out[..] {
            out = second.step(Input::Read { ticket, answer: fence::ReadAnswer::Away });
        }
    }
    second.now += LEASE.retry_ms;
    if !matches!(out[..], [Output::Swap { .. }]) {
        out = second.step(Input::Tick);
    }
    let (ticket, expected, record) = crate::rig::only_swap(&out);
    let answer = store.swap(expected.as_ref(), &record);
    assert!(is_held(&second.step(Input::Swapped { ticket, answer })));
}

#[test]
fn who_does_not_vote_asks_a_store_that_tells_nothing_no_more_often_than_it_polls() {
    const POLL_MS: u64 = 2_000;
    const SPAN_MS: u64 = 60_000;
    let lease = Lease { poll_ms: POLL_MS, retry_ms: 100, ..LEASE };
    for (knows, answer) in [(true, ReadAnswer::Away), (false, ReadAnswer::Away), (false, ReadAnswer::Missing)]
    {
        let mut rig = Rig::new(Config { lease, ..config(2, "b") });
        let mut store = Store::default();
        if knows {
            drop(Rig::first(&mut store));
            rig.give(&mut store, Input::Tick);
        }
        let (end, mut reads) = (rig.now + SPAN_MS, 0);
        let mut out = rig.step(Input::Tick);
        while rig.now < end {
            out = match out[..] {
                [.., Output::Read { ticket }] => {
                    reads += 1;
                    rig.step(Input::Read { ticket, answer: answer.clone() })
                }
                [.., Output::WaitUntil { at_ms }] => {
                    rig.now = at_ms;
                    rig.step(Input::Tick)
                }
                ref other => panic!("{other:?}"),
            };
        }
        // The first failure is looked into at once.
        assert!(reads <= SPAN_MS / POLL_MS + 2, "{reads} reads, {answer:?}");
    }
}
