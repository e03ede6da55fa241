//! Each fault, seen as what it is.

use crate::{World, world, world_with};
use azure_access::{
    Https, Limits, trust,
    vault::{Vault, VaultError, VaultKey, VaultKeys},
};
use std::time::Duration;
use vault_double::{Away, Faults, Options, TokenClock};

const DIGEST: [u8; 32] = [7; 32];

/// A key of the world and the node's way to it, with a connection that is open.
async fn ready(world: &World) -> (VaultKeys, VaultKey) {
    world.double.create_key("a").expect("made");
    let keys = world.keys(&world.node());
    let key = keys.get("a", None).await.expect("read");
    (keys, key)
}

/// The node's way to the vault with so little patience that an answer which never comes is missed soon: what must succeed is asked
/// for by another, or again.
fn impatient(world: &World) -> VaultKeys {
    let roots = trust::bundle(world.double.authority().as_bytes()).expect("an authority");
    let limits = Limits { deadline: Duration::from_millis(500), ..Limits::default() };
    let https = Https::new(roots, limits).expect("TLS");
    let vault = Vault::at(&world.double.url(), &["localhost".to_owned()], &world.node(), &https);
    VaultKeys::new(vault.expect("a vault")).expect("keys")
}

async fn sign(keys: &VaultKeys, key: &VaultKey) -> Result<[u8; 64], VaultError> {
    keys.sign(&key.name, &key.version.version, DIGEST).await
}

/// Until it listens again: what is asked meanwhile is not reached.
async fn back(keys: &VaultKeys, key: &VaultKey) {
    for _ in 0..100_000 {
        match sign(keys, key).await {
            Ok(_) => return,
            Err(failed) => {
                assert!(matches!(failed, VaultError::Network(_) | VaultError::Deadline), "{failed}");
            }
        }
        tokio::task::yield_now().await;
    }
    panic!("the vault does not come back");
}

#[tokio::test]
async fn throttling_is_seen_with_the_pause_that_is_asked_for() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    for (retry_after_s, told) in [(Some(2), Some(Duration::from_secs(2))), (None, None)] {
        world.double.set_faults(Faults { throttled: 1.0, retry_after_s, ..Faults::default() });
        assert_eq!(sign(&keys, &key).await, Err(VaultError::Throttled { retry_after: told }));
    }
    world.double.set_faults(Faults::default());
    sign(&keys, &key).await.expect("signed");
}

#[tokio::test]
async fn a_vault_in_trouble_is_unavailable() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    world.double.set_faults(Faults { failing: 1.0, ..Faults::default() });
    let failed = sign(&keys, &key).await.expect_err("failed");
    assert!(matches!(failed, VaultError::Unavailable { status: 503, .. }), "{failed}");
}

#[tokio::test]
async fn a_signature_whose_reply_is_dropped_was_made_all_the_same() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    world.double.set_faults(Faults { dropped: 1.0, ..Faults::default() });
    let failed = sign(&keys, &key).await.expect_err("dropped");
    assert!(matches!(failed, VaultError::Network(_)), "{failed}");
    world.double.set_faults(Faults::default());
    let signature = sign(&keys, &key).await.expect("signed");
    let log = world.double.signed_since(0);
    let (first, last) = (log.first().expect("logged"), log.last().expect("logged"));
    assert!(first.answered_ms.is_none() && last.answered_ms.is_some());
    assert_eq!((&first.digest, &first.signature), (&last.digest, &last.signature));
    assert_eq!(last.signature, hex::encode(signature));
}

#[tokio::test]
async fn high_and_low_s_both_come_and_both_are_used() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    let mut seals = Vec::new();
    for high_s in [0.0, 1.0] {
        world.double.set_faults(Faults { high_s, ..Faults::default() });
        let raw = sign(&keys, &key).await.expect("signed");
        let signature = k256::ecdsa::Signature::from_slice(&raw).expect("a signature");
        assert_eq!(signature.normalize_s().is_some(), high_s > 0.5);
        seals.push(keys.sign_recoverable(&key, DIGEST).await.expect("used"));
    }
    assert_eq!(seals[0], seals[1]);
}

#[tokio::test]
async fn a_signature_of_another_key_is_not_used() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    world.double.set_faults(Faults { foreign: 1.0, ..Faults::default() });
    let refused = keys.sign_recoverable(&key, DIGEST).await.expect_err("not the key's");
    assert!(matches!(refused, VaultError::Malformed(_)), "{refused}");
}

#[tokio::test]
async fn a_key_whose_coordinates_are_not_padded_is_read_and_signs() {
    let world = world().await;
    world.double.set_faults(Faults { short_coordinates: true, ..Faults::default() });
    let made = world.double.create_key("a").expect("made");
    assert!(made.public_key[1] == 0 || made.public_key[33] == 0);
    let keys = world.keys(&world.node());
    let key = keys.get("a", None).await.expect("read");
    assert_eq!(key.public.to_encoded_point(false).as_bytes(), made.public_key);
    keys.sign_recoverable(&key, DIGEST).await.expect("signed");
}

#[tokio::test]
async fn tokens_of_a_wrong_clock_are_refused_and_right_ones_are_fetched_again() {
    for clock in [TokenClock::Behind, TokenClock::Ahead] {
        let world = world().await;
        world.double.create_key("a").expect("made");
        world.double.set_faults(Faults { tokens: clock, ..Faults::default() });
        let keys = world.keys(&world.node());
        let refused = keys.get("a", None).await.expect_err("refused");
        assert!(matches!(refused, VaultError::Unauthorised { .. }), "{clock:?}: {refused}");
        world.double.set_faults(Faults::default());
        keys.get("a", None).await.expect("read");
    }
}

#[tokio::test]
async fn access_that_is_revoked_is_missed_at_once_and_used_at_once_when_it_is_back() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    let revoked = [crate::NODE_ID.to_owned()].into();
    world.double.set_faults(Faults { revoked, ..Faults::default() });
    let refused = sign(&keys, &key).await.expect_err("revoked");
    assert_eq!(refused, VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() });
    world.double.set_faults(Faults::default());
    sign(&keys, &key).await.expect("signed");
    assert_eq!(world.double.count("token", "served"), 1);
}

#[tokio::test]
async fn a_disabled_key_is_told_from_one_that_is_not_there() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    world.double.enable_key("a", false).expect("disabled");
    assert_eq!(sign(&keys, &key).await, Err(VaultError::Disabled("KeyDisabled".to_owned())));
    world.double.enable_key("a", true).expect("enabled");
    sign(&keys, &key).await.expect("signed");
    world.double.lose_key("a").expect("lost");
    assert!(matches!(sign(&keys, &key).await, Err(VaultError::NotFound(_))));
}

#[tokio::test]
async fn a_vault_that_refuses_connections_is_used_again_when_it_is_back() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    for _ in 0..3 {
        world.double.set_faults(Faults { away: Some(Away::Refusing), ..Faults::default() });
        let failed = sign(&keys, &key).await.expect_err("away");
        assert!(matches!(failed, VaultError::Network(_)), "{failed}");
        world.double.set_faults(Faults::default());
        back(&keys, &key).await;
    }
}

#[tokio::test]
async fn a_vault_that_hangs_ends_a_clients_patience_and_is_used_again_when_it_is_back() {
    let world = world().await;
    let (_, key) = ready(&world).await;
    let hasty = impatient(&world);
    back(&hasty, &key).await;
    world.double.set_faults(Faults { away: Some(Away::Hanging), ..Faults::default() });
    assert_eq!(sign(&hasty, &key).await, Err(VaultError::Deadline));
    world.double.set_faults(Faults::default());
    back(&hasty, &key).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up_and_its_signature_was_made() {
    let world = world().await;
    let (_, key) = ready(&world).await;
    let hasty = impatient(&world);
    world.double.set_faults(Faults { latency_ms: 600_000, ..Faults::default() });
    // On a loaded machine a request may be given up before it has come.
    let mut log = Vec::new();
    for _ in 0..100 {
        assert_eq!(sign(&hasty, &key).await, Err(VaultError::Deadline));
        log = world.double.signed_since(0);
        if !log.is_empty() {
            break;
        }
    }
    assert!(!log.is_empty() && log.iter().all(|signed| signed.answered_ms.is_none()), "{log:?}");
}

#[tokio::test]
async fn one_key_that_is_away_leaves_the_others_alone() {
    let world = world().await;
    let (keys, key) = ready(&world).await;
    let hasty = impatient(&world);
    let other = world.double.create_key("b").expect("made");
    for (client, away, told) in [(&keys, Away::Refusing, "network"), (&hasty, Away::Hanging, "deadline")] {
        let faults = Faults { away: Some(away), ..Faults::default() };
        world.double.set_faults_of_key("a", Some(faults)).expect("set");
        assert_eq!(sign(client, &key).await.expect_err("away").label(), told);
        keys.sign("b", &other.version, DIGEST).await.expect("signed");
    }
    world.double.set_faults_of_key("a", None).expect("set");
    sign(&keys, &key).await.expect("signed");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_keys_and_the_same_fate_to_each_request() {
    let run = async |seed| {
        let world = world_with(Options { seed, ..Options::default() }, Duration::from_secs(30)).await;
        let (keys, key) = ready(&world).await;
        world.double.set_faults(Faults { throttled: 0.3, failing: 0.3, ..Faults::default() });
        let mut ends = Vec::new();
        for _ in 0..32 {
            ends.push(sign(&keys, &key).await.map_err(|error| error.label()));
        }
        (key, ends)
    };
    let first = run(5).await;
    assert_eq!(first, run(5).await);
    assert_ne!(first, run(6).await);
}
