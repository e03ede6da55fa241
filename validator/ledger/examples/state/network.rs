//! A network of one validator and one sender, with contracts that touch as many keys as they are told to.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use chain::{
    Extra,
    genesis::{Genesis, GenesisSpec, MessageEncoding, Predeploy, QbftConfig, render},
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Label, predeploys,
    },
    hash, signature,
};
use ledger::{Block, BuildAttributes, Built, Ledger, Recovered, Transaction};
use secp256k1::{Message, SECP256K1, SecretKey};
use std::{collections::BTreeMap, sync::Arc};

const CHAIN_ID: u64 = 4243;
/// The most that the governance contract takes.
const GAS_LIMIT: u64 = 10_000_000_000;
/// Just below what one transaction may use (EIP-7825).
const TRANSACTION_GAS: u64 = 16_700_000;

/// Pays 1 wei to the address that is the hash of each number from the first word of its input on, as many as the
/// second word says.
const PAYER: [u8; 43] = [
    0x60, 0x00, 0x35, 0x80, 0x60, 0x20, 0x35, 0x01, 0x90, 0x5b, 0x80, 0x60, 0x00, 0x52, 0x60, 0x00, 0x60,
    0x00, 0x60, 0x00, 0x60, 0x00, 0x60, 0x01, 0x60, 0x20, 0x60, 0x00, 0x20, 0x60, 0x00, 0xf1, 0x50, 0x60,
    0x01, 0x01, 0x81, 0x81, 0x10, 0x60, 0x09, 0x57, 0x00,
];
/// Stores at each number of such a range its sum with the third word.
const KEEPER: [u8; 27] = [
    0x60, 0x00, 0x35, 0x80, 0x60, 0x20, 0x35, 0x01, 0x90, 0x5b, 0x80, 0x60, 0x40, 0x35, 0x01, 0x81, 0x55,
    0x60, 0x01, 0x01, 0x81, 0x81, 0x10, 0x60, 0x09, 0x57, 0x00,
];
/// Contracts with storage.
pub(crate) const KEEPERS: u8 = 10;

const PAYER_AT: Address = Address::repeat_byte(0xaa);

/// A contract with storage, by its number.
const fn keeper_at(index: u8) -> Address {
    Address::repeat_byte(0xb0 + index)
}

/// The address that the payer pays for a number.
pub(crate) fn payee(number: u64) -> Address {
    Address::from_slice(&keccak256(B256::from(U256::from(number)))[12..])
}

struct Key(SecretKey);

impl Key {
    fn new(seed: &str) -> anyhow::Result<Self> {
        Ok(Self(SecretKey::from_byte_array(keccak256(seed).0)?))
    }

    fn address(&self) -> Address {
        let public = self.0.public_key(SECP256K1).serialize_uncompressed();
        Address::from_slice(&keccak256(&public[1..])[12..])
    }

    fn sign(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(message, &self.0).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }
}

pub(crate) struct Network {
    validator: Key,
    sender: Key,
    nonce: u64,
    pub(crate) genesis: Genesis,
}

impl Network {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (validator, sender) = (Key::new("validator")?, Key::new("sender")?);
        let member = GenesisMember {
            alias: Label::new("member")?,
            admin: Address::repeat_byte(0x41),
            operator: Some(Address::repeat_byte(0x42)),
            capacity: None,
        };
        let parameters = GenesisParameters {
            block_period_seconds: 1,
            gas_limit: GAS_LIMIT,
            request_timeout_millis: 1500,
            default_capacity: 1,
            voting_blocks: 1000,
        };
        let seats = vec![GenesisSeat { identity: validator.address(), member: 0 }];
        let mut contracts = predeploys(&GenesisGovernance { members: vec![member], seats, parameters })?;
        let contract = |address, code: &'static [u8]| Predeploy {
            address,
            code: Bytes::from_static(code),
            storage: BTreeMap::new(),
        };
        contracts.push(contract(PAYER_AT, &PAYER));
        contracts.extend((0..KEEPERS).map(|index| contract(keeper_at(index), &KEEPER)));
        let spec = GenesisSpec {
            chain_id: CHAIN_ID,
            gas_limit: GAS_LIMIT,
            qbft: qbft(),
            accounts: BTreeMap::from([(sender.address(), U256::from(u128::MAX))]),
            predeploys: contracts,
        };
        Ok(Self { validator, sender, nonce: 0, genesis: Genesis::from_json(&render(&spec)?)? })
    }

    /// Pays each number of a range.
    pub(crate) fn pay(&mut self, start: u64, count: u64) -> Recovered {
        self.call(PAYER_AT, count, &[start, count])
    }

    /// Sets each slot of a range in one contract, other than any `salt` before did.
    pub(crate) fn keep(&mut self, keeper: u8, start: u64, count: u64, salt: u64) -> Recovered {
        self.call(keeper_at(keeper), 0, &[start, count, salt << 32])
    }

    fn call(&mut self, to: Address, value: u64, words: &[u64]) -> Recovered {
        let input: Vec<u8> = words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>()).collect();
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: TRANSACTION_GAS,
            to: TxKind::Call(to),
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let signature = self.sender.sign(tx.signature_hash());
        let tx = Transaction::from(tx.into_signed(signature));
        Recovered { hash: *tx.tx_hash(), sender: self.sender.address(), tx: Arc::new(tx) }
    }

    pub(crate) fn build(&self, ledger: &Ledger, transactions: Vec<Recovered>) -> anyhow::Result<Built> {
        let attributes = BuildAttributes {
            timestamp: ledger.head().header.timestamp + 1,
            beneficiary: self.validator.address(),
            extra_data: Extra::unsealed(0).to_bytes(),
            gas_limit_target: GAS_LIMIT,
        };
        let mut transactions = transactions.into_iter();
        let built = ledger.build(&attributes, || transactions.next(), || false)?;
        anyhow::ensure!(built.skipped.is_empty(), "left out: {:?}", built.skipped);
        Ok(built)
    }

    pub(crate) fn seal(&self, block: &Block) -> anyhow::Result<Block> {
        let sealed = hash::commit_hash(&block.header, 0)?;
        let seals = vec![signature::seal_from(&self.validator.sign(sealed))];
        let header = hash::with_round_and_seals(&block.header, 0, seals)?;
        Ok(Block { header, body: block.body.clone() })
    }
}

fn qbft() -> QbftConfig {
    QbftConfig {
        blockperiodseconds: 1,
        requesttimeoutseconds: 4,
        requesttimeoutmilliseconds: None,
        epochlength: 30_000,
        validatorcontractaddress: Some(GOVERNANCE),
        proposalround: hash::ProposalRound::Real,
        messageencoding: MessageEncoding::FourItem,
    }
}
