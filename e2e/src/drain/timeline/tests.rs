use super::*;

fn pod(at_ms: u64, seat: &str, uid: &str, host: &str, deleting: bool, ready: bool) -> Event {
    let host = (!host.is_empty()).then(|| host.to_owned());
    Event {
        at_ms,
        what: What::Pod(PodSeen { seat: seat.to_owned(), uid: uid.to_owned(), host, deleting, ready }),
    }
}

fn said(at_ms: u64, seat: u8, uid: &str, started_ms: u64, head: u64, heard: &[(u8, u64)]) -> Event {
    let what = What::Said(Said {
        seat: format!("node-{seat}"),
        address: Address::repeat_byte(seat),
        uid: uid.to_owned(),
        started_ms,
        head,
        heard: heard.iter().map(|(seat, at)| (Address::repeat_byte(*seat), *at)).collect(),
    });
    Event { at_ms, what }
}

fn drain(at_ms: u64, node: &str) -> Event {
    Event { at_ms, what: What::DrainBegins { node: node.to_owned(), pass: 1 } }
}

fn seen(events: &[Event]) -> Timeline {
    let mut timeline = Timeline::default();
    for event in events {
        timeline.add(event);
    }
    timeline
}

/// Two seats up on one host, their processes started at 10, both known by name.
fn two_up() -> Vec<Event> {
    vec![
        pod(100, "node-1", "a", "host-1", false, true),
        pod(100, "node-2", "b", "host-1", false, true),
        said(101, 1, "a", 10, 5, &[(1, 90), (2, 90)]),
        said(101, 2, "b", 10, 5, &[(1, 90), (2, 90)]),
    ]
}

#[test]
fn a_seat_is_down_from_its_deletion_until_another_node_hears_its_new_process() {
    let mut events = two_up();
    events.push(pod(200, "node-1", "a", "host-1", true, true));
    assert_eq!(seen(&events).down(), BTreeSet::from(["node-1"]));
    events.push(pod(300, "node-1", "a2", "host-2", false, true));
    events.push(said(310, 1, "a2", 290, 6, &[(1, 300), (2, 300)]));
    assert_eq!(seen(&events).down(), BTreeSet::from(["node-1"]), "ready, and heard by itself only");
    events.push(said(320, 2, "b", 10, 6, &[(1, 289)]));
    assert_eq!(seen(&events).down(), BTreeSet::from(["node-1"]), "heard, but before its process started");
    events.push(said(330, 2, "b", 10, 6, &[(1, 325)]));
    assert!(seen(&events).down().is_empty());
    assert_eq!(seen(&events).most_down(), 1);
}

#[test]
fn a_word_of_the_old_process_does_not_count_for_the_new_one_whose_start_is_not_known() {
    let mut events = two_up();
    events.push(pod(200, "node-1", "a", "host-1", true, true));
    events.push(pod(300, "node-1", "a2", "host-2", false, false));
    events.push(said(301, 2, "b", 10, 6, &[(1, 250)]));
    assert_eq!(seen(&events).down(), BTreeSet::from(["node-1"]));
}

#[test]
fn two_seats_down_at_once_are_counted_as_two() {
    let mut events = two_up();
    events.push(drain(150, "host-1"));
    events.push(pod(200, "node-1", "a", "host-1", true, true));
    events.push(pod(250, "node-2", "b", "host-1", true, true));
    let timeline = seen(&events);
    assert_eq!(timeline.most_down(), 2);
    assert_eq!((timeline.drains()[0].most_down, timeline.drains()[0].pods), (2, 2));
}

#[test]
fn a_pod_that_is_replaced_between_two_looks_was_down() {
    let mut events = two_up();
    events.push(pod(200, "node-1", "a2", "host-2", false, false));
    assert_eq!(seen(&events).down(), BTreeSet::from(["node-1"]));
}

#[test]
fn a_pause_is_measured_between_the_first_sights_of_two_blocks_and_the_last_one_stays_open() {
    let mut events = two_up();
    events.push(said(2101, 2, "b", 10, 6, &[]));
    events.push(drain(2200, "host-1"));
    events.push(said(2201, 1, "a", 10, 6, &[]));
    events.push(said(6101, 1, "a", 10, 7, &[]));
    let timeline = seen(&events);
    let gap = |height, ms| Gap { height, ms };
    assert_eq!(timeline.gaps(7101), [gap(6, 2000), gap(7, 4000), gap(8, 1000)]);
    assert_eq!(timeline.drains()[0].worst_gap, Some(gap(7, 4000)));
}

#[test]
fn a_drain_tells_what_happened_in_order() {
    let mut events = two_up();
    events.push(drain(1000, "host-1"));
    events.push(pod(1100, "node-1", "a", "host-1", true, true));
    events.push(Event { at_ms: 1200, what: What::EvictionRefused });
    events.push(pod(1300, "node-1", "a2", "host-2", false, false));
    events.push(pod(1400, "node-1", "a2", "host-2", false, true));
    events.push(said(1500, 1, "a2", 1350, 5, &[]));
    events.push(said(1600, 2, "b", 10, 5, &[(1, 1550)]));
    events.push(Event { at_ms: 1700, what: What::DrainEnds });
    let timeline = seen(&events);
    let drain = &timeline.drains()[0];
    let story: Vec<_> = drain.story.iter().map(|(at, line)| (*at, line.as_str())).collect();
    let expected = [
        (100, "node-1 leaves host-1"),
        (300, "node-1 goes to host-2"),
        (400, "node-1 is ready"),
        (500, "node-1 answers, 150 ms after its start"),
        (600, "node-1 votes"),
        (700, "the node is empty"),
    ];
    assert_eq!(story, expected);
    assert_eq!((drain.refused, drain.took_ms), (1, 700));
}
