use super::{
    Page, Place, Vault, Wanted, WantedAttributes,
    keys::{CreateKey, Sign, Twist},
    secrets::SetSecret,
};
use crate::seeded::Seed;
use data_encoding::BASE64URL_NOPAD;
use k256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use serde_json::{Value, json};

const PLACE: Place<'_> = Place { base: "https://vault", name: "a" };

fn vault() -> Vault {
    let mut vault = Vault::new(Seed(1));
    vault.create_key("a", CreateKey::default(), false, 10).unwrap();
    vault
}

fn request(digest: [u8; 32]) -> Sign {
    serde_json::from_value(json!({ "alg": "ES256K", "value": BASE64URL_NOPAD.encode(&digest) })).unwrap()
}

fn verifies(vault: &Vault, digest: [u8; 32], signature: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_sec1_bytes(&vault.key("a", None).unwrap().public()).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    let low = signature.normalize_s().unwrap_or(signature);
    key.verify_prehash(&digest, &low).is_ok()
}

#[test]
fn the_same_seed_makes_the_same_keys_and_versions() {
    let (one, two) = (vault(), vault());
    let (one, two) = (one.key("a", None).unwrap(), two.key("A", None).unwrap());
    assert_eq!((one.public(), &one.about), (two.public(), &two.about));
    let other = Vault::new(Seed(2)).create_key("a", CreateKey::default(), false, 10).unwrap().public();
    assert_ne!(one.public(), other);
}

#[test]
fn a_signature_is_64_raw_bytes_of_the_key_and_the_same_each_time() {
    let vault = vault();
    for digest in [[7; 32], [8; 32]] {
        let sign = || vault.sign("a", None, &request(digest), Twist::default()).unwrap();
        assert_eq!(sign().signature, sign().signature);
        assert!(verifies(&vault, digest, &sign().signature));
    }
}

#[test]
fn a_high_s_verifies_only_normalised_and_a_strangers_signature_never() {
    let vault = vault();
    let sign = |twist| vault.sign("a", None, &request([7; 32]), twist).unwrap().signature;
    let high = sign(Twist { high_s: 1.0, foreign: 0.0 });
    assert!(Signature::from_slice(&high).unwrap().normalize_s().is_some());
    assert!(verifies(&vault, [7; 32], &high));
    assert!(!verifies(&vault, [7; 32], &sign(Twist { high_s: 0.0, foreign: 1.0 })));
}

#[test]
fn short_coordinates_are_those_of_a_key_that_has_a_leading_zero() {
    let mut vault = Vault::new(Seed(1));
    let made = vault.create_key("a", CreateKey::default(), true, 10).unwrap();
    let length = |bundle: &Value| {
        let bytes =
            |name: &str| BASE64URL_NOPAD.decode(bundle["key"][name].as_str().unwrap().as_bytes()).unwrap();
        bytes("x").len() + bytes("y").len()
    };
    assert_eq!(length(&made.bundle(PLACE, false)), 64);
    assert!(length(&made.bundle(PLACE, true)) < 64);
}

#[test]
fn a_disabled_version_is_read_and_does_not_sign_while_another_does() {
    let mut vault = vault();
    let first = vault.key("a", None).unwrap().about.id.clone();
    let second = vault.rotate_key("a", false, 20).unwrap().about.id.clone();
    let off = Wanted { attributes: Some(WantedAttributes { enabled: Some(false) }), tags: None };
    vault.update_key("a", Some(&first), off, 30).unwrap();
    let sign = |id: &str| vault.sign("a", Some(id), &request([7; 32]), Twist::default());
    let refused = sign(&first).unwrap_err();
    assert_eq!((refused.status, refused.inner), (403, Some("KeyDisabled")));
    assert!(sign(&second).is_ok());
    assert_eq!(vault.key("a", Some(&first)).unwrap().bundle(PLACE, false)["attributes"]["enabled"], false);
}

#[test]
fn what_is_no_digest_or_no_es256k_is_refused() {
    let vault = vault();
    for body in [
        json!({ "alg": "ES256K", "value": "AAAA" }),
        json!({ "alg": "ES256", "value": BASE64URL_NOPAD.encode(&[7; 32]) }),
    ] {
        let body: Sign = serde_json::from_value(body).unwrap();
        assert_eq!(vault.sign("a", None, &body, Twist::default()).unwrap_err().status, 400);
    }
    assert_eq!(vault.sign("b", None, &request([7; 32]), Twist::default()).unwrap_err().code, "KeyNotFound");
}

#[test]
fn names_are_those_of_azure_and_only_its_curve_for_us_is_made() {
    let mut vault = vault();
    for name in ["", "a_b", "a.b", "ä", &"a".repeat(128)] {
        let refused = vault.create_key(name, CreateKey::default(), false, 1).err().unwrap();
        assert_eq!(refused.status, 400, "{name}");
    }
    let body: CreateKey = serde_json::from_value(json!({ "kty": "EC", "crv": "P-256" })).unwrap();
    assert_eq!(vault.create_key("b", body, false, 1).err().unwrap().status, 400);
}

#[test]
fn versions_are_listed_by_id_a_page_at_a_time() {
    let mut vault = vault();
    for _ in 0..29 {
        vault.rotate_key("a", false, 20).unwrap();
    }
    let first = vault.list_key_versions(PLACE, Page::default()).unwrap();
    let last = vault.list_key_versions(PLACE, Page { skip: 25, most: None }).unwrap();
    let ids = |page: &Value| -> Vec<String> {
        page["value"].as_array().unwrap().iter().map(|item| item["kid"].to_string()).collect()
    };
    assert_eq!((ids(&first).len(), ids(&last).len()), (25, 5));
    assert!(first["nextLink"].as_str().unwrap().contains("skiptoken=25") && last["nextLink"].is_null());
    let all = [ids(&first), ids(&last)].concat();
    assert!(all.is_sorted());
    assert_eq!(
        vault.list_key_versions(Place { name: "b", ..PLACE }, Page::default()).unwrap_err().status,
        404
    );
}

#[test]
fn a_lost_key_comes_back_from_its_backup_and_over_one_that_is_there_it_does_not() {
    let mut vault = vault();
    vault.rotate_key("a", false, 20).unwrap();
    let before: Vec<_> =
        vault.key_versions("a").unwrap().iter().map(|v| (v.about.clone(), v.public())).collect();
    let backup = vault.back_up("a").unwrap();
    assert!(!backup.contains(&hex::encode(vault.key("a", None).unwrap().signing.to_bytes())));
    assert_eq!(vault.restore(&backup).unwrap_err().status, 409);
    vault.lose_key("a").unwrap();
    assert_eq!(vault.restore(&backup).unwrap(), "a");
    let after: Vec<_> =
        vault.key_versions("a").unwrap().iter().map(|v| (v.about.clone(), v.public())).collect();
    assert_eq!(before, after);
    let mut elsewhere = Vault::new(Seed(9));
    assert_eq!(elsewhere.restore(&backup).unwrap(), "a");
    for wrong in ["", "AAAA", &backup[1..]] {
        assert_eq!(Vault::new(Seed(9)).restore(wrong).unwrap_err().status, 400);
    }
}

#[test]
fn a_secret_has_versions_and_a_disabled_one_is_not_read() {
    let mut vault = vault();
    let first = vault.set_secret("a", SetSecret::of("one".into()), 1).unwrap().id().to_owned();
    vault.set_secret("a", SetSecret::of("two".into()), 2).unwrap();
    let value = |version| vault.secret("a", version).unwrap().bundle(PLACE)["value"].clone();
    assert_eq!((value(None), value(Some(first.as_str()))), (json!("two"), json!("one")));
    let listed = vault.list_secret_versions(PLACE, Page::default()).unwrap();
    assert!(listed["value"].as_array().unwrap().iter().all(|item| item.get("value").is_none()));
    vault.enable_secret("a", false).unwrap();
    assert_eq!(vault.secret("a", None).err().unwrap().inner, Some("SecretDisabled"));
    let long = SetSecret::of("x".repeat(25_601));
    assert_eq!(vault.set_secret("a", long, 3).err().unwrap().status, 400);
}
