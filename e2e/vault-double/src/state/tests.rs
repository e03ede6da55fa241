use super::{Asked, Performed, State};
use crate::{
    access::{Client, Grant, Role, Scope},
    assertion::{AUDIENCE, projected_token},
    faults::{Faults, TokenClock},
    seeded::Seed,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use std::time::Duration;

const NODE: &str = "system:serviceaccount:bank-a:bank-a";
const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const NOW: u64 = 1_000_000;

fn state() -> State {
    let mut state = State::new(Seed(1), TENANT.to_owned(), 100);
    let grants = [Role::Signer, Role::Creator, Role::SecretReader, Role::SecretWriter]
        .map(|role| Grant { role, scope: Scope::Vault })
        .to_vec();
    state.set_clients(vec![Client { client_id: "c".into(), subjects: vec![NODE.into()], grants }]).unwrap();
    state
}

fn asked(method: &str, path: &str, bearer: Option<&str>, body: &str) -> Asked {
    Asked {
        method: method.into(),
        path: path.into(),
        query: "api-version=2025-07-01".into(),
        host: "localhost:1".into(),
        bearer: bearer.map(str::to_owned),
        body: body.into(),
    }
}

fn token_of(state: &mut State, client: &str, scope: &str) -> (u16, String) {
    let assertion = projected_token(NODE, AUDIENCE, "https://cluster", NOW - 10, NOW + 10);
    let body = format!(
        "client_assertion={assertion}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id={client}&grant_type=client_credentials&scope={scope}"
    );
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let answer = state.perform(&asked("POST", &path, None, &body), NOW, 0).answer.unwrap();
    let said = answer.body["access_token"].as_str().or(answer.body["error_description"].as_str());
    (answer.status, said.unwrap().to_owned())
}

fn token(state: &mut State) -> String {
    let (status, token) = token_of(state, "c", "https%3A%2F%2Fvault.azure.net%2F.default");
    assert_eq!(status, 200, "{token}");
    token
}

/// As the client with its token.
fn call(state: &mut State, method: &str, path: &str, body: &str) -> Performed {
    let faults = std::mem::take(&mut state.faults);
    let bearer = token(state);
    state.faults = faults;
    state.perform(&asked(method, path, Some(&bearer), body), NOW, 5)
}

fn status(performed: &Performed) -> (u16, String) {
    let answer = performed.answer.as_ref().unwrap();
    (answer.status, answer.body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn sign(state: &mut State) -> Performed {
    let value = BASE64URL_NOPAD.encode(&[7; 32]);
    call(state, "POST", "/keys/a//sign", &json!({ "alg": "ES256K", "value": value }).to_string())
}

fn made(mut state: State) -> State {
    let created = call(&mut state, "POST", "/keys/a/create", r#"{"kty":"EC-HSM","crv":"P-256K"}"#);
    assert_eq!(status(&created).0, 200);
    state
}

#[test]
fn who_brings_no_token_is_told_where_to_get_one() {
    let answer = state().perform(&asked("GET", "/keys/a", None, ""), NOW, 0).answer.unwrap();
    assert_eq!(answer.status, 401);
    let challenge = format!(
        "Bearer authorization=\"https://localhost:1/{TENANT}\", resource=\"https://vault.azure.net\""
    );
    assert_eq!(answer.headers, [("www-authenticate", challenge)]);
}

#[test]
fn a_token_for_another_service_or_of_a_wrong_clock_opens_nothing() {
    let mut state = made(state());
    let (_, storage) = token_of(&mut state, "c", "https%3A%2F%2Fstorage.azure.com%2F.default");
    let mut told = vec![storage];
    for clock in [TokenClock::Behind, TokenClock::Ahead] {
        state.faults.tokens = clock;
        told.push(token(&mut state));
    }
    for bearer in told {
        let answer = state.perform(&asked("GET", "/keys/a", Some(&bearer), ""), NOW, 0).answer.unwrap();
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
}

#[test]
fn an_identity_that_nobody_federated_gets_no_token() {
    let (status, said) = token_of(&mut state(), "stranger", "https%3A%2F%2Fvault.azure.net%2F.default");
    assert_eq!(status, 400);
    assert!(said.contains("AADSTS700016"), "{said}");
    let (status, said) = token_of(&mut state(), "c", "https%3A%2F%2Fvault.azure.net");
    assert_eq!(status, 400);
    assert!(said.contains("AADSTS1002012"), "{said}");
}

#[test]
fn a_right_that_is_taken_away_is_missed_at_the_next_request() {
    let mut state = made(state());
    assert_eq!(status(&sign(&mut state)).0, 200);
    state.faults.revoked.insert("c".into());
    let refused = sign(&mut state);
    assert_eq!(status(&refused), (403, "Forbidden".into()));
    assert_eq!(refused.answer.unwrap().body["error"]["innererror"]["code"], "ForbiddenByRbac");
}

#[test]
fn every_signature_is_in_the_log_whether_or_not_it_was_heard_of() {
    let mut state = made(state());
    let heard = sign(&mut state);
    state.log.answered(heard.signed.unwrap(), 9);
    state.faults = Faults { dropped: 1.0, ..Faults::default() };
    assert!(sign(&mut state).answer.is_none());
    let log = state.log.since(0);
    assert_eq!(log.iter().map(|s| s.answered_ms).collect::<Vec<_>>(), [Some(9), None]);
    assert!(log.iter().all(|s| s.digest == "07".repeat(32) && s.client == "c" && s.asked_ms == 5));
    assert_eq!(log[0].signature, log[1].signature);
}

#[test]
fn too_many_requests_sign_nothing_and_are_told_how_long_to_wait() {
    let mut state = made(state());
    state.faults = Faults { throttled: 1.0, retry_after_s: Some(2), ..Faults::default() };
    let refused = sign(&mut state);
    assert_eq!(status(&refused), (429, "Throttled".into()));
    assert_eq!(refused.answer.unwrap().headers, [("retry-after", "2".to_owned())]);
    state.faults = Faults { failing: 1.0, ..Faults::default() };
    assert_eq!(status(&sign(&mut state)), (503, "ServiceUnavailable".into()));
    assert_eq!(state.log.since(0), []);
}

#[test]
fn what_is_refused_takes_the_way_and_no_work() {
    let mut state = made(state());
    let slow = Faults { network_ms: 5, latency_ms: 50, ..Faults::default() };
    state.faults = slow.clone();
    assert_eq!(sign(&mut state).delay, Duration::from_millis(55));
    state.faults = Faults { throttled: 1.0, ..slow };
    assert_eq!(sign(&mut state).delay, Duration::from_millis(5));
}

#[test]
fn what_is_wrong_with_one_key_is_not_wrong_with_another() {
    let mut state = made(state());
    state.set_faults_of_key("A", Some(Faults { failing: 1.0, ..Faults::default() })).unwrap();
    assert_eq!(status(&sign(&mut state)).0, 503);
    assert_eq!(status(&call(&mut state, "GET", "/keys/b", "")).0, 404);
    state.set_faults_of_key("a", None).unwrap();
    assert_eq!(status(&sign(&mut state)).0, 200);
}

#[test]
fn requests_are_counted_by_how_they_ended() {
    let mut state = made(state());
    sign(&mut state);
    call(&mut state, "GET", "/keys/missing", "");
    call(&mut state, "DELETE", "/keys/a", "");
    let counts = state.log.counts();
    let count = |operation, outcome| {
        counts.iter().find(|c| c.operation == operation && c.outcome == outcome).map_or(0, |c| c.count)
    };
    assert_eq!((count("sign", "served"), count("create-key", "served")), (1, 1));
    assert_eq!((count("get-key", "not-found"), count("unknown", "not-found")), (1, 1));
    assert_eq!(count("token", "served"), 4);
}

#[test]
fn a_version_of_the_interface_that_is_not_spoken_is_refused() {
    let mut state = state();
    let bearer = token(&mut state);
    let mut old = asked("GET", "/keys/a", Some(&bearer), "");
    old.query = "api-version=2016-10-01".into();
    assert_eq!(state.perform(&old, NOW, 0).answer.unwrap().status, 400);
}
