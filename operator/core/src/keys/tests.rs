use super::{Key, SecretError, journal, read, recorded};
use crate::{
    build::vault_record,
    names::{ConsortiumName, FleetName, JOURNAL_ID, SECRET_ADDRESS, SECRET_KEY},
    observed::SecretState,
    vault::{Holder, KeyId},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use k256::ecdsa::SigningKey;
use std::collections::BTreeMap;

fn secret(entries: &[(&str, &str)]) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("bank-a-0-identity".to_owned());
    let entries =
        entries.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
    secret.data = Some(entries.collect());
    secret
}

fn hex_key() -> String {
    "01".repeat(32)
}

#[test]
fn a_secret_with_a_key_alone_is_enough() {
    let key = read(&secret(&[(SECRET_KEY, &format!("{}\n", hex_key()))])).expect("a key");
    let same = Key::new(SigningKey::from_slice(&[1; 32]).expect("a key"));
    assert_eq!((key.address, key.public), (same.address, same.public));
    assert_eq!(key.address.to_string(), "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1");
}

#[test]
fn a_secret_of_another_shape_is_refused_by_name_and_never_used() {
    let refusals = [
        (secret(&[]), "has no data.key"),
        (secret(&[(SECRET_KEY, "zz")]), "is not a secp256k1 private key"),
        (secret(&[(SECRET_KEY, &"00".repeat(32))]), "is not a secp256k1 private key"),
        (secret(&[(SECRET_KEY, &hex_key()), (SECRET_ADDRESS, "0x01")]), "data.address is 0x01"),
    ];
    for (secret, says) in refusals {
        let error = read(&secret).expect_err(says).to_string();
        assert!(error.contains("bank-a-0-identity") && error.contains(says), "{error}");
    }
}

#[test]
fn a_malformed_journal_id_is_refused_rather_than_forgotten() {
    let mut secret = secret(&[(SECRET_KEY, &hex_key())]);
    assert_eq!(journal(&secret.metadata), Ok(None));
    secret.metadata.annotations = Some(BTreeMap::from([(JOURNAL_ID.to_owned(), "1".to_owned())]));
    assert!(matches!(journal(&secret.metadata), Err(SecretError::Journal { .. })));
}

#[test]
fn a_key_never_shows_itself_in_debug_output() {
    let key = read(&secret(&[(SECRET_KEY, &hex_key())])).expect("a key");
    assert!(!format!("{key:?}").contains(&hex_key()));
}

#[test]
fn a_secret_that_stands_for_a_key_in_a_vault_says_which_and_holds_none() {
    let mut record = secret(&[
        (SECRET_ADDRESS, "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"),
        ("keyId", "https://v.vault.azure.net/keys/bank-a-bank-a-0/0f"),
    ]);
    assert!(recorded(&record).is_none(), "of another type it is a Secret that lacks its key");
    record.type_ = Some("quorate.dev/azure-key-vault".to_owned());
    let SecretState::Present(stored) = SecretState::read(Some(&record)) else { panic!("a record") };
    let id = stored.vault.expect("in a vault").to_string();
    assert_eq!(id, "https://v.vault.azure.net/keys/bank-a-bank-a-0/0f");
    assert!(!stored.labelled, "one that was restored may lack what it is found by");
    record.data.as_mut().expect("data").remove("keyId");
    let refused = recorded(&record).expect("a record").expect_err("refused").to_string();
    assert!(refused.contains("bank-a-0-identity") && refused.contains("data.keyId"), "{refused}");
}

#[test]
fn the_annotations_of_a_record_say_what_it_says() {
    let (network, node) =
        (ConsortiumName("trade-finance".to_owned()), FleetName("bank-a".to_owned()).node(0));
    let key = read(&secret(&[(SECRET_KEY, &hex_key())])).expect("a key");
    let id: KeyId = "https://v.vault.azure.net/secrets/x/0f".parse().expect("an id");
    let journal = Some(alloy_primitives::B256::ZERO);
    let place = ("bank-a", &network);
    let record = vault_record(place, &Holder::Node(node), (key.address, &id), journal);
    let Some(SecretState::Present(stored)) = SecretState::announced(&record.metadata) else { panic!("told") };
    assert!(stored.labelled);
    assert_eq!(
        (stored.key.address, stored.journal, stored.vault.as_deref()),
        (key.address, journal, Some(&id))
    );
    assert!(!serde_json::to_string(&record).expect("JSON").contains(&hex_key()));
}
