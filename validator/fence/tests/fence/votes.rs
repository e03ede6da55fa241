use crate::rig::{Rig, Store, at, config, evidence, only_read, only_swap};
use alloy_primitives::{B256, Bytes};
use fence::{Config, Input, Loss, Output, Refusal, Role, SwapAnswer, Vote};

fn granted(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::Granted { .. })).count()
}

fn refusal(outputs: &[Output]) -> &Refusal {
    match outputs {
        [Output::Refused { why, .. }, ..] => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_vote_is_granted_by_the_swap_that_wrote_it_and_not_before() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let out = rig.wish(at(1, 0, 2), 5);
    let (ticket, expected, record) = only_swap(&out);
    assert_eq!((record.place, record.digest), (at(1, 0, 2), B256::repeat_byte(5)));
    assert_eq!(record.evidence, evidence(5));
    let answer = store.swap(expected.as_ref(), &record);
    let out = rig.step(Input::Swapped { ticket, answer });
    assert_eq!(granted(&out), 1);
}

#[test]
fn a_slot_is_granted_again_for_the_same_digest_and_never_for_another() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let vote = rig.vote(at(1, 0, 2), 5);
    rig.give(&mut store, Input::Wish(vote));
    let again = rig.wish(at(1, 0, 2), 5);
    assert_eq!(granted(&again), 1);
    assert!(!again.iter().any(|output| matches!(output, Output::Swap { .. })), "it needs no write");
    let (have, got) = (B256::repeat_byte(5), B256::repeat_byte(6));
    assert_eq!(refusal(&rig.wish(at(1, 0, 2), 6)), &Refusal::Conflict { place: at(1, 0, 2), have, got });
}

#[test]
fn a_slot_below_the_newest_is_closed() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let vote = rig.vote(at(4, 1, 2), 5);
    rig.give(&mut store, Input::Wish(vote));
    for place in [at(4, 1, 0), at(4, 0, 3), at(3, 9, 3)] {
        let why = refusal(&rig.wish(place, 5)).clone();
        assert_eq!(why, Refusal::Behind { got: place, newest: at(4, 1, 2) });
    }
}

#[test]
fn votes_that_come_while_one_is_written_go_together_in_the_next_write() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let first = rig.wish(at(1, 0, 1), 5);
    assert_eq!(rig.wish(at(1, 0, 2), 5), []);
    assert_eq!(rig.wish(at(1, 0, 3), 5), []);
    assert_eq!(rig.wish(at(1, 0, 3), 5), [], "asked for already");
    assert!(matches!(refusal(&rig.wish(at(1, 0, 2), 6)), Refusal::Conflict { .. }));
    let out = rig.settle(&mut store, first);
    assert_eq!(granted(&out), 3);
    assert_eq!(store.place(), at(1, 0, 3));
    assert_eq!(store.record.unwrap().revision, 3, "created, first vote, the other two");
}

#[test]
fn a_later_height_or_round_overtakes_what_waits() {
    for later in [at(2, 0, 1), at(1, 1, 0)] {
        let mut store = Store::default();
        let mut rig = Rig::first(&mut store);
        let first = rig.wish(at(1, 0, 1), 5);
        rig.wish(at(1, 0, 2), 5);
        let overtaken = rig.wish(later, 6);
        assert_eq!(refusal(&overtaken), &Refusal::Overtaken { place: at(1, 0, 2), by: later });
        assert_eq!(granted(&rig.settle(&mut store, first)), 2);
    }
}

#[test]
fn of_a_process_and_its_copy_no_two_are_granted_different_votes_for_one_slot() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    // Copied with its memory, while a write is under way that neither gets an answer to.
    let (ticket, expected, record) = only_swap(&rig.wish(at(1, 0, 0), 1));
    let copy = rig.clone();
    store.swap(expected.as_ref(), &record);
    let mut processes = [rig, copy];
    let asked = [5, 6].into_iter().zip(&mut processes).map(|(block, process)| {
        let read = only_read(&process.step(Input::Swapped { ticket, answer: SwapAnswer::Unknown }));
        // A block of its own, and then what both want: the round is over.
        process.wish(at(1, 0, 1), block);
        process.wish(at(1, 1, 0), 9);
        read
    });
    let asked: Vec<_> = asked.collect();
    // Both find their write done, and write the next version.
    let answer = store.read();
    let answered = asked.into_iter().zip(&mut processes);
    let outputs: Vec<_> = answered
        .map(|(ticket, process)| process.step(Input::Read { ticket, answer: answer.clone() }))
        .collect();
    let mut votes = Vec::new();
    for (process, outputs) in processes.iter_mut().zip(outputs) {
        for output in process.settle(&mut store, outputs) {
            if let Output::Granted { place, digest } = output {
                votes.push((place, digest));
            }
        }
    }
    assert_eq!(votes.iter().filter(|(place, _)| *place == at(1, 1, 0)).count(), 2, "{votes:?}");
    for (place, digest) in &votes {
        assert!(votes.iter().all(|(other, have)| other != place || have == digest), "{votes:?}");
    }
}

#[test]
fn a_swap_without_an_answer_is_looked_up_and_granted_if_it_was_done() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let (ticket, expected, record) = only_swap(&rig.wish(at(1, 0, 1), 5));
    store.swap(expected.as_ref(), &record);
    let read = rig.step(Input::Swapped { ticket, answer: SwapAnswer::Unknown });
    only_read(&read);
    assert_eq!(granted(&rig.settle(&mut store, read)), 1);
}

#[test]
fn a_swap_without_an_answer_that_was_not_done_is_tried_again_as_the_same_record() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let (ticket, first_expected, first) = only_swap(&rig.wish(at(1, 0, 1), 5));
    let ticket = only_read(&rig.step(Input::Swapped { ticket, answer: SwapAnswer::Unknown }));
    // What comes meanwhile waits: two different writes for one version could each be done.
    assert_eq!(rig.wish(at(1, 0, 2), 5), []);
    let again = rig.step(Input::Read { ticket, answer: store.read() });
    let (ticket, expected, record) = only_swap(&again);
    assert_eq!((&expected, &record), (&first_expected, &first));
    // The first one arrives late, and only then the second.
    assert!(matches!(store.swap(first_expected.as_ref(), &first), SwapAnswer::Won { .. }));
    assert_eq!(store.swap(expected.as_ref(), &record), SwapAnswer::Lost);
    rig.now += 1_000;
    rig.step(Input::Swapped { ticket, answer: SwapAnswer::Lost });
    rig.now += 1_000;
    assert_eq!(granted(&rig.give(&mut store, Input::Tick)), 2);
    assert_eq!(store.place(), at(1, 0, 2));
}

#[test]
fn a_holder_whose_record_another_took_grants_nothing_more() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let mut other = Rig::standby(&mut store, config(2, "b"));
    let wish = rig.wish(at(1, 0, 1), 5);
    // It stands still for a lease; the swap is on its way.
    let took = other.pass(&mut store, 7_000);
    assert!(matches!(took[..], [Output::Held { .. }]));
    let out = rig.settle(&mut store, wish);
    let by = store.record.clone().unwrap().holder;
    let loss = Output::Lost(Loss::TakenOver { by, epoch: 2 });
    assert!(out.contains(&loss), "{out:?}");
    assert_eq!((granted(&out), refusal(&out)), (0, &Refusal::NotHolder));
    assert_eq!(rig.fence.role(), Role::Standby);
    assert!(matches!(refusal(&rig.wish(at(9, 0, 1), 5)), Refusal::NotHolder));
}

#[test]
fn a_wish_decided_on_before_the_identity_was_lost_and_regained_is_refused() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let old = rig.vote(at(3, 0, 1), 5);
    rig.give(&mut store, Input::Release(fence::Successor::Anybody));
    rig.give(&mut store, Input::Ready(true));
    rig.pass(&mut store, 1_000);
    assert_eq!(rig.fence.epoch(), Some(2));
    let out = rig.step(Input::Wish(old));
    assert_eq!(refusal(&out), &Refusal::OldEpoch { got: 1, now: 2 });
}

#[test]
fn a_record_that_the_store_would_not_take_is_refused_before_it_is_sent() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    let mut vote = rig.vote(at(1, 0, 1), 5);
    vote.evidence.promise = Bytes::from(vec![0; 5_000]);
    let out = rig.step(Input::Wish(vote));
    assert!(matches!(refusal(&out), Refusal::TooLarge { limit: 4_096, .. }));
}

#[test]
fn what_waits_for_a_store_that_is_away_is_bounded() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    rig.wish(at(1, 0, 1), 5);
    let phases = 1..100;
    let refused = phases.filter(|phase| !rig.wish(at(1, 1, *phase), 5).is_empty()).count();
    assert_eq!(refused, 99 - 16);
}

#[test]
fn a_holder_that_votes_writes_nothing_else_and_an_idle_one_renews() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    for height in 1..=10 {
        rig.pass(&mut store, 1_000);
        let vote = rig.vote(at(height, 0, 1), 5);
        rig.give(&mut store, Input::Wish(vote));
    }
    assert_eq!(store.version, 11);
    rig.pass(&mut store, 15_000);
    assert_eq!(store.version, 21);
}

#[test]
fn a_write_of_somebody_else_that_leaves_the_record_costs_a_read() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    store.version += 1;
    let vote = rig.vote(at(1, 0, 1), 5);
    assert_eq!(granted(&rig.give(&mut store, Input::Wish(vote))), 1);
}

#[test]
fn writes_under_our_own_id_that_we_did_not_make_end_it() {
    let mut store = Store::default();
    let mut rig = Rig::first(&mut store);
    // The process was copied while it ran: the copy votes first.
    let mut copy = Rig { fence: rig.fence.clone(), now: rig.now };
    let vote = copy.vote(at(1, 0, 1), 5);
    copy.give(&mut store, Input::Wish(vote));
    let vote = rig.vote(at(1, 0, 1), 6);
    let out = rig.give(&mut store, Input::Wish(vote));
    assert!(out.contains(&Output::Lost(Loss::Copied { epoch: 1 })), "{out:?}");
}

#[test]
fn a_refused_vote_says_what_to_do_about_it() {
    let vote = Vote { epoch: 1, place: at(1, 0, 1), digest: B256::ZERO, evidence: evidence(1) };
    let mut rig = Rig::new(Config { initialise: true, ..config(1, "a") });
    let out = rig.step(Input::Wish(vote));
    assert_eq!(refusal(&out).to_string(), "this process does not hold the identity");
}
