//! The reference model and the contract on the same random calls: equal outcomes, equal refusals by name, equal returns,
//! events that tell the change, equal states.

use crate::{
    contract::{self, Contract, Ended, refusal},
    view,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use chain::governance::{
    Governance::{GovernanceEvents, proposeCall},
    Kind,
};
use qbft_sim::{
    cores::on_every_core,
    governance::{
        Call, Model, Refused, Role, Status,
        draw::{Cast, Draw},
    },
    rng::Rng,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// Calls on one network before the next begins.
const CALLS_PER_NETWORK: u64 = 1_000;

/// What the random calls reached, by name: the comparison is worth what it saw.
type Reached = BTreeMap<String, u64>;

/// How one network ended: what was reached, and the first disagreement.
type Played = (Reached, u64, Option<String>);

/// Plays that many operations and says what they reached and whether both sides agreed.
pub(crate) fn run(operations: u64, from: u64) -> Result<(), String> {
    let started = Instant::now();
    let networks = operations.div_ceil(CALLS_PER_NETWORK);
    let calls = |network: u64| CALLS_PER_NETWORK.min(operations - network * CALLS_PER_NETWORK);
    let played = on_every_core(
        |network| network < networks,
        |network| Some(play(from.wrapping_add(network), calls(network))),
    );
    let (mut reached, mut done, mut failed) = (Reached::new(), 0, Vec::new());
    for (_, (seen, count, why)) in played {
        seen.into_iter().for_each(|(what, count)| *reached.entry(what).or_default() += count);
        done += count;
        failed.extend(why);
    }
    report(&reached, operations);
    for why in failed.iter().take(10) {
        println!("{why}");
    }
    let missing = must_reach(&reached, operations);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "for people")]
    #[expect(clippy::cast_sign_loss, reason = "time passes")]
    let rate = (done as f64 / started.elapsed().as_secs_f64().max(0.001)) as u64;
    println!("operations={done} per-second={rate} disagreements={}", failed.len());
    if !missing.is_empty() {
        return Err(format!("never reached in {done} operations: {}", missing.join(", ")));
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("{} networks disagreed", failed.len())) }
}

/// The whole list for a long run; a slice of a test says only how wide it was.
fn report(reached: &Reached, operations: u64) {
    if operations > 20_000 {
        for (what, count) in reached {
            println!("{count:>9} {what}");
        }
    }
    println!("{} outcomes by kind of call reached", reached.len());
}

/// What so many operations cannot miss.
fn must_reach(reached: &Reached, operations: u64) -> Vec<&'static str> {
    let always = [
        "Seat done",
        "Seat SeatTooSoon",
        "Seat BadSignature",
        "Seat CapacityReached",
        "Unseat done",
        "Unseat NotSeatOwner",
        "RotateSeat done",
        "AssignSeat done",
        "ReplaceOperator done",
        "AcceptAdmin done",
        "Resign done",
        "Propose done",
        "Propose NotPermitted",
        "VoteFor done",
        "VoteAgainst done",
        "Rescind done",
        "Execute done",
        "AddNodeId done",
        "RemoveNodeId done",
        "SetRecord done",
        "Executed",
        "Rejected",
        "Expired",
        "Withdrawn",
        "Superseded",
        "nonsense refused",
    ];
    let missing = always.into_iter().filter(|what| !reached.contains_key(*what));
    missing.filter(|_| operations >= 20_000).collect()
}

struct Game {
    contract: Contract,
    model: Model,
    cast: Cast,
    rng: Rng,
    block: u64,
    /// The validator set that events alone tell.
    told: BTreeSet<Address>,
    reached: Reached,
}

fn play(seed: u64, calls: u64) -> Played {
    let mut rng = Rng::new(seed);
    let cast = contract::cast();
    let genesis = contract::genesis(&mut rng, &cast);
    let model = Model::genesis(&genesis);
    let told = model.validators().collect();
    let contract = Contract::new(&genesis);
    let mut game = Game { contract, model, cast, rng, block: 0, told, reached: Reached::new() };
    let mut done = 0;
    while done < calls {
        game.block += if game.rng.chance(930) { 1 } else { game.rng.pick(&[2, 29, 30, 31, 101, 260]) };
        let count = game.rng.below(5).min(calls - done);
        if let Err(why) = game.block(count, done + count == calls) {
            return (game.reached, done, Some(format!("seed {seed}, block {}: {why}", game.block)));
        }
        done += count;
    }
    (game.reached, done, None)
}

impl Game {
    /// So many calls in one block, and the states after it; all of them now and then, and after the last.
    fn block(&mut self, calls: u64, is_last: bool) -> Result<(), String> {
        for _ in 0..calls {
            if self.rng.chance(30) {
                self.nonsense()?;
            } else {
                self.call()?;
            }
        }
        let Self { contract, model, rng, block, told, .. } = self;
        view::compare_rules(contract, model, *block, rng)?;
        view::same("the set told by events", told, &model.validators().collect())?;
        if is_last || rng.chance(60) {
            view::compare_snapshot(contract, model, *block)?;
            view::compare_directory(contract, model, *block)?;
        }
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let Self { model, block, cast, rng, .. } = self;
        let (sender, call) = Draw { model, block: *block, cast, rng }.anything();
        let expected_id = expected_id(&self.model, self.block, &call);
        let theirs = self.contract.send(self.block, sender, &call);
        let ours = self.model.apply(self.block, sender, &call);
        let checked = theirs.and_then(|theirs| {
            outcome(&theirs, &ours)?;
            self.listen(&theirs, expected_id)
        });
        checked.map_err(|why| format!("{sender}: {call:?}: {why}"))?;
        let what = format!("{call:?}");
        let kind = what.split([' ', '(']).next().unwrap_or_default();
        let end = ours.as_ref().map_or_else(|refused| format!("{refused:?}"), |_| "done".to_string());
        self.reach(format!("{kind} {end}"));
        for (id, status) in ours.unwrap_or_default() {
            view::same("status", &self.contract.status(self.block, id), &view::status(status))?;
            self.reach(format!("{status:?}"));
        }
        Ok(())
    }

    fn reach(&mut self, what: String) {
        *self.reached.entry(what).or_default() += 1;
    }

    /// Follows the set by events, and checks the number that `propose` returns.
    fn listen(&mut self, ended: &Ended, expected_id: Option<u64>) -> Result<(), String> {
        let Ended::Done { output, events, .. } = ended else { return Ok(()) };
        for event in events {
            match event {
                GovernanceEvents::Seated(seated) if !self.told.insert(seated.identity) => {
                    return Err(format!("{} is seated twice", seated.identity));
                }
                GovernanceEvents::Unseated(gone) if !self.told.remove(&gone.identity) => {
                    return Err(format!("{} had no seat", gone.identity));
                }
                _ => {}
            }
        }
        let Some(expected) = expected_id else { return view::same("return", output, &Bytes::new()) };
        let id = proposeCall::abi_decode_returns(output).map_err(|error| error.to_string())?;
        view::same("number of the proposal", &id, &expected)
    }

    /// Calls that no client of ours makes: they are refused, and the states stay equal.
    fn nonsense(&mut self) -> Result<(), String> {
        let Self { model, block, cast, rng, contract, .. } = self;
        let (sender, call) = Draw { model, block: *block, cast, rng }.anything();
        let bytes = contract.encode(&call);
        let is_admin = matches!(model.role_of(sender), Some((_, Role::Admin)));
        let by_role = |refused| if is_admin { refused } else { Some(Refused::NotPermitted) };
        let too_wide = B256::from(U256::from(rng.next() | 1) << 176_usize);
        // What cannot be decoded is refused without an error of the contract's own; so are values of a wrong length.
        let (bytes, ether, wanted) = match rng.below(6) {
            0 => (rng.next().to_be_bytes().to_vec().into(), 0, None),
            1 if bytes.len() > 4 => (bytes.slice(..4 + (bytes.len() - 4) / 2), 0, None),
            2 => (proposal(Kind::ExpelMember, B256::with_last_byte(1), 1), 0, by_role(None)),
            3 => (proposal(Kind::AdmitMember, too_wide, 96), 0, by_role(Some(Refused::OutOfRange))),
            4 => (unknown_kind(rng), 0, None),
            _ => (bytes, 1, None),
        };
        let Ended::Reverted(output) = contract.send_bytes(*block, sender, bytes.clone(), ether)? else {
            return Err(format!("{sender} sent {bytes} with {ether} wei, and it was done"));
        };
        view::same("refusal of nonsense", &refusal(&output), &wanted)
            .map_err(|why| format!("{sender} sent {bytes} with {ether} wei: {why}"))?;
        self.reach("nonsense refused".to_string());
        Ok(())
    }
}

/// A proposal whose values are as long as said, and zero.
fn proposal(kind: Kind, subject: B256, length: usize) -> Bytes {
    proposeCall { kind, subject, values: vec![0; length].into(), memo: String::new() }.abi_encode().into()
}

/// A proposal of a kind that there is not.
fn unknown_kind(rng: &mut Rng) -> Bytes {
    let mut bytes = proposal(Kind::Upgrade, B256::with_last_byte(1), 32).to_vec();
    bytes[35] = u8::try_from(rng.between(7, 255)).unwrap();
    bytes.into()
}

/// The number that `propose` has to return: that of the same, if it is open, else the next.
fn expected_id(model: &Model, block: u64, call: &Call) -> Option<u64> {
    let Call::Propose { motion, .. } = call else { return None };
    let same = model.open.iter().find(|(_, open)| open.motion == *motion && block <= open.expires_at);
    Some(same.map_or(model.last_proposal + 1, |(id, _)| *id))
}

/// The same end on both sides: refused by the same name, or done with the same proposals closed.
pub(crate) fn outcome(theirs: &Ended, ours: &Result<Vec<(u64, Status)>, Refused>) -> Result<(), String> {
    match (theirs, ours) {
        (Ended::Reverted(output), Err(refused)) => {
            view::same("refusal", &refusal(output), &Some(*refused)).map_err(|why| format!("{why}; {output}"))
        }
        (Ended::Done { events, .. }, Ok(closed)) => {
            let told = events.iter().filter_map(|event| match event {
                GovernanceEvents::ProposalClosed(closed) => Some((closed.id, closed.status as u8)),
                _ => None,
            });
            let closed = closed.iter().map(|(id, status)| (*id, view::status(*status) as u8));
            view::same("proposals closed", &told.collect::<BTreeSet<_>>(), &closed.collect())
        }
        (Ended::Done { .. }, Err(refused)) => Err(format!("done, and the model refuses: {refused:?}")),
        (Ended::Reverted(output), Ok(_)) => {
            Err(format!("refused as {:?} ({output}), and the model does it", refusal(output)))
        }
    }
}
