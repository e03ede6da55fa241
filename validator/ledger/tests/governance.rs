//! The governance contract in the EVM that nodes run: its genesis storage, its reads, and a seat.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use chain::governance::{
    GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Governance, Label, Role,
    Status, genesis_storage, predeploys, seat_digest, seat_signature,
};
use revm::{
    Context, Database, ExecuteCommitEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    state::AccountInfo,
};
use secp256k1::{Message, SECP256K1, SecretKey};
use std::collections::BTreeMap;

const CHAIN_ID: u64 = 10_101;
const CREATION: &str = include_str!("../../../contracts/artifacts/Governance.creation.hex");

fn key(n: u32) -> SecretKey {
    SecretKey::from_byte_array(keccak256(n.to_be_bytes()).0).unwrap()
}

fn address_of(key: &SecretKey) -> Address {
    let public = key.public_key(SECP256K1).serialize_uncompressed();
    Address::from_slice(&keccak256(&public[1..])[12..])
}

fn signature(key: &SecretKey, digest: B256) -> Bytes {
    let (id, compact) =
        SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), key).serialize_compact();
    let mut seal = [0u8; 65];
    seal[..64].copy_from_slice(&compact);
    seal[64] = u8::try_from(i32::from(id)).unwrap();
    seat_signature(&seal.into())
}

fn named(n: usize) -> Address {
    Address::left_padding_from(&(0x1000 + n as u64).to_be_bytes())
}

/// `members` members, every third without an operator, with `seats` seats each.
fn governance(members: usize, seats: usize) -> GenesisGovernance {
    let member = |i: usize| GenesisMember {
        alias: Label::new(&format!("member-{i}")).unwrap(),
        admin: named(2 * i),
        operator: (i % 3 != 2).then(|| named(2 * i + 1)),
        capacity: i.is_multiple_of(2).then_some(7),
    };
    let seat =
        |n: usize| GenesisSeat { identity: address_of(&key(u32::try_from(n).unwrap())), member: n / seats };
    GenesisGovernance {
        members: (0..members).map(member).collect(),
        seats: (0..members * seats).map(seat).collect(),
        parameters: GenesisParameters {
            block_period_seconds: 2,
            request_timeout_millis: 1500,
            gas_limit: 250_000_000,
            default_capacity: 5,
            voting_blocks: 1000,
        },
    }
}

/// Runs one transaction in block `number`, without fees, nonces or the limits of one transaction.
fn run(db: &mut InMemoryDB, number: u64, caller: Address, to: TxKind, data: Bytes) -> ExecutionResult {
    let gas_limit = 1_000_000_000;
    let tx = TxEnv {
        caller,
        kind: to,
        data,
        gas_limit,
        gas_price: 0,
        chain_id: Some(CHAIN_ID),
        ..TxEnv::default()
    };
    let context = Context::mainnet()
        .with_db(db)
        .modify_cfg_chained(|cfg| {
            cfg.chain_id = CHAIN_ID;
            cfg.disable_nonce_check = true;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
            cfg.limit_contract_initcode_size = Some(1 << 20);
        })
        .modify_block_chained(|block| {
            block.number = U256::from(number);
            block.gas_limit = gas_limit;
            block.basefee = 0;
        });
    context.build_mainnet().transact_commit(tx).unwrap()
}

fn call<C: SolCall>(db: &mut InMemoryDB, number: u64, caller: Address, call: &C) -> C::Return {
    let result = run(db, number, caller, TxKind::Call(GOVERNANCE), call.abi_encode().into());
    assert!(result.is_success(), "{}: {result:?}", C::SIGNATURE);
    C::abi_decode_returns(result.output().unwrap()).unwrap()
}

fn constructed(governance: &GenesisGovernance) -> BTreeMap<B256, B256> {
    let members: Vec<_> = governance
        .members
        .iter()
        .map(|m| (m.alias.to_word(), m.admin, m.operator.unwrap_or_default(), m.capacity.unwrap_or(0)))
        .collect();
    let seats: Vec<_> =
        governance.seats.iter().map(|s| (s.identity, u16::try_from(s.member).unwrap())).collect();
    let p = governance.parameters;
    let parameters =
        (p.block_period_seconds, p.request_timeout_millis, p.gas_limit, p.default_capacity, p.voting_blocks);
    let mut data = hex::decode(CREATION).unwrap();
    data.extend((members, seats, parameters).abi_encode_params());
    let mut db = InMemoryDB::default();
    let result = run(&mut db, 0, Address::repeat_byte(0xee), TxKind::Create, data.into());
    let address = result.created_address().unwrap_or_else(|| panic!("constructor failed: {result:?}"));
    let account = &db.cache.accounts[&address];
    account
        .storage
        .iter()
        .filter(|(_, value)| !value.is_zero())
        .map(|(slot, value)| (B256::from(*slot), B256::from(*value)))
        .collect()
}

/// A state that holds what a genesis would hold.
fn genesis_state(governance: &GenesisGovernance) -> InMemoryDB {
    let mut db = InMemoryDB::default();
    for contract in predeploys(governance).unwrap() {
        let code = Bytecode::new_raw(contract.code);
        let info =
            AccountInfo { nonce: 1, code_hash: code.hash_slow(), code: Some(code), ..AccountInfo::default() };
        db.insert_account_info(contract.address, info);
        for (slot, value) in contract.storage {
            db.insert_account_storage(contract.address, slot.into(), value.into()).unwrap();
        }
    }
    db
}

#[test]
fn genesis_storage_is_what_the_constructor_writes_slot_by_slot() {
    for (members, seats) in [(1, 1), (1, 4), (3, 2), (7, 5), (60, 1)] {
        let governance = governance(members, seats);
        let want = constructed(&governance);
        let got = genesis_storage(&governance).unwrap();
        for (slot, value) in &want {
            assert_eq!(got.get(slot), Some(value), "slot {slot}, {members} members with {seats} seats");
        }
        assert_eq!(got.len(), want.len());
    }
}

#[test]
fn the_largest_genesis_is_written_too() {
    let governance = governance(256, 2);
    assert_eq!(genesis_storage(&governance).unwrap(), constructed(&governance));
}

#[test]
fn consensus_reads_validators_and_parameters_from_the_genesis_state() {
    let governance = governance(3, 2);
    let mut db = genesis_state(&governance);
    let validators = call(&mut db, 0, Address::ZERO, &Governance::getValidatorsCall {});
    let seated: Vec<_> = governance.seats.iter().map(|seat| seat.identity).collect();
    assert_eq!(validators, seated);
    let parameters = call(&mut db, 0, Address::ZERO, &Governance::parametersAtCall { height: 1 });
    assert_eq!(parameters.blockPeriodSeconds, 2);
    assert_eq!(parameters.requestTimeoutMillis, 1500);
    assert_eq!(parameters.gasLimit, 250_000_000);
    assert!(parameters.hardforks.is_empty() && parameters.successor.location.is_zero());
}

#[test]
fn a_snapshot_of_the_genesis_tells_members_seats_and_parameters() {
    let governance = governance(3, 2);
    let mut db = genesis_state(&governance);
    let snapshot = call(&mut db, 0, Address::ZERO, &Governance::snapshotCall {});
    assert_eq!((snapshot.blockNumber, snapshot.votesNeeded), (0, 2));
    assert_eq!(snapshot.members.len(), 3);
    for ((view, given), id) in snapshot.members.iter().zip(&governance.members).zip(1..) {
        assert_eq!(view.id, id);
        assert_eq!(view.label, given.alias.to_word());
        assert_eq!(view.admin, given.admin);
        assert_eq!(view.operators, given.operator.into_iter().collect::<Vec<_>>());
        assert_eq!((view.capacity, view.seats), (given.capacity.unwrap_or(5), 2));
    }
    assert_eq!(snapshot.seats.len(), 6);
    assert!(snapshot.proposals.is_empty());
    assert_eq!(snapshot.parameters.votingBlocks, 1000);
}

#[test]
fn a_seat_is_given_by_the_identitys_own_signature_over_our_digest() {
    let governance = governance(1, 1);
    let mut db = genesis_state(&governance);
    let operator = governance.members[0].operator.unwrap();
    let (newcomer, number) = (key(100), 40);
    let identity = address_of(&newcomer);
    let block_hash = db.block_hash(number).unwrap();
    let digest = seat_digest(CHAIN_ID, 1, identity, number, block_hash);
    let theirs =
        Governance::seatDigestCall { member: 1, identity, blockNumber: number, blockHash: block_hash };
    assert_eq!(call(&mut db, 41, Address::ZERO, &theirs), digest);

    let seat =
        |signer| Governance::seatCall { identity, proofBlock: number, signature: signature(signer, digest) };
    let stranger = key(101);
    let forged = run(&mut db, 41, operator, TxKind::Call(GOVERNANCE), seat(&stranger).abi_encode().into());
    assert!(!forged.is_success());
    call(&mut db, 41, operator, &seat(&newcomer));
    assert!(call(&mut db, 41, Address::ZERO, &Governance::getValidatorsCall {}).contains(&identity));
    let found = call(&mut db, 41, Address::ZERO, &Governance::memberOfCall { account: identity });
    assert_eq!((found.id, found.role), (1, Role::Identity));
}

#[test]
fn one_of_one_decides_alone() {
    let governance = governance(1, 2);
    let mut db = genesis_state(&governance);
    let admit = Governance::proposeCall {
        kind: chain::governance::Kind::AdmitMember,
        subject: named(900).into_word(),
        values: (Label::new("bank-z").unwrap().to_word(), U256::from(4), named(901))
            .abi_encode_params()
            .into(),
        memo: "board 2026-11".into(),
    };
    let id = call(&mut db, 5, governance.members[0].admin, &admit);
    let proposal = call(&mut db, 5, Address::ZERO, &Governance::proposalCall { id });
    assert_eq!(proposal.status, Status::Executed);
    assert_eq!(call(&mut db, 5, Address::ZERO, &Governance::membersCall {}).len(), 2);
}
