//! Bytes and hashes that two clients must agree on.

use crate::real::RealBlock;
use alloy_consensus::{Block, BlockBody, Header};
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Encodable;
use chain::{
    Extra, Seal,
    hash::{block_hash, commit_hash, with_round_and_seals},
};
use core::convert::Infallible;
use k256::ecdsa::SigningKey;
use qbft::{
    Config, Encoding, Input, Instance, Message, NewHead, Output, Proposal, Recovered, Rejected, Timer,
    TimerKind, Verdict,
    wire::{decode, encode},
};
use std::sync::Arc;

type Real = RealBlock<false>;

const DUE_MS: u64 = 1_002_000;

fn key(seat: usize) -> SigningKey {
    SigningKey::from_slice(B256::with_last_byte(u8::try_from(seat).unwrap()).as_slice()).unwrap()
}

fn sign(seat: usize, hash: B256) -> Seal {
    let (signature, recovery) = key(seat).sign_prehash_recoverable(hash.as_slice()).unwrap();
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = recovery.to_byte();
    Seal::from(bytes)
}

fn address(seat: usize) -> Address {
    Address::from_public_key(key(seat).verifying_key())
}

/// The seats (private keys 1 to 4) in the order of their addresses: the first one proposes round 0 of height 1.
fn seats() -> [usize; 4] {
    let mut seats = [1, 2, 3, 4];
    seats.sort_by_key(|seat| address(*seat));
    seats
}

fn first_block(proposer: usize) -> Real {
    let header = Header {
        beneficiary: address(proposer),
        difficulty: U256::from(1),
        number: 1,
        timestamp: DUE_MS / 1_000,
        extra_data: Extra::unsealed(0).to_bytes(),
        ..Header::default()
    };
    RealBlock(Arc::new(Block { header, body: BlockBody::default() }))
}

/// A node that speaks one encoding.
struct Node {
    seat: usize,
    encoding: Encoding,
    instance: Instance<Real>,
    finalised: usize,
}

impl Node {
    fn new(seat: usize, encoding: Encoding) -> Self {
        let head = NewHead {
            number: 0,
            hash: B256::ZERO,
            timestamp: 1_000,
            proposer: Address::ZERO,
            validators: [1, 2, 3, 4].map(address).into(),
            period_ms: 2_000,
            empty_period_ms: 0,
            request_timeout_ms: 1_000,
            first_round: 0,
        };
        let config = Config::new(Some(address(seat)));
        let (instance, _) = Instance::new(config, head, Recovered::default(), DUE_MS);
        Self { seat, encoding, instance, finalised: 0 }
    }

    /// The messages that come of an input, as bytes.
    fn tell(&mut self, input: Input<Real>) -> Result<Vec<(u8, Vec<u8>)>, Rejected> {
        let (mut sent, mut inputs) = (vec![], vec![input]);
        while let Some(input) = inputs.pop() {
            for output in self.instance.step(input, DUE_MS)? {
                match output {
                    Output::Persist { ticket, .. } => inputs.push(Input::Persisted { ticket }),
                    Output::Sign { ticket, unsigned } => {
                        let sign = |hash| Ok::<_, Infallible>(sign(self.seat, hash));
                        let signatures = unsigned.sign_with(self.encoding, sign).unwrap();
                        inputs.push(Input::Signed { ticket, signatures });
                    }
                    Output::Validate { height, round, digest, .. } => {
                        inputs.push(Input::Validated { height, round, digest, verdict: Verdict::Valid });
                    }
                    Output::Broadcast { message, .. } => {
                        sent.push((message.phase().code(), encode(&message, self.encoding)));
                    }
                    Output::Finalise { .. } => self.finalised += 1,
                    _ => {}
                }
            }
        }
        Ok(sent)
    }

    fn hear(&mut self, code: u8, bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Rejected> {
        let message: Message<Real> = decode(code, bytes).unwrap().authenticate().unwrap();
        self.tell(Input::Message(message))
    }
}

/// Models besu#9629 and what came of it (besu#9977, besu#10204, besu#10499): a field added to two messages changed the bytes
/// that are signed. A receiver that encodes what it decoded its own way recovers somebody else as their author, and a
/// network in the middle of its upgrade loses its quorum without an error. Two nodes speak the one encoding here, two
/// the other, whoever of them proposes.
#[test]
fn a_network_that_speaks_two_encodings_decides() {
    let [new, old] = [Encoding::Besu26, Encoding::Legacy];
    for encodings in [[new, old, new, old], [old, new, old, new]] {
        let mut nodes: Vec<_> =
            seats().into_iter().zip(encodings).map(|(seat, encoding)| Node::new(seat, encoding)).collect();
        let block = first_block(nodes[0].seat);
        nodes[0].tell(Input::Built { height: 1, round: 0, block }).unwrap();
        let due = Timer { kind: TimerKind::BlockDue, height: 1, round: 0 };
        let mut queue: Vec<_> =
            nodes[0].tell(Input::Timeout(due)).unwrap().into_iter().map(|sent| (0, sent)).collect();
        while !queue.is_empty() {
            let (from, (code, bytes)) = queue.remove(0);
            for to in (0..4).filter(|to| *to != from) {
                match nodes[to].hear(code, &bytes) {
                    Ok(sent) => queue.extend(sent.into_iter().map(|sent| (to, sent))),
                    Err(rejected) => {
                        assert!(matches!(rejected, Rejected::Decided { .. }), "{code:#x}: {rejected}");
                    }
                }
            }
        }
        assert!(nodes.iter().all(|node| node.finalised == 1), "{encodings:?}");

        // And the same when a round fails.
        let mut other = Node::new(nodes[0].seat, new);
        for mut node in encodings.into_iter().zip(seats()).skip(1).map(|(way, seat)| Node::new(seat, way)) {
            let late = Timer { kind: TimerKind::Round, height: 1, round: 0 };
            for (code, bytes) in node.tell(Input::Timeout(late)).unwrap() {
                other.hear(code, &bytes).unwrap();
            }
        }
        assert_eq!(other.instance.round(), 1, "f + 1 of them were understood");
    }
}

/// Models besu#2134 and besu#7875, which took the round out of the proposed block and put it back, and go-ibft's hash over
/// content and round: when the hash that the next block names covers round or seals, two nodes that decided one content
/// in two rounds are on two chains.
#[test]
fn one_content_has_one_hash_whatever_round_and_seals_decided_it() {
    let [first, second, third, fourth] = seats();
    let proposed = first_block(first);
    let decided = |round: u32, sealers: [usize; 3]| {
        let hash = proposed.commit_hash(round);
        let seals = sealers.map(|seat| sign(seat, hash)).to_vec();
        with_round_and_seals(&proposed.0.header, round, seals).unwrap()
    };
    let (here, there) = (decided(0, [first, second, third]), decided(1, [second, third, fourth]));
    let mut bytes = (vec![], vec![]);
    here.encode(&mut bytes.0);
    there.encode(&mut bytes.1);
    assert_ne!(bytes.0, bytes.1, "two nodes store different bytes");
    assert_ne!(commit_hash(&here, 0).unwrap(), commit_hash(&there, 1).unwrap(), "their seals are no other's");
    assert_eq!(block_hash(&here).unwrap(), block_hash(&there).unwrap(), "and yet it is one block");
}
