//! From the plan to sealed blocks, by the ledger of a node.

use super::{
    key::{Key, Keys},
    plan::{BLOCKS, BY_CONTRACT, Deed, EPOCH, FIRST, LOADED, Row, SHRUNK, Who},
};
use alloy_consensus::{TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex};
use alloy_rlp::Encodable;
use chain::{
    Extra, Vote,
    genesis::{Genesis, GenesisSpec, MessageEncoding, Predeploy, QbftConfig, render},
    hash::{ProposalRound, commit_hash, with_round_and_seals},
    signature::seal_from,
};
use ledger::{Block, BuildAttributes, CommittedBlock, Ledger, Options, Recovered};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

const CHAIN_ID: u64 = 7474;
const GAS_LIMIT: u64 = 30_000_000;
const PERIOD_S: u64 = 2;

/// Lists validators: `getValidators()` gives what is stored, any other call stores the word that it brings.
const SEATS: Address = address!("0x0000000000000000000000000000000005ea7500");
const SEATS_CODE: &[u8] = &hex!(
    "36600414601457" "5f54600101805f555f35905500" "5b60205f525f5480602052"
    "5b801560365780548160051b6020015260019003601f56" "5b505f5460051b6040015ff3"
);
/// Pays the payee 3, asks the speaker in two ways, and leaves all else to the payee.
pub(crate) const COURIER: Address = address!("0x00000000000000000000000000000000000c0de1");
/// Has no key and no code.
pub(crate) const PAYEE: Address = Address::repeat_byte(0xee);

/// A chain that was made by the plan.
pub(crate) struct Network {
    pub(crate) keys: Keys,
    pub(crate) user: Key,
    /// Text of `genesis.json`.
    pub(crate) genesis: String,
    pub(crate) ledger: Ledger,
    /// From block 1 on.
    pub(crate) blocks: Vec<Arc<CommittedBlock>>,
    nonce: u64,
}

impl Network {
    pub(crate) fn new() -> Self {
        let (keys, user) = (Keys::new(), Key::new("user"));
        let genesis = genesis(&keys, &user);
        let options = Options { history_blocks: 0, ..Options::default() };
        let ledger = Ledger::in_memory(Genesis::from_json(&genesis).unwrap(), options).unwrap();
        let mut network = Self { keys, user, genesis, ledger, blocks: Vec::new(), nonce: 0 };
        for row in BLOCKS {
            let block = network.block(row);
            network.blocks.push(block);
        }
        network
    }

    pub(crate) fn address(&self, who: Who) -> Address {
        self.keys.of(who).address
    }

    /// By height, from 1 on.
    pub(crate) fn at(&self, number: usize) -> &CommittedBlock {
        &self.blocks[number - 1]
    }

    pub(crate) fn hash(&self, number: usize) -> B256 {
        if number == 0 { self.ledger.genesis().hash } else { self.at(number).hash }
    }

    pub(crate) fn tx(&self, number: usize, index: usize) -> B256 {
        self.at(number).transaction_hashes[index]
    }

    /// The contract that the user deployed first.
    pub(crate) fn speaker(&self) -> Address {
        self.user.address.create(0)
    }

    /// Hash and bytes of the two transactions that the user could send after the blocks that are loaded.
    pub(crate) fn unsent(&self) -> [(B256, Vec<u8>); 2] {
        let sent: usize = BLOCKS[..LOADED].iter().map(|row| row.deeds.len()).sum();
        [sent, sent + 1].map(|nonce| {
            let Recovered { tx, hash, .. } = self.transaction(Deed::Set(99), nonce as u64);
            (hash, tx.encoded_2718())
        })
    }

    /// Block after block, as `chain.rlp` has them.
    pub(crate) fn encoded(blocks: &[Arc<CommittedBlock>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for committed in blocks {
            committed.block.encode(&mut bytes);
        }
        bytes
    }

    fn block(&mut self, row: &Row) -> Arc<CommittedBlock> {
        let head = self.ledger.head();
        let attributes = BuildAttributes {
            // Every round that failed lasted twice as long as the one before, the first 4 s.
            timestamp: head.header.timestamp + PERIOD_S + 4 * ((1 << row.round) - 1),
            beneficiary: self.address(row.proposer),
            extra_data: self.extra(head.number + 1, row).to_bytes(),
            gas_limit_target: GAS_LIMIT,
        };
        let mut waiting = Vec::new();
        for deed in row.deeds {
            waiting.push(self.transaction(*deed, self.nonce));
            self.nonce += 1;
        }
        let mut waiting = waiting.into_iter();
        let built = self.ledger.build(&attributes, || waiting.next(), || false).unwrap();
        assert!(built.skipped.is_empty(), "{:?}", built.skipped);
        let signed = commit_hash(&built.block.header, row.round).unwrap();
        let seals = row.sealers.iter().map(|who| seal_from(&self.keys.of(*who).sign(signed)));
        let header = with_round_and_seals(&built.block.header, row.round, seals.collect()).unwrap();
        self.ledger.commit(Block { header, body: built.block.body.clone() }).unwrap()
    }

    fn extra(&self, number: u64, row: &Row) -> Extra {
        let named = if number < BY_CONTRACT { self.ledger.validators().unwrap() } else { Vec::new() };
        let vote = row.vote.map(|(who, add)| Vote { recipient: self.address(who), add });
        Extra { validators: named, vote, ..Extra::unsealed(row.round) }
    }

    fn transaction(&self, deed: Deed, nonce: u64) -> Recovered {
        let call = |to: Address, value: u64, input: Bytes| TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 500_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            input,
            ..TxEip1559::default()
        };
        let set =
            |number: u64| call(self.speaker(), 0, [&hex!("60fe47b1")[..], &word(number)].concat().into());
        let tx = match deed {
            Deed::Deploy(code) => TxEip1559 { to: TxKind::Create, ..call(PAYEE, 0, code.into()) },
            Deed::Set(number) => set(number),
            Deed::Tip(number) => TxEip1559 { max_fee_per_gas: 5, max_priority_fee_per_gas: 2, ..set(number) },
            Deed::Pay => {
                return self.user.transaction(TxLegacy {
                    chain_id: Some(CHAIN_ID),
                    nonce,
                    gas_price: 3,
                    gas_limit: 21_000,
                    to: TxKind::Call(PAYEE),
                    value: U256::from(7),
                    input: Bytes::new(),
                });
            }
            Deed::Fail => call(self.speaker(), 0, hex!("deadbeef").into()),
            Deed::Make => call(maker(self), 9, Bytes::new()),
            Deed::Carry => call(COURIER, 10, Bytes::new()),
            Deed::Enter(who) => call(SEATS, 0, self.address(who).into_word().into()),
        };
        self.user.transaction(tx)
    }
}

/// The contract that makes others: the fourth transaction of the user.
pub(crate) fn maker(network: &Network) -> Address {
    network.user.address.create(3)
}

pub(crate) fn word(number: u64) -> [u8; 32] {
    U256::from(number).to_be_bytes()
}

fn genesis(keys: &Keys, user: &Key) -> String {
    let qbft = QbftConfig {
        blockperiodseconds: PERIOD_S,
        requesttimeoutseconds: 4,
        requesttimeoutmilliseconds: Some(3500),
        epochlength: EPOCH,
        validatorcontractaddress: None,
        proposalround: ProposalRound::Real,
        messageencoding: MessageEncoding::FourItem,
    };
    let spec = GenesisSpec {
        chain_id: CHAIN_ID,
        gas_limit: GAS_LIMIT,
        qbft,
        accounts: BTreeMap::from([(user.address, U256::from(10).pow(U256::from(18)))]),
        predeploys: vec![
            Predeploy { address: SEATS, code: SEATS_CODE.into(), storage: seats(keys) },
            Predeploy { address: COURIER, code: courier(user.address.create(0)), storage: BTreeMap::new() },
        ],
    };
    let mut file: Value = serde_json::from_str(&render(&spec).unwrap()).unwrap();
    let named = Extra { validators: keys.addresses(FIRST), ..Extra::unsealed(0) };
    file["extraData"] = json!(named.to_bytes());
    file["config"]["transitions"] = json!({"qbft": [{
        "block": BY_CONTRACT, "validatorselectionmode": "contract", "validatorcontractaddress": SEATS,
    }]});
    serde_json::to_string_pretty(&file).unwrap() + "\n"
}

/// How many there are, then each.
fn seats(keys: &Keys) -> BTreeMap<B256, B256> {
    let rows = keys.addresses(SHRUNK);
    let count = (B256::ZERO, B256::from(word(rows.len() as u64)));
    let slots = (1..).map(|slot| B256::from(word(slot)));
    slots.zip(rows.iter().map(Address::into_word)).chain([count]).collect()
}

fn courier(speaker: Address) -> Bytes {
    let (payee, speaker) = (PAYEE.as_slice(), speaker.as_slice());
    let pay = [&hex!("5f5f5f5f600373")[..], payee, &hex!("5af150")].concat();
    let selector = hex!("636d4ce63c5f52");
    let ask = |call: u8| [&hex!("5f5f6004601c73")[..], speaker, &[0x5a, call, 0x50]].concat();
    let (in_its_own_state, in_ours) = (ask(0xfa), ask(0xf4));
    let leave = [&hex!("73")[..], payee, &hex!("ff")].concat();
    [&pay[..], &selector, &in_its_own_state, &in_ours, &leave].concat().into()
}
