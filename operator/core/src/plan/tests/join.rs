//! Joining a network that others made.

use super::{network, stored, summary, valid_fleet};
use crate::{
    api::conditions::reasons,
    network_info::{
        Learned, Outcome, Seen,
        tests::{bootnode, publisher, signed},
    },
    observed::{ConsortiumObserved, FleetObserved, Governance, MemberObserved, SecretState, SourcesObserved},
    plan::{ConsortiumPlan, consortium, fleet},
    test_support::HEIGHT,
    validate::{JoinedNetwork, Network, Source, ValidConsortium, ValidFleet},
};
use alloy_primitives::B256;
use chain::network_info::NetworkInfo;

fn joiner(genesis_hash: B256) -> ValidConsortium {
    let sources = vec![Source::ConfigMap("a".to_owned()), Source::ConfigMap("c".to_owned())];
    let network = Network::Join(JoinedNetwork { genesis_hash, sources });
    ValidConsortium { network, ..super::valid_consortium() }
}

fn theirs() -> NetworkInfo {
    signed(12, 10, vec![bootnode(1, "a-0.a.svc")])
}

fn seen(outcome: Outcome) -> Seen {
    Seen { source: "ConfigMap a".to_owned(), outcome }
}

fn observed(seen: Option<Vec<Outcome>>) -> ConsortiumObserved {
    ConsortiumObserved {
        admin: SecretState::Present(stored(98)),
        operator: SecretState::Present(stored(99)),
        fleets: vec![summary(4, 4)],
        sources: SourcesObserved {
            seen: seen.map(|all| all.into_iter().map(self::seen).collect()),
            ..SourcesObserved::default()
        },
        ..ConsortiumObserved::default()
    }
}

fn read(info: NetworkInfo) -> Outcome {
    Outcome::Read(Box::new(info))
}

fn refused(pin: bool) -> Outcome {
    Outcome::Refused { pin, message: "is of another network".to_owned() }
}

fn unreachable() -> Outcome {
    Outcome::Unreachable("no answer within 10 s".to_owned())
}

#[test]
fn the_genesis_is_that_of_the_first_good_document_and_belongs_to_our_own_member() {
    let plan =
        consortium(&joiner(theirs().genesis_hash), &observed(Some(vec![unreachable(), read(theirs())])));
    let genesis = plan.genesis.expect("a genesis");
    assert_eq!((genesis.hash, genesis.member), (theirs().genesis_hash, stored(98).key.address));
    assert_eq!(genesis.text, theirs().genesis);
    assert_eq!(plan.learned, Some(Learned::default().with([theirs()])));
}

#[test]
fn without_a_good_document_it_waits_while_one_may_come_and_stalls_when_a_person_must_correct_the_sources() {
    let cases = [
        (None, reasons::WAITING_FOR_SOURCES, false),
        (Some(vec![unreachable()]), reasons::SOURCE_UNREACHABLE, false),
        (Some(vec![refused(true), unreachable()]), reasons::SOURCE_UNREACHABLE, false),
        (Some(vec![refused(true), refused(false)]), reasons::GENESIS_MISMATCH, true),
        (Some(vec![refused(false)]), reasons::SOURCE_REFUSED, true),
    ];
    for (seen, reason, stalled) in cases {
        let plan = consortium(&joiner(theirs().genesis_hash), &observed(seen.clone()));
        let first = plan.waits.first().expect("a wait");
        assert_eq!((first.reason, first.stalled), (reason, stalled), "{seen:?}");
        assert!(plan.genesis.is_none() && plan.learned.is_none());
        assert!(seen.is_none() || first.message.contains("ConfigMap a"), "{}", first.message);
    }
}

#[test]
fn a_stored_genesis_that_is_not_the_trusted_one_stalls_and_nothing_of_it_is_published() {
    let mut observed = network(4, 4, 4);
    observed.sources.published = true;
    let plan = consortium(&joiner(B256::repeat_byte(1)), &observed);
    assert_eq!((plan.waits[0].reason, plan.waits[0].stalled), (reasons::GENESIS_MISMATCH, true));
    assert!(!plan.publish);
}

/// Our nodes in a network of three seats of another member's.
fn others(member: bool) -> (ValidConsortium, ConsortiumObserved) {
    let mut observed = network(4, 4, 0);
    let hash = observed.genesis.as_ref().expect("there").as_ref().expect("readable").hash;
    for node in &mut observed.nodes {
        node.seats = (21..=23)
            .map(|seed| chain::status::SeatHeard {
                address: stored(seed).key.address,
                height: HEIGHT,
                at_ms: node.now_ms,
            })
            .collect();
    }
    let theirs = MemberObserved {
        id: 7,
        alias: "bank-c".to_owned(),
        admin: stored(60).key.address,
        operators: vec![publisher(12).address],
        capacity: 16,
        seats: 3,
        ..MemberObserved::default()
    };
    let view = observed.governance.get_or_insert_with(Governance::default);
    view.members[0].capacity = 2;
    if !member {
        view.members.clear();
    }
    view.members.insert(0, theirs);
    (joiner(hash), observed)
}

fn waits(plan: &ConsortiumPlan) -> Vec<&str> {
    plan.waits.iter().map(|wait| wait.reason).collect()
}

#[test]
fn until_the_others_admit_it_there_is_nothing_to_wait_for_and_nothing_to_publish() {
    let (valid, observed) = others(false);
    let plan = consortium(&valid, &observed);
    assert_eq!(waits(&plan), Vec::<&str>::new());
    assert_eq!((plan.seat_move, plan.publish), (None, false));
}

#[test]
fn once_admitted_it_is_seated_node_by_node_within_its_capacity_and_publishes() {
    let (valid, mut observed) = others(true);
    let plan = consortium(&valid, &observed);
    assert!(plan.publish);
    assert_eq!(super::moved(&plan), Some(("seat", "bank-a-0")));
    let member = observed.governance.as_mut().and_then(|view| view.members.last_mut()).expect("ours");
    member.seats = 2;
    let plan = consortium(&valid, &observed);
    assert_eq!(plan.seat_move, None);
    assert!(waits(&plan).iter().all(|reason| *reason == "CapacityReached"), "{:?}", waits(&plan));
    assert!(plan.waits[0].message.contains("holds 2 of the 2 seats"), "{}", plan.waits[0].message);
}

#[test]
fn an_operator_account_that_the_contract_does_not_know_seats_nothing() {
    let (valid, mut observed) = others(true);
    let member = observed.governance.as_mut().and_then(|view| view.members.last_mut()).expect("ours");
    member.operators.clear();
    let plan = consortium(&valid, &observed);
    assert_eq!((plan.seat_move.is_none(), plan.publish), (true, false));
    assert!(waits(&plan).contains(&reasons::OPERATOR_UNKNOWN));
}

#[test]
fn once_the_chain_is_read_what_strangers_publish_is_not_kept_beside_what_members_do() {
    let (valid, mut observed) = others(true);
    let stranger = signed(13, 20, vec![bootnode(2, "evil.example")]);
    observed.sources.learned = Learned::default().with([stranger.clone()]);
    observed.sources.seen = Some(vec![seen(read(theirs())), seen(read(stranger.clone()))]);
    assert_eq!(consortium(&valid, &observed).learned, Some(Learned::default().with([theirs()])));
    observed.governance = None;
    let both = Learned::default().with([theirs(), stranger]);
    assert_eq!(consortium(&valid, &observed).learned, Some(both), "nobody knows yet");
}

#[test]
fn what_was_published_stays_while_the_chain_is_not_read() {
    let (valid, mut observed) = others(true);
    observed.governance = None;
    assert!(!consortium(&valid, &observed).publish);
    observed.sources.published = true;
    assert!(consortium(&valid, &observed).publish);
}

#[test]
fn a_fleet_whose_member_was_never_admitted_is_let_go_though_no_node_answers() {
    let going = ValidFleet { deleting: true, ..valid_fleet(4) };
    let observed = |member| FleetObserved {
        consortium_exists: true,
        genesis: Some(super::example_genesis()),
        member,
        ..FleetObserved::default()
    };
    let plan = |member| fleet(&going, &observed(member), "image");
    assert_eq!(plan(Some(false)).release.expect("let go").reason, "NoSeats");
    for member in [None, Some(true)] {
        let kept = plan(member);
        assert!(kept.release.is_none());
        assert_eq!(kept.waits[0].reason, reasons::NO_NODE_ANSWERS);
    }
}
