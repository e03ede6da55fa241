//! Several members' operators roll their fleets at the same time, each by the plan's own rules, seeing the others only by
//! what is heard. A pure model of time in blocks: a stopped seat is silent at once, and is missed by the others only as its
//! votes age; operators see heads of some blocks ago and act some blocks later.

use super::*;
use crate::liveness::PRESENT_BLOCKS;

/// Blocks by which an operator's view may be old.
const LAG: u64 = 2;
/// Blocks between a decision and the stop.
const DELAY: u64 = 3;
/// A height at which a seat is down for good, or never.
const NEVER: u64 = u64::MAX;
/// Every seat has been heard when the rolling begins.
const BEGIN: u64 = 100;

/// A seat: when it was last heard, until when it is down, whether it has been rolled.
#[derive(Clone, Debug)]
struct Seat {
    member: usize,
    heard: u64,
    down_until: u64,
    rolled: bool,
    stops_at: Option<u64>,
}

struct Model {
    seats: Vec<Seat>,
    members: u64,
    height: u64,
    restart_blocks: u64,
    random: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    rolled: usize,
    most_down_of_one_member: usize,
    broken: bool,
    most_down: usize,
}

impl Model {
    fn new(seats: usize, members: usize, restart_blocks: u64, seed: u64) -> Self {
        let seat = |index| Seat {
            member: index % members,
            heard: BEGIN,
            down_until: 0,
            rolled: false,
            stops_at: None,
        };
        Self {
            seats: (0..seats).map(seat).collect(),
            members: u64::try_from(members).expect("few"),
            height: BEGIN,
            restart_blocks,
            random: seed,
        }
    }

    /// A linear congruential generator: the same seed gives the same run.
    fn below(&mut self, bound: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    fn down(&self) -> usize {
        self.seats.iter().filter(|seat| seat.down_until > self.height).count()
    }

    /// What an operator whose view is `lag` blocks old has heard.
    fn hearing(&self, member: usize, lag: u64) -> Hearing {
        let height = self.height.saturating_sub(lag);
        let total = self.seats.len();
        let number = |index: usize| address(u8::try_from(index + 1).expect("few"));
        let heard = |within: u64| {
            let seats = self.seats.iter().enumerate();
            seats
                .filter(|(_, seat)| seat.heard + within >= height)
                .map(|(index, _)| number(index))
                .collect::<BTreeSet<_>>()
        };
        let own_down = self.seats.iter().enumerate();
        let silent = own_down
            .filter(|(_, seat)| seat.member == member && seat.down_until > self.height)
            .map(|(index, _)| number(index))
            .collect();
        Hearing {
            height,
            seats: (0..total).map(number).collect(),
            live: heard(2 * u64::try_from(total).expect("few")),
            present: heard(PRESENT_BLOCKS),
            young: false,
        }
        .without(&silent)
    }

    fn is_done(&self) -> bool {
        self.seats.iter().all(|seat| seat.rolled && seat.down_until <= self.height)
    }

    fn step(&mut self, take_turns: bool) {
        self.height += 1;
        let halted = self.seats.len() - self.down() < quorum(self.seats.len());
        for seat in &mut self.seats {
            if seat.stops_at.is_some_and(|at| at <= self.height) {
                seat.stops_at = None;
                seat.rolled = true;
                seat.down_until = self.height + self.restart_blocks;
            }
            if seat.down_until <= self.height && !halted {
                seat.heard = self.height;
            }
        }
        for member in 0..usize::try_from(self.members).expect("few") {
            let lag = self.below(LAG + 1);
            let delay = self.below(DELAY + 1);
            self.operate(member, lag, delay, take_turns);
        }
    }

    /// One pass of one member's operator.
    fn operate(&mut self, member: usize, lag: u64, delay: u64, take_turns: bool) {
        let mine = |seat: &&Seat| seat.member == member;
        let busy = |seat: &Seat| seat.stops_at.is_some() || seat.down_until > self.height;
        let other = self.seats.iter().filter(mine).any(busy);
        let Some(index) = self.seats.iter().position(|seat| seat.member == member && !seat.rolled) else {
            return;
        };
        let hearing = self.hearing(member, lag);
        let place = u64::try_from(member).expect("few");
        let turn = if take_turns { Some(Turn { place, members: self.members }) } else { ALONE };
        let restarting = Restarting {
            node: "n",
            identity: Some(address(u8::try_from(index + 1).expect("few"))),
            other: other.then_some(Other::Down("m")),
            hearing: Some(&hearing),
            turn,
            ignore_quorum: false,
        };
        if may_restart(&restarting).is_ok() {
            self.seats[index].stops_at = Some(self.height + delay);
        }
    }

    fn run(mut self, take_turns: bool) -> Outcome {
        let mut outcome = Outcome::default();
        // Each seat in a turn of its own, and as many again for turns that were missed.
        let turns = 2 * u64::try_from(self.seats.len()).expect("few") + 2;
        let blocks = BEGIN + turns * TURN_BLOCKS * self.members;
        while self.height < blocks && !self.is_done() {
            self.step(take_turns);
            let (down, total) = (self.down(), self.seats.len());
            let of_one = |member| {
                self.seats
                    .iter()
                    .filter(|seat| seat.member == member && seat.down_until > self.height)
                    .count()
            };
            let most = (0..usize::try_from(self.members).expect("few")).map(of_one).max().unwrap_or(0);
            outcome.most_down_of_one_member = outcome.most_down_of_one_member.max(most);
            outcome.most_down = outcome.most_down.max(down);
            outcome.broken |= total - down < quorum(total);
        }
        outcome.rolled = self.seats.iter().filter(|seat| seat.rolled).count();
        outcome
    }
}

#[test]
fn members_that_roll_at_the_same_time_never_break_the_quorum_and_all_of_them_finish() {
    for seats in 3..=20 {
        for members in [1, 2, 3, 5, 7].into_iter().filter(|members| *members <= seats) {
            for (restart, seed) in [(2, 1), (15, 2), (45, 3)] {
                let what =
                    format!("{seats} seats of {members} members, restarts of {restart} blocks, seed {seed}");
                let outcome = Model::new(seats, members, restart, seed).run(true);
                assert!(!outcome.broken, "{what}: {outcome:?}");
                assert_eq!(outcome.most_down_of_one_member, 1, "{what}");
                assert_eq!(outcome.rolled, seats, "{what}: somebody never got his turn");
            }
        }
    }
}

#[test]
fn two_members_of_two_seats_pause_the_network_one_after_the_other_and_never_together() {
    for seed in 1..20 {
        let outcome = Model::new(2, 2, 3, seed).run(true);
        assert_eq!((outcome.rolled, outcome.most_down), (2, 1), "seed {seed}: {outcome:?}");
    }
}

#[test]
fn without_turns_the_same_members_break_it() {
    let broken = (1..20).filter(|seed| Model::new(4, 4, 10, *seed).run(false).broken).count();
    assert!(broken > 0, "the model would not see a missing turn");
}

#[test]
fn a_seat_that_is_dead_already_leaves_its_members_and_all_others_waiting_instead_of_halting_the_network() {
    for seed in 1..5 {
        let mut model = Model::new(4, 2, 5, seed);
        model.seats[3].down_until = NEVER;
        model.seats[3].rolled = true;
        model.seats[3].heard = 0;
        let outcome = model.run(true);
        assert!(!outcome.broken && outcome.rolled == 1, "seed {seed}: {outcome:?}");
    }
}
