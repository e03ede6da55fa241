//! A workload identity's token, from the projected file to the vault.

use crate::{ISSUER, NODE, NODE_ID, OPERATOR_ID, now, world, world_with};
use azure_access::vault::{VaultError, VaultKeys};
use std::time::Duration;
use vault_double::{AUDIENCE, Issuer, Options, projected_token};

async fn told(keys: &VaultKeys) -> String {
    match keys.get("a", None).await {
        Err(VaultError::Token(words)) => words,
        other => panic!("a token was given: {other:?}"),
    }
}

#[tokio::test]
async fn one_token_serves_many_requests() {
    let world = world().await;
    world.double.create_key("a").expect("made");
    let keys = world.keys(&world.node());
    for _ in 0..5 {
        keys.get("a", None).await.expect("read");
    }
    assert_eq!(world.double.count("token", "served"), 1);
    assert_eq!(world.double.count("get-key", "unauthorised"), 1, "the challenge");
}

#[tokio::test]
async fn a_token_file_that_was_rotated_is_used_when_the_old_token_has_ended() {
    let world = world().await;
    world.double.create_key("a").expect("made");
    let keys = world.keys(&world.node());
    keys.get("a", None).await.expect("read");
    // Two hours later token and assertion have ended, and the kubelet has written another.
    world.double.set_clock_off(2 * 3600);
    let refused = keys.get("a", None).await.expect_err("ended");
    assert!(matches!(refused, VaultError::Unauthorised { .. }), "{refused}");
    let words = told(&keys).await;
    assert!(words.contains("AADSTS700024"), "{words}");
    world.project("node", NODE, now() + 3 * 3600);
    keys.get("a", None).await.expect("read");
    assert_eq!(world.double.count("token", "served"), 2);
}

#[tokio::test]
async fn only_the_service_account_that_is_federated_gets_a_token() {
    let world = world().await;
    world.double.create_key("a").expect("made");
    let default = "system:serviceaccount:bank-a:default";
    for (subject, audience, number) in [(default, AUDIENCE, "AADSTS700213"), (NODE, ISSUER, "AADSTS700212")] {
        let token = projected_token(subject, audience, ISSUER, now() - 60, now() + 3600);
        std::fs::write(world.file("node"), token).expect("written");
        let words = told(&world.keys(&world.node())).await;
        assert!(words.contains(number), "{words}");
    }
    std::fs::write(world.file("node"), "no token").expect("written");
    let words = told(&world.keys(&world.node())).await;
    assert!(words.contains("AADSTS50027"), "{words}");
    world.project("node", NODE, now() + 3600);
    let words = told(&world.keys(&world.identity_of(OPERATOR_ID, "node"))).await;
    assert!(words.contains("AADSTS700213"), "{words}");
    let words = told(&world.keys(&world.identity_of("44444444-4444-4444-4444-444444444444", "node"))).await;
    assert!(words.contains("AADSTS700016"), "{words}");
    world.keys(&world.identity_of(NODE_ID, "node")).get("a", None).await.expect("read");
}

#[tokio::test]
async fn an_assertion_of_another_cluster_is_not_believed() {
    let issuer = Issuer { issuer: Some("https://another".to_owned()), jwks: None };
    let world = world_with(Options { issuer, ..Options::default() }, Duration::from_secs(30)).await;
    let words = told(&world.keys(&world.node())).await;
    assert!(words.contains("AADSTS700211"), "{words}");
}
