//! Each operation, by the SDK.

use crate::{NODE_ID, World, client, world};
use azure_access::{
    Identity,
    vault::{Protection, VaultError, newest},
};
use azure_core::{credentials::TokenCredential, http::RequestContent};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{
        KeyAttributes, KeyClientUpdateKeyPropertiesOptions, RestoreKeyParameters,
        UpdateKeyPropertiesParameters,
    },
};
use futures::TryStreamExt as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use vault_double::{Double, Options, Role};
use zeroize::Zeroizing;

fn sdk(world: &World, double: &Double, identity: &Identity) -> KeyClient {
    let options = KeyClientOptions {
        client_options: world.https.options(),
        verify_challenge_resource: Some(false),
        ..KeyClientOptions::default()
    };
    let credential: Arc<dyn TokenCredential> = Arc::new(identity.clone());
    KeyClient::new(&double.url(), credential, Some(options)).expect("a client")
}

/// Lets the node's identity do all that there is of keys.
fn officer(world: &World) {
    world.double.set_clients(vec![client(NODE_ID, crate::NODE, &[Role::Officer])]).expect("set");
}

#[tokio::test]
async fn the_operator_makes_a_key_and_the_node_signs_with_it() {
    let world = world().await;
    for protection in [Protection::Hsm, Protection::Software] {
        let made = world
            .keys(&world.operator())
            .create("bank-a-0", protection, BTreeMap::new())
            .await
            .expect("made");
        let node = world.keys(&world.node());
        let read = node.get("bank-a-0", Some(&made.version.version)).await.expect("read");
        assert_eq!((&read.public, &read.version.version), (&made.public, &made.version.version));
        assert_eq!(node.get("bank-a-0", None).await.expect("read").public, made.public);
        for digest in [[1; 32], [2; 32], [3; 32], [4; 32]] {
            node.sign_recoverable(&read, digest).await.expect("verifies and is recovered");
        }
    }
    let signed = world.double.signed_since(0);
    assert_eq!(signed.len(), 8);
    assert!(signed.iter().all(|signed| signed.client == NODE_ID && signed.answered_ms.is_some()));
}

#[tokio::test]
async fn a_second_creation_is_a_new_version_and_the_old_one_signs_on() {
    let world = world().await;
    let (operator, node) = (world.keys(&world.operator()), world.keys(&world.node()));
    let first = operator.create("a", Protection::Hsm, BTreeMap::new()).await.expect("made");
    let second = operator.create("a", Protection::Hsm, BTreeMap::new()).await.expect("made");
    assert_ne!((&first.public, &first.version), (&second.public, &second.version));
    let versions = node.versions("a").await.expect("listed");
    assert_eq!(versions.len(), 2);
    assert!(newest(&versions).is_some());
    for key in [&first, &second] {
        node.sign_recoverable(key, [7; 32]).await.expect("signed");
    }
}

#[tokio::test]
async fn all_versions_are_listed_over_several_pages() {
    let world = world().await;
    for _ in 0..30 {
        world.double.create_key("a").expect("made");
    }
    let client = sdk(&world, &world.double, &world.node());
    let listed = client.list_key_properties_versions("a", None).expect("a pager");
    let listed: Vec<_> = listed.try_collect().await.expect("listed");
    assert_eq!(listed.len(), 30);
    assert_eq!(world.double.count("list-key-versions", "served"), 2);
}

/// The double lists them by id, as vaults do: of 60 the newest three are on whichever page.
#[tokio::test]
async fn the_newest_version_is_found_on_whichever_page_it_is() {
    let world = world().await;
    let (operator, node) = (world.operator(), world.node());
    let (keys, secrets) = (world.keys(&operator), world.secrets(&operator));
    for ordinal in 0..60_i64 {
        let tags = || BTreeMap::from([("ordinal".to_owned(), ordinal.to_string())]);
        // Versions are told apart by the second in which they were made.
        world.double.set_clock_off(ordinal * 10);
        keys.create("a", Protection::Hsm, tags()).await.expect("made");
        secrets.set("a", &Zeroizing::new("value".to_owned()), tags()).await.expect("set");
    }
    let (keys, secrets) = (world.keys(&node), world.secrets(&node));
    for listed in [keys.versions("a").await, secrets.versions("a").await] {
        let listed = listed.expect("listed");
        assert_eq!(listed.len(), 60);
        assert_eq!(newest(&listed).expect("one").tags["ordinal"], "59");
    }
    let shown = keys.get("a", None).await.expect("read");
    let listed = keys.versions("a").await.expect("listed");
    assert_eq!(newest(&listed), Some(&shown.version));
}

#[tokio::test]
async fn a_name_with_more_versions_than_are_looked_at_is_refused_and_not_cut_short() {
    let world = world().await;
    for _ in 0..500 {
        world.double.create_key("a").expect("made");
    }
    let keys = world.keys(&world.node());
    assert_eq!(keys.versions("a").await.expect("listed").len(), 500);
    world.double.create_key("a").expect("made");
    let refused = keys.versions("a").await.expect_err("cut short");
    assert_eq!(refused, VaultError::Versions { name: "a".to_owned(), most: 500 });
}

#[tokio::test]
async fn a_person_disables_a_version_and_it_signs_no_more() {
    let world = world().await;
    officer(&world);
    let made = world.double.create_key("a").expect("made");
    let client = sdk(&world, &world.double, &world.node());
    let attributes = KeyAttributes { enabled: Some(false), ..KeyAttributes::default() };
    let parameters = UpdateKeyPropertiesParameters {
        key_attributes: Some(attributes),
        ..UpdateKeyPropertiesParameters::default()
    };
    let parameters = RequestContent::try_from(parameters).expect("a body");
    let options = KeyClientUpdateKeyPropertiesOptions {
        key_version: Some(made.version.clone()),
        ..KeyClientUpdateKeyPropertiesOptions::default()
    };
    client.update_key_properties("a", parameters, Some(options)).await.expect("updated");
    let keys = world.keys(&world.node());
    assert!(!keys.get("a", None).await.expect("still read").version.enabled);
    let refused = keys.sign("a", &made.version, [7; 32]).await.expect_err("refused");
    assert_eq!(refused, VaultError::Disabled("KeyDisabled".to_owned()));
}

#[tokio::test]
async fn a_rotated_key_has_a_version_more() {
    let world = world().await;
    officer(&world);
    let made = world.double.create_key("a").expect("made");
    let client = sdk(&world, &world.double, &world.node());
    client.rotate_key("a", None).await.expect("rotated");
    let keys = world.keys(&world.node());
    assert_ne!(keys.get("a", None).await.expect("read").version.version, made.version);
    assert_eq!(keys.versions("a").await.expect("listed").len(), 2);
}

#[tokio::test]
async fn a_backed_up_key_is_restored_where_it_was_lost_and_in_another_vault() {
    let world = world().await;
    officer(&world);
    world.double.create_key("a").expect("made");
    let keys = world.keys(&world.node());
    let before = keys.get("a", None).await.expect("read");
    let client = sdk(&world, &world.double, &world.node());
    let backup = client.backup_key("a", None).await.expect("backed up").into_model().expect("a document");
    let restore = || {
        let key_backup = Some(backup.value.clone().expect("a backup"));
        RequestContent::try_from(RestoreKeyParameters { key_backup }).expect("a body")
    };
    assert!(client.restore_key(restore(), None).await.is_err(), "it is there");
    world.double.lose_key("a").expect("lost");
    let gone = keys.get("a", None).await.expect_err("gone");
    assert!(matches!(gone, VaultError::NotFound(_)), "{gone}");
    client.restore_key(restore(), None).await.expect("restored");
    assert_eq!(keys.get("a", None).await.expect("read"), before);

    let other =
        crate::world_with(Options { seed: 2, ..Options::default() }, std::time::Duration::from_secs(30))
            .await;
    officer(&other);
    let client = sdk(&other, &other.double, &other.node());
    client.restore_key(restore(), None).await.expect("restored");
    assert_eq!(other.keys(&other.node()).get("a", None).await.expect("read").public, before.public);
}

#[tokio::test]
async fn a_secret_is_written_by_the_operator_and_read_by_the_node() {
    let world = world().await;
    let (operator, node) = (world.secrets(&world.operator()), world.secrets(&world.node()));
    let value = |text: &str| Zeroizing::new(text.to_owned());
    let first = operator.set("a", &value("one"), BTreeMap::new()).await.expect("set");
    let second = operator.set("a", &value("two"), BTreeMap::new()).await.expect("set");
    assert_eq!(node.get("a", Some(&first.version)).await.expect("read").value.as_str(), "one");
    let newest = node.get("a", None).await.expect("read");
    assert_eq!((newest.value.as_str(), newest.version.version), ("two", second.version));
    assert_eq!(node.versions("a").await.expect("listed").len(), 2);
    let refused = operator.get("a", None).await.err().expect("who writes does not read");
    assert!(matches!(refused, VaultError::Forbidden { .. }), "{refused}");
    world.double.enable_secret("a", false).expect("disabled");
    let refused = node.get("a", None).await.err().expect("disabled");
    assert_eq!(refused, VaultError::Disabled("SecretDisabled".to_owned()));
}

#[tokio::test]
async fn who_may_not_is_told_so_and_what_is_not_there_too() {
    let world = world().await;
    let (operator, node) = (world.keys(&world.operator()), world.keys(&world.node()));
    let made = operator.create("a", Protection::Hsm, BTreeMap::new()).await.expect("made");
    let refused = operator.sign("a", &made.version.version, [7; 32]).await.expect_err("creators do not sign");
    assert_eq!(refused, VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() });
    let refused =
        node.create("b", Protection::Hsm, BTreeMap::new()).await.expect_err("signers do not create");
    assert_eq!(refused, VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() });
    let missing = node.get("b", None).await.expect_err("missing");
    assert_eq!(missing, VaultError::NotFound("KeyNotFound".to_owned()));
    assert_eq!(world.double.signed_since(0), []);
}
