//! The two states side by side, through what the contract lets everybody read.

use super::contract::Contract;
use alloy_primitives::U256;
use chain::governance::{
    Governance, MemberView, NamedContract, ParametersView, ProposalView, Scheduled, Seat, Snapshot,
    Status as Stored, Successor,
};
use qbft_sim::{
    governance::{Model, Proposal, RecordKind, Status},
    rng::Rng,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

pub(crate) fn status(status: Status) -> Stored {
    match status {
        Status::Executed => Stored::Executed,
        Status::Rejected => Stored::Rejected,
        Status::Expired => Stored::Expired,
        Status::Withdrawn => Stored::Withdrawn,
        Status::Superseded => Stored::Superseded,
    }
}

/// Both sides of a difference.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, contract: &T, model: &T) -> Result<(), String> {
    if contract == model {
        return Ok(());
    }
    Err(format!("{what}: the contract has {contract:?}, the model {model:?}"))
}

/// What consensus reads for the next block, or for one soon after it.
pub(crate) fn compare_rules(
    contract: &mut Contract,
    model: &Model,
    block: u64,
    rng: &mut Rng,
) -> Result<(), String> {
    let mut set = contract.read(block, &Governance::getValidatorsCall {});
    set.sort_unstable();
    same("validators", &set, &model.validators().collect())?;
    let height = block + rng.pick(&[1, 1, 2, 9]);
    let theirs = contract.read(block, &Governance::parametersAtCall { height });
    same(&format!("parameters of {height}"), &sorted_forks(theirs), &parameters(model, height))
}

/// What every member publishes about itself.
pub(crate) fn compare_directory(contract: &mut Contract, model: &Model, block: u64) -> Result<(), String> {
    for (id, member) in &model.members {
        let nodes = contract.read(block, &Governance::nodeIdsCall { member: *id });
        let nodes: BTreeSet<_> = nodes.into_iter().map(|node| (node.x, node.y)).collect();
        same("node ids", &nodes, &member.node_ids)?;
        let mut records = BTreeMap::new();
        for kind in [RecordKind::Routing, RecordKind::Key] {
            let keys = Governance::recordKeysCall { member: *id, kind: kind.stored() };
            for key in contract.read(block, &keys) {
                let record = Governance::recordCall { member: *id, kind: kind.stored(), key };
                records.insert((kind, key), contract.read(block, &record));
            }
        }
        same("records", &records, &member.records)?;
    }
    Ok(())
}

/// Everything that one call tells of the state.
pub(crate) fn compare_snapshot(contract: &mut Contract, model: &Model, block: u64) -> Result<(), String> {
    let mut found = contract.read(block, &Governance::snapshotCall {});
    found.seats.sort_by_key(|seat| seat.identity);
    found.proposals.sort_by_key(|proposal| proposal.id);
    found.namedContracts.sort_by_key(|named| named.name);
    found.parameters = sorted_forks(found.parameters);
    for member in &mut found.members {
        member.operators.sort_unstable();
    }
    same("snapshot", &found, &snapshot(model, block))
}

fn sorted_forks(mut parameters: ParametersView) -> ParametersView {
    parameters.hardforks.sort_by_key(|fork| fork.name);
    parameters
}

fn parameters(model: &Model, height: u64) -> ParametersView {
    let [block_period, request_timeout, gas_limit, default_capacity, voting_blocks] =
        model.parameters(height);
    let forks = model.hardforks.iter();
    let (location, at) = model.successor.unwrap_or_default();
    ParametersView {
        blockPeriodSeconds: block_period,
        requestTimeoutMillis: request_timeout,
        gasLimit: gas_limit,
        defaultCapacity: default_capacity,
        votingBlocks: voting_blocks,
        hardforks: forks
            .map(|(name, at)| chain::governance::Hardfork { name: *name, atBlock: *at })
            .collect(),
        successor: Successor { location, atBlock: at },
    }
}

fn snapshot(model: &Model, block: u64) -> Snapshot {
    let seats = model.seats.iter().map(|(identity, seat)| Seat {
        identity: *identity,
        member: seat.member,
        seatedAt: seat.seated_at,
        operator: seat.operator,
    });
    let named = model.named.iter();
    Snapshot {
        blockNumber: block,
        votesNeeded: u16::try_from(model.votes_needed()).unwrap(),
        members: members(model, block),
        seats: seats.collect(),
        proposals: model.open.iter().map(|(id, open)| proposal(model, *id, open, block)).collect(),
        parameters: parameters(model, block + 1),
        schedule: model.parameters.map(|slot| {
            let (next, from) = slot.next.unwrap_or_default();
            Scheduled { value: slot.value, next, from }
        }),
        namedContracts: named
            .map(|(name, location)| NamedContract { name: *name, location: *location })
            .collect(),
    }
}

fn members(model: &Model, block: u64) -> Vec<MemberView> {
    let mut members: Vec<_> = model
        .members
        .iter()
        .map(|(id, member)| MemberView {
            id: *id,
            label: member.alias,
            admin: member.admin,
            offeredAdmin: member.offered_admin,
            place: member.place,
            capacity: u16::try_from(member.capacity).unwrap(),
            seats: u16::try_from(model.seats_of(*id)).unwrap(),
            joinedAt: member.joined_at,
            nextSeatBlock: member.next_seat_block(block + 1),
            operators: member.operators.iter().copied().collect(),
        })
        .collect();
    members.sort_by_key(|member| member.place);
    members
}

fn proposal(model: &Model, id: u64, open: &Proposal, block: u64) -> ProposalView {
    let bits = |voters: &BTreeSet<u32>| {
        voters.iter().fold(U256::ZERO, |bits, member| bits | U256::ONE << model.members[member].place)
    };
    let (kind, subject, values) = open.motion.content();
    ProposalView {
        id,
        kind,
        status: if block > open.expires_at { Stored::Expired } else { Stored::Open },
        proposer: open.proposer,
        openedAt: open.opened_at,
        expiresAt: open.expires_at,
        closedAt: 0,
        countFor: u16::try_from(open.votes_for.len()).unwrap(),
        countAgainst: u16::try_from(open.votes_against.len()).unwrap(),
        votesFor: bits(&open.votes_for),
        votesAgainst: bits(&open.votes_against),
        subject,
        values,
        memo: open.memo.clone(),
    }
}
