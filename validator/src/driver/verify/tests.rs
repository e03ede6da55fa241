use super::*;
use crate::driver::waiting::PER_PEER;
use alloy_primitives::B256;
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header};
use chain::Seal;
use k256::ecdsa::SigningKey;
use qbft::{
    Encoding, Unsigned,
    message::{Prepare, Prepared, RoundChange},
};
use std::convert::Infallible;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn address(seed: u8) -> Address {
    Address::from_private_key(&key(seed))
}

fn sign(seed: u8, unsigned: &Unsigned<ProposedBlock>) -> Seal {
    let sign = |hash: B256| {
        let (signature, recovery) = key(seed).sign_prehash_recoverable(hash.as_slice()).unwrap();
        let mut seal = [0; 65];
        seal[..64].copy_from_slice(&signature.to_bytes());
        seal[64] = recovery.to_byte();
        Ok::<_, Infallible>(Seal::from(seal))
    };
    unsigned.sign_with(Encoding::Besu26, sign).unwrap().message
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut out = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend(payload);
    out
}

fn bytes(item: impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(item)
}

/// The wire's PREPARE of one author.
fn prepare(seed: u8, height: u64, round: u32) -> Incoming {
    let digest = B256::repeat_byte(9);
    let seal = sign(seed, &Unsigned::Prepare(Prepare { height, round, digest }));
    let payload = list(&[list(&[bytes(height), bytes(round), bytes(digest)]), bytes(seal)]);
    Incoming { from: PeerId::repeat_byte(seed), code: 0x13, payload: payload.into() }
}

/// A well signed ROUND-CHANGE that claims a prepared block, around PREPAREs whose signatures are none.
fn round_change(seed: u8, height: u64) -> Incoming {
    claiming(seed, height, Some(Prepared { round: 0, digest: B256::ZERO }))
}

fn claiming(seed: u8, height: u64, prepared: Option<Prepared>) -> Incoming {
    let seal = sign(seed, &Unsigned::RoundChange(RoundChange { height, round: 1, prepared }));
    let claim =
        prepared.map_or(vec![EMPTY_LIST_CODE], |claim| list(&[bytes(claim.round), bytes(claim.digest)]));
    let outer = list(&[list(&[bytes(height), bytes(1u32), claim]), bytes(seal)]);
    let nested =
        list(&[list(&[bytes(height), bytes(0u32), bytes(B256::ZERO)]), bytes(Seal::repeat_byte(0xff))]);
    let payload = list(&[outer, vec![EMPTY_LIST_CODE], vec![EMPTY_STRING_CODE], list(&[nested])]);
    Incoming { from: PeerId::repeat_byte(seed), code: 0x15, payload: payload.into() }
}

fn window() -> Window {
    Window { height: 100, seats: [address(1)].into() }
}

fn refusal(incoming: Incoming) -> (&'static str, Blame) {
    let refused = check(incoming, &window(), WireRules::QUORATE).unwrap_err();
    (refused.reason, refused.blame)
}

#[test]
fn votes_of_seats_pass_late_ones_of_the_last_heights_too() {
    for height in [100 - LATE, 100, 101] {
        assert_eq!(
            check(prepare(1, height, 0), &window(), WireRules::QUORATE).unwrap().message.author(),
            address(1)
        );
    }
}

#[test]
fn what_has_no_seat_or_is_long_decided_costs_no_nested_signature() {
    assert_eq!(refusal(round_change(1, 100)), ("bad_signature", Blame::Drop), "a seat's is looked through");
    assert_eq!(refusal(round_change(2, 100)), ("not_validator", Blame::Strike));
    assert_eq!(refusal(round_change(2, 101)), ("not_validator", Blame::Nobody), "our set may be the old one");
    assert_eq!(refusal(round_change(1, 99 - LATE)), ("old_height", Blame::Strike));
}

#[test]
fn prepares_beside_a_round_change_that_claims_nothing_are_dropped_unchecked() {
    let incoming = claiming(1, 100, None);
    let received = incoming.payload.clone();
    let checked = check(incoming, &window(), WireRules::QUORATE).unwrap();
    let Message::RoundChange(message) = checked.message else { panic!("a round change") };
    assert!(message.prepares.is_empty());
    assert_eq!(checked.payload, received, "passed on as received");
}

#[test]
fn a_seat_is_heard_while_a_stranger_floods_and_a_drop_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (verifier, mut inbox) = Verifier::start_with(Arc::default(), WireRules::QUORATE, |_| ()).unwrap();
    // Nobody takes what is checked, so the stranger's relayed votes pile up.
    inbox.window.send_replace(window());
    let flood = u32::try_from(CHECKED + 2 * PER_PEER).unwrap();
    for round in 0..flood {
        verifier.check(Incoming { from: PeerId::repeat_byte(7), ..prepare(1, 100, round) });
    }
    runtime.block_on(inbox.dropped.notified());
    verifier.check(prepare(1, 100, 9_999));
    let before = runtime.block_on(async {
        let mut before = 0;
        while inbox.checked.recv().await.unwrap().message.round() != 9_999 {
            before += 1;
        }
        before
    });
    // What had left the queue when it came, and one turn of the stranger's.
    assert!(before <= CHECKED + 3, "{before} messages went first");
}
