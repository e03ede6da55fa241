use super::{Act, AdminMove, Aim, Ballot, Deed, History, Position, decide};
use crate::{
    api::consortium::{PositionState, PositionStatus},
    observed::{Governance, MemberObserved, ProposalObserved},
    test_support::address,
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use chain::governance::{Governance as Contract, Label, Status};

/// Our operator account, and one that nobody has registered.
const OPERATOR: u8 = 20;

fn member(id: u8) -> MemberObserved {
    MemberObserved {
        id: u32::from(id),
        alias: format!("bank-{id}"),
        admin: address(id),
        capacity: 4,
        place: id - 1,
        operators: vec![address(OPERATOR)],
        ..MemberObserved::default()
    }
}

/// Three members, of which we are the first; two votes decide.
fn view() -> Governance {
    Governance {
        height: 1000,
        members: (1..=3).map(member).collect(),
        votes_needed: 2,
        parameters: [2, 1500, 250_000_000, 4, 1000],
        ..Governance::default()
    }
}

fn admit(who: u8, memo: &str) -> Position {
    let aim = Aim::Admit {
        address: address(who),
        alias: Label::new("bank-d").expect("a label"),
        capacity: 4,
        operator: None,
    };
    Position { line: format!("admit[{who}]"), aim, memo: memo.to_owned() }
}

fn oppose(id: u64) -> Position {
    Position { line: format!("oppose[{id}]"), aim: Aim::Oppose { id }, memo: String::new() }
}

/// The proposal that a position would make, with the votes of these members.
fn open(id: u64, position: &Position, votes_for: &[u8], against: &[u8]) -> ProposalObserved {
    let bits = |members: &[u8]| {
        members.iter().fold(U256::ZERO, |bits, id| bits | (U256::from(1) << usize::from(id - 1)))
    };
    ProposalObserved {
        id,
        content: position.aim.content(&view()).expect("a proposal"),
        memo: "theirs".to_owned(),
        proposer: 2,
        expires_at: 2000,
        expired: false,
        votes_for: bits(votes_for),
        votes_against: bits(against),
    }
}

fn history(deeds: &[(u64, Act, Option<&Position>)], ended: &[(u64, Status)]) -> History {
    let mut history = History { complete: true, upto: 1000, ..History::default() };
    for (id, act, position) in deeds {
        history.push(Deed { id: *id, act: *act, mark: position.map(Position::mark) });
    }
    history.ended = ended.iter().copied().collect();
    history
}

fn weigh(
    positions: &[Position],
    view: &Governance,
    history: &History,
    before: &[PositionStatus],
) -> (Vec<(PositionState, String)>, Vec<Ballot>) {
    let plan = decide(positions, view, history, &view.members[0], Some(address(OPERATOR)), before);
    let states = plan.positions.into_iter().map(|weighed| (weighed.state, weighed.reason)).collect();
    (states, plan.moves.into_iter().map(|wanted| wanted.ballot).collect())
}

fn with(proposals: Vec<ProposalObserved>) -> Governance {
    Governance { proposals, ..view() }
}

fn proposing(position: &Position) -> Vec<Ballot> {
    let content = position.aim.content(&view()).expect("a proposal");
    vec![Ballot::Propose { content, memo: position.memo.clone() }]
}

/// What is the case, open proposals, our votes; then state, reason and what is sent.
type Case = (&'static str, Vec<ProposalObserved>, History, PositionState, &'static str, Vec<Ballot>);

#[test]
fn a_position_is_proposed_voted_awaited_or_left_by_what_the_chain_says_of_it() {
    use PositionState::{Blocked, InForce, Open, Rejected, Sending, Unknown};
    let line = admit(9, "board");
    let other = admit(9, "another memo");
    let unread = History { complete: false, ..history(&[], &[]) };
    let voted = (7, Act::For, Some(&line));
    let table: [Case; 15] = [
        ("nobody has proposed it", vec![], history(&[], &[]), Sending, "Proposing", proposing(&line)),
        ("our votes are not read", vec![], unread.clone(), Unknown, "ReadingHistory", vec![]),
        (
            "somebody has",
            vec![open(7, &line, &[2], &[])],
            history(&[], &[]),
            Sending,
            "Voting",
            vec![Ballot::VoteFor(7)],
        ),
        (
            "not read, and somebody has",
            vec![open(7, &line, &[2], &[])],
            unread,
            Unknown,
            "ReadingHistory",
            vec![],
        ),
        ("we voted", vec![open(7, &line, &[1], &[])], history(&[voted], &[]), Open, "AwaitingVotes", vec![]),
        (
            "a person voted for us",
            vec![open(7, &line, &[1], &[])],
            history(&[(7, Act::For, None)], &[]),
            Open,
            "AwaitingVotes",
            vec![],
        ),
        (
            "a person voted against, before the line came",
            vec![open(7, &line, &[2], &[1])],
            history(&[(7, Act::Against, None)], &[]),
            Sending,
            "Voting",
            vec![Ballot::VoteFor(7)],
        ),
        (
            "a person took our vote back",
            vec![open(7, &line, &[2], &[])],
            history(&[voted, (7, Act::TakeBack, None)], &[]),
            Rejected,
            "ChangedByHand",
            vec![],
        ),
        (
            "it has its majority and waits",
            vec![open(7, &line, &[1, 2], &[])],
            history(&[voted], &[]),
            Sending,
            "Passed",
            vec![Ballot::Execute(7)],
        ),
        ("outvoted", vec![], history(&[voted], &[(7, Status::Rejected)]), Rejected, "Outvoted", vec![]),
        ("expired", vec![], history(&[voted], &[(7, Status::Expired)]), Rejected, "Expired", vec![]),
        ("superseded", vec![], history(&[voted], &[(7, Status::Superseded)]), Rejected, "Superseded", vec![]),
        ("undone since", vec![], history(&[voted], &[(7, Status::Executed)]), Rejected, "Undone", vec![]),
        (
            "outvoted, and others propose it again",
            vec![open(8, &line, &[2], &[])],
            history(&[voted], &[(7, Status::Rejected)]),
            Rejected,
            "Outvoted",
            vec![],
        ),
        (
            "taken back by the line's removal, and the line is there again",
            vec![],
            history(&[voted, (7, Act::TakeBack, Some(&line))], &[]),
            Sending,
            "Proposing",
            proposing(&line),
        ),
    ];
    for (what, proposals, history, state, reason, moves) in table {
        let (states, sent) = weigh(std::slice::from_ref(&line), &with(proposals), &history, &[]);
        assert_eq!((states, sent), (vec![(state, reason.to_owned())], moves), "{what}");
    }
    let ended = history(&[voted], &[(7, Status::Rejected)]);
    let (states, sent) = weigh(std::slice::from_ref(&other), &view(), &ended, &[]);
    assert_eq!((states[0].0, sent), (Sending, proposing(&other)), "an edited memo is another decision");
    let member_already = admit(2, "");
    let (states, sent) = weigh(&[member_already], &view(), &history(&[], &[]), &[]);
    assert_eq!((states[0].0, sent), (InForce, vec![]));
    let nobody = Position {
        line: "capacity[9]".to_owned(),
        aim: Aim::Capacity { address: address(9), capacity: 1 },
        memo: String::new(),
    };
    let (states, sent) = weigh(&[nobody], &view(), &history(&[], &[]), &[]);
    assert_eq!((states[0].clone(), sent), ((Blocked, "UnknownMember".to_owned()), vec![]));
}

#[test]
fn a_vote_is_taken_back_only_when_a_position_cast_it_and_no_line_stands_for_it() {
    let line = admit(9, "board");
    let proposals = || vec![open(7, &line, &[1, 2], &[])];
    let ours = history(&[(7, Act::For, Some(&line))], &[]);
    let by_hand = history(&[(7, Act::For, None)], &[]);
    let rescind = vec![Ballot::Rescind(7)];
    let needs_three = || Governance { votes_needed: 3, ..with(proposals()) };
    assert_eq!(weigh(&[], &needs_three(), &ours, &[]).1, rescind);
    assert_eq!(weigh(&[], &needs_three(), &by_hand, &[]).1, vec![]);
    assert_eq!(weigh(&[admit(9, "edited")], &needs_three(), &ours, &[]).1, vec![], "the same content stands");
    assert_eq!(
        weigh(&[oppose(7)], &needs_three(), &ours, &[]).1,
        vec![Ballot::VoteAgainst(7)],
        "changing sides needs no step between"
    );
    let unread = History { complete: false, ..ours };
    assert_eq!(weigh(&[], &needs_three(), &unread, &[]).1, vec![]);
    let against = history(&[(7, Act::Against, Some(&oppose(7)))], &[]);
    let opposed = || with(vec![open(7, &line, &[2], &[1])]);
    assert_eq!(weigh(&[], &opposed(), &against, &[]).1, rescind);
    assert_eq!(weigh(std::slice::from_ref(&line), &opposed(), &against, &[]).1, vec![Ballot::VoteFor(7)]);
}

/// The same without a reason.
type OpposedCase = (&'static str, Vec<ProposalObserved>, History, PositionState, Vec<Ballot>);

#[test]
fn an_opposed_proposal_is_voted_against_once_and_its_end_is_told() {
    use PositionState::{Blocked, InForce, Open, Rejected, Sending};
    let line = admit(9, "board");
    let fails = oppose(7);
    let table: [OpposedCase; 6] = [
        ("open", vec![open(7, &line, &[2], &[])], history(&[], &[]), Sending, vec![Ballot::VoteAgainst(7)]),
        (
            "voted",
            vec![open(7, &line, &[2], &[1])],
            history(&[(7, Act::Against, Some(&fails))], &[]),
            Open,
            vec![],
        ),
        (
            "changed by hand",
            vec![open(7, &line, &[1, 2], &[])],
            history(&[(7, Act::Against, Some(&fails)), (7, Act::For, None)], &[]),
            Rejected,
            vec![],
        ),
        ("outvoted", vec![], history(&[], &[(7, Status::Rejected)]), InForce, vec![]),
        ("carried out", vec![], history(&[], &[(7, Status::Executed)]), Rejected, vec![]),
        ("unknown", vec![], history(&[], &[]), Blocked, vec![]),
    ];
    for (what, proposals, history, state, moves) in table {
        let (states, sent) = weigh(std::slice::from_ref(&fails), &with(proposals), &history, &[]);
        assert_eq!((states[0].0, sent), (state, moves), "{what}");
    }
    let both = [line.clone(), fails];
    let (states, sent) = weigh(
        &both,
        &with(vec![open(7, &line, &[1], &[])]),
        &history(&[(7, Act::For, Some(&line))], &[]),
        &[],
    );
    assert_eq!((states[1].clone(), sent), ((Blocked, "Contradiction".to_owned()), vec![]));
}

#[test]
fn a_line_that_was_true_without_a_vote_of_ours_is_not_fought_for() {
    let line = admit(9, "board");
    let mut admitted = view();
    admitted.members.push(MemberObserved { place: 3, ..member(9) });
    let plan =
        decide(std::slice::from_ref(&line), &admitted, &history(&[], &[]), &admitted.members[0], None, &[]);
    let before: Vec<PositionStatus> = plan.positions.iter().map(super::Weighed::status).collect();
    assert_eq!(before[0].state, PositionState::InForce);
    let (states, sent) = weigh(std::slice::from_ref(&line), &view(), &history(&[], &[]), &before);
    assert_eq!((states[0].clone(), sent), ((PositionState::Rejected, "Undone".to_owned()), vec![]));
    let edited = admit(9, "again");
    assert_eq!(
        weigh(std::slice::from_ref(&edited), &view(), &history(&[], &[]), &before).1,
        proposing(&edited)
    );
}

#[test]
fn an_operator_account_that_is_not_registered_comes_first() {
    let new: Address = address(77);
    let us = &view().members[0];
    let plan = decide(&[admit(9, "")], &view(), &history(&[], &[]), us, Some(new), &[]);
    assert_eq!(plan.moves[0].ballot, Ballot::AddOperator(new));
    assert_eq!(plan.moves.len(), 2);
}

#[test]
fn parameters_hardforks_and_names_are_true_when_the_chain_has_them() {
    let is = |aim: &Aim, view: &Governance| aim.in_force(view, &view.members[0]);
    let parameters = |values| Aim::Parameters { values, from_block: 0 };
    assert!(is(&parameters([2, 0, 0, 0, 0]), &view()));
    assert!(!is(&parameters([2, 0, 1, 0, 0]), &view()));
    let name = || Label::new("registry").expect("a label");
    let named = Governance { named_contracts: vec![(name().to_word(), address(5))], ..view() };
    let at = |address| Aim::NamedContract { name: name(), address };
    assert!(is(&at(address(5)), &named) && !is(&at(address(6)), &named));
    assert!(is(&at(Address::ZERO), &view()) && !is(&at(Address::ZERO), &named));
    let fork = Governance { hardforks: vec![(name().to_word(), 500)], ..view() };
    assert!(is(&Aim::Hardfork { name: name(), at_block: 500 }, &fork));
    assert!(!is(&Aim::Hardfork { name: name(), at_block: 501 }, &fork));
}

#[test]
fn a_mark_stands_in_the_call_data_whatever_wraps_it_and_the_contract_reads_the_same_call() {
    let line = admit(9, "board");
    let wanted = |ballot| AdminMove { ballot, mark: Some(line.mark()), line: None, what: String::new() };
    let data = wanted(Ballot::VoteFor(7)).call_data();
    assert_eq!(History::mark_in(&data), Some(line.mark()));
    assert_eq!(Contract::voteForCall::abi_decode(&data).expect("the call").id, 7);
    let wrapped = [&[1, 2, 3], data.as_ref(), &[0; 28]].concat();
    assert_eq!(History::mark_in(&wrapped), Some(line.mark()));
    let by_hand = AdminMove { mark: None, ..wanted(Ballot::VoteFor(7)) };
    assert_eq!(History::mark_in(&by_hand.call_data()), None);
    assert_ne!(admit(9, "a").mark(), admit(9, "b").mark());
    assert_ne!(admit(9, "a").mark(), admit(8, "a").mark());
}

#[test]
fn an_account_of_another_cluster_is_registered_once_without_a_vote_and_not_again_when_it_was_removed() {
    let line = |memo: &str| Position {
        line: "operators[0x15]".to_owned(),
        aim: Aim::Operator { address: address(21) },
        memo: memo.to_owned(),
    };
    // Our own votes do not matter to it: it is decided before they are read.
    let unread = History { complete: false, ..history(&[], &[]) };
    let (states, moves) = weigh(&[line("west")], &view(), &unread, &[]);
    assert_eq!(states, [(PositionState::Sending, "Registering".to_owned())]);
    assert_eq!(moves, [Ballot::AddOperator(address(21))]);
    let mut known = view();
    known.members[0].operators.push(address(21));
    let before = decide(&[line("west")], &known, &unread, &known.members[0], None, &[]).positions;
    assert_eq!(before[0].state, PositionState::InForce);
    let before = [before[0].status()];
    let (states, moves) = weigh(&[line("west")], &view(), &unread, &before);
    assert_eq!(states, [(PositionState::Rejected, "Undone".to_owned())], "the admin took it out");
    assert_eq!(moves, []);
    let (_, moves) = weigh(&[line("west, rebuilt")], &view(), &unread, &before);
    assert_eq!(moves, [Ballot::AddOperator(address(21))]);
    let mut theirs = view();
    theirs.members[1].operators.push(address(21));
    let (states, _) = weigh(&[line("west")], &theirs, &unread, &[]);
    assert_eq!(states[0].0, PositionState::Sending, "another member's account is not ours");
}
