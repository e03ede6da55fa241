//! A member that votes by its manifest, among members that vote by wallet: all ways in which a proposal can end.

use super::{FLEET, NETWORK, Step, consortium, fleet};
use crate::faults::network::{propose, wallet};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use chain::governance::{Governance, Kind, Label, ProposalView, Snapshot, Status};
use serde_json::{Value, json};

/// Seeds of the members' wallets, and of one that is never admitted.
const BANK_B: u8 = 0xb1;
const BANK_C: u8 = 0xc1;
const BANK_D: u8 = 0xd1;
/// Where the registry is.
const REGISTRY: u8 = 0x77;
const GAS_LIMIT: u64 = 300_000_000;

pub(super) fn beginning() -> Vec<Step> {
    vec![Step::Apply(consortium()), Step::Apply(fleet(FLEET, 1))]
}

/// Each step waits until the chain shows what the one before must have led to.
pub(super) fn steps() -> Vec<Step> {
    [admitted_alone(), admitted_together(), joined_in(), opposed(), taken_back(), outvoted()].concat()
}

fn govern(governance: Value) -> Step {
    Step::Merge("Consortium", NETWORK, json!({ "spec": { "governance": governance } }))
}

fn admit(seed: u8, alias: &str) -> Value {
    json!({ "address": wallet(seed), "alias": alias, "capacity": 4, "memo": "board" })
}

/// One member: its proposal decides itself.
fn admitted_alone() -> Vec<Step> {
    vec![
        govern(json!({ "admit": [admit(BANK_B, "bank-b")] })),
        Step::Await("bank-b is a member", |chain| chain.members.len() == 2),
    ]
}

/// Two members: the second must vote too.
fn admitted_together() -> Vec<Step> {
    vec![
        govern(json!({ "admit": [admit(BANK_B, "bank-b"), admit(BANK_C, "bank-c")] })),
        Step::Wallet(BANK_B, |chain| Some(vote(open(chain, Kind::AdmitMember)?, true))),
        Step::Await("bank-c is a member", |chain| chain.members.len() == 3),
    ]
}

/// What another member proposed is voted for.
fn joined_in() -> Vec<Step> {
    let named = json!({ "name": "registry", "address": Address::repeat_byte(REGISTRY) });
    vec![
        Step::Wallet(BANK_B, |_| {
            let location = Address::repeat_byte(REGISTRY).into_word();
            Some(propose(Kind::SetNamedContract, registry()?, location.into(), "a registry"))
        }),
        Step::Await("the registry is proposed", |chain| open(chain, Kind::SetNamedContract).is_some()),
        govern(json!({ "namedContracts": [named] })),
        Step::Await("the registry is named", |chain| !chain.namedContracts.is_empty()),
    ]
}

/// What another member proposed is voted down.
fn opposed() -> Vec<Step> {
    vec![
        Step::Wallet(BANK_B, |_| {
            let first = B256::from(U256::from(1));
            Some(propose(Kind::SetCapacity, first, U256::from(1), "fewer"))
        }),
        Step::Await("a capacity is proposed", |chain| open(chain, Kind::SetCapacity).is_some()),
        // The fourth, when none was opened twice.
        govern(json!({ "oppose": [4] })),
        Step::Await("it is opposed", |chain| {
            open(chain, Kind::SetCapacity).is_some_and(|open| open.countAgainst == 1)
        }),
        Step::Wallet(BANK_C, |chain| Some(vote(open(chain, Kind::SetCapacity)?, false))),
        Step::Await("it is outvoted", |chain| open(chain, Kind::SetCapacity).is_none()),
    ]
}

/// A line comes, and goes while its proposal is open.
fn taken_back() -> Vec<Step> {
    vec![
        govern(json!({ "parameters": { "gasLimit": GAS_LIMIT, "memo": "more" } })),
        Step::Await("a gas limit is proposed", |chain| open(chain, Kind::SetParameters).is_some()),
        govern(json!({ "parameters": null })),
        Step::Await("it is withdrawn", |chain| open(chain, Kind::SetParameters).is_none()),
    ]
}

/// A line that the others vote down stays where it is, and is silent.
fn outvoted() -> Vec<Step> {
    let all = [(BANK_B, "bank-b"), (BANK_C, "bank-c"), (BANK_D, "bank-d")];
    let all: Vec<Value> = all.into_iter().map(|(seed, alias)| admit(seed, alias)).collect();
    vec![
        govern(json!({ "admit": all })),
        Step::Wallet(BANK_B, |chain| Some(vote(open(chain, Kind::AdmitMember)?, false))),
        Step::Wallet(BANK_C, |chain| Some(vote(open(chain, Kind::AdmitMember)?, false))),
        Step::Await("bank-d is outvoted", |chain| open(chain, Kind::AdmitMember).is_none()),
    ]
}

fn open(chain: &Snapshot, kind: Kind) -> Option<&ProposalView> {
    chain.proposals.iter().find(|open| open.kind == kind && open.status == Status::Open)
}

fn vote(open: &ProposalView, in_favour: bool) -> Vec<u8> {
    match in_favour {
        true => Governance::voteForCall { id: open.id }.abi_encode(),
        false => Governance::voteAgainstCall { id: open.id }.abi_encode(),
    }
}

fn registry() -> Option<B256> {
    Label::new("registry").ok().map(|label| label.to_word())
}
