use super::{field::Field, *};
use alloy_consensus::{SignableTransaction as _, TxLegacy, transaction::SignerRecoverable as _};
use alloy_primitives::{Signature, U256, keccak256};
use k256::ecdsa::SigningKey;
use rand::{SeedableRng as _, rngs::StdRng};

const N: U256 = U256::from_be_bytes(alloy_primitives::hex!(
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
));

fn chance() -> StdRng {
    StdRng::seed_from_u64(7)
}

fn key(name: usize) -> SigningKey {
    SigningKey::from_slice(keccak256(name.to_be_bytes()).as_slice()).unwrap()
}

fn address(name: usize) -> Address {
    Address::from_private_key(&key(name))
}

fn transaction(name: usize, nonce: u64) -> TxEnvelope {
    let tx = TxLegacy { nonce, chain_id: Some(1), ..TxLegacy::default() };
    let (signature, id) = key(name).sign_prehash_recoverable(tx.signature_hash().as_slice()).unwrap();
    tx.into_signed(Signature::from((signature, id))).into()
}

fn resigned(tx: &TxEnvelope, change: impl Fn(&Signature) -> Signature) -> TxEnvelope {
    let TxEnvelope::Legacy(signed) = tx else { panic!("legacy transactions only") };
    signed.tx().clone().into_signed(change(signed.signature())).into()
}

/// Transactions by turns of so many senders, and who sent them.
fn claims(senders: usize, count: usize) -> Vec<(TxEnvelope, Address)> {
    (0..count).map(|index| (transaction(index % senders, index as u64), address(index % senders))).collect()
}

fn check(keys: &Keys, claims: &[(TxEnvelope, Address)]) -> Vec<bool> {
    let claims: Vec<_> = claims.iter().map(|(tx, sender)| (tx, *sender)).collect();
    keys.check(&claims, &mut chance())
}

/// What one sum over all of them says, all keys being known.
fn sum(claims: &[(TxEnvelope, Address)]) -> Option<bool> {
    let keys = Keys::default();
    check(&keys, claims);
    let signed: Vec<Signed> = claims.iter().map(|(tx, _)| signed(tx).unwrap()).collect();
    let mut known = keys.0.lock();
    let of: Vec<_> = claims.iter().map(|(_, sender)| Arc::clone(known.get(sender).unwrap())).collect();
    let both: Vec<_> = signed.iter().zip(of.iter().map(AsRef::as_ref)).collect();
    all_hold(&both, &mut chance())
}

#[test]
fn a_sum_over_true_claims_vanishes_whatever_their_number_and_the_number_of_keys() {
    for (senders, count) in [(1, 1), (1, 9), (3, 60), (70, 70), (8, 300)] {
        assert_eq!(sum(&claims(senders, count)), Some(true), "{senders} {count}");
    }
}

#[test]
fn one_false_claim_among_many_is_found_and_the_others_hold() {
    let keys = Keys::default();
    let mut claims = claims(5, 120);
    assert!(check(&keys, &claims).iter().all(|holds| *holds));
    claims[77].1 = address(77 % 5 + 1);
    assert_eq!(sum(&claims), Some(false));
    let answers = check(&keys, &claims);
    assert_eq!(answers.iter().position(|holds| !holds), Some(77));
    assert_eq!(answers.iter().filter(|holds| !**holds).count(), 1);
}

#[test]
fn every_part_of_a_signature_counts() {
    let honest = claims(4, 64);
    let changes: [fn(&Signature) -> Signature; 4] = [
        |old| Signature::new(old.r(), old.s(), !old.v()),
        |old| Signature::new(old.r(), old.s() - U256::ONE, old.v()),
        |old| Signature::new(old.r(), N - old.s(), !old.v()),
        |old| Signature::new(U256::ZERO, old.s(), old.v()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let keys = Keys::default();
        check(&keys, &honest);
        let mut claims = honest.clone();
        claims[10].0 = resigned(&claims[10].0, change);
        let answers = check(&keys, &claims);
        let recovered = claims[10].0.recover_signer().ok() == Some(claims[10].1);
        assert_eq!((answers[10], recovered), (false, false), "change {number}");
        assert_eq!(answers.iter().filter(|holds| **holds).count(), 63, "change {number}");
    }
}

#[test]
fn two_wrongs_do_not_cancel_each_other() {
    // The errors of both claims are opposite points: without random weights the sum would vanish.
    let mut claims = claims(2, 64);
    claims[0].1 = address(1);
    claims[1].1 = address(0);
    assert_eq!(sum(&claims), Some(false));
    assert_ne!(sum(&[claims[2].clone(), claims[2].clone()]), Some(false));
    assert_eq!(check(&Keys::default(), &vec![claims[2].clone(); 64]), [true; 64]);
}

#[test]
fn keys_are_learnt_and_no_more_than_fit_are_kept() {
    let keys = Keys::default();
    check(&keys, &claims(3, 3));
    assert_eq!(keys.0.lock().len(), 3);
    assert_eq!(keys.0.lock().cap(), KEYS);
}

fn bytes(value: U256) -> [u8; 32] {
    value.to_be_bytes()
}

#[test]
fn the_field_is_that_of_integers_modulo_p() {
    let p = U256::MAX - U256::from(0x1_0000_03d0_u64);
    let field = |value: U256| Field::from_bytes(&bytes(value)).unwrap();
    let same = |one: Field, other: Field| (one - other).is_zero();
    assert!(Field::from_bytes(&bytes(p)).is_none());
    let edges = [U256::ZERO, U256::ONE, p - U256::ONE, p >> 1, U256::from(u64::MAX), U256::MAX >> 33];
    let random = (0..40_u64).map(|n| U256::from_be_bytes(keccak256(n.to_be_bytes()).0) % p);
    let values: Vec<U256> = edges.into_iter().chain(random).collect();
    for one in &values {
        for other in &values {
            let (a, b) = (field(*one), field(*other));
            assert!(same(a + b, field(one.add_mod(*other, p))), "{one} + {other}");
            assert!(same(a * b, field(one.mul_mod(*other, p))), "{one} * {other}");
            assert!(same(a - b + b, a), "{one} - {other}");
        }
        let a = field(*one);
        assert_eq!(a.is_odd(), one.bit(0), "{one}");
        assert_eq!((a + Field::ZERO - field(p - U256::ONE) - Field::ONE).is_odd(), one.bit(0), "{one}");
        match a.invert() {
            Some(inverse) => assert!(same(inverse * a, Field::ONE), "{one}"),
            None => assert!(one.is_zero()),
        }
        assert!(same(a.square().sqrt().unwrap().square(), a.square()), "{one}");
        let root = one.pow_mod((p - U256::ONE) >> 1, p);
        assert_eq!(a.sqrt().is_some(), root <= U256::ONE, "{one}");
    }
}
