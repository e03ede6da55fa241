//! Whether this member belongs to the network, and how the others' descriptions of it stand.

use super::NAMED;
use crate::{
    api::{
        ConsortiumStatus,
        conditions::{ConditionStatus, JOINED, reasons},
    },
    genesis::StoredGenesis,
    network_info::{Outcome, Seen},
    observed::{ConsortiumObserved, Governance, MemberObserved, ProposalObserved},
    plan::{operators, trouble},
    validate::{Network, ValidConsortium},
};
use alloy_primitives::Address;
use chain::governance::Kind;
use std::collections::BTreeSet;

type Said = (ConditionStatus, &'static str, String);

/// `Joined`.
pub(super) fn joined(
    valid: &ValidConsortium,
    before: &ConsortiumStatus,
    genesis: Option<&StoredGenesis>,
    view: Option<&Governance>,
) -> Said {
    let Some(genesis) = genesis else {
        return (
            ConditionStatus::Unknown,
            reasons::WAITING_FOR_GENESIS,
            "the network has no genesis yet".to_owned(),
        );
    };
    let Some(view) = view else {
        return (ConditionStatus::Unknown, reasons::NO_NODE_ANSWERS, "no synced node answers".to_owned());
    };
    match view.members.iter().find(|member| member.admin == genesis.member) {
        Some(member) => (
            ConditionStatus::True,
            reasons::MEMBER,
            format!("member {} with {} of {} seats", member.alias, member.seats, member.capacity),
        ),
        None if was_member(valid, before) => (
            ConditionStatus::False,
            reasons::EXPELLED,
            format!(
                "{} was a member and is none at block {}: it was expelled or has resigned; its seats are gone, its nodes go on as observers; to come back ask the members to admit it again",
                genesis.member, view.height
            ),
        ),
        None => (ConditionStatus::False, reasons::NOT_MEMBER, not_member(valid, genesis.member, view)),
    }
}

/// Who made the network was in its genesis; of the others the status remembers it.
fn was_member(valid: &ValidConsortium, before: &ConsortiumStatus) -> bool {
    let was = |status, reason: &str| status == ConditionStatus::True || reason == reasons::EXPELLED;
    let mut conditions = before.conditions.iter().filter(|condition| condition.kind == JOINED);
    matches!(valid.network, Network::Create(_))
        || conditions.any(|condition| was(condition.status, condition.reason.as_str()))
}

fn not_member(valid: &ValidConsortium, admin: Address, view: &Governance) -> String {
    let alias = String::from(valid.alias.clone());
    let needed = view.members.len() / 2 + 1;
    let admits = |open: &&ProposalObserved| {
        !open.expired && open.content.kind == Kind::AdmitMember && open.content.subject == admin.into_word()
    };
    // Whoever proposed it with other values than the rest has a proposal of his own: that with most votes is told.
    let proposals = view.proposals.iter().filter(admits);
    let Some(open) = proposals.max_by_key(|open| open.votes_for.count_ones()) else {
        return format!(
            "{alias} ({admin}) is not a member yet: none of {} has proposed it; {needed} of them have to admit it",
            named(&view.members.iter().collect::<Vec<_>>())
        );
    };
    let missing: Vec<_> = missing(view, open);
    let against = match open.votes_against.count_ones() {
        0 => String::new(),
        count => format!(", {count} against"),
    };
    format!(
        "{alias} ({admin}) is not a member yet: proposal {} has {} of {needed} votes{against}; {} {} yet to vote, until block {}",
        open.id,
        open.votes_for.count_ones(),
        named(&missing),
        if missing.len() == 1 { "has" } else { "have" },
        open.expires_at,
    )
}

/// Members that have not voted on a proposal.
fn missing<'a>(view: &'a Governance, open: &ProposalObserved) -> Vec<&'a MemberObserved> {
    let votes = open.votes_for | open.votes_against;
    view.members.iter().filter(|member| !votes.bit(usize::from(member.place))).collect()
}

fn named(members: &[&MemberObserved]) -> String {
    let named: Vec<_> = members.iter().take(NAMED).map(|member| member.alias.as_str()).collect();
    let more = members.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", named.join(", "))
}

/// `NetworkInfoCurrent`, of a member that joins.
pub(super) fn network_info_current(valid: &ValidConsortium, observed: &ConsortiumObserved) -> Option<Said> {
    valid.network.join()?;
    let Some(seen) = &observed.sources.seen else {
        let message = "the network infos of spec.join.networkInfo are being read".to_owned();
        return Some((ConditionStatus::Unknown, reasons::WAITING_FOR_SOURCES, message));
    };
    let strangers = observed.governance.as_ref().map(|view| strangers(seen, &operators(view)));
    let strangers = strangers.unwrap_or_default();
    let refused = |seen: &Seen| matches!(seen.outcome, Outcome::Refused { .. });
    let unreachable = |seen: &Seen| matches!(seen.outcome, Outcome::Unreachable(_));
    let reason = match (seen.iter().any(refused), strangers.is_empty(), seen.iter().any(unreachable)) {
        (true, ..) => reasons::SOURCE_REFUSED,
        (false, false, _) => reasons::PUBLISHER_NOT_MEMBER,
        (false, true, true) => reasons::SOURCE_UNREACHABLE,
        (false, true, false) => {
            let message = format!("{} network infos were read", seen.len());
            return Some((ConditionStatus::True, reasons::SOURCES_READ, message));
        }
    };
    let said: Vec<_> = trouble(seen).into_iter().chain(strangers).collect();
    Some((ConditionStatus::False, reason, said.join("; ")))
}

/// Documents that are signed well, by somebody who is no member's operator account.
fn strangers(seen: &[Seen], operators: &BTreeSet<Address>) -> Vec<String> {
    let published = seen.iter().filter_map(|seen| Some((&seen.source, seen.outcome.document()?.publisher)));
    published
        .filter(|(_, publisher)| !operators.contains(publisher))
        .take(NAMED)
        .map(|(source, publisher)| {
            format!(
                "{source} is published by {publisher}, which is no member's operator account: name a source of a member"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{joined, network_info_current};
    use crate::{
        api::{
            Condition, ConsortiumStatus,
            conditions::{ConditionStatus, reasons},
        },
        genesis::{self, StoredGenesis},
        network_info::{
            Outcome, Seen,
            tests::{bootnode, publisher, signed},
        },
        observed::{ConsortiumObserved, Governance, MemberObserved, ProposalObserved},
        test_support::address,
        validate::{self, JoinedNetwork, Network, ValidConsortium},
        votes::Content,
    };
    use alloy_primitives::{Address, Bytes, U256};
    use chain::governance::Kind;

    fn creator() -> ValidConsortium {
        let text = include_str!("../../../../examples/consortium.yaml");
        validate::consortium(&serde_saphyr::from_str(text).expect("the example")).expect("valid")
    }

    fn joiner() -> (ValidConsortium, StoredGenesis) {
        let info = signed(12, 1, Vec::new());
        let genesis = genesis::joined(&info.genesis, info.genesis_hash, address(97)).expect("a genesis");
        let network = JoinedNetwork { genesis_hash: info.genesis_hash, sources: Vec::new() };
        (ValidConsortium { network: Network::Join(network), ..creator() }, genesis)
    }

    fn members(admins: &[u8]) -> Governance {
        let member = |seed: &u8| MemberObserved {
            id: u32::from(*seed),
            alias: format!("bank-{seed}"),
            admin: address(*seed),
            capacity: 4,
            place: *seed,
            operators: vec![publisher(*seed).address],
            ..MemberObserved::default()
        };
        Governance { height: 7, members: admins.iter().map(member).collect(), ..Governance::default() }
    }

    fn before(status: ConditionStatus, reason: &str) -> ConsortiumStatus {
        let condition = Condition {
            kind: "Joined".to_owned(),
            status,
            reason: reason.to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: String::new(),
        };
        ConsortiumStatus { conditions: vec![condition], ..ConsortiumStatus::default() }
    }

    #[test]
    fn who_is_not_a_member_yet_is_told_whom_to_ask_and_who_is_none_any_more_is_told_that() {
        use ConditionStatus::{False, True, Unknown};
        let ((joiner, genesis), fresh) = (joiner(), ConsortiumStatus::default());
        let (ours, theirs) = (members(&[5, 97]), members(&[1, 2, 3, 4, 5]));
        let was = before(True, reasons::MEMBER);
        let cases = [
            ("no genesis", &joiner, &fresh, None, None, (Unknown, reasons::WAITING_FOR_GENESIS)),
            ("no node", &joiner, &fresh, Some(&genesis), None, (Unknown, reasons::NO_NODE_ANSWERS)),
            ("member", &joiner, &fresh, Some(&genesis), Some(&ours), (True, reasons::MEMBER)),
            ("stranger", &joiner, &fresh, Some(&genesis), Some(&theirs), (False, reasons::NOT_MEMBER)),
            ("expelled", &joiner, &was, Some(&genesis), Some(&theirs), (False, reasons::EXPELLED)),
            ("founder", &creator(), &fresh, Some(&genesis), Some(&theirs), (False, reasons::EXPELLED)),
        ];
        for (what, valid, before, genesis, view, want) in cases {
            let (status, reason, _) = joined(valid, before, genesis, view);
            assert_eq!((status, reason), want, "{what}");
        }
        let still = before(False, reasons::EXPELLED);
        assert_eq!(joined(&joiner, &still, Some(&genesis), Some(&theirs)).1, reasons::EXPELLED);
        let (_, _, told) = joined(&joiner, &fresh, Some(&genesis), Some(&theirs));
        let told_all =
            ["bank-1, bank-2, bank-3, bank-4 and 1 more has proposed it", "3 of them have to admit it"];
        for words in told_all.into_iter().chain([address(97).to_string().as_str()]) {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn of_an_open_proposal_to_admit_it_the_members_are_named_that_have_yet_to_vote() {
        let ((joiner, genesis), fresh) = (joiner(), ConsortiumStatus::default());
        let mut view = members(&[1, 2, 3, 4]);
        let votes = |places: &[u8]| {
            places.iter().fold(U256::ZERO, |all, place| all | (U256::ONE << usize::from(*place)))
        };
        let proposal = |id, kind, admin: Address, (for_it, against): (&[u8], &[u8])| ProposalObserved {
            id,
            content: Content { kind, subject: admin.into_word(), values: Bytes::new() },
            memo: String::new(),
            proposer: 1,
            expires_at: 900,
            expired: false,
            votes_for: votes(for_it),
            votes_against: votes(against),
        };
        let ours = address(97);
        view.proposals = vec![
            proposal(6, Kind::ExpelMember, ours, (&[1, 2], &[])),
            proposal(7, Kind::AdmitMember, address(50), (&[1, 2], &[])),
            proposal(8, Kind::AdmitMember, ours, (&[1], &[2])),
        ];
        let (_, _, told) = joined(&joiner, &fresh, Some(&genesis), Some(&view));
        let want = "proposal 8 has 1 of 3 votes, 1 against; bank-3, bank-4 have yet to vote, until block 900";
        assert!(told.contains(want), "{told}");
        view.proposals.push(proposal(9, Kind::AdmitMember, ours, (&[2, 3], &[4])));
        let (_, _, told) = joined(&joiner, &fresh, Some(&genesis), Some(&view));
        assert!(told.contains("proposal 9 has 2 of 3 votes, 1 against; bank-1 has yet to vote"), "{told}");
        view.proposals[3].expired = true;
        assert!(joined(&joiner, &fresh, Some(&genesis), Some(&view)).2.contains("proposal 8"));
    }

    #[test]
    fn a_source_is_named_that_is_not_reached_not_of_this_network_or_published_by_no_member() {
        let (valid, _) = joiner();
        let seen = |source: &str, outcome| Seen { source: source.to_owned(), outcome };
        let good = || Outcome::Read(Box::new(signed(12, 1, vec![bootnode(1, "a")])));
        let away = || Outcome::Unreachable("no answer within 10 s".to_owned());
        let bad = || Outcome::Refused { pin: false, message: "is no network info".to_owned() };
        let mut observed = ConsortiumObserved::default();
        assert_eq!(network_info_current(&creator(), &observed), None, "who created reads none");
        let mut says = |all: Vec<Seen>, view: Option<Governance>| {
            observed.sources.seen = Some(all);
            observed.governance = view;
            let (status, reason, message) = network_info_current(&valid, &observed).expect("said");
            (status == ConditionStatus::True, reason, message)
        };
        let (well, reason, _) = says(vec![seen("a", good())], Some(members(&[12])));
        assert!(well && reason == reasons::SOURCES_READ);
        assert!(says(vec![seen("a", good())], None).0, "nobody knows the members yet");
        for (all, word, why) in [
            (vec![seen("a", good()), seen("b", away())], "b is not reached", reasons::SOURCE_UNREACHABLE),
            (vec![seen("a", away()), seen("b", bad())], "b is no network info", reasons::SOURCE_REFUSED),
        ] {
            let (well, reason, message) = says(all, Some(members(&[12])));
            assert!(!well && reason == why && message.contains(word), "{reason}: {message}");
        }
        let (well, reason, message) = says(vec![seen("a", good())], Some(members(&[13])));
        assert!(!well && reason == reasons::PUBLISHER_NOT_MEMBER, "{message}");
        assert!(message.contains(&publisher(12).address.to_string()), "{message}");
    }
}
