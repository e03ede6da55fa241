use super::{Learned, MOST_BOOTNODES, MOST_BYTES, Outcome, Refused, read};
use crate::{api::Consortium, genesis, keys::Key, test_support::address, validate};
use alloy_primitives::{Address, B256, B512, Signature};
use chain::{
    enode::Enode, governance::GOVERNANCE, network_info::NETWORK_INFO_VERSION, network_info::NetworkInfo,
    signature::seal_from,
};
use k256::ecdsa::SigningKey;

type Change = fn(&mut NetworkInfo);

pub(crate) fn publisher(seed: u8) -> Key {
    Key::new(SigningKey::from_slice(&[seed; 32]).expect("a key"))
}

pub(crate) fn bootnode(n: u8, host: &str) -> Enode {
    Enode { id: B512::repeat_byte(n), host: host.to_owned(), port: 30303 }
}

/// The network of the example, as its creator publishes it.
pub(crate) fn unsigned(seed: u8, issued_at: u64, bootnodes: Vec<Enode>) -> NetworkInfo {
    let object: Consortium =
        serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml")).expect("the example");
    let valid = validate::consortium(&object).expect("valid");
    let made = genesis::make(&valid, address(98), address(99), &(1..=4).map(address).collect());
    let made = made.expect("a genesis");
    NetworkInfo {
        version: NETWORK_INFO_VERSION,
        chain_id: made.chain_id,
        genesis_hash: made.hash,
        genesis: made.text,
        governance: GOVERNANCE,
        bootnodes,
        publisher: publisher(seed).address,
        issued_at,
        signature: None,
    }
}

pub(crate) fn sign(mut info: NetworkInfo, seed: u8) -> NetworkInfo {
    let signed = publisher(seed).signing.sign_prehash_recoverable(info.signing_hash().as_slice());
    info.signature = Some(seal_from(&Signature::from(signed.expect("signs"))));
    info
}

pub(crate) fn signed(seed: u8, issued_at: u64, bootnodes: Vec<Enode>) -> NetworkInfo {
    sign(unsigned(seed, issued_at, bootnodes), seed)
}

fn bytes(info: &NetworkInfo) -> Vec<u8> {
    serde_json::to_vec(info).expect("JSON")
}

#[test]
fn a_document_of_the_pinned_network_is_read_whole() {
    let info = signed(12, 1, vec![bootnode(1, "a-0.a.svc")]);
    assert_eq!(read(&bytes(&info), info.genesis_hash).expect("read"), info);
    assert_eq!(Outcome::of(&bytes(&info), info.genesis_hash).document(), Some(&info));
}

#[test]
fn another_genesis_than_the_pinned_one_is_refused_with_both_hashes_whatever_hash_the_document_names() {
    let info = signed(12, 1, Vec::new());
    let pin = B256::repeat_byte(1);
    for named in [info.genesis_hash, pin] {
        let claimed = sign(NetworkInfo { genesis_hash: named, ..info.clone() }, 12);
        let refused = read(&bytes(&claimed), pin).expect_err("refused");
        assert!(matches!(refused, Refused::Pin { got, want } if got == info.genesis_hash && want == pin));
        let said = refused.to_string();
        assert!(said.contains(&pin.to_string()) && said.contains(&info.genesis_hash.to_string()), "{said}");
    }
    assert!(matches!(Outcome::of(&bytes(&info), pin), Outcome::Refused { pin: true, .. }));
}

#[test]
fn what_is_not_signed_by_its_publisher_or_does_not_fit_its_genesis_is_refused() {
    let good = unsigned(12, 1, vec![bootnode(1, "a-0.a.svc")]);
    let pin = good.genesis_hash;
    let resigned: [(&str, Change); 5] = [
        ("bootnodes", |info| info.bootnodes = (0..=64).map(|n| bootnode(n, "a")).collect()),
        ("chain id", |info| info.chain_id += 1),
        ("genesis hash", |info| info.genesis_hash = B256::ZERO),
        ("governance contract", |info| info.governance = Address::ZERO),
        ("version", |info| info.version += 1),
    ];
    for (word, change) in resigned {
        let mut info = good.clone();
        change(&mut info);
        let said = read(&bytes(&sign(info, 12)), pin).expect_err(word).to_string();
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(matches!(read(&bytes(&good), pin), Err(Refused::Info(_))), "unsigned");
    assert!(
        matches!(read(&bytes(&sign(good.clone(), 13)), pin), Err(Refused::Info(_))),
        "another's signature"
    );
    let mut moved = sign(good, 12);
    moved.bootnodes[0].host = "evil.example".to_owned();
    assert!(matches!(read(&bytes(&moved), pin), Err(Refused::Info(_))), "changed after it was signed");
}

#[test]
fn what_is_too_long_or_no_document_at_all_is_refused() {
    let pin = B256::ZERO;
    assert!(matches!(read(&vec![b' '; MOST_BYTES + 1], pin), Err(Refused::Size)));
    for text in ["", "{}", "[]", "<html>404</html>"] {
        assert!(matches!(read(text.as_bytes(), pin), Err(Refused::Json(_))), "{text}");
    }
    let most = u8::try_from(MOST_BOOTNODES).expect("few");
    let info = signed(12, 1, (0..most).map(|n| bootnode(n, "a")).collect());
    assert!(read(&bytes(&info), info.genesis_hash).is_ok(), "as many as are allowed");
}

#[test]
fn the_largest_genesis_of_ours_fits_the_bound() {
    let object: Consortium =
        serde_saphyr::from_str(include_str!("../../../../examples/consortium.yaml")).expect("the example");
    let valid = validate::consortium(&object).expect("valid");
    let most = u16::try_from(chain::governance::MAX_SEATS).expect("few");
    let identities = (0..most).map(|n| Address::left_padding_from(&(n + 1000).to_be_bytes())).collect();
    let mut info = unsigned(12, 1, (0..64).map(|n| bootnode(n, &"h".repeat(253))).collect());
    let mut valid = valid;
    if let validate::Network::Create(chain) = &mut valid.network {
        chain.capacity = most;
    }
    let made = genesis::make(&valid, address(98), address(99), &identities).expect("a genesis");
    (info.genesis, info.genesis_hash) = (made.text, made.hash);
    let info = sign(info, 12);
    assert!(bytes(&info).len() * 3 < MOST_BYTES * 2, "{} bytes", bytes(&info).len());
    assert!(read(&bytes(&info), made.hash).is_ok());
}

#[test]
fn of_each_publisher_the_document_issued_last_holds_and_an_old_one_sent_again_changes_nothing() {
    let old = signed(12, 10, vec![bootnode(1, "old.example")]);
    let new = signed(12, 20, vec![bootnode(1, "new.example")]);
    let other = signed(13, 15, vec![bootnode(1, "stale.example"), bootnode(2, "c-0.c.svc")]);
    let learned = Learned::default().with([old.clone(), other]).with([new]);
    let hosts: Vec<_> = learned.bootnodes().into_iter().map(|enode| enode.host).collect();
    assert_eq!(hosts, ["new.example", "c-0.c.svc"], "newest first, a node once");
    assert_eq!(learned.with([old]), learned);
}

#[test]
fn what_is_stored_reads_back_and_what_was_changed_since_is_left_out() {
    let info = signed(12, 10, vec![bootnode(1, "a-0.a.svc")]);
    let learned = Learned::default().with([info.clone()]);
    let text = learned.to_json().expect("JSON");
    assert!(!text.contains("alloc"), "the genesis is kept apart");
    assert_eq!(Learned::read(&text, &info.genesis).expect("reads"), learned);
    let edited = text.replace("a-0.a.svc", "evil.example");
    assert!(Learned::read(&edited, &info.genesis).expect("reads").is_empty());
}

#[test]
fn documents_of_strangers_go_once_a_member_has_published_and_stay_while_there_is_nothing_else() {
    let (stranger, member) = (signed(12, 20, vec![bootnode(1, "a")]), signed(13, 10, vec![bootnode(2, "b")]));
    let operators = [publisher(13).address].into_iter().collect();
    let alone = Learned::default().with([stranger.clone()]);
    assert_eq!(alone.clone().of_members(&operators), alone);
    let both = alone.with([member.clone()]).of_members(&operators);
    assert_eq!(both, Learned::default().with([member]));
}

#[test]
fn publishers_and_bootnodes_are_bounded() {
    let documents = (1..=12_u8).map(|seed| {
        let nodes = (0..16).map(|n| bootnode(seed.wrapping_mul(16).wrapping_add(n), "h")).collect();
        signed(seed, u64::from(seed), nodes)
    });
    let learned = Learned::default().with(documents);
    assert_eq!(learned.bootnodes().len(), 32);
    let text = learned.to_json().expect("JSON");
    assert_eq!(text.matches("\"publisher\"").count(), 8);
}
