//! What happens in each block. Expected answers are written from this, not from what a node says.

use Deed::{Carry, Deploy, Enter, Fail, Make, Pay, Set, Tip};
use Who::{A, B, C, D, E, F};

/// A key that seals, in ascending order of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    A,
    B,
    C,
    D,
    E,
    F,
}

/// What the one user of the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Deploys the contract that speaks, or the one that makes others.
    Deploy(&'static [u8]),
    /// Has the speaker keep a number and tell of it.
    Set(u64),
    /// The same with a fee of 5 at most, and 2 for the proposer.
    Tip(u64),
    /// Pays the payee 7, at 3 for each unit of gas.
    Pay,
    /// Calls the speaker in a way that it refuses.
    Fail,
    /// Has the maker make a contract and give it 9.
    Make,
    /// Gives the courier 10, of which it pays 3 and leaves 7 to the payee.
    Carry,
    /// Has the contract of validators list one more.
    Enter(Who),
}

/// A block: who proposed it in which round, who sealed it in which order, which vote it carries, what it holds.
pub(crate) struct Row {
    pub(crate) proposer: Who,
    pub(crate) round: u32,
    pub(crate) sealers: &'static [Who],
    pub(crate) vote: Option<(Who, bool)>,
    pub(crate) deeds: &'static [Deed],
}

const fn row(
    proposer: Who,
    round: u32,
    sealers: &'static [Who],
    vote: Option<(Who, bool)>,
    deeds: &'static [Deed],
) -> Row {
    Row { proposer, round, sealers, vote, deeds }
}

/// The set of block 1, named by the genesis.
pub(crate) const FIRST: &[Who] = &[A, B, D, E];
/// From block 4 on: block 3 has the third of four votes for C.
pub(crate) const GROWN: &[Who] = &[A, B, C, D, E];
/// From block 12 on: block 11 has the third of five votes against B.
pub(crate) const SHRUNK: &[Who] = &[A, C, D, E];
/// From block 14 on: in block 13 the contract, which names the set from then on, is given F.
pub(crate) const LAST: &[Who] = &[A, C, D, E, F];

/// Blocks between two that clear all votes.
pub(crate) const EPOCH: u64 = 8;
/// Blocks of `chain.rlp`; the others are in `next.rlp`.
pub(crate) const LOADED: usize = 10;
/// The first block whose set a contract names.
pub(crate) const BY_CONTRACT: u64 = 13;

/// `set(uint256)` stores and emits `Changed(uint256)`, `get()` returns, all else reverts with `Error("nope")`.
pub(crate) const SPEAKER: &[u8] = &alloy_primitives::hex!(
    "60bf8060095f395ff35f3560e01c80636d4ce63c14602357806360fe47b114602c576064605b5f3960645ffd5b5f545f5260205ff35b600435805f555f527f938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b82960205fa10008c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000046e6f706500000000000000000000000000000000000000000000000000000000"
);
/// Makes a contract whose code is one instruction that stops, and gives it what it was given.
pub(crate) const MAKER: &[u8] =
    &alloy_primitives::hex!("600e600c600039600e6000f3" "6360015ff35f526004601c34f000");

/// Proposers take turns in the order of the set, from the proposer of the block before on and one further for each round.
pub(crate) const BLOCKS: &[Row] = &[
    row(A, 0, &[A, B, D], Some((C, true)), &[Deploy(SPEAKER)]),
    row(B, 0, &[D, A, B], Some((C, true)), &[Set(5), Pay]),
    row(D, 0, &[A, B, D, E], Some((C, true)), &[]),
    row(E, 0, &[A, B, C, E], Some((B, false)), &[Deploy(MAKER)]),
    row(B, 1, &[E, D, C, B], None, &[Make]),
    row(C, 0, &[A, C, D, E, B], Some((B, false)), &[Fail, Set(6), Set(7)]),
    row(D, 0, &[B, C, D, E], Some((F, true)), &[Carry]),
    row(E, 0, &[A, B, D, E], None, &[]),
    row(A, 0, &[A, C, D, E], Some((B, false)), &[Tip(9)]),
    row(D, 2, &[E, A, D, C], Some((B, false)), &[]),
    row(E, 0, &[A, C, D, E], Some((B, false)), &[Set(11), Set(12)]),
    row(A, 0, &[A, C, D], None, &[]),
    row(C, 0, &[C, D, E], None, &[Enter(F)]),
    row(D, 0, &[A, D, E, F], None, &[]),
];
