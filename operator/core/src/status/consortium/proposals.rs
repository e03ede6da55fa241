//! Open proposals, as the status lists them.

use crate::{
    api::consortium::{ProposalStatus, Vote},
    observed::{Governance, ProposalObserved},
    votes::{described, kind_name},
};
use alloy_primitives::Address;

/// As many as the schema allows.
const MISSING: usize = 32;
const TEXT: usize = 256;
const SUBJECT: usize = 128;

/// All of them, by id.
pub(super) fn open(view: &Governance, admin: Option<Address>) -> Vec<ProposalStatus> {
    let mut all: Vec<_> =
        view.proposals.iter().filter(|open| !open.expired).map(|open| shown(open, view, admin)).collect();
    all.sort_by_key(|open| open.id);
    all
}

fn shown(open: &ProposalObserved, view: &Governance, admin: Option<Address>) -> ProposalStatus {
    let (subject, values) = described(&open.content, view);
    let us = view.members.iter().find(|member| Some(member.admin) == admin);
    let silent = view.members.iter().filter(|member| open.vote_of(member).is_none());
    let count = |votes: usize| i32::try_from(votes).unwrap_or(i32::MAX);
    let block = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let cut = |text: String, most: usize| text.chars().take(most).collect::<String>();
    ProposalStatus {
        id: block(open.id),
        kind: kind_name(open.content.kind).to_owned(),
        subject: cut(subject, SUBJECT),
        values: cut(values, TEXT),
        memo: cut(open.memo.clone(), TEXT),
        votes_for: count(open.votes_for.count_ones()),
        against: count(open.votes_against.count_ones()),
        missing: silent.take(MISSING).map(|member| member.alias.clone()).collect(),
        needed: i32::from(view.votes_needed),
        expires: block(open.expires_at),
        ours: match us.and_then(|us| open.vote_of(us)) {
            Some(true) => Vote::For,
            Some(false) => Vote::Against,
            None => Vote::None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::open;
    use crate::{
        api::consortium::Vote,
        observed::{Governance, MemberObserved, ProposalObserved},
        test_support::address,
        votes::Content,
    };
    use alloy_primitives::{B256, Bytes, U256};
    use chain::governance::Kind;

    #[test]
    fn an_open_proposal_names_who_has_not_voted_and_how_we_did() {
        let member = |id: u8| MemberObserved {
            id: u32::from(id),
            alias: format!("bank-{id}"),
            admin: address(id),
            place: id - 1,
            ..MemberObserved::default()
        };
        let proposal = |id, expired| ProposalObserved {
            id,
            content: Content {
                kind: Kind::SetCapacity,
                subject: B256::with_last_byte(2),
                values: Bytes::from(U256::from(6).to_be_bytes::<32>().to_vec()),
            },
            memo: "more seats".to_owned(),
            proposer: 2,
            expires_at: 900,
            expired,
            votes_for: U256::from(0b010),
            votes_against: U256::from(0b100),
        };
        let view = Governance {
            members: (1..=4).map(member).collect(),
            votes_needed: 3,
            proposals: vec![proposal(9, false), proposal(8, true), proposal(7, false)],
            ..Governance::default()
        };
        let shown = open(&view, Some(address(3)));
        assert_eq!(
            shown.iter().map(|open| open.id).collect::<Vec<_>>(),
            [7, 9],
            "by id, the expired left out"
        );
        let first = &shown[0];
        assert_eq!((first.kind.as_str(), first.values.as_str()), ("SetCapacity", "capacity 6"));
        assert!(first.subject.starts_with("bank-2 0x"), "{}", first.subject);
        assert_eq!((first.votes_for, first.against, first.needed, first.ours), (1, 1, 3, Vote::Against));
        assert_eq!(first.missing, ["bank-1", "bank-4"]);
        assert_eq!(open(&view, Some(address(1)))[0].ours, Vote::None);
    }
}
