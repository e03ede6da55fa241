//! Fixtures of the unit tests.

use crate::liveness::Hearing;
use alloy_primitives::{Address, B256, B512, Bytes};
use chain::status::{Head, Identity, Journal, NodeStatus, Pool, STATUS_VERSION, SeatHeard, SeatProof};

/// Now, by every clock of the tests.
pub(crate) const NOW_MS: u64 = 1_000_000_000;
/// Head of every node of the tests.
pub(crate) const HEIGHT: u64 = 100;

/// The identity with this number, from 1.
pub(crate) fn address(index: u8) -> Address {
    Address::repeat_byte(index)
}

/// `total` seats of which the first `live` are heard.
pub(crate) fn hearing(total: u8, live: u8) -> Hearing {
    Hearing {
        height: HEIGHT,
        seats: (1..=total).map(address).collect(),
        live: (1..=live).map(address).collect(),
        present: (1..=live).map(address).collect(),
        young: false,
    }
}

/// What the node of identity `index` says in a network whose first `seats` identities are seated and heard.
pub(crate) fn node_status(index: u8, seats: u8, ready: bool) -> NodeStatus {
    let seated = index <= seats;
    NodeStatus {
        version: STATUS_VERSION,
        chain_id: 10101,
        genesis_hash: B256::repeat_byte(7),
        node_id: B512::repeat_byte(index),
        now_ms: NOW_MS,
        started_ms: NOW_MS - 60_000,
        head: Head { number: HEIGHT, hash: B256::repeat_byte(1), timestamp: NOW_MS / 1000 },
        best_peer_head: HEIGHT,
        ready,
        not_ready_reason: (!ready).then(|| "12 blocks behind its peers".to_owned()),
        peers: Vec::new(),
        identity: Some(Identity {
            address: address(index),
            seated,
            voting: seated,
            signer: None,
            journal: Journal { id: B256::repeat_byte(index), sitting_out: None },
            fence: None,
            seat_proof: (!seated).then(|| SeatProof {
                member: address(99),
                block_number: HEIGHT,
                block_hash: B256::repeat_byte(1),
                signature: Bytes::from_static(&[1; 65]),
            }),
        }),
        standby_for: Vec::new(),
        seats: (1..=seats)
            .map(|seat| SeatHeard { address: address(seat), height: HEIGHT, at_ms: NOW_MS })
            .collect(),
        carriers: Vec::new(),
        consensus: None,
        pool: Pool::default(),
        faults: Vec::new(),
    }
}
