//! Keys in a vault, of nodes and of accounts; and seats that pass from one fleet to another.

use super::{disk, moved, network, stored, summary, valid_consortium, valid_fleet};
use crate::{
    api::conditions::reasons,
    names::FleetName,
    observed::{ConsortiumObserved, FleetObserved, FleetSummary, NodeObserved, SecretState, StoredKey},
    plan::{KeyWanted, SeatMove, consortium, fleet},
    test_support::HEIGHT,
    validate::{AccountKey, AdminAccount, FleetVault, IdentityKeys, ValidConsortium, ValidFleet},
    vault::{Home, KeyId, KeyPlace, Report, Trouble, TroubleKind},
};
use alloy_primitives::B256;

fn vault(home: Home, create: bool) -> FleetVault {
    FleetVault {
        url: "https://v.vault.azure.net".to_owned(),
        home,
        prefix: "bank-a-bank-a-".to_owned(),
        create,
        tenant_id: "t".to_owned(),
        client_id: "c".to_owned(),
        authority_host: None,
        ca_bundle: None,
    }
}

fn valid(replicas: u32, create: bool) -> ValidFleet {
    let keys = IdentityKeys::Vault(Box::new(vault(Home::Key, create)));
    ValidFleet { keys, ..valid_fleet(replicas) }
}

fn recorded(seed: u8, place: KeyPlace) -> SecretState {
    let id = KeyId { place, version: "0f".to_owned() };
    SecretState::Present(StoredKey { vault: Some(Box::new(id)), ..stored(seed) })
}

#[test]
fn a_key_is_wanted_of_the_vault_for_every_node_without_a_record_and_for_none_whose_disk_had_one() {
    let valid = valid(3, true);
    let lost = NodeObserved { volume: Some(disk("50Gi", "50Gi")), ..NodeObserved::default() };
    let known =
        NodeObserved { identity: recorded(3, vault(Home::Key, true).place(2)), ..NodeObserved::default() };
    let mut observed = FleetObserved {
        nodes: [(0, NodeObserved::default()), (1, lost), (2, known)].into(),
        ..FleetObserved::default()
    };
    let plan = fleet(&valid, &observed, "new:1");
    assert!(plan.keys.iter().all(|key| matches!(key, KeyWanted::P2p(_))), "none in Kubernetes");
    let task = plan.vault.expect("a task");
    let wanted: Vec<_> = task
        .keys
        .iter()
        .map(|key| (key.place.to_string(), key.create, key.begun, key.pinned.clone()))
        .collect();
    let place = |index| format!("https://v.vault.azure.net/keys/bank-a-bank-a-{index}");
    assert_eq!(wanted, [(place(0), true, false, None), (place(2), true, false, Some("0f".to_owned()))]);
    let waits: Vec<_> = plan.waits.iter().map(|wait| (wait.reason, wait.stalled)).collect();
    assert!(waits.contains(&(reasons::KEY_LOST, true)), "{waits:?}");
    assert!(waits.contains(&(reasons::WAITING_FOR_IDENTITIES, false)), "{waits:?}");

    observed.vault = [("bank-a-2-identity".to_owned(), Report::Gone)].into();
    let plan = fleet(&valid, &observed, "new:1");
    let gone = plan.waits.iter().find(|wait| wait.message.contains("/0f is gone"));
    assert_eq!(gone.map(|wait| (wait.reason, wait.stalled)), Some((reasons::KEY_LOST, true)));
}

#[test]
fn a_vault_that_is_not_reached_holds_up_no_node_whose_key_is_on_record() {
    let valid = valid(1, true);
    let node = NodeObserved {
        identity: recorded(1, vault(Home::Key, true).place(0)),
        p2p: SecretState::Present(stored(21)),
        ..NodeObserved::default()
    };
    let trouble = Trouble { kind: TroubleKind::Unreachable, message: "no answer".to_owned() };
    let observed = FleetObserved {
        consortium_exists: true,
        genesis: Some(super::example_genesis()),
        nodes: [(0, node)].into(),
        vault: [("bank-a-0-identity".to_owned(), Report::Failed(trouble))].into(),
        ..FleetObserved::default()
    };
    let plan = fleet(&valid, &observed, "new:1");
    assert_eq!(plan.objects.expect("objects").nodes.len(), 1);
    assert!(plan.waits.iter().all(|wait| wait.reason != reasons::VAULT_UNREACHABLE));
    assert!(plan.vault.expect("a task").keys[0].begun, "the network has its genesis");
}

#[test]
fn a_key_that_a_person_made_may_have_signed_unless_the_network_begins_here() {
    let begun = |create: bool, founds: bool, has_genesis: bool| {
        let observed = FleetObserved {
            consortium_exists: true,
            founds,
            genesis: has_genesis.then(super::example_genesis),
            nodes: [(0, NodeObserved::default())].into(),
            ..FleetObserved::default()
        };
        fleet(&valid(1, create), &observed, "new:1").vault.expect("a task").keys[0].begun
    };
    // Joined before its genesis is here: a cluster that was lost may have voted with this key.
    for (create, founds, has_genesis, want) in [
        (false, false, false, true),
        (false, true, false, false),
        (false, true, true, true),
        (true, false, false, false),
        (true, false, true, true),
    ] {
        assert_eq!(begun(create, founds, has_genesis), want, "{create} {founds} {has_genesis}");
    }
}

#[test]
fn a_key_somewhere_else_than_the_spec_says_is_refused_by_name() {
    let place = vault(Home::Key, true).place(0);
    let other = KeyPlace { home: Home::Secret, ..place.clone() };
    let here = || SecretState::Present(stored(1));
    assert_eq!(here().at(None, "s"), here());
    assert_eq!(recorded(1, place.clone()).at(Some(&place), "s"), recorded(1, place.clone()));
    for (state, wanted, words) in [
        (here(), Some(&place), ["in the Secret itself", "/keys/bank-a-bank-a-0"]),
        (recorded(1, place.clone()), None, ["/keys/bank-a-bank-a-0", "in the Secret itself"]),
        (recorded(1, place.clone()), Some(&other), ["/keys/", "/secrets/"]),
    ] {
        let SecretState::Malformed(error) = state.at(wanted, "bank-a-0-identity") else {
            panic!("refused");
        };
        let told = error.to_string();
        assert!(told.contains("bank-a-0-identity") && words.iter().all(|word| told.contains(word)), "{told}");
    }
}

fn account(name: &str) -> AccountKey {
    let place =
        KeyPlace { vault: "https://v.vault.azure.net".to_owned(), home: Home::Key, name: name.to_owned() };
    AccountKey { secret: format!("trade-finance-{name}"), vault: Some((place, true)) }
}

fn in_vault() -> ValidConsortium {
    ValidConsortium {
        admin: AdminAccount::Held(account("admin")),
        operator: account("operator"),
        ..valid_consortium()
    }
}

#[test]
fn accounts_in_a_vault_are_wanted_before_the_genesis_and_looked_after_from_then_on() {
    let valid = in_vault();
    let plan = consortium(&valid, &ConsortiumObserved::default());
    assert_eq!(plan.accounts, Vec::<String>::new(), "no Secret with a key");
    let names = |plan: &super::super::ConsortiumPlan| {
        let keys = plan.vault.iter().flat_map(|task| &task.keys);
        keys.map(|key| (key.place.name.clone(), key.pinned.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(&plan), [("admin".to_owned(), None), ("operator".to_owned(), None)]);
    assert!(plan.genesis.is_none() && plan.waits.iter().all(|wait| !wait.stalled));
    let place = |name: &str| account(name).place().expect("a vault").clone();
    let observed = ConsortiumObserved {
        admin: recorded(98, place("admin")),
        operator: recorded(99, place("operator")),
        ..network(4, 4, 4)
    };
    let plan = consortium(&valid, &observed);
    let pinned = Some("0f".to_owned());
    assert_eq!(names(&plan), [("admin".to_owned(), pinned.clone()), ("operator".to_owned(), pinned)]);
    assert!(plan.waits.is_empty(), "{:?}", plan.waits);
    let lost = ConsortiumObserved { operator: SecretState::Absent, ..observed };
    let plan = consortium(&valid, &lost);
    assert_eq!(names(&plan).len(), 1, "what the key was is not known any more: none is made");
    assert!(plan.waits.iter().any(|wait| wait.reason == reasons::KEY_LOST && wait.stalled));
}

/// `bank-b`, whose nodes are up and hold no seat, in the place of `bank-a`, whose nodes hold all four.
fn replacing(nodes: u8) -> ConsortiumObserved {
    let mut observed = network(4, 4, 4);
    let identities = (0..).zip(51..51 + nodes).map(|(index, seed)| (index, stored(seed).key.address));
    observed.fleets.push(FleetSummary {
        name: FleetName("bank-b".to_owned()),
        replicas: u32::from(nodes),
        replaces: Some(FleetName("bank-a".to_owned())),
        identities: identities.collect(),
        ..summary(4, 4)
    });
    for seed in 51..51 + nodes {
        let mut status = super::status(1, 4, true);
        let identity = status.identity.as_mut().expect("an identity");
        (identity.address, identity.seated) = (stored(seed).key.address, false);
        identity.seat_proof = Some(chain::status::SeatProof {
            member: stored(98).key.address,
            block_number: HEIGHT,
            block_hash: B256::ZERO,
            signature: alloy_primitives::Bytes::from_static(&[1; 65]),
        });
        observed.nodes.push(status);
    }
    observed
}

#[test]
fn seats_pass_one_by_one_in_one_step_each_and_the_fleet_that_is_replaced_gets_none_back() {
    let mut observed = replacing(4);
    observed.governance.as_mut().expect("read").members[0].capacity = 4;
    let plan = consortium(&valid_consortium(), &observed);
    let Some(SeatMove::Replace { node, identity, before, old, .. }) = plan.seat_move else {
        panic!("{:?}", plan.waits);
    };
    assert_eq!((node.as_str(), before.as_str()), ("bank-b-0", "bank-a-0"), "capacity is not needed");
    assert_eq!((identity, old), (stored(51).key.address, stored(1).key.address));

    // The first has passed.
    let first = stored(51).key.address;
    observed.governance.as_mut().expect("read").seats[0].identity = first;
    for status in &mut observed.nodes {
        status.seats[0].address = first;
    }
    let next = consortium(&valid_consortium(), &observed);
    assert_eq!(moved(&next), Some(("replace", "bank-b-1")), "and not a seat for bank-a-0 anew");

    let mut gone = observed.clone();
    gone.fleets.retain(|fleet| fleet.name.0 == "bank-a");
    gone.governance.as_mut().expect("read").members[0].capacity = 16;
    let plan = consortium(&valid_consortium(), &gone);
    let wait = plan.waits.first().expect("it is to be seated again");
    assert!(wait.message.contains("bank-a-0") && wait.reason == "NoSeatProof", "{wait:?}");
}

#[test]
fn seats_of_nodes_that_the_new_fleet_has_not_pass_too_and_those_of_others_do_not() {
    let fewer = replacing(2);
    let mut observed = fewer.clone();
    let seats = [51, 52, 3, 4];
    let view = observed.governance.as_mut().expect("read");
    for (seat, seed) in view.seats.iter_mut().zip(seats) {
        seat.identity = stored(seed).key.address;
    }
    for status in &mut observed.nodes {
        for (heard, seed) in status.seats.iter_mut().zip(seats) {
            heard.address = stored(seed).key.address;
        }
    }
    assert_eq!(moved(&consortium(&valid_consortium(), &observed)), None, "both are seated");
    let mut theirs = fewer;
    for seat in &mut theirs.governance.as_mut().expect("read").seats {
        seat.operator = stored(50).key.address;
    }
    let plan = consortium(&valid_consortium(), &theirs);
    assert_eq!(moved(&plan), Some(("seat", "bank-b-0")), "another account's seats are not ours to pass on");
}

#[test]
fn while_the_others_are_no_quorum_the_seat_of_a_dead_node_passes_and_no_other() {
    let mut observed = replacing(4);
    for status in &mut observed.nodes {
        status.seats[3].height -= 9;
    }
    let plan = consortium(&valid_consortium(), &observed);
    assert_eq!(moved(&plan), Some(("replace", "bank-b-3")), "it costs no vote");
    let wait = plan.waits.iter().find(|wait| wait.reason == "WouldLoseQuorum").expect("refused");
    assert!(wait.message.contains("bank-b-0"), "{}", wait.message);
}
