use super::{super::Purpose, *};
use azure_access::vault::{Version, recoverable};
use futures::future::ready;
use k256::ecdsa::SigningKey;
use std::collections::BTreeMap;
use std::collections::VecDeque;

const HASH: B256 = B256::repeat_byte(7);
const MS: Duration = Duration::from_millis(1);

/// What a vault does with one signature.
#[derive(Clone)]
enum Does {
    Signs,
    /// After this time.
    Late(Duration),
    Answers(VaultError),
    /// Never answers.
    Drops,
}

/// A vault by a script; when that is over it signs.
struct Script {
    key: SigningKey,
    signatures: Mutex<VecDeque<Does>>,
    /// What it answers to those who ask for the key, before it shows it.
    reads: Mutex<VecDeque<VaultError>>,
    /// How often it is away before it shows the key.
    away: Mutex<u32>,
    asked: Mutex<Vec<Instant>>,
    newest: &'static str,
    enabled: bool,
}

impl Script {
    fn of(signatures: &[Does]) -> Self {
        Self {
            key: SigningKey::from_slice(&[1; 32]).unwrap(),
            signatures: Mutex::new(signatures.iter().cloned().collect()),
            reads: Mutex::default(),
            away: Mutex::default(),
            asked: Mutex::default(),
            newest: "a",
            enabled: true,
        }
    }
}

impl KeyVault for Script {
    fn pinned(&self) -> &'static str {
        "a"
    }

    fn key(&self) -> BoxFuture<'_, Result<VaultKey, VaultError>> {
        if let Some(error) = self.reads.lock().pop_front() {
            return ready(Err(error)).boxed();
        }
        let mut away = self.away.lock();
        if *away > 0 {
            *away -= 1;
            return ready(Err(VaultError::Network("no route".to_owned()))).boxed();
        }
        let version =
            Version { version: "a".to_owned(), enabled: self.enabled, created: 1, tags: BTreeMap::new() };
        let public = *self.key.verifying_key();
        ready(Ok(VaultKey { name: "bank-a-0".to_owned(), version, public })).boxed()
    }

    fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>> {
        ready(Ok(self.newest.to_owned())).boxed()
    }

    fn sign<'a>(&'a self, key: &'a VaultKey, digest: B256) -> BoxFuture<'a, Result<Seal, VaultError>> {
        self.asked.lock().push(Instant::now());
        let does = self.signatures.lock().pop_front().unwrap_or(Does::Signs);
        let (raw, _) = self.key.sign_prehash_recoverable(digest.as_slice()).unwrap();
        let seal = Seal::from(recoverable(&raw.to_bytes(), &digest.0, &key.public).unwrap());
        async move {
            match does {
                Does::Signs => Ok(seal),
                Does::Late(time) => {
                    sleep(time).await;
                    Ok(seal)
                }
                Does::Answers(error) => Err(error),
                Does::Drops => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        ready(Ok(())).boxed()
    }
}

struct World {
    script: Arc<Script>,
    signer: Arc<RemoteSigner>,
}

impl World {
    fn of(script: Script) -> Self {
        let identity = Address::from_public_key(script.key.verifying_key());
        Self::with(script, identity)
    }

    fn with(script: Script, identity: Address) -> Self {
        let script = Arc::new(script);
        let signer = RemoteSigner::new(identity, Arc::<Script>::clone(&script), || 1.0);
        Self { script, signer: Arc::new(signer) }
    }

    /// Lets the signer work by a clock that runs when nobody else does.
    async fn work(&self, time: Duration) {
        let _ = timeout(time, Arc::clone(&self.signer).keep(CancellationToken::new())).await;
    }

    /// Lets it work until it was told this when it asked for the key.
    async fn reads(&self, answer: VaultError) {
        self.script.reads.lock().push_back(answer);
        let began = Instant::now();
        while !self.script.reads.lock().is_empty() {
            self.work(PULSE + MS).await;
            assert!(began.elapsed() < 2 * IDLE, "nothing is asked while idle");
        }
    }

    async fn ready(signatures: &[Does]) -> Self {
        let world = Self::of(Script::of(signatures));
        world.work(MS).await;
        assert_eq!(world.state(), SignerState::Ready);
        world
    }

    async fn sign(&self, budget: Duration) -> Result<Seal, SignerError> {
        self.signer.sign(Request { hash: HASH, purpose: Purpose::Prepare, budget }).await
    }

    fn state(&self) -> SignerState {
        self.signer.snapshot().signer.state
    }

    fn asked(&self) -> usize {
        self.script.asked.lock().len()
    }

    fn circuit(&self) -> Circuit {
        self.signer.snapshot().circuit
    }
}

fn throttled(retry_after: Option<Duration>) -> Does {
    Does::Answers(VaultError::Throttled { retry_after })
}

fn away() -> Does {
    Does::Answers(VaultError::Network("no route".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_the_identitys() {
    let world = World::ready(&[]).await;
    let seal = world.sign(1_500 * MS).await.unwrap();
    assert_eq!(chain::signature::recover(HASH, &seal), Ok(world.signer.address()));
    assert_eq!(world.signer.snapshot().requests, [("ok", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_away_at_the_start_is_asked_until_it_shows_the_key() {
    let world = World::of(Script { away: Mutex::new(5), ..Script::of(&[]) });
    assert!(matches!(world.sign(MS).await, Err(SignerError::NoKey(_))));
    world.work(100 * MS).await;
    let waiting = world.signer.snapshot().signer;
    assert_eq!((waiting.state, waiting.reason.as_deref()), (SignerState::Waiting, Some("no route")));
    world.work(60_000 * MS).await;
    assert!(world.sign(MS).await.is_ok());
    assert_eq!(world.state(), SignerState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_address_is_refused_with_both_addresses_and_never_asked_to_sign() {
    let ours = Address::repeat_byte(1);
    let world = World::with(Script::of(&[]), ours);
    world.work(60_000 * MS).await;
    let refused = world.signer.snapshot().signer;
    let theirs = Address::from_public_key(world.script.key.verifying_key());
    let reason = refused.reason.unwrap();
    assert_eq!(refused.state, SignerState::Refused);
    assert!(reason.contains(&theirs.to_string()) && reason.contains(&ours.to_string()), "{reason}");
    assert!(matches!(world.sign(1_500 * MS).await, Err(SignerError::NoKey(_))));
    assert_eq!(world.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_key_is_waited_for() {
    let world = World::of(Script { enabled: false, ..Script::of(&[]) });
    world.work(1_000 * MS).await;
    let waiting = world.signer.snapshot().signer;
    assert_eq!(waiting.state, SignerState::Waiting);
    assert!(waiting.reason.unwrap().contains("disabled"));
}

#[tokio::test(start_paused = true)]
async fn what_is_throttled_or_lost_is_asked_for_again_within_the_budget() {
    let world = World::ready(&[throttled(None), away(), Does::Drops, Does::Late(50 * MS)]).await;
    let began = Instant::now();
    assert!(world.sign(1_500 * MS).await.is_ok());
    assert!(began.elapsed() <= 1_500 * MS, "{:?}", began.elapsed());
    assert_eq!(
        world.signer.snapshot().requests,
        [("deadline", 1), ("network", 1), ("ok", 1), ("throttled", 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_nobody_needs_any_more_is_given_up_in_time() {
    let world = World::ready(&[Does::Drops, Does::Drops, Does::Drops]).await;
    let began = Instant::now();
    assert_eq!(world.sign(1_500 * MS).await, Err(SignerError::Vault(VaultError::Deadline)));
    assert!(began.elapsed() <= 1_500 * MS, "{:?}", began.elapsed());
    assert_eq!(world.state(), SignerState::Failing);
    assert!(world.sign(1_500 * MS).await.is_ok());
    assert_eq!(world.state(), SignerState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_be_left_alone_is_obeyed_by_every_signature_and_told_at_once_where_it_is_too_long() {
    let world = World::ready(&[throttled(Some(400 * MS)), Does::Signs, throttled(Some(5_000 * MS))]).await;
    let began = Instant::now();
    assert!(world.sign(1_500 * MS).await.is_ok());
    assert!(world.script.asked.lock()[1] >= began + 400 * MS);
    let refused = |outcome| matches!(outcome, Err(SignerError::Vault(VaultError::Throttled { .. })));
    assert!(refused(world.sign(1_500 * MS).await), "longer than the budget");
    let asked = world.asked();
    let began = Instant::now();
    assert!(refused(world.sign(1_500 * MS).await));
    assert_eq!((world.asked(), began.elapsed()), (asked, Duration::ZERO), "nobody asks meanwhile");
    assert!(world.sign(10_000 * MS).await.is_ok(), "who has the time waits");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_not_asked_for_twice() {
    let forbidden = VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() };
    let world = World::ready(&[Does::Answers(forbidden.clone())]).await;
    assert_eq!(world.sign(1_500 * MS).await, Err(SignerError::Vault(forbidden)));
    assert_eq!(world.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_fails_again_and_again_is_left_alone_and_tried_until_it_is_back() {
    let world = World::ready(&vec![away(); 8]).await;
    *world.script.away.lock() = 20;
    assert!(world.sign(1_500 * MS).await.is_err());
    assert_eq!(world.circuit(), Circuit::Open);
    let asked = world.asked();
    assert_eq!(world.sign(1_500 * MS).await, Err(SignerError::OpenCircuit));
    assert_eq!(world.asked(), asked);
    // Its key is shown again after some trials; the task beside finds that out without a vote.
    world.script.signatures.lock().clear();
    let began = Instant::now();
    while world.circuit() != Circuit::Closed {
        world.work(500 * MS).await;
        assert!(began.elapsed() < Duration::from_mins(1), "never back");
    }
    assert!(world.sign(1_500 * MS).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_answers_and_does_not_sign_is_told_by_what_it_said_and_not_called_ready() {
    let foreign = VaultError::Malformed("another key's".to_owned());
    let world = World::ready(&vec![Does::Answers(foreign.clone()); 100]).await;
    for _ in 0..5 {
        let outcome = world.sign(1_500 * MS).await;
        let expected = [Err(SignerError::Vault(foreign.clone())), Err(SignerError::OpenCircuit)];
        assert!(expected.contains(&outcome), "{outcome:?}");
        world.work(3_000 * MS).await;
        let told = world.signer.snapshot().signer;
        assert_eq!((told.state, told.reason), (SignerState::Failing, Some(foreign.to_string())));
    }
    assert!(world.asked() <= 10, "asked {} times", world.asked());
    world.script.signatures.lock().clear();
    assert!(world.sign(1_500 * MS).await.is_ok());
    assert_eq!((world.state(), world.circuit()), (SignerState::Ready, Circuit::Closed));
}

#[tokio::test(start_paused = true)]
async fn of_what_only_reads_were_refused_a_read_tells_that_it_is_over_and_a_throttled_one_tells_nothing() {
    let world = World::ready(&[]).await;
    let refused = VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() };
    world.reads(VaultError::Throttled { retry_after: None }).await;
    assert_eq!(world.state(), SignerState::Ready);
    world.reads(refused.clone()).await;
    assert_eq!(world.state(), SignerState::Failing);
    world.work(2 * (IDLE + 2 * PULSE)).await;
    assert_eq!(world.state(), SignerState::Ready, "nobody had to sign");
    // A signature that is refused is another thing, whatever reads say.
    world.script.signatures.lock().push_back(Does::Answers(refused));
    assert!(world.sign(1_500 * MS).await.is_err());
    world.work(2 * (IDLE + 2 * PULSE)).await;
    assert_eq!(world.state(), SignerState::Failing);
}

#[tokio::test(start_paused = true)]
async fn no_more_signatures_are_asked_for_at_once_than_there_are_places() {
    let world = World::ready(&vec![Does::Drops; AT_ONCE]).await;
    let holders = futures::future::join_all((0..AT_ONCE).map(|_| world.sign(10_000 * MS)));
    let (_, late) = futures::join!(timeout(1_000 * MS, holders), world.sign(200 * MS));
    assert_eq!((late, world.asked()), (Err(SignerError::NoTurn), AT_ONCE));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_used_and_a_newer_version_told_but_not_used() {
    let world = World::of(Script { newest: "b", ..Script::of(&[]) });
    world.work(FIRST_LOOK * 2).await;
    let snapshot = world.signer.snapshot();
    assert_eq!(snapshot.signer.newer_version.as_deref(), Some("b"));
    let kept: u64 = snapshot.requests.iter().map(|(_, count)| count).sum();
    assert!((1..=4).contains(&kept), "{kept} calls in a minute");
    assert!(world.sign(MS).await.is_ok());
}
