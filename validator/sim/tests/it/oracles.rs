//! Each oracle sees what it is there for.

use alloy_primitives::{Address, B256};
use qbft::{Proposal as _, Unsigned, message::Prepare};
use qbft_sim::{
    flavour::{Flavour, Sealed},
    oracle::{Chain, Finalised, Violation, Votes},
    scenario::Scenario,
    symbolic::{SimBlock, SymbolicChain},
};

const HEIGHT: u64 = 1;

struct Table {
    flavour: SymbolicChain,
    chain: Chain<SimBlock>,
    validators: Vec<Address>,
    block: SimBlock,
}

fn table() -> Table {
    let flavour = SymbolicChain::new(&Scenario::calm(4, 1));
    let genesis = flavour.genesis();
    let validators: Vec<Address> = (0..4).map(|seat| flavour.identity(seat)).collect();
    let block = SimBlock::new(HEIGHT, genesis.hash, validators[0], genesis.timestamp + 1, 0, 1);
    Table { chain: Chain::new(genesis.hash, genesis), flavour, validators, block }
}

impl Table {
    fn finalise(
        &mut self,
        block: SimBlock,
        round: u32,
        signers: &[usize],
        is_executed: bool,
    ) -> Option<Violation> {
        let hash = block.commit_hash(0);
        let seals = signers.iter().map(|seat| self.flavour.seal(self.validators[*seat], hash)).collect();
        let sealed = Sealed { block, round, seals };
        let finalised =
            Finalised { node: 2, sealed: &sealed, validators: &self.validators, period_s: 1, is_executed };
        self.chain.on_finalised(&mut self.flavour, &finalised)
    }
}

#[test]
fn a_second_block_at_a_finalised_height_is_a_fork() {
    let mut table = table();
    let block = table.block;
    let other = table.flavour.variant(&block);
    assert_eq!(table.finalise(block, 0, &[0, 1, 2], true), None);
    assert_eq!(table.finalise(block, 0, &[1, 2, 3], true), None);
    assert_eq!(table.finalise(other, 0, &[1, 2, 3], true), Some(Violation::Fork { height: HEIGHT }));
}

#[test]
fn too_few_doubled_foreign_or_other_rounds_seals_are_no_quorum() {
    let unsealed = Some(Violation::Unsealed { height: HEIGHT });
    let block = table().block;
    assert_eq!(table().finalise(block, 0, &[0, 1], true), unsealed);
    assert_eq!(table().finalise(block, 0, &[0, 1, 1], true), unsealed);
    assert_eq!(table().finalise(block, 0, &[0, 1, 2, 2], true), unsealed);
    assert_eq!(table().finalise(block, 1, &[0, 1, 2], true), unsealed);
    let mut stranger = table();
    stranger.validators[2] = Address::repeat_byte(9);
    let seals_of_three = stranger.finalise(block, 0, &[0, 1, 2], true);
    assert_eq!(seals_of_three, None, "the stranger has a seat here");
    stranger = table();
    let hash = block.commit_hash(0);
    let seals = [0, 1].map(|seat| stranger.flavour.seal(stranger.validators[seat], hash));
    let seals = [seals[0], seals[1], stranger.flavour.seal(Address::repeat_byte(9), hash)].into();
    let sealed = Sealed { block, round: 0, seals };
    let finalised = Finalised {
        node: 0,
        sealed: &sealed,
        validators: &stranger.validators,
        period_s: 1,
        is_executed: true,
    };
    assert_eq!(stranger.chain.on_finalised(&mut stranger.flavour, &finalised), unsealed);
}

#[test]
fn a_block_that_is_refused_altered_or_on_another_parent_is_invalid() {
    let invalid = Some(Violation::Invalid { height: HEIGHT });
    let mut table = table();
    let block = table.block;
    let refused = table.flavour.corrupt(&block);
    assert_eq!(table.finalise(refused, 0, &[0, 1, 2], true), invalid);
    let altered = SimBlock { timestamp: block.timestamp + 1, ..block };
    assert_eq!(table.finalise(altered, 0, &[0, 1, 2], true), invalid);
    let elsewhere = SimBlock::new(HEIGHT, B256::repeat_byte(1), block.proposer, block.timestamp, 0, 1);
    assert_eq!(table.finalise(elsewhere, 0, &[0, 1, 2], true), invalid);
    let hash = block.hash;
    let skips = SimBlock::new(HEIGHT + 1, hash, block.proposer, block.timestamp + 1, 0, 2);
    assert_eq!(table.finalise(skips, 0, &[0, 1, 2], true), Some(Violation::Invalid { height: HEIGHT + 1 }));
}

#[test]
fn a_block_nearer_to_its_parent_than_the_voted_period_is_reported() {
    let Table { mut chain, mut flavour, validators, block } = table();
    let hash = block.commit_hash(0);
    let seals = [0, 1, 2].map(|seat: usize| flavour.seal(validators[seat], hash)).into();
    let sealed = Sealed { block, round: 0, seals };
    let at = |period_s| Finalised {
        node: 0,
        sealed: &sealed,
        validators: &validators,
        period_s,
        is_executed: true,
    };
    let (timestamp, least) = (block.timestamp, block.timestamp + 1);
    let early = Some(Violation::TooEarly { height: HEIGHT, timestamp, least });
    assert_eq!(chain.on_finalised(&mut flavour, &at(2)), early);
    assert_eq!(chain.on_finalised(&mut flavour, &at(1)), None);
}

#[test]
fn a_block_finalised_unexecuted_is_reported_known_or_not() {
    let mut table = table();
    let block = table.block;
    let unexecuted = Some(Violation::NotExecuted { node: 2, height: HEIGHT });
    assert_eq!(table.finalise(block, 0, &[0, 1, 2], false), unexecuted);
    assert_eq!(table.finalise(block, 0, &[0, 1, 2], true), None);
    assert_eq!(table.finalise(block, 0, &[0, 1, 2], false), unexecuted);
}

#[test]
fn two_signatures_for_one_place_are_reported_and_the_same_twice_is_not() {
    let vote = |round, byte| {
        Unsigned::<SimBlock>::Prepare(Prepare { height: 5, round, digest: B256::repeat_byte(byte) })
    };
    let mut votes = Votes::default();
    assert_eq!(votes.on_signed(1, &vote(0, 1), true), None);
    assert_eq!(votes.on_signed(1, &vote(0, 1), true), None);
    assert_eq!(votes.on_signed(1, &vote(1, 2), true), None);
    let double = Some(Violation::DoubleSign { node: 1, height: 5, round: 0 });
    assert_eq!(votes.on_signed(1, &vote(0, 2), true), double);
    assert_eq!(votes.on_signed(1, &vote(2, 2), false), Some(Violation::NotDurable { node: 1 }));
}
