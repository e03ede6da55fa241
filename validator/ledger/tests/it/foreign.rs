//! Networks as Besu and GoQuorum files make them: votes in headers, transitions, rewards, prices, gas limits.

use crate::network::{Key, init_code, seal_by};
use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use chain::{
    Extra, Vote,
    genesis::{Genesis, QBFT_MIX_HASH},
    governance::Governance::getValidatorsCall,
};
use ledger::{
    At, Block, BuildAttributes, Built, CallRequest, CommitError, InvalidBlock, Ledger, Options, Recovered,
    SkipReason, Transaction,
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use tempfile::{TempDir, tempdir};

const GAS_LIMIT: u64 = 30_000_000;

/// Five validators, the first four of them in the genesis header, and a ledger.
pub(crate) struct Foreign {
    pub(crate) keys: Vec<Key>,
    pub(crate) user: Key,
    pub(crate) genesis: Genesis,
    pub(crate) ledger: Ledger,
    dir: TempDir,
}

impl Foreign {
    /// Berlin from block 0 on; `config` is merged into the file's.
    fn new(config: &Value) -> Self {
        Self::with_accounts(config, &json!({}))
    }

    pub(crate) fn with_accounts(config: &Value, accounts: &Value) -> Self {
        Self::with_gas_limit(config, accounts, GAS_LIMIT)
    }

    pub(crate) fn with_gas_limit(config: &Value, accounts: &Value, gas_limit: u64) -> Self {
        let keys = keys();
        let user = Key::new("user");
        let extra = Extra { validators: addresses(&keys[..4]), ..Extra::unsealed(0) };
        let mut file = json!({
            "config": {"chainId": 7, "berlinBlock": 0, "qbft": {"blockperiodseconds": 2}},
            "gasLimit": gas_limit, "difficulty": 1, "mixHash": QBFT_MIX_HASH, "extraData": extra.to_bytes(),
            "alloc": {user.address.to_string(): {"balance": "1000000000000000000"}},
        });
        merge(&mut file["config"], config);
        merge(&mut file["alloc"], accounts);
        let genesis = Genesis::from_json(&file.to_string()).unwrap();
        let dir = tempdir().unwrap();
        let ledger = open(dir.path(), &genesis);
        Self { keys, user, genesis, ledger, dir }
    }

    fn reopened(self) -> Self {
        let Self { keys, user, genesis, ledger, dir } = self;
        drop(ledger);
        let ledger = open(dir.path(), &genesis);
        Self { keys, user, genesis, ledger, dir }
    }

    pub(crate) fn attributes(&self, author: usize, vote: Option<Vote>) -> BuildAttributes {
        let head = self.ledger.head();
        let validators =
            self.ledger.votes().unwrap().map_or_else(Vec::new, |tally| tally.validators().to_vec());
        BuildAttributes {
            timestamp: head.header.timestamp + self.ledger.parameters().unwrap().block_period_s,
            beneficiary: self.keys[author].address,
            extra_data: Extra { validators, vote, ..Extra::unsealed(0) }.to_bytes(),
            gas_limit_target: self.ledger.parameters().unwrap().gas_limit_target,
        }
    }

    pub(crate) fn build(&self, author: usize, vote: Option<Vote>, transactions: Vec<Recovered>) -> Built {
        let mut transactions = transactions.into_iter();
        self.ledger.build(&self.attributes(author, vote), || transactions.next(), || false).unwrap()
    }

    /// Sealed by the whole set.
    pub(crate) fn seal(&self, block: &Block) -> Block {
        let set = self.ledger.validators().unwrap();
        let seals: Vec<_> = self.keys.iter().filter(|key| set.contains(&key.address)).collect();
        seal_by(block, 0, &seals)
    }

    pub(crate) fn commit(&self, block: &Block) -> Result<(), CommitError> {
        self.ledger.commit(self.seal(block)).map(drop)
    }

    pub(crate) fn next(&self, author: usize, vote: Option<Vote>) {
        self.commit(&self.build(author, vote, vec![]).block).unwrap();
    }

    pub(crate) fn with_transactions(&self, transactions: Vec<Recovered>) {
        let built = self.build(0, None, transactions);
        assert_eq!(built.skipped, vec![]);
        self.commit(&built.block).unwrap();
    }

    #[expect(clippy::unnecessary_wraps, reason = "the next block takes a vote or none")]
    fn vote(&self, about: usize, add: bool) -> Option<Vote> {
        Some(Vote { recipient: self.keys[about].address, add })
    }

    fn set(&self) -> Vec<Address> {
        self.ledger.validators().unwrap()
    }

    fn balance(&self, address: Address) -> U256 {
        self.ledger.account(address, At::Head).unwrap().balance
    }

    /// Type 0, at a price.
    pub(crate) fn legacy(
        &self,
        nonce: u64,
        to: TxKind,
        input: &[u8],
        gas_limit: u64,
        gas_price: u128,
    ) -> Recovered {
        let input = Bytes::copy_from_slice(input);
        let tx =
            TxLegacy { chain_id: Some(7), nonce, gas_price, gas_limit, to, input, ..TxLegacy::default() };
        let signature = self.user.sign(tx.signature_hash());
        let tx = Transaction::from(tx.into_signed(signature));
        Recovered { hash: *tx.tx_hash(), sender: self.user.address, tx: Arc::new(tx) }
    }
}

fn keys() -> Vec<Key> {
    let mut keys: Vec<_> = (0..5).map(|i| Key::new(&format!("validator {i}"))).collect();
    keys.sort_by_key(|key| key.address);
    keys
}

fn addresses(keys: &[Key]) -> Vec<Address> {
    keys.iter().map(|key| key.address).collect()
}

fn open(dir: &Path, genesis: &Genesis) -> Ledger {
    Ledger::open(dir, genesis.clone(), Options::default()).unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

/// Code that answers every call with these addresses.
fn answering(set: &[Address]) -> String {
    let mut answer = [U256::from(32), U256::from(set.len())].map(|word| word.to_be_bytes::<32>()).concat();
    for address in set {
        answer.extend_from_slice(address.into_word().as_slice());
    }
    let size = u8::try_from(answer.len()).unwrap();
    let copy = [0x60, size, 0x60, 0x0c, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xf3];
    format!("0x{}", hex::encode([&copy[..], &answer].concat()))
}

#[test]
fn a_berlin_header_has_15_items_and_no_price_fields() {
    let net = Foreign::new(&json!({}));
    net.with_transactions(vec![net.legacy(0, TxKind::Call(Address::repeat_byte(5)), &[], 21_000, 9)]);
    let header = net.ledger.head().header;
    let encoded = alloy_rlp::encode(&*header);
    let mut payload = &encoded[..];
    let mut fields = alloy_rlp::Header::decode_bytes(&mut payload, true).unwrap();
    let mut items = 0;
    while !fields.is_empty() {
        let item = alloy_rlp::Header::decode(&mut fields).unwrap();
        fields = &fields[item.payload_length..];
        items += 1;
    }
    assert_eq!((items, header.base_fee_per_gas), (15, None));
    assert_eq!(net.balance(net.keys[0].address), U256::from(9 * 21_000), "the price goes to the beneficiary");
}

#[test]
fn votes_change_the_set_of_the_next_block_and_a_reopened_ledger_counts_the_same() {
    for config in [json!({}), json!({"isQuorum": true, "qbft": {"blockperiodseconds": 2}})] {
        let net = Foreign::new(&config);
        for author in [0, 1] {
            net.next(author, net.vote(4, true));
        }
        assert_eq!(net.set(), addresses(&net.keys[..4]), "two of four are no majority");
        let before = net.ledger.votes().unwrap().unwrap();
        let net = net.reopened();
        assert_eq!(net.ledger.votes().unwrap().unwrap(), before);
        net.next(2, net.vote(4, true));
        assert_eq!(net.set(), addresses(&net.keys));
        net.next(4, net.vote(0, false));
        let extra = Extra::decode_exact(&net.ledger.head().header.extra_data).unwrap();
        assert_eq!(extra.validators, addresses(&net.keys), "the block after lists the new set");
        for author in [1, 2] {
            net.next(author, net.vote(0, false));
        }
        assert_eq!(net.set(), addresses(&net.keys[1..]));
        let net = net.reopened();
        assert_eq!(net.set(), addresses(&net.keys[1..]));
        let history: Vec<_> = (0..=6)
            .map(|n| net.ledger.votes_after(At::Number(n)).unwrap().unwrap().validators().len())
            .collect();
        assert_eq!(history, [4, 4, 4, 5, 5, 5, 4]);
    }
}

#[test]
fn an_epoch_block_forgets_pending_votes_and_the_count_starts_there() {
    let net = Foreign::new(&json!({"qbft": {"epochlength": 3, "blockperiodseconds": 2}}));
    for author in [0, 1] {
        net.next(author, net.vote(4, true));
    }
    net.next(2, None);
    assert_eq!(net.ledger.votes().unwrap().unwrap().ballots().count(), 0);
    net.next(2, net.vote(4, true));
    let net = net.reopened();
    assert_eq!((net.set().len(), net.ledger.votes().unwrap().unwrap().ballots().count()), (4, 1));
}

#[test]
fn a_header_that_lists_another_set_is_refused() {
    let net = Foreign::new(&json!({}));
    let block = net.build(0, None, vec![]).block;
    for validators in [addresses(&net.keys), vec![], addresses(&net.keys[..4]).into_iter().rev().collect()] {
        let extra_data = Extra { validators, ..Extra::unsealed(0) }.to_bytes();
        let attributes = BuildAttributes { extra_data: extra_data.clone(), ..net.attributes(0, None) };
        assert!(net.ledger.build(&attributes, || None, || false).is_err());
        let mut other = Block::clone(&block);
        other.header.extra_data = extra_data;
        assert!(matches!(net.ledger.validate(&other), Err(InvalidBlock::Validators { .. })));
    }
    let mut stranger = Block::clone(&block);
    stranger.header.beneficiary = net.keys[4].address;
    assert!(matches!(net.ledger.validate(&stranger), Err(InvalidBlock::Beneficiary(_))));
}

#[test]
fn a_set_given_by_a_transition_holds_at_its_block_in_besu_and_a_block_later_in_goquorum() {
    let given = addresses(&keys()[1..3]);
    let entry = json!([{"block": 2, "validators": given}]);
    for (config, first) in [(json!({"transitions": {"qbft": entry}}), 2), (json!({"transitions": entry}), 3)]
    {
        let net = Foreign::new(&config);
        for height in 1..=4 {
            let want = if height < first { addresses(&net.keys[..4]) } else { given.clone() };
            assert_eq!(net.set(), want, "{config}, height {height}");
            net.next(1, None);
        }
        assert_eq!(net.reopened().set(), given);
    }
}

#[test]
fn the_set_moves_from_headers_to_a_contract_and_back_at_the_block_that_the_family_says() {
    let contract = Address::repeat_byte(0x55);
    let (named, back) = (addresses(&keys()[1..4]), addresses(&keys()[..2]));
    let entries = json!([
        {"block": 3, "validatorselectionmode": "contract", "validatorcontractaddress": contract},
        {"block": 6, "validatorselectionmode": "blockheader", "validators": back},
    ]);
    let accounts = json!({contract.to_string(): {"code": answering(&named)}});
    let net = Foreign::with_accounts(&json!({"transitions": {"qbft": entries}}), &accounts);
    for height in 1..=8 {
        let (want, listed) = match height {
            1..3 => (addresses(&net.keys[..4]), addresses(&net.keys[..4])),
            3..6 => (named.clone(), vec![]),
            _ => (back.clone(), back.clone()),
        };
        assert_eq!(net.set(), want, "height {height}");
        net.next(1, None);
        let extra = Extra::decode_exact(&net.ledger.head().header.extra_data).unwrap();
        assert_eq!(extra.validators, listed, "height {height}");
    }
    let by_contract = net.ledger.votes_after(At::Number(3)).unwrap();
    assert!(by_contract.is_none() && net.reopened().set() == back);

    let entries = json!([entries[0]]);
    let net = Foreign::with_accounts(&json!({"transitions": entries}), &accounts);
    let sets: Vec<_> = (1..=5)
        .map(|_| {
            let set = net.set().len();
            net.next(1, None);
            set
        })
        .collect();
    assert_eq!(sets, [4, 4, 4, 3, 3], "block 3 is the parent of the first block by contract");
}

#[test]
fn a_vote_in_contract_mode_is_refused_in_besu_and_means_nothing_in_goquorum() {
    let contract = Address::repeat_byte(0x55);
    let accounts = json!({contract.to_string(): {"code": answering(&addresses(&keys()[..4]))}});
    let qbft = json!({"blockperiodseconds": 2, "validatorcontractaddress": contract});
    let besu = Foreign::with_accounts(&json!({"qbft": qbft}), &accounts);
    assert!(besu.ledger.build(&besu.attributes(0, besu.vote(4, true)), || None, || false).is_err());
    let mut qbft = qbft;
    qbft["validatorselectionmode"] = "contract".into();
    let quorum = Foreign::with_accounts(&json!({"qbft": qbft}), &accounts);
    quorum.next(0, quorum.vote(4, true));
    let call = CallRequest {
        to: Some(contract),
        data: getValidatorsCall {}.abi_encode().into(),
        ..CallRequest::default()
    };
    let answer = quorum.ledger.call(&call, At::Head).unwrap().output;
    assert_eq!(getValidatorsCall::abi_decode_returns(&answer).unwrap(), quorum.set());
}

#[test]
fn rewards_go_to_whom_the_genesis_says_from_the_block_it_says() {
    let fixed = Address::repeat_byte(0x77);
    let transition = json!([{"block": 3, "blockreward": "0x5", "miningbeneficiary": fixed}]);
    let qbft = json!({"blockperiodseconds": 2, "blockreward": "7"});
    for (is_quorum, transitions) in [(false, json!({"qbft": transition})), (true, transition)] {
        let mut config = json!({"qbft": qbft, "transitions": transitions});
        if is_quorum {
            config["isQuorum"] = true.into();
        }
        let net = Foreign::new(&config);
        for author in [0, 1, 0, 0] {
            net.next(author, None);
        }
        let balances = [net.keys[0].address, net.keys[1].address, fixed].map(|a| net.balance(a).to::<u64>());
        assert_eq!(balances, [7, 7, 10], "{transitions}");
    }
}

#[test]
fn a_fixed_beneficiary_is_what_contracts_see_in_besu_and_what_fees_go_to() {
    let fixed = Address::repeat_byte(0x77);
    let net = Foreign::new(&json!({"qbft": {"blockperiodseconds": 2, "miningbeneficiary": fixed}}));
    // COINBASE, stored at slot 0.
    let runtime = [0x41, 0x60, 0, 0x55, 0];
    let contract = net.user.address.create(0);
    net.with_transactions(vec![net.legacy(0, TxKind::Create, &init_code(&runtime), 1_000_000, 0)]);
    net.with_transactions(vec![net.legacy(1, TxKind::Call(contract), &[], 100_000, 3)]);
    let seen = net.ledger.storage(contract, U256::ZERO, At::Head).unwrap();
    assert_eq!(Address::from_word(seen.into()), fixed);
    assert!(net.balance(fixed) > U256::ZERO && net.balance(net.keys[0].address).is_zero());
}

#[test]
fn goquorum_takes_no_price_for_gas_until_it_is_enabled() {
    let net = Foreign::new(&json!({
        "isQuorum": true, "qbft": {"blockperiodseconds": 2},
        "transitions": [{"block": 2, "gasPriceEnabled": true}],
    }));
    let priced = net.legacy(0, TxKind::Call(Address::repeat_byte(5)), &[], 21_000, 9);
    let built = net.build(0, None, vec![priced.clone()]);
    assert_eq!(built.skipped, [(priced.hash, SkipReason::GasPrice(9))]);
    let mut other = Block::clone(&built.block);
    other.body.transactions = vec![Transaction::clone(&priced.tx)];
    other.header.transactions_root =
        alloy_consensus::proofs::calculate_transaction_root(&other.body.transactions);
    let refused = net.ledger.validate(&other);
    assert!(matches!(refused, Err(InvalidBlock::GasPrice { price: 9, .. })), "{refused:?}");
    net.next(0, None);
    net.with_transactions(vec![priced]);
}

#[test]
fn goquorum_blocks_may_jump_to_their_gas_limit_and_ours_walk_there() {
    for (config, taken) in
        [(json!({"isQuorum": true, "qbft": {"blockperiodseconds": 2}}), true), (json!({}), false)]
    {
        let net = Foreign::new(&config);
        let mut jump = Block::clone(&net.build(0, None, vec![]).block);
        jump.header.gas_limit = 700_000_000;
        assert_eq!(net.ledger.validate(&jump).is_ok(), taken, "{config}");
        assert_eq!(net.commit(&jump).is_ok(), taken, "{config}");
    }
    let net = Foreign::new(&json!({"transitions": [{"block": 1, "miner.gaslimit": 40_000_000}]}));
    let limit = net.build(0, None, vec![]).block.header.gas_limit;
    assert_eq!(limit, GAS_LIMIT + GAS_LIMIT / 1024 - 1);
}

#[test]
fn the_largest_contract_is_what_the_genesis_says() {
    let deploys = |config: &Value, size: u32| {
        let net = Foreign::new(config);
        // Returns `size` zero bytes.
        let size = size.to_be_bytes();
        let code = [0x62, size[1], size[2], size[3], 0x60, 0, 0xf3];
        net.with_transactions(vec![net.legacy(0, TxKind::Create, &code, 20_000_000, 0)]);
        let created = net.ledger.code(net.user.address.create(0), At::Head).unwrap();
        !created.is_empty()
    };
    let quorum = json!({"isQuorum": true, "maxCodeSizeConfig": [{"block": 0, "size": 32}]});
    assert!(deploys(&json!({}), 24_576) && !deploys(&json!({}), 24_577));
    assert!(deploys(&json!({"contractSizeLimit": 65_536}), 65_536));
    assert!(deploys(&quorum, 32_768) && !deploys(&quorum, 32_769));
}

#[test]
fn a_shorter_period_is_valid_a_block_later_in_goquorum_and_waited_for_by_our_proposer() {
    let entry = json!([{"block": 3, "blockperiodseconds": 1}]);
    for (config, periods) in [
        (json!({"transitions": {"qbft": entry}}), [(2, 2), (2, 2), (1, 1), (1, 1)]),
        (json!({"transitions": entry, "qbft": {"blockperiodseconds": 2}}), [(2, 2), (2, 2), (2, 2), (1, 1)]),
    ] {
        let net = Foreign::new(&config);
        for (height, want) in (1..).zip(periods) {
            let parameters = net.ledger.parameters().unwrap();
            let got = (parameters.min_period_s, parameters.block_period_s);
            assert_eq!(got, want, "{config}, height {height}");
            net.next(0, None);
        }
    }
}

#[test]
fn the_first_london_block_doubles_the_gas_limit_and_starts_the_base_fee() {
    let net = Foreign::new(&json!({"londonBlock": 2}));
    net.next(0, None);
    let before = net.ledger.head().header.gas_limit;
    let target = BuildAttributes { gas_limit_target: 2 * before, ..net.attributes(0, None) };
    let block = net.ledger.build(&target, || None, || false).unwrap().block;
    assert_eq!((block.header.gas_limit, block.header.base_fee_per_gas), (2 * before, Some(1_000_000_000)));
    net.commit(&block).unwrap();
    let free = Foreign::new(&json!({"londonBlock": 2, "zeroBaseFee": true}));
    free.next(0, None);
    free.next(0, None);
    assert_eq!(free.ledger.head().header.base_fee_per_gas, Some(0));
}

#[test]
fn forks_by_number_bring_their_instructions_from_their_block_on() {
    let net = Foreign::new(
        &json!({"berlinBlock": null, "istanbulBlock": 3, "petersburgBlock": 0, "constantinopleBlock": 0}),
    );
    // CHAINID (Istanbul), stored at slot 0.
    let contract = net.user.address.create(0);
    net.with_transactions(vec![net.legacy(
        0,
        TxKind::Create,
        &init_code(&[0x46, 0x60, 0, 0x55, 0]),
        1_000_000,
        0,
    )]);
    let call = |nonce| net.legacy(nonce, TxKind::Call(contract), &[], 100_000, 0);
    net.with_transactions(vec![call(1)]);
    assert!(net.ledger.storage(contract, U256::ZERO, At::Head).unwrap().is_zero());
    net.with_transactions(vec![call(2)]);
    assert_eq!(net.ledger.storage(contract, U256::ZERO, At::Head).unwrap(), U256::from(7));
}
