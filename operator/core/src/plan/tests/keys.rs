//! Keys to make, and journals to record beside them.

use super::{running, valid_fleet};
use crate::{
    api::{conditions::reasons, validator::Phase},
    observed::{FleetObserved, NodeObserved, SecretState, VolumeObserved},
    plan::{KeyWanted, fleet},
};
use alloy_primitives::B256;

#[test]
fn keys_are_made_for_new_nodes_only_and_never_for_one_whose_disk_is_there() {
    let nodes = (0..2).map(|index| (index, NodeObserved::default())).collect();
    let mut observed = FleetObserved { nodes, ..FleetObserved::default() };
    observed.nodes.get_mut(&1).expect("a node").volume = Some(VolumeObserved::default());
    let valid = valid_fleet(2);
    let plan = fleet(&valid, &observed, "new:1");
    let made: Vec<_> = plan.keys.iter().filter(|key| matches!(key, KeyWanted::Identity(_))).collect();
    assert_eq!(made, [&KeyWanted::Identity(valid.name.node(0))]);
    assert!(plan.waits.iter().any(|wait| wait.reason == reasons::KEY_LOST && wait.stalled));
}

#[test]
fn a_malformed_secret_stalls_the_fleet_and_is_named() {
    let mut observed = running(4, 4);
    observed.nodes.get_mut(&2).expect("a node").identity =
        SecretState::Malformed(crate::keys::SecretError::Key { secret: "bank-a-2-identity".to_owned() });
    let plan = fleet(&valid_fleet(4), &observed, "new:1");
    let wait = plan.waits.iter().find(|wait| wait.stalled).expect("stalled");
    assert!(wait.message.contains("bank-a-2-identity"));
    assert_eq!(plan.nodes[2].phase, Phase::Failed);
}

#[test]
fn a_journal_is_recorded_once_and_its_replacement_before_it_can_vote() {
    let mut observed = running(1, 1);
    let journals = |observed: &FleetObserved| fleet(&valid_fleet(1), observed, "new:1").journals;
    assert_eq!(journals(&observed), []);
    let node = |observed: &mut FleetObserved, change: &dyn Fn(&mut chain::status::Journal)| {
        let status = observed.nodes.get_mut(&0).and_then(|node| node.status.as_mut()).expect("a status");
        change(&mut status.identity.as_mut().expect("identity").journal);
    };
    let other = B256::repeat_byte(77);
    node(&mut observed, &|journal| {
        journal.id = other;
        journal.sitting_out = Some("until block 120".to_owned());
    });
    assert_eq!(journals(&observed), [("bank-a-0-identity".to_owned(), other)]);
}
