use super::*;
use alloc::vec;
use alloy_primitives::Bytes;

/// The document on the wire. A change here needs another [`STATUS_VERSION`], unless it adds a field with a default.
const GOLDEN: &str = include_str!("golden.json");

fn example() -> NodeStatus {
    NodeStatus {
        version: STATUS_VERSION,
        chain_id: 20_777,
        genesis_hash: B256::repeat_byte(0x11),
        node_id: B512::repeat_byte(0x22),
        now_ms: 1_700_000_000_123,
        started_ms: 1_700_000_000_000,
        head: Head { number: 12, hash: B256::repeat_byte(0x33), timestamp: 1_700_000_000 },
        best_peer_head: 13,
        ready: false,
        not_ready_reason: Some("1 block behind".into()),
        peers: vec![Peer {
            node_id: B512::repeat_byte(0x44),
            client: "quorate/0.1.0".into(),
            remote: "[::1]:30303".into(),
            inbound: true,
            head: 13,
        }],
        identity: Some(Identity {
            address: Address::repeat_byte(0x55),
            seated: false,
            voting: false,
            signer: Some(Signer {
                home: SignerHome::AzureKeyVaultKey,
                state: SignerState::Failing,
                reason: Some("vault away".into()),
                newer_version: Some("0a1b".into()),
            }),
            journal: Journal { id: B256::repeat_byte(0x66), sitting_out: Some("journal lost".into()) },
            fence: Some(Fence {
                role: FenceRole::Standby,
                holder: Some("bank-a-1".into()),
                epoch: 4,
                recorded: true,
                reason: Some("twin".into()),
                message: Some("it runs twice".into()),
            }),
            seat_proof: Some(SeatProof {
                member: Address::repeat_byte(0x77),
                block_number: 12,
                block_hash: B256::repeat_byte(0x33),
                signature: Bytes::from(vec![0x88; 65]),
            }),
        }),
        standby_for: vec![Standby {
            address: Address::repeat_byte(0x55),
            signer_ready: true,
            fence: Fence {
                role: FenceRole::Stopped,
                holder: None,
                epoch: 0,
                recorded: false,
                reason: Some("record_missing".into()),
                message: Some("there is none".into()),
            },
        }],
        seats: vec![SeatHeard { address: Address::repeat_byte(0x99), height: 13, at_ms: 1_700_000_000_100 }],
        carriers: Vec::new(),
        consensus: Some(Consensus { height: 13, round: 1, proposer: Address::repeat_byte(0x99) }),
        pool: Pool { pending: 3, queued: 2 },
        faults: vec!["disk full".into()],
    }
}

#[test]
fn the_document_is_the_golden_one_and_is_read_back() {
    assert_eq!(serde_json::to_string_pretty(&example()).unwrap(), GOLDEN.trim_end());
    assert_eq!(serde_json::from_str::<NodeStatus>(GOLDEN).unwrap(), example());
}

#[test]
fn what_does_not_apply_is_left_out_and_read_as_absent() {
    let mut status = example();
    (status.not_ready_reason, status.identity, status.consensus) = (None, None, None);
    status.standby_for.clear();
    let json = serde_json::to_string(&status).unwrap();
    for field in ["null", "notReadyReason", "identity", "consensus", "standbyFor"] {
        assert!(!json.contains(field), "{field} in {json}");
    }
    assert_eq!(serde_json::from_str::<NodeStatus>(&json).unwrap(), status);
}

#[test]
fn a_fence_of_a_node_that_says_nothing_of_a_record_has_none() {
    let fence: Fence = serde_json::from_str(r#"{ "role": "standby", "epoch": 1 }"#).unwrap();
    assert!(!fence.recorded);
}
