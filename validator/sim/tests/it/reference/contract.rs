//! The real contract: its shipped code and genesis storage in revm.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolInterface};
use chain::{
    Seal,
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Governance, Label,
        Obstacle as Found, Status, predeploys, seat_digest, seat_signature,
    },
};
use k256::ecdsa::SigningKey;
use qbft_sim::{
    governance::{Call, Obstacle, Proof, Refused, draw::Cast},
    rng::Rng,
};
use revm::{
    Context, Database, ExecuteCommitEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    state::AccountInfo,
};
use std::collections::HashMap;

const CHAIN_ID: u64 = 10_101;

fn key(n: u64) -> SigningKey {
    SigningKey::from_slice(keccak256(n.to_be_bytes()).as_slice()).unwrap()
}

fn named(kind: u64, n: u64) -> Address {
    Address::left_padding_from(&(kind << 32 | n).to_be_bytes())
}

/// Enough accounts for twenty members, and identities with keys.
pub(crate) fn cast() -> Cast {
    Cast {
        admins: (1..=24).map(|n| named(1, n)).collect(),
        operators: (1..=40).map(|n| named(2, n)).collect(),
        identities: (0..48).map(|n| Address::from_private_key(&key(n))).collect(),
    }
}

fn label(n: usize) -> Label {
    Label::new(&format!("name-{n}.x")).unwrap()
}

/// One to nine members with a few seats.
pub(crate) fn genesis(rng: &mut Rng, cast: &Cast) -> GenesisGovernance {
    let count = usize::try_from(rng.pick(&[1, 2, 3, 4, 9])).unwrap();
    let member = |n: usize, rng: &mut Rng| GenesisMember {
        alias: label(n),
        admin: cast.admins[n],
        operator: (n == 0 || rng.chance(800)).then(|| cast.operators[n]),
        capacity: rng.chance(700).then(|| u16::try_from(rng.between(3, 8)).unwrap()),
    };
    let members: Vec<_> = (0..count).map(|n| member(n, rng)).collect();
    let mut seats: Vec<_> =
        (0..count).map(|n| GenesisSeat { identity: cast.identities[n], member: n }).collect();
    seats.retain(|seat| seat.member == 0 || rng.chance(600));
    let parameters = GenesisParameters {
        block_period_seconds: 2,
        request_timeout_millis: 1500,
        gas_limit: 250_000_000,
        default_capacity: 3,
        voting_blocks: rng.pick(&[100, 150, 1000]),
    };
    GenesisGovernance { members, seats, parameters }
}

/// As many members and seats as there may be, two seats short of it.
pub(crate) fn full_genesis(cast: &Cast) -> GenesisGovernance {
    let members = (0..256).map(|n: usize| GenesisMember {
        alias: label(n),
        admin: *cast.admins.get(n).unwrap_or(&named(3, n as u64)),
        operator: Some(*cast.operators.get(n).unwrap_or(&named(4, n as u64))),
        capacity: Some(4),
    });
    let seats = (0..510).map(|n: usize| GenesisSeat { identity: named(5, n as u64 + 1), member: n % 256 });
    GenesisGovernance {
        members: members.collect(),
        seats: seats.collect(),
        parameters: genesis(&mut Rng::new(1), cast).parameters,
    }
}

pub(crate) struct Contract {
    db: InMemoryDB,
    keys: HashMap<Address, SigningKey>,
}

impl Contract {
    pub(crate) fn new(genesis: &GenesisGovernance) -> Self {
        let mut db = InMemoryDB::default();
        for contract in predeploys(genesis).unwrap() {
            let code = Bytecode::new_raw(contract.code);
            let (code_hash, code) = (code.hash_slow(), Some(code));
            db.insert_account_info(
                contract.address,
                AccountInfo { nonce: 1, code_hash, code, ..AccountInfo::default() },
            );
            for (slot, value) in contract.storage {
                db.insert_account_storage(contract.address, slot.into(), value.into()).unwrap();
            }
        }
        let keys = (0..48).map(|n| (Address::from_private_key(&key(n)), key(n))).collect();
        Self { db, keys }
    }

    /// One transaction.
    pub(crate) fn send(&mut self, block: u64, sender: Address, call: &Call) -> Result<(), Refused> {
        let data = call.encode(|identity, proof| self.sign(identity, proof));
        match self.run(block, sender, data) {
            ExecutionResult::Success { .. } => Ok(()),
            ExecutionResult::Revert { output, .. } => Err(refusal(&output)),
            halt @ ExecutionResult::Halt { .. } => panic!("{call:?} halts: {halt:?}"),
        }
    }

    /// One read.
    pub(crate) fn read<C: SolCall>(&mut self, block: u64, call: &C) -> C::Return {
        let result = self.run(block, Address::ZERO, call.abi_encode().into());
        assert!(result.is_success(), "{}: {result:?}", C::SIGNATURE);
        C::abi_decode_returns(result.output().unwrap()).unwrap()
    }

    pub(crate) fn status(&mut self, block: u64, id: u64) -> Status {
        self.read(block, &Governance::proposalCall { id }).status
    }

    pub(crate) fn role(&mut self, account: Address) -> (u32, u8) {
        let found = self.read(1, &Governance::memberOfCall { account });
        (found.id, found.role as u8)
    }

    fn run(&mut self, block: u64, caller: Address, data: Bytes) -> ExecutionResult {
        let gas_limit = 1_000_000_000;
        let (kind, chain_id) = (TxKind::Call(GOVERNANCE), Some(CHAIN_ID));
        let tx = TxEnv { caller, kind, data, gas_limit, gas_price: 0, chain_id, ..TxEnv::default() };
        let context = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = CHAIN_ID;
                cfg.disable_nonce_check = true;
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            })
            .modify_block_chained(|env| {
                env.number = U256::from(block);
                env.gas_limit = gas_limit;
                env.basefee = 0;
            });
        context.build_mainnet().transact_commit(tx).unwrap()
    }

    fn sign(&mut self, identity: Address, proof: &Proof) -> Bytes {
        let hash = if proof.is_of_this_chain {
            self.db.block_hash(proof.block).unwrap()
        } else {
            B256::repeat_byte(0xee)
        };
        let digest = seat_digest(CHAIN_ID, proof.member, identity, proof.block, hash);
        // A seat's old identity may be one of a full genesis, which has no key: nobody's signature.
        let Some(key) = self.keys.get(&proof.signer) else { return Bytes::from_static(&[7; 65]) };
        let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
        let mut seal = [0; 65];
        seal[..64].copy_from_slice(&signature.to_bytes());
        seal[64] = recovery.to_byte();
        seat_signature(&Seal::from(seal))
    }
}

fn refusal(output: &Bytes) -> Refused {
    use Governance::GovernanceErrors as Error;
    match Error::abi_decode(output).unwrap_or_else(|error| panic!("not an error of ours: {output} ({error})"))
    {
        Error::AddressInUse(_) => Refused::AddressInUse,
        Error::AliasInUse(_) | Error::ValuesLength(_) => panic!("cannot be: {output}"),
        Error::AlreadyVoted(_) => Refused::AlreadyVoted,
        Error::BadLabel(_) => Refused::BadLabel,
        Error::BadSignature(_) => Refused::BadSignature,
        Error::CapacityReached(_) => Refused::CapacityReached,
        Error::LastSeat(_) => Refused::LastSeat,
        Error::LimitReached(_) => Refused::LimitReached,
        Error::NotPassed(_) => Refused::NotPassed,
        Error::NotPermitted(_) => Refused::NotPermitted,
        Error::NotSeatOwner(_) => Refused::NotSeatOwner,
        Error::NotVoted(_) => Refused::NotVoted,
        Error::NothingToChange(_) => Refused::NothingToChange,
        Error::Obstructed(found) => Refused::Obstructed(obstacle(found.obstacle)),
        Error::OutOfRange(_) => Refused::OutOfRange,
        Error::ProofBlockOutOfWindow(_) => Refused::ProofBlockOutOfWindow,
        Error::ProposalExpired(_) => Refused::ProposalExpired,
        Error::ProposalNotOpen(_) => Refused::ProposalNotOpen,
        Error::SeatTooSoon(_) => Refused::SeatTooSoon,
        Error::UnknownIdentity(_) => Refused::UnknownIdentity,
        Error::UnknownMember(_) => Refused::UnknownMember,
    }
}

fn obstacle(found: Found) -> Obstacle {
    match found {
        Found::AccountInUse => Obstacle::AccountInUse,
        Found::AliasInUse => Obstacle::AliasInUse,
        Found::TooManyMembers => Obstacle::TooManyMembers,
        Found::UnknownMember => Obstacle::UnknownMember,
        Found::LastMember => Obstacle::LastMember,
        Found::LastSeats => Obstacle::LastSeats,
        Found::TooSoon => Obstacle::TooSoon,
        Found::TooMany => Obstacle::TooMany,
        Found::UnknownName => Obstacle::UnknownName,
        Found::AlreadyActive => Obstacle::AlreadyActive,
        other => panic!("cannot be: {other:?}"),
    }
}
