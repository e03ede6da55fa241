//! Plans as tables, by what they decide; here what several of them begin with.

mod join;
mod keys;
mod network;
mod objects;
mod pool;
mod regions;
mod restart;
mod seats;
mod standby;
mod stop;
mod vault;
mod volumes;

use super::SeatMove;
use crate::{
    api::{Consortium, Validator},
    genesis::{self, StoredGenesis},
    keys::Key,
    names::FleetName,
    observed::{
        ConsortiumObserved, FleetObserved, FleetSummary, Governance, LeaseState, MemberObserved,
        NodeObserved, PodObserved, SeatObserved, SecretState, StatefulSetObserved, StoredKey, VolumeObserved,
    },
    policy::Turn,
    test_support::{HEIGHT, node_status},
    validate::{self, ValidConsortium, ValidFleet},
};
use alloy_primitives::B256;
use k256::ecdsa::SigningKey;

fn stored(seed: u8) -> StoredKey {
    let key = Key::new(SigningKey::from_slice(&[seed; 32]).expect("a key"));
    StoredKey {
        key: (&key).into(),
        journal: Some(B256::repeat_byte(seed)),
        recorded: false,
        labelled: true,
        vault: None,
    }
}

fn valid_consortium() -> ValidConsortium {
    let object: Consortium =
        serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml")).expect("the example");
    validate::consortium(&object).expect("valid")
}

fn valid_fleet(replicas: u32) -> ValidFleet {
    let object: Validator =
        serde_saphyr::from_str(include_str!("../../../../examples/validator.yaml")).expect("the example");
    ValidFleet { replicas, ..validate::fleet(&object).expect("valid") }
}

fn example_genesis() -> StoredGenesis {
    let identities = (1..=4).map(|seed| stored(seed).key.address).collect();
    genesis::make(&valid_consortium(), stored(98).key.address, stored(99).key.address, &identities)
        .expect("made")
}

/// The node of identity `index` in a network of `seats` seats, with the addresses of the seeded keys.
fn status(index: u8, seats: u8, ready: bool) -> chain::status::NodeStatus {
    let mut status = node_status(index, seats, ready);
    status.genesis_hash = example_genesis().hash;
    status.identity.as_mut().expect("identity").address = stored(index).key.address;
    for (seed, seat) in (1..).zip(&mut status.seats) {
        seat.address = stored(seed).key.address;
    }
    status
}

fn summary(replicas: u32, identities: u8) -> FleetSummary {
    FleetSummary {
        name: FleetName("bank-a".to_owned()),
        replicas,
        standbys: 0,
        stands_by: false,
        seats: true,
        deleting: false,
        skip_unseat: false,
        replaces: None,
        identities: (0..)
            .zip(1..=identities)
            .map(|(index, seed)| (index, stored(seed).key.address))
            .collect(),
    }
}

fn network(replicas: u32, identities: u8, seats: u8) -> ConsortiumObserved {
    let seat = |seed| SeatObserved {
        identity: stored(seed).key.address,
        member: 1,
        operator: stored(99).key.address,
    };
    ConsortiumObserved {
        admin: SecretState::Present(stored(98)),
        operator: SecretState::Present(stored(99)),
        genesis: Some(Ok(example_genesis())),
        fleets: vec![summary(replicas, identities)],
        nodes: (1..=identities).map(|index| status(index, seats, true)).collect(),
        governance: Some(Governance {
            height: HEIGHT,
            members: vec![MemberObserved {
                id: 1,
                alias: "bank-a".to_owned(),
                admin: stored(98).key.address,
                operators: vec![stored(99).key.address],
                capacity: 16,
                seats: u16::from(seats),
                ..MemberObserved::default()
            }],
            seats: (1..=seats).map(seat).collect(),
            votes_needed: 1,
            ..Governance::default()
        }),
        turn: Some(Turn { place: 0, members: 1 }),
        ..ConsortiumObserved::default()
    }
}

fn moved(plan: &super::ConsortiumPlan) -> Option<(&'static str, &str)> {
    plan.seat_move.as_ref().map(|wanted| match wanted {
        SeatMove::Seat { node, .. } => ("seat", node.as_str()),
        SeatMove::Replace { node, .. } => ("replace", node.as_str()),
        SeatMove::Unseat { node, .. } => ("unseat", node.as_str()),
        SeatMove::Allow { node, .. } => ("allow", node.as_str()),
        SeatMove::Forget { node, .. } => ("forget", node.as_str()),
    })
}

fn disk(requested: &str, capacity: &str) -> VolumeObserved {
    VolumeObserved {
        requested: requested.to_owned(),
        capacity: Some(capacity.to_owned()),
        bound: true,
        growth: None,
    }
}

fn node(seed: u8, seats: u8) -> NodeObserved {
    NodeObserved {
        identity: SecretState::Present(stored(seed)),
        lease: LeaseState::Unasked,
        p2p: SecretState::Present(stored(seed + 20)),
        volume: Some(disk("50Gi", "50Gi")),
        statefulset: Some(StatefulSetObserved {
            image: Some("old:1".to_owned()),
            revision: Some("a".to_owned()),
            ..StatefulSetObserved::default()
        }),
        pod: Some(PodObserved { ready: true, revision: Some("a".to_owned()), ..PodObserved::default() }),
        status: Some(status(seed, seats, true)),
    }
}

fn running(nodes: u8, seats: u8) -> FleetObserved {
    FleetObserved {
        consortium_exists: true,
        genesis: Some(example_genesis()),
        nodes: (0..).zip(1..=nodes).map(|(index, seed)| (index, node(seed, seats))).collect(),
        network: (1..=nodes).map(|seed| status(seed, seats, true)).collect(),
        turn: Some(Turn { place: 0, members: 1 }),
        moving: Some(false),
        ..FleetObserved::default()
    }
}

fn outdated(nodes: u8) -> FleetObserved {
    let mut observed = running(nodes, nodes);
    for node in observed.nodes.values_mut() {
        node.statefulset.as_mut().expect("a set").revision = Some("b".to_owned());
    }
    observed
}

fn pod(observed: &mut FleetObserved, index: u32) -> &mut PodObserved {
    observed.nodes.get_mut(&index).and_then(|node| node.pod.as_mut()).expect("a pod")
}

/// What the node of this index says, wherever it is written.
fn says(observed: &mut FleetObserved, index: u32, change: &dyn Fn(&mut chain::status::NodeStatus)) {
    change(observed.nodes.get_mut(&index).and_then(|node| node.status.as_mut()).expect("a status"));
    change(&mut observed.network[index as usize]);
}
