//! A test network: keys, a genesis, transactions, blocks and seals.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use chain::{
    Extra, Seal,
    genesis::{Genesis, GenesisSpec, Predeploy, QbftConfig, render},
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Label, predeploys,
    },
    hash, signature,
};
use ledger::{Block, BuildAttributes, Built, CommittedBlock, Ledger, Options, Recovered, Transaction};
use secp256k1::{Message, SECP256K1, SecretKey};
use std::{collections::BTreeMap, path::Path, sync::Arc};

pub(crate) const CHAIN_ID: u64 = 4242;
pub(crate) const GAS_LIMIT: u64 = 30_000_000;

pub(crate) struct Key {
    key: SecretKey,
    pub(crate) address: Address,
}

impl Key {
    pub(crate) fn new(seed: &str) -> Self {
        let key = SecretKey::from_byte_array(keccak256(seed).0).unwrap();
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        Self { key, address: Address::from_slice(&keccak256(&public[1..])[12..]) }
    }

    pub(crate) fn sign(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(message, &self.key).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }

    /// A type-2 transaction at price zero.
    pub(crate) fn transaction(&self, nonce: u64, to: TxKind, value: u64, data: &[u8], gas: u64) -> Recovered {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: gas,
            to,
            value: U256::from(value),
            input: Bytes::copy_from_slice(data),
            ..TxEip1559::default()
        };
        let signature = self.sign(tx.signature_hash());
        let tx = Transaction::from(tx.into_signed(signature));
        Recovered { hash: *tx.tx_hash(), sender: self.address, tx: Arc::new(tx) }
    }

    pub(crate) fn transfer(&self, nonce: u64, to: Address, value: u64) -> Recovered {
        self.transaction(nonce, TxKind::Call(to), value, &[], 21_000)
    }

    pub(crate) fn deploy(&self, nonce: u64, runtime: &[u8]) -> Recovered {
        self.transaction(nonce, TxKind::Create, 0, &init_code(runtime), 1_000_000)
    }

    pub(crate) fn call(&self, nonce: u64, to: Address, data: &[u8]) -> Recovered {
        self.transaction(nonce, TxKind::Call(to), 0, data, 200_000)
    }
}

/// Init code that deploys `runtime`.
pub(crate) fn init_code(runtime: &[u8]) -> Vec<u8> {
    let size = u8::try_from(runtime.len()).unwrap();
    [&[0x60, size, 0x80, 0x60, 0x0b, 0x60, 0, 0x39, 0x60, 0, 0xf3], runtime].concat()
}

/// Adds one to slot 0 and emits a log with topic 0xaa.
pub(crate) const COUNTER: [u8; 17] =
    [0x60, 0, 0x54, 0x60, 1, 0x01, 0x60, 0, 0x55, 0x60, 0xaa, 0x60, 0, 0x60, 0, 0xa1, 0];
/// Stores the second word of its input at the slot named by the first.
pub(crate) const SETTER: [u8; 8] = [0x60, 0x20, 0x35, 0x60, 0, 0x35, 0x55, 0];
/// Destroys itself when called without input, else as [`SETTER`].
pub(crate) const MORTAL: [u8; 15] =
    [0x36, 0x60, 6, 0x57, 0x33, 0xff, 0x5b, 0x60, 0x20, 0x35, 0x60, 0, 0x35, 0x55, 0];
/// Reverts with one zero word.
pub(crate) const REVERTER: [u8; 5] = [0x60, 0x20, 0x60, 0, 0xfd];

pub(crate) struct Network {
    /// In order of address.
    pub(crate) validators: Vec<Key>,
    pub(crate) users: Vec<Key>,
    pub(crate) genesis: Genesis,
    text: String,
    extra: Extra,
}

impl Network {
    /// Four validators named by the headers.
    pub(crate) fn by_headers() -> Self {
        Self::new(None, GAS_LIMIT)
    }

    /// Four validators named by a contract.
    pub(crate) fn by_contract() -> Self {
        Self::new(Some(Address::repeat_byte(0x77)), GAS_LIMIT)
    }

    pub(crate) fn new(contract: Option<Address>, gas_limit: u64) -> Self {
        let predeploys = |validators: &[Address]| {
            contract.map(|address| Predeploy {
                address,
                code: returning(validators),
                storage: BTreeMap::from([(B256::with_last_byte(3), B256::with_last_byte(9))]),
            })
        };
        Self::with(contract, gas_limit, |validators| predeploys(validators).into_iter().collect())
    }

    /// Votes for the only member of a governed network.
    pub(crate) fn admin() -> Key {
        Key::new("admin")
    }

    /// Four validators in the governance contract that every new network has, of the given parameters.
    pub(crate) fn governed(parameters: GenesisParameters) -> Self {
        Self::with(Some(GOVERNANCE), GAS_LIMIT, |validators| {
            let member = GenesisMember {
                alias: Label::new("member").unwrap(),
                admin: Self::admin().address,
                operator: Some(Address::repeat_byte(0x42)),
                capacity: None,
            };
            let seats = validators.iter().map(|identity| GenesisSeat { identity: *identity, member: 0 });
            let governance = GenesisGovernance { members: vec![member], seats: seats.collect(), parameters };
            predeploys(&governance).unwrap()
        })
    }

    /// The same with parameters that no test is about.
    pub(crate) fn governed_plainly() -> Self {
        Self::governed(GenesisParameters {
            block_period_seconds: 2,
            request_timeout_millis: 1500,
            gas_limit: GAS_LIMIT,
            default_capacity: 5,
            voting_blocks: 1000,
        })
    }

    /// Four validators of three members, the first two of the first one; member `i` has the operator account `operator(i)`.
    pub(crate) fn of_three(admins: &[Key; 3]) -> Self {
        Self::with(Some(GOVERNANCE), GAS_LIMIT, |validators| {
            let member = |(i, admin): (usize, &Key)| GenesisMember {
                alias: Label::new(&format!("member-{i}")).unwrap(),
                admin: admin.address,
                operator: Some(operator(i)),
                capacity: None,
            };
            let seat = |(i, identity): (usize, &Address)| GenesisSeat {
                identity: *identity,
                member: i.saturating_sub(1),
            };
            let governance = GenesisGovernance {
                members: admins.iter().enumerate().map(member).collect(),
                seats: validators.iter().enumerate().map(seat).collect(),
                parameters: GenesisParameters {
                    block_period_seconds: 2,
                    request_timeout_millis: 1500,
                    gas_limit: GAS_LIMIT,
                    default_capacity: 4,
                    voting_blocks: 100,
                },
            };
            predeploys(&governance).unwrap()
        })
    }

    fn with(
        contract: Option<Address>,
        gas_limit: u64,
        predeploys: impl FnOnce(&[Address]) -> Vec<Predeploy>,
    ) -> Self {
        let mut validators: Vec<_> = (0..4).map(|i| Key::new(&format!("validator {i}"))).collect();
        validators.sort_by_key(|key| key.address);
        let users: Vec<_> = (0..4).map(|i| Key::new(&format!("user {i}"))).collect();
        let addresses: Vec<_> = validators.iter().map(|key| key.address).collect();
        let spec = GenesisSpec {
            chain_id: CHAIN_ID,
            gas_limit,
            qbft: qbft(contract),
            accounts: users.iter().map(|key| (key.address, U256::from(1_000_000_000_u64))).collect(),
            predeploys: predeploys(&addresses),
        };
        let mut extra = Extra::unsealed(0);
        let mut text = render(&spec).unwrap();
        if contract.is_none() {
            let unnamed = extra.to_bytes().to_string();
            extra.validators = addresses;
            text = text.replace(&unnamed, &extra.to_bytes().to_string());
        }
        Self { validators, users, genesis: Genesis::from_json(&text).unwrap(), text, extra }
    }

    /// The same network without the forks after London.
    pub(crate) fn without_timed_forks(self) -> Self {
        let text: String = self.text.lines().filter(|line| !line.contains("Time\": 0")).collect();
        Self { genesis: Genesis::from_json(&text).unwrap(), text, ..self }
    }

    pub(crate) fn open(&self, dir: &Path) -> Ledger {
        Ledger::open(dir, self.genesis.clone(), Options::default()).unwrap()
    }

    pub(crate) fn attributes(&self, ledger: &Ledger, round: u32) -> BuildAttributes {
        BuildAttributes {
            timestamp: ledger.head().header.timestamp + 2,
            beneficiary: self.validators[0].address,
            extra_data: Extra { round, ..self.extra.clone() }.to_bytes(),
            gas_limit_target: GAS_LIMIT,
        }
    }

    pub(crate) fn build(&self, ledger: &Ledger, transactions: Vec<Recovered>) -> Built {
        let mut transactions = transactions.into_iter();
        ledger.build(&self.attributes(ledger, 0), || transactions.next(), || false).unwrap()
    }

    /// The block with the seals of the first `seals` validators, committed in `round`.
    pub(crate) fn seal(&self, block: &Block, round: u32, seals: usize) -> Block {
        let keys: Vec<_> = self.validators.iter().take(seals).collect();
        seal_by(block, round, &keys)
    }

    /// Builds and commits one block with a quorum of seals; everything offered must be in it.
    pub(crate) fn next(&self, ledger: &Ledger, transactions: Vec<Recovered>) -> Arc<CommittedBlock> {
        let built = self.build(ledger, transactions);
        assert_eq!(built.skipped, vec![]);
        ledger.commit(self.seal(&built.block, 0, 3)).unwrap()
    }
}

/// Operator account of a member of [`Network::of_three`].
pub(crate) fn operator(member: usize) -> Address {
    Address::repeat_byte(0x50 + u8::try_from(member).unwrap())
}

pub(crate) fn seal_by(block: &Block, round: u32, keys: &[&Key]) -> Block {
    let signed = hash::commit_hash(&block.header, round).unwrap();
    let seals: Vec<Seal> = keys.iter().map(|key| signature::seal_from(&key.sign(signed))).collect();
    let header = hash::with_round_and_seals(&block.header, round, seals).unwrap();
    Block { header, body: block.body.clone() }
}

fn qbft(contract: Option<Address>) -> QbftConfig {
    QbftConfig {
        blockperiodseconds: 2,
        requesttimeoutseconds: 4,
        requesttimeoutmilliseconds: None,
        epochlength: 30_000,
        validatorcontractaddress: contract,
        proposalround: hash::ProposalRound::Real,
        messageencoding: chain::genesis::MessageEncoding::FourItem,
    }
}

/// Code that answers every call with this list, whatever its order.
fn returning(addresses: &[Address]) -> Bytes {
    let mut answer =
        [U256::from(32), U256::from(addresses.len())].map(|word| word.to_be_bytes::<32>()).concat();
    for address in addresses.iter().rev() {
        answer.extend_from_slice(address.into_word().as_slice());
    }
    let size = u8::try_from(answer.len()).unwrap();
    let copy = [0x60, size, 0x60, 0x0c, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xf3];
    [&copy[..], &answer].concat().into()
}
