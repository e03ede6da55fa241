//! Several clusters of one member, and members in other clusters.

use super::{network, stored, valid_consortium, valid_fleet};
use crate::{
    names::FleetName,
    observed::{AdminObserved, ConsortiumObserved, PeerNode, ProposalObserved},
    plan::{consortium, fleet},
    validate::ValidConsortium,
    votes::{Act, Ballot, Content, Deed, History},
};
use alloy_primitives::{B256, B512, Bytes, U256};
use chain::governance::Kind;

/// A vote of this member is open that a line in another cluster's manifest has cast.
fn voted_elsewhere() -> ConsortiumObserved {
    let mut observed = network(4, 4, 4);
    let view = observed.governance.as_mut().expect("governance");
    view.proposals = vec![ProposalObserved {
        id: 3,
        content: Content { kind: Kind::ExpelMember, subject: B256::ZERO, values: Bytes::new() },
        memo: String::new(),
        proposer: 7,
        expires_at: 9000,
        expired: false,
        votes_for: U256::ONE << usize::from(view.members[0].place),
        votes_against: U256::ZERO,
    }];
    let mut history = History { complete: true, ..History::default() };
    history.push(Deed { id: 3, act: Act::For, mark: Some(B256::repeat_byte(9)) });
    observed.admin_account = Some(AdminObserved { history, ..AdminObserved::default() });
    observed
}

#[test]
fn a_cluster_that_says_nothing_of_votes_and_has_no_admin_key_takes_none_back() {
    let observed = voted_elsewhere();
    let moves = |valid: &ValidConsortium| {
        let moves = consortium(valid, &observed).votes.moves;
        moves.into_iter().map(|wanted| wanted.ballot).collect::<Vec<_>>()
    };
    let first = valid_consortium();
    assert_eq!(moves(&first), [Ballot::Rescind(3)], "its line is gone");
    assert_eq!(moves(&ValidConsortium { takes_back: false, ..first }), []);
}

#[test]
fn an_operator_account_is_registered_while_no_vote_is_read() {
    let mut observed = network(4, 4, 4);
    observed.admin_account = Some(AdminObserved::default());
    let account = stored(60).key.address;
    let position = crate::votes::Position {
        line: format!("operators[{account}]"),
        aim: crate::votes::Aim::Operator { address: account },
        memo: String::new(),
    };
    let valid = ValidConsortium { positions: vec![position], ..valid_consortium() };
    let moves = consortium(&valid, &observed).votes.moves;
    assert_eq!(moves.len(), 1, "{moves:?}");
    assert_eq!(moves[0].ballot, Ballot::AddOperator(account));
}

#[test]
fn a_node_is_shown_with_the_address_and_the_port_that_lead_to_it_once_there_is_an_address() {
    let mut observed = super::running(2, 2);
    let peer = |index: u32, outside: Option<&str>| PeerNode {
        name: FleetName("bank-a".to_owned()).node(index),
        node_id: B512::repeat_byte(1),
        outside: outside.map(str::to_owned),
    };
    let endpoints = |observed: &crate::observed::FleetObserved| {
        let nodes = fleet(&valid_fleet(2), observed, "image:1").nodes;
        nodes.into_iter().map(|node| node.endpoint).collect::<Vec<_>>()
    };
    observed.peers = vec![peer(0, None), peer(1, None)];
    assert_eq!(endpoints(&observed), [None, None]);
    observed.peers = vec![peer(0, Some("203.0.113.7")), peer(1, Some("2001:db8::7"))];
    let want = ["203.0.113.7:30303", "[2001:db8::7]:30304"].map(|text| Some(text.to_owned()));
    assert_eq!(endpoints(&observed), want);
}
