//! Transactions.

use super::{
    Row,
    world::{LATER, World, admin, changes, fresh, memo, name, newcomer, operator, seat},
};
use alloy_primitives::{Address, B256, Bytes};
use qbft_sim::governance::{Call, Motion, RecordKind};

pub(super) fn measure() -> Result<Vec<Row>, String> {
    let mut rows = seats()?;
    rows.extend(accounts()?);
    rows.extend(directory()?);
    rows.extend(proposals()?);
    rows.extend(decisions()?);
    rows.extend(departures()?);
    Ok(rows)
}

fn seats() -> Result<Vec<Row>, String> {
    let mut world = World::new(None);
    world.fill_operators(0, 2)?;
    let rotated = Call::RotateSeat { old: seat(0), identity: fresh(0), proof: world.proof(0, 0) };
    let assigned = Call::AssignSeat { identity: seat(0), operator: operator(0, 1) };
    let sender = operator(0, 0);
    Ok(vec![
        ("seat", "400 seats taken", world.aside(sender, &world.seating(0, 0))?),
        ("unseat", "not the last in the list", world.aside(sender, &Call::Unseat { identity: seat(0) })?),
        ("rotateSeat", "", world.aside(sender, &rotated)?),
        ("assignSeat", "", world.aside(admin(0), &assigned)?),
    ])
}

fn accounts() -> Result<Vec<Row>, String> {
    let mut world = World::new(Some(399));
    world.fill_operators(0, 7)?;
    let added = world.gas(admin(0), &Call::AddOperator(operator(0, 7)))?;
    let replaced = Call::ReplaceOperator { old: operator(0, 0), operator: operator(0, 9) };
    let offered = world.gas(admin(0), &Call::OfferAdmin(fresh(1)))?;
    Ok(vec![
        ("addOperator", "the 8th", added),
        ("removeOperator", "the last of 8", world.aside(admin(0), &Call::RemoveOperator(operator(0, 7)))?),
        ("replaceOperator", "it owns 399 seats", world.aside(admin(0), &replaced)?),
        ("offerAdmin", "", offered),
        ("acceptAdmin", "", world.aside(fresh(1), &Call::AcceptAdmin(1))?),
    ])
}

fn directory() -> Result<Vec<Row>, String> {
    let mut world = World::new(None);
    let node = |number: u8| (B256::repeat_byte(number), B256::repeat_byte(0xff));
    let key = |number: u8| Call::SetRecord {
        kind: RecordKind::Key,
        key: B256::repeat_byte(number),
        value: Bytes::from(vec![0xff; 512]),
    };
    let (mut listed, mut written) = (0, 0);
    for number in 1..=32 {
        listed = world.gas(admin(0), &Call::AddNodeId(node(number)))?;
        written = world.gas(admin(0), &key(number))?;
    }
    let removed = Call::SetRecord { kind: RecordKind::Key, key: B256::repeat_byte(32), value: Bytes::new() };
    Ok(vec![
        ("addNodeId", "the 32nd", listed),
        ("removeNodeId", "the last of 32", world.aside(admin(0), &Call::RemoveNodeId(node(32)))?),
        ("setRecord", "the 32nd, 512 bytes", written),
        ("setRecord (remove)", "the last of 32, 512 bytes", world.aside(admin(0), &removed)?),
    ])
}

/// One of each kind.
fn motions(from_block: u64) -> [(&'static str, Motion); 7] {
    [
        ("AdmitMember", newcomer(900)),
        ("ExpelMember", Motion::Expel(3)),
        ("SetCapacity", Motion::SetCapacity { member: 3, capacity: 9 }),
        ("SetParameters", changes(900)),
        ("ScheduleHardfork", Motion::ScheduleHardfork { name: name(900), at_block: from_block + 500 }),
        (
            "SetNamedContract",
            Motion::SetNamedContract { name: name(900), location: Address::repeat_byte(0xfe) },
        ),
        ("Upgrade", Motion::Upgrade { successor: Address::repeat_byte(0xfd), at_block: from_block + 500 }),
    ]
}

fn proposals() -> Result<Vec<Row>, String> {
    let mut busy = World::new(None);
    busy.open(63, 0)?;
    let mut rows = Vec::new();
    for (kind, motion) in motions(busy.block) {
        let row = match kind {
            "AdmitMember" => "propose AdmitMember",
            "ExpelMember" => "propose ExpelMember",
            "SetCapacity" => "propose SetCapacity",
            "SetParameters" => "propose SetParameters",
            "ScheduleHardfork" => "propose ScheduleHardfork",
            "SetNamedContract" => "propose SetNamedContract",
            _ => "propose Upgrade",
        };
        rows.push((row, "the 64th open, memo of 256 bytes", busy.clone().propose(90, motion)?));
    }
    busy.propose(90, changes(900))?;
    rows.push(("voteFor", "not the last one needed", busy.aside(admin(50), &Call::VoteFor(64))?));
    rows.push(("rescind", "the only vote: withdrawn", busy.aside(admin(0), &Call::Rescind(1))?));
    for member in 100..199 {
        busy.gas(admin(member), &Call::VoteAgainst(1))?;
    }
    rows.push(("voteAgainst", "the 100th: rejected", busy.aside(admin(199), &Call::VoteAgainst(1))?));
    busy.block = LATER;
    rows.push(("sweep", "64 expired", busy.aside(admin(50), &Call::Sweep)?));
    let last = Call::Propose { motion: changes(901), memo: memo() };
    rows.push(("propose SetParameters", "64 expired are swept", busy.aside(admin(50), &last)?));
    Ok(rows)
}

/// The vote that decides, with every other slot taken.
fn decisions() -> Result<Vec<Row>, String> {
    let mut world = World::new(None);
    let mut id = 0;
    for number in 0..15 {
        id += 1;
        let at_block = world.block + 500;
        world.carry(id, Motion::ScheduleHardfork { name: name(number), at_block })?;
    }
    for number in 0..63 {
        id += 1;
        let location = Address::repeat_byte(0xfe);
        world.carry(id, Motion::SetNamedContract { name: name(number), location })?;
    }
    world.open(63, 0)?;
    id += 64;
    let mut rows = Vec::new();
    for (kind, motion) in motions(world.block) {
        let row = match kind {
            "AdmitMember" => ("voteFor AdmitMember", "decides; 63 others recounted"),
            "ExpelMember" => ("voteFor ExpelMember", "decides; 2 seats, 63 others recounted"),
            "SetCapacity" => ("voteFor SetCapacity", "decides"),
            "SetParameters" => ("voteFor SetParameters", "decides; all five"),
            "ScheduleHardfork" => ("voteFor ScheduleHardfork", "decides; the 16th"),
            "SetNamedContract" => ("voteFor SetNamedContract", "decides; the 64th"),
            _ => ("voteFor Upgrade", "decides"),
        };
        rows.push((row.0, row.1, world.clone().carry(id, motion)?));
    }
    let taken_out = Motion::SetNamedContract { name: name(62), location: Address::ZERO };
    rows.push(("voteFor SetNamedContract (remove)", "decides; the last of 63", world.carry(id, taken_out)?));
    Ok(rows)
}

/// A member goes that has nearly every seat and the only vote for every other proposal.
fn departures() -> Result<Vec<Row>, String> {
    let falling = |held: usize| {
        let mut world = World::new(Some(held));
        world.fill_operators(0, 8)?;
        world.open_for_the_first(63)?;
        Ok::<World, String>(world)
    };
    let mut rows = Vec::new();
    for (held, state) in [
        (399, "399 of 400 seats, 63 proposals fall with it"),
        (300, "300 of 400 seats, 63 proposals fall with it"),
        (200, "200 of 400 seats, 63 proposals fall with it"),
    ] {
        let mut world = falling(held)?;
        rows.push(("resign", state, world.aside(admin(0), &Call::Resign)?));
        let id = world.all_but_one(64, Motion::Expel(1))?;
        rows.push(("voteFor ExpelMember", state, world.decide(id)?));
    }
    rows.push(execution()?);
    Ok(rows)
}

/// The vote passes while the member has all seats, and waits until somebody else has one.
fn execution() -> Result<Row, String> {
    let mut world = World::new(Some(399));
    world.fill_operators(0, 8)?;
    world.open_for_the_first(63)?;
    let id = world.all_but_one(64, Motion::Expel(1))?;
    world.gas(operator(1, 0), &Call::Unseat { identity: seat(399) })?;
    world.decide(id)?;
    world.gas(operator(1, 0), &world.seating(1, 0))?;
    let gas = world.gas(admin(5), &Call::Execute(id))?;
    Ok(("execute", "ExpelMember: 399 of 400 seats, 63 proposals fall with it", gas))
}
