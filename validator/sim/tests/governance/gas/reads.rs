//! Reads, as a dashboard or a node makes them.

use super::{
    Row,
    world::{MEMBERS, World, admin, name, operator, seat},
};
use alloy_primitives::{Address, B256, Bytes};
use chain::governance::Governance::{
    getValidatorsCall, memberCall, memberOfCall, membersCall, namedContractCall, namedContractsCall,
    nodeIdsCall, parametersAtCall, proposalCall, proposalsCall, recordCall, recordKeysCall, seatDigestCall,
    seatsCall, snapshotCall,
};
use chain::governance::RecordKind as Stored;
use qbft_sim::governance::{Call, Motion, RecordKind};

/// Two operator accounts each, full tables of hardforks, records and nodes, as many names and proposals as are busy.
fn filled() -> Result<World, String> {
    let mut world = World::new(None);
    let mut id = 0;
    for number in 0..16 {
        id += 2;
        let at_block = world.block + 500;
        world.carry(id - 1, Motion::ScheduleHardfork { name: name(number), at_block })?;
        let location = Address::repeat_byte(0xfe);
        world.carry(id, Motion::SetNamedContract { name: name(number), location })?;
    }
    for member in 0..MEMBERS {
        world.fill_operators(member, 2)?;
    }
    for number in 1..=32 {
        world.gas(admin(0), &Call::AddNodeId((B256::repeat_byte(number), B256::repeat_byte(0xff))))?;
        let value = Bytes::from(vec![0xff; 512]);
        let key = B256::repeat_byte(number);
        world.gas(admin(0), &Call::SetRecord { kind: RecordKind::Key, key, value })?;
    }
    world.open(16, 0)?;
    Ok(world)
}

pub(super) fn measure() -> Result<Vec<Row>, String> {
    let mut world = filled()?;
    let block = world.block;
    let contract = &mut world.contract;
    let kind = Stored::Key;
    let key = B256::repeat_byte(32);
    let digest =
        seatDigestCall { member: 1, identity: seat(0), blockNumber: block - 1, blockHash: B256::ZERO };
    let account = operator(5, 1);
    Ok(vec![
        ("getValidators", "what consensus reads", contract.measured(block, &getValidatorsCall {}).1),
        (
            "parametersAt",
            "what consensus reads; 16 hardforks",
            contract.measured(block, &parametersAtCall { height: block + 1 }).1,
        ),
        (
            "snapshot",
            "two operator accounts each, 16 proposals",
            contract.measured(block, &snapshotCall {}).1,
        ),
        ("members", "two operator accounts each", contract.measured(block, &membersCall {}).1),
        ("member", "", contract.measured(block, &memberCall { id: 1 }).1),
        ("memberOf", "", contract.measured(block, &memberOfCall { account }).1),
        ("seats", "", contract.measured(block, &seatsCall {}).1),
        ("proposals", "16", contract.measured(block, &proposalsCall {}).1),
        ("proposal", "", contract.measured(block, &proposalCall { id: 40 }).1),
        ("namedContract", "", contract.measured(block, &namedContractCall { name: name(3) }).1),
        ("namedContracts", "16", contract.measured(block, &namedContractsCall {}).1),
        ("nodeIds", "32", contract.measured(block, &nodeIdsCall { member: 1 }).1),
        ("record", "512 bytes", contract.measured(block, &recordCall { member: 1, kind, key }).1),
        ("recordKeys", "32", contract.measured(block, &recordKeysCall { member: 1, kind }).1),
        ("seatDigest", "", contract.measured(block, &digest).1),
    ])
}
