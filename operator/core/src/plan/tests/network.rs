//! Accounts, genesis and votes of a consortium.

use super::{example_genesis, network, stored, summary, valid_consortium};
use crate::{
    api::{conditions::reasons, consortium::PositionState},
    observed::{AdminObserved, ConsortiumObserved, SecretState},
    plan::consortium,
    validate::ValidConsortium,
    votes::{Aim, History, Position},
};

#[test]
fn accounts_come_first_then_the_genesis_waits_for_every_identity_of_every_fleet() {
    let valid = valid_consortium();
    let mut observed = ConsortiumObserved::default();
    assert_eq!(consortium(&valid, &observed).accounts, ["trade-finance-admin", "trade-finance-operator"]);
    observed.admin = SecretState::Present(stored(98));
    observed.operator = SecretState::Present(stored(99));
    let plan = consortium(&valid, &observed);
    assert_eq!((plan.waits[0].reason, plan.genesis.is_none()), (reasons::WAITING_FOR_FLEETS, true));
    observed.fleets = vec![summary(4, 3)];
    let plan = consortium(&valid, &observed);
    assert_eq!((plan.waits[0].reason, plan.genesis.is_none()), (reasons::WAITING_FOR_IDENTITIES, true));
    assert!(plan.waits[0].message.contains("3 of 4"));
    observed.fleets = vec![summary(4, 4)];
    assert_eq!(consortium(&valid, &observed).genesis, Some(example_genesis()));
}

#[test]
fn an_account_that_a_genesis_names_is_never_made_anew() {
    let mut observed = network(4, 4, 4);
    observed.operator = SecretState::Absent;
    let plan = consortium(&valid_consortium(), &observed);
    assert_eq!(
        (plan.accounts.len(), plan.waits[0].reason, plan.waits[0].stalled),
        (0, reasons::KEY_LOST, true)
    );
}

#[test]
fn positions_are_weighed_with_the_chain_and_wait_for_a_transaction_that_is_on_its_way() {
    let position = Position {
        line: "admit[x]".to_owned(),
        aim: Aim::Admit {
            address: stored(70).key.address,
            alias: chain::governance::Label::new("bank-b").expect("a label"),
            capacity: 0,
            operator: None,
        },
        memo: String::new(),
    };
    let valid = ValidConsortium { positions: vec![position], ..valid_consortium() };
    let mut observed = network(4, 4, 4);
    let state = |observed: &ConsortiumObserved| {
        let plan = consortium(&valid, observed);
        (plan.votes.positions[0].state, plan.votes.moves.len(), plan.waits.len())
    };
    assert_eq!(state(&observed), (PositionState::Unknown, 0, 0), "the account is not read");
    let history = History { complete: true, ..History::default() };
    observed.admin_account = Some(AdminObserved { history, ..AdminObserved::default() });
    assert_eq!(state(&observed), (PositionState::Sending, 1, 0));
    observed.admin_account.as_mut().expect("read").in_flight = true;
    assert_eq!(state(&observed), (PositionState::Sending, 0, 1));
    observed.governance.as_mut().expect("read").members[0].admin = stored(71).key.address;
    assert_eq!(state(&observed), (PositionState::Unknown, 0, 0), "not a member");
}
