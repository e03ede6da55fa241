use crate::network::{Key, Network, seal_by};
use alloy_primitives::{Address, B256};
use chain::{Extra, Seal, governance::GenesisParameters, hash};
use ledger::{At, Block, BuildAttributes, CommitError, InvalidBlock, Ledger, LedgerError, Parameters};

struct Fixture {
    network: Network,
    ledger: Ledger,
    block: Block,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let block = network.build(&ledger, vec![network.users[0].transfer(0, Address::ZERO, 1)]).block;
    Fixture { network, ledger, block: (*block).clone(), _dir: dir }
}

#[test]
fn fewer_seals_than_a_quorum_are_refused_and_the_head_stays() {
    let Fixture { network, ledger, block, _dir } = fixture();
    for seals in 0..3 {
        let error = ledger.commit(network.seal(&block, 0, seals)).unwrap_err();
        assert!(matches!(error, CommitError::Seals { want: 3, validators: 4, .. }), "{error}");
    }
    assert_eq!(ledger.head().number, 0);
    ledger.commit(network.seal(&block, 0, 3)).unwrap();
}

#[test]
fn two_seals_of_one_validator_count_as_none() {
    let Fixture { network, ledger, block, _dir } = fixture();
    let [a, b] = [&network.validators[0], &network.validators[1]];
    let error = ledger.commit(seal_by(&block, 0, &[a, b, a])).unwrap_err();
    assert!(matches!(error, CommitError::DuplicateSeal(who) if who == a.address), "{error}");
}

#[test]
fn a_seal_of_a_stranger_spoils_the_block() {
    let Fixture { network, ledger, block, _dir } = fixture();
    let stranger = Key::new("stranger");
    let [a, b, c] = [0, 1, 2].map(|i| &network.validators[i]);
    let error = ledger.commit(seal_by(&block, 0, &[a, b, c, &stranger])).unwrap_err();
    assert!(matches!(error, CommitError::ForeignSeal(who) if who == stranger.address), "{error}");
}

#[test]
fn seals_of_another_round_or_no_signatures_at_all_are_refused() {
    let Fixture { network, ledger, block, _dir } = fixture();
    let sealed = network.seal(&block, 1, 3);
    let seals = Extra::decode_exact(&sealed.header.extra_data).unwrap().seals;
    let header = hash::with_round_and_seals(&block.header, 2, seals).unwrap();
    let error = ledger.commit(Block { header, body: block.body.clone() }).unwrap_err();
    assert!(matches!(error, CommitError::ForeignSeal(_) | CommitError::Seal { .. }), "{error}");
    let header = hash::with_round_and_seals(&block.header, 0, vec![Seal::ZERO; 3]).unwrap();
    let error = ledger.commit(Block { header, body: block.body.clone() }).unwrap_err();
    assert!(matches!(error, CommitError::Seal { index: 0, .. }), "{error}");
    let header = hash::with_round_and_seals(&block.header, 0, vec![Seal::ZERO; 5]).unwrap();
    let error = ledger.commit(Block { header, body: block.body.clone() }).unwrap_err();
    assert!(matches!(error, CommitError::TooManySeals { got: 5, validators: 4 }), "{error}");
}

#[test]
fn a_block_is_committed_once_and_only_on_its_parent() {
    let Fixture { network, ledger, block, _dir } = fixture();
    let sealed = network.seal(&block, 0, 3);
    ledger.commit(sealed.clone()).unwrap();
    let error = ledger.commit(sealed).unwrap_err();
    assert!(matches!(error, CommitError::NotNext { got: 1, want: 2 }), "{error}");
    let mut astray = (*network.build(&ledger, vec![]).block).clone();
    astray.header.parent_hash = B256::repeat_byte(1);
    let error = ledger.commit(network.seal(&astray, 0, 3)).unwrap_err();
    assert!(matches!(error, CommitError::Parent { .. }), "{error}");
}

#[test]
fn a_wrong_body_under_a_sealed_header_is_the_delivering_peers_fault() {
    let Fixture { network, ledger, block, _dir } = fixture();
    let mut sealed = network.seal(&block, 0, 3);
    sealed.body.transactions.clear();
    let error = ledger.commit(sealed).unwrap_err();
    assert!(matches!(error, CommitError::Body { field: "transactionsRoot", .. }), "{error}");
}

#[test]
fn a_sealed_block_that_executes_differently_here_is_a_local_fault() {
    let Fixture { network, ledger, mut block, _dir } = fixture();
    block.header.state_root = B256::repeat_byte(7);
    let error = ledger.commit(network.seal(&block, 0, 3)).unwrap_err();
    let CommitError::Diverged { number: 1, reason, .. } = error else { panic!("{error}") };
    assert!(matches!(*reason, InvalidBlock::Field { field: "stateRoot", .. }), "{reason}");
    assert_eq!(ledger.head().number, 0);
    assert!(ledger.block(At::Number(1)).unwrap().is_none(), "and it is not stored");
}

#[test]
fn nobody_but_a_validator_can_build() {
    let Fixture { network, ledger, _dir, .. } = fixture();
    let attributes =
        BuildAttributes { beneficiary: Address::repeat_byte(5), ..network.attributes(&ledger, 0) };
    let error = ledger.build(&attributes, || None, || false).unwrap_err();
    assert!(matches!(error, LedgerError::Attributes(_)), "{error}");
}

#[test]
fn validators_come_from_the_contract_or_the_header_in_ascending_order() {
    for network in [Network::by_contract(), Network::by_headers()] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = network.open(dir.path());
        let want: Vec<_> = network.validators.iter().map(|key| key.address).collect();
        assert_eq!(ledger.validators().unwrap(), want);
        network.next(&ledger, vec![]);
        assert_eq!(ledger.validators().unwrap(), want);
        let parameters = ledger.parameters().unwrap();
        assert_eq!((parameters.block_period_s, parameters.request_timeout_ms), (2, 4000));
    }
}

#[test]
fn a_governed_network_takes_validators_and_parameters_from_its_contract() {
    let parameters = GenesisParameters {
        block_period_seconds: 3,
        request_timeout_millis: 1500,
        gas_limit: 250_000_000,
        default_capacity: 5,
        voting_blocks: 1000,
    };
    let network = Network::governed(parameters);
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let want: Vec<_> = network.validators.iter().map(|key| key.address).collect();
    assert_eq!(ledger.validators().unwrap(), want);
    let read = ledger.parameters().unwrap();
    assert_eq!(
        read,
        Parameters {
            block_period_s: 3,
            min_period_s: 3,
            empty_block_period_s: 0,
            request_timeout_ms: 1500,
            gas_limit_target: 250_000_000,
        }
    );
    let early = ledger.build(&network.attributes(&ledger, 0), || None, || false).unwrap_err();
    assert!(matches!(early, LedgerError::Attributes(_)), "two seconds after the parent: {early}");
}
