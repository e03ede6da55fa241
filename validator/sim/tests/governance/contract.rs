//! The real contract: its shipped code and genesis storage in revm.

use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEventInterface, SolInterface};
use chain::{
    Seal,
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Governance,
        Governance::GovernanceEvents, Label, Obstacle as Found, ProposalView, Status, predeploys,
        seat_digest, seat_signature,
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
use std::{collections::HashMap, sync::Arc};

const CHAIN_ID: u64 = 10_101;

/// Of a network whose parameters are not what is tried.
pub(crate) const PARAMETERS: GenesisParameters = GenesisParameters {
    block_period_seconds: 2,
    request_timeout_millis: 1500,
    gas_limit: 250_000_000,
    default_capacity: 4,
    voting_blocks: 100,
};

fn key(n: u64) -> SigningKey {
    SigningKey::from_slice(keccak256(n.to_be_bytes()).as_slice()).unwrap()
}

pub(crate) fn named(kind: u64, n: u64) -> Address {
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

pub(crate) fn label(n: usize) -> Label {
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
    let voting_blocks = rng.pick(&[100, 150, 1000]);
    let parameters = GenesisParameters { default_capacity: 3, voting_blocks, ..PARAMETERS };
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

#[derive(Clone)]
pub(crate) struct Contract {
    db: InMemoryDB,
    keys: Arc<HashMap<Address, SigningKey>>,
}

/// How a transaction ended.
pub(crate) enum Ended {
    /// What it returned and announced, and the gas that it had to be given.
    Done { output: Bytes, events: Vec<GovernanceEvents>, gas: u64 },
    /// The error, as bytes.
    Reverted(Bytes),
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
        Self { db, keys: Arc::new(keys) }
    }

    /// One transaction.
    pub(crate) fn send(&mut self, block: u64, sender: Address, call: &Call) -> Result<Ended, String> {
        let data = self.encode(call);
        self.send_bytes(block, sender, data, 0)
    }

    /// The transaction's data.
    pub(crate) fn encode(&mut self, call: &Call) -> Bytes {
        call.encode(|identity, proof| self.sign(identity, proof))
    }

    /// One transaction of these bytes and so much ether.
    pub(crate) fn send_bytes(
        &mut self,
        block: u64,
        sender: Address,
        data: Bytes,
        value: u64,
    ) -> Result<Ended, String> {
        match self.run(block, sender, data, value) {
            ExecutionResult::Success { output, logs, gas, .. } => {
                let gas = gas.total_gas_spent().max(gas.floor_gas());
                let events = logs.iter().map(event).collect::<Result<_, String>>()?;
                Ok(Ended::Done { output: output.into_data(), events, gas })
            }
            ExecutionResult::Revert { output, .. } => Ok(Ended::Reverted(output)),
            halt @ ExecutionResult::Halt { .. } => Err(format!("halts: {halt:?}")),
        }
    }

    /// One read.
    pub(crate) fn read<C: SolCall>(&mut self, block: u64, call: &C) -> C::Return {
        self.measured(block, call).0
    }

    /// One read, and the gas it took.
    pub(crate) fn measured<C: SolCall>(&mut self, block: u64, call: &C) -> (C::Return, u64) {
        let result = self.run(block, Address::ZERO, call.abi_encode().into(), 0);
        assert!(result.is_success(), "{}: {result:?}", C::SIGNATURE);
        let value = C::abi_decode_returns(result.output().unwrap()).unwrap();
        (value, result.gas().total_gas_spent())
    }

    pub(crate) fn status(&mut self, block: u64, id: u64) -> Status {
        self.proposal(block, id).status
    }

    pub(crate) fn proposal(&mut self, block: u64, id: u64) -> ProposalView {
        self.read(block, &Governance::proposalCall { id })
    }

    pub(crate) fn role(&mut self, account: Address) -> (u32, u8) {
        let found = self.read(1, &Governance::memberOfCall { account });
        (found.id, found.role as u8)
    }

    fn run(&mut self, block: u64, caller: Address, data: Bytes, value: u64) -> ExecutionResult {
        let gas_limit = 1_000_000_000;
        let (kind, chain_id) = (TxKind::Call(GOVERNANCE), Some(CHAIN_ID));
        let value = U256::from(value);
        let tx = TxEnv { caller, kind, data, value, gas_limit, gas_price: 0, chain_id, ..TxEnv::default() };
        let context = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = CHAIN_ID;
                cfg.disable_nonce_check = true;
                cfg.disable_balance_check = true;
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

fn event(log: &Log) -> Result<GovernanceEvents, String> {
    if log.address != GOVERNANCE {
        return Err(format!("a log of {}", log.address));
    }
    let event =
        GovernanceEvents::decode_log(log).map_err(|error| format!("not an event of ours: {error}"))?;
    Ok(event.data)
}

/// The error by name; none for what is not an error of the contract's own, as calls that cannot be decoded get.
pub(crate) fn refusal(output: &Bytes) -> Option<Refused> {
    use Governance::GovernanceErrors as Error;
    Some(match Error::abi_decode(output).ok()? {
        Error::AddressInUse(_) => Refused::AddressInUse,
        Error::AliasInUse(_) | Error::ValuesLength(_) => return None,
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
        Error::Obstructed(found) => Refused::Obstructed(obstacle(found.obstacle)?),
        Error::OutOfRange(_) => Refused::OutOfRange,
        Error::ProofBlockOutOfWindow(_) => Refused::ProofBlockOutOfWindow,
        Error::ProposalExpired(_) => Refused::ProposalExpired,
        Error::ProposalNotOpen(_) => Refused::ProposalNotOpen,
        Error::SeatTooSoon(_) => Refused::SeatTooSoon,
        Error::UnknownIdentity(_) => Refused::UnknownIdentity,
        Error::UnknownMember(_) => Refused::UnknownMember,
    })
}

fn obstacle(found: Found) -> Option<Obstacle> {
    Some(match found {
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
        _ => return None,
    })
}
