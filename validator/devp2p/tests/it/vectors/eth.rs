//! Messages of eth.

use super::{bytes, vectors};
use alloy_primitives::{B256, keccak256};
use devp2p::eth::{
    BlockRange, ClaimedHead, EthVersion, Message, Reply, Status,
    message::{Query, encode_new_block_hashes, encode_transaction_hashes, id},
};

/// Decodes, and encodes again to the same bytes.
fn round_trip(version: EthVersion, id: u8, data: &[u8]) -> Message {
    let message = Message::decode(version, id, data).unwrap();
    let again = match &message {
        Message::Query(request, query) => query.encode(*request),
        Message::Reply(request, reply) => reply.encode(version, *request),
        Message::NewBlockHashes(hashes) => (id::NEW_BLOCK_HASHES, encode_new_block_hashes(hashes)),
        Message::TransactionHashes(hashes) => {
            (id::TRANSACTION_HASHES, encode_transaction_hashes(version, hashes))
        }
        Message::BlockRangeUpdate(range) => (id::BLOCK_RANGE_UPDATE, alloy_rlp::encode(range)),
        other => panic!("no encoder asked for {other:?}"),
    };
    assert_eq!(again, (id, data.to_vec()));
    message
}

#[test]
fn packets_of_eip_2481_are_read_and_written_byte_for_byte() {
    for packet in vectors()["eth66_request_id_vectors"]["packets"].as_array().unwrap() {
        let data = bytes(&packet["rlp"]);
        let id = match packet["type"].as_str().unwrap() {
            "GetBlockHeadersPacket66" => id::GET_HEADERS,
            "BlockHeadersPacket66" => id::HEADERS,
            "GetBlockBodiesPacket66" => id::GET_BODIES,
            "BlockBodiesPacket66" => id::BODIES,
            "GetReceiptsPacket66" => id::GET_RECEIPTS,
            "ReceiptsPacket66" => id::RECEIPTS,
            "GetPooledTransactionsPacket66" => id::GET_POOLED,
            "PooledTransactionsPacket66" => id::POOLED,
            // Answered with nothing, and never asked for.
            "GetNodeDataPacket66" => {
                let read = Message::decode(EthVersion::V66, id::GET_NODE_DATA, &data).unwrap();
                assert_eq!(read, Message::Query(1111, Query::NodeData));
                assert!(Message::decode(EthVersion::V68, id::GET_NODE_DATA, &data).is_err());
                continue;
            }
            "NodeDataPacket66" => {
                assert!(Message::decode(EthVersion::V66, id::NODE_DATA, &data).is_err());
                continue;
            }
            other => panic!("unknown packet {other}"),
        };
        let (Message::Query(request, _) | Message::Reply(request, _)) =
            round_trip(EthVersion::V66, id, &data)
        else {
            panic!("packet without a request id");
        };
        assert_eq!(request, 1111);
    }
}

#[test]
fn shapes_of_eth_66_to_69_are_read_and_written_byte_for_byte() {
    let vectors = vectors();
    let shapes = &vectors["eth_messages_derived"];
    for (name, version, id) in [
        ("new_pooled_hashes_68", EthVersion::V68, id::TRANSACTION_HASHES),
        ("new_pooled_hashes_66", EthVersion::V66, id::TRANSACTION_HASHES),
        ("get_receipts_66_69", EthVersion::V68, id::GET_RECEIPTS),
        ("new_block_hashes", EthVersion::V68, id::NEW_BLOCK_HASHES),
        ("get_block_headers_by_number", EthVersion::V68, id::GET_HEADERS),
        ("get_block_headers_by_hash_reverse", EthVersion::V68, id::GET_HEADERS),
        ("empty_bodies", EthVersion::V68, id::BODIES),
        ("body_shanghai_empty", EthVersion::V68, id::BODIES),
        ("body_pre_shanghai_empty", EthVersion::V68, id::BODIES),
        ("get_receipts_66_69", EthVersion::V69, id::GET_RECEIPTS),
        ("receipts_69_one", EthVersion::V69, id::RECEIPTS),
        ("block_range_update", EthVersion::V69, id::BLOCK_RANGE_UPDATE),
        ("new_pooled_hashes_68", EthVersion::V69, id::TRANSACTION_HASHES),
        ("new_block_hashes", EthVersion::V69, id::NEW_BLOCK_HASHES),
    ] {
        let message = round_trip(version, id, &bytes(&shapes[name]));
        match (name, message) {
            ("new_pooled_hashes_68", Message::TransactionHashes(entries)) => {
                assert_eq!(entries, [(keccak256("tx1"), 0, 120), (keccak256("tx2"), 2, 1050)]);
            }
            ("body_shanghai_empty", Message::Reply(_, Reply::Bodies(bodies))) => {
                assert!(bodies[0].withdrawals.as_ref().is_some_and(|w| w.is_empty()));
            }
            ("body_pre_shanghai_empty", Message::Reply(_, Reply::Bodies(bodies))) => {
                assert!(bodies[0].withdrawals.is_none());
            }
            _ => {}
        }
    }
}

#[test]
fn statuses_of_eth_68_and_69_are_read_and_written_byte_for_byte() {
    let range = BlockRange { earliest: 0, latest: 3, latest_hash: keccak256("head") };
    for (name, version, head) in [
        ("status_68", EthVersion::V68, None),
        ("status_69", EthVersion::V69, Some(ClaimedHead::Range(range))),
    ] {
        let data = bytes(&vectors()["eth_messages_derived"][name]);
        let status = Status::decode(version, &data).unwrap();
        assert_eq!((status.version, status.network_id), (version.number(), 1337));
        assert_eq!(status.genesis_hash, keccak256("genesis"));
        assert!(head.is_none_or(|head| head == status.head));
        assert_eq!(status.encode(), data);
    }
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let range = BlockRange { earliest: 5, latest: 4, latest_hash: B256::ZERO };
    let data = alloy_rlp::encode(range);
    let refused = Message::decode(EthVersion::V69, id::BLOCK_RANGE_UPDATE, &data).unwrap_err();
    assert_eq!(refused.to_string(), "block range begins at 5 and ends at 4");
    assert!(Message::decode(EthVersion::V68, id::BLOCK_RANGE_UPDATE, &data).is_err());
}

#[test]
fn announcements_of_unequal_lengths_are_refused() {
    let entries = [(B256::ZERO, 2u8, 110u32)];
    let mut data = encode_transaction_hashes(EthVersion::V68, &entries);
    assert!(Message::decode(EthVersion::V68, id::TRANSACTION_HASHES, &data).is_ok());
    // The types string becomes empty and the list one byte shorter.
    data.remove(2);
    data[1] -= 1;
    assert!(Message::decode(EthVersion::V68, id::TRANSACTION_HASHES, &data).is_err());
}

#[test]
fn no_truncation_of_a_message_panics() {
    let vectors = vectors();
    for packet in vectors["eth66_request_id_vectors"]["packets"].as_array().unwrap() {
        let data = bytes(&packet["rlp"]);
        for end in 0..data.len() {
            for id in 0..=0x11 {
                assert!(Message::decode(EthVersion::V66, id, &data[..end]).is_err());
            }
        }
    }
}

#[test]
fn transactions_too_small_to_be_signed_are_refused_before_they_are_decoded() {
    let transaction = [0xc9, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
    let list = |payload: &[u8]| {
        let mut out = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
        out.extend_from_slice(payload);
        out
    };
    let body = list(&[list(&transaction.repeat(1000)), vec![0xc0]].concat());
    let data = list(&[vec![0x01], list(&body)].concat());
    let refused = Message::decode(EthVersion::V68, id::BODIES, &data).unwrap_err();
    assert_eq!(refused.to_string(), "1000 transactions in 10000 bytes cannot all be signed");
}
