//! What a network suffers: drawn from a seed ([`crate::draw`]) or written by hand.

use crate::{fault::Fault, governance::consortium::Course};

/// How messages travel between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Shortest delay, milliseconds.
    pub min_ms: u64,
    /// Longest delay, milliseconds; delays are drawn evenly, so messages overtake each other.
    pub max_ms: u64,
    /// Messages lost, per mille.
    pub loss: u64,
    /// Messages that arrive twice, per mille.
    pub duplicate: u64,
}

impl Link {
    /// Neither lost nor doubled.
    #[must_use]
    pub const fn delay(min_ms: u64, max_ms: u64) -> Self {
        Self { min_ms, max_ms, loss: 0, duplicate: 0 }
    }
}

/// A seat that lies; the letter of the law it breaks stands in [`crate::byzantine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// Proposes two blocks for one turn and votes for whatever it sees.
    Equivocator,
    /// Two nodes vote with one key, each with its own journal.
    Twins,
    /// Hears, and never says anything.
    Silent,
    /// Says everything up to several seconds late.
    Slow,
    /// Repeats any message it has ever heard, of old heights too, to whomever it likes.
    Replayer,
    /// Makes up justifications and prepared certificates.
    Forger,
    /// Prepares, and never gives a seal that seals.
    Withholder,
    /// Speaks of heights far away.
    HeightLiar,
    /// Wants rounds far away.
    RoundRacer,
    /// Equivocates, while its member moves its seat from one of its identities to the next, gives it up and takes it back,
    /// as fast as the rules allow.
    Flapper,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Equivocator,
        Self::Twins,
        Self::Silent,
        Self::Slow,
        Self::Replayer,
        Self::Forger,
        Self::Withholder,
        Self::HeightLiar,
        Self::RoundRacer,
        Self::Flapper,
    ];

    /// Its name in a plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equivocator => "equivocator",
            Self::Twins => "twins",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Replayer => "replayer",
            Self::Forger => "forger",
            Self::Withholder => "withholder",
            Self::HeightLiar => "height-liar",
            Self::RoundRacer => "round-racer",
            Self::Flapper => "flapper",
        }
    }
}

/// One scenario. Times are virtual milliseconds from its start, rates per mille.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Of the draws made while it runs.
    pub seed: u64,
    /// Seats; node `n` holds seat `n`, and a twin of a seat comes after the last seat.
    pub seats: usize,
    /// Height that every live node has to reach.
    pub heights: u64,
    /// From here on links are `timely` and nothing happens by chance any more; listed faults still do.
    pub timely_from: u64,
    /// Every link before that.
    pub link: Link,
    /// Every link from then on.
    pub timely: Link,
    /// COMMITs lost before that, beside what the link loses: blocks are prepared and not decided, and rounds change with
    /// locks.
    pub commit_loss: u64,
    /// Crash at each persist, sign or send before then.
    pub crash: u64,
    /// Longest time down after such a crash.
    pub down_ms: u64,
    /// Longest time until a record is durable; 0 for at once.
    pub disk_ms: u64,
    /// Longest execution of a proposal; 0 for at once.
    pub execution_ms: u64,
    /// Requests for a peer's blocks, and announcements of final ones, that get through before the network is timely:
    /// they would heal what votes alone must not break.
    pub early_sync: u64,
    /// Farthest that clocks stand from true time at the start, either way.
    pub skew_ms: u64,
    /// Block period.
    pub period_ms: u64,
    /// Timeout of round 0.
    pub request_timeout_ms: u64,
    /// Blocks kept behind the lowest node's head; older ones are forgotten. For long runs.
    pub kept_blocks: u64,
    /// Faults at their times.
    pub faults: Vec<Fault>,
    /// Seats that lie, and how.
    pub actors: Vec<(usize, Actor)>,
    /// How the validator set changes; `None`: every seat validates at every height.
    pub course: Option<Course>,
}

impl Scenario {
    /// A network in which nothing goes wrong: 1 s blocks, links of 1 to 30 ms, exact clocks, quick disks.
    #[must_use]
    pub const fn calm(seats: usize, heights: u64) -> Self {
        Self {
            seed: 0,
            seats,
            heights,
            timely_from: 0,
            link: Link::delay(1, 30),
            timely: Link::delay(1, 30),
            commit_loss: 0,
            crash: 0,
            down_ms: 1_000,
            disk_ms: 0,
            execution_ms: 0,
            early_sync: 100,
            skew_ms: 0,
            period_ms: 1_000,
            request_timeout_ms: 1_000,
            kept_blocks: u64::MAX,
            faults: Vec::new(),
            actors: Vec::new(),
            course: None,
        }
    }

    /// The same with one more fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The same with a seat that lies.
    #[must_use]
    pub fn with_actor(mut self, seat: usize, actor: Actor) -> Self {
        self.actors.push((seat, actor));
        self
    }

    /// Nodes: one per seat, and the twins.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.seats + self.twins().count()
    }

    /// The seat a node votes with.
    #[must_use]
    pub fn seat(&self, node: usize) -> usize {
        node.checked_sub(self.seats).map_or(node, |twin| self.twins().nth(twin).unwrap_or(node))
    }

    /// Whether a fault is of this node, by itself or, for a twin, by its number.
    #[must_use]
    pub fn names_node(&self, node: usize) -> bool {
        let has_twins = self.twins().next().is_some();
        self.faults
            .iter()
            .any(|fault| fault.node().is_some_and(|named| named == node || has_twins && named > node))
    }

    /// What the seat of a node does instead of following the protocol.
    #[must_use]
    pub fn actor(&self, node: usize) -> Option<Actor> {
        let seat = self.seat(node);
        self.actors.iter().find(|(liar, _)| *liar == seat).map(|(_, actor)| *actor)
    }

    /// Seats that die for good, or lose a disk and may sit out.
    pub fn weak(&self) -> impl Iterator<Item = usize> {
        let listed = self.faults.iter().filter_map(|fault| match *fault {
            Fault::Crash { node, for_ms, .. } | Fault::CrashAt { node, for_ms, .. } => {
                (for_ms == Fault::FOR_GOOD).then_some(node)
            }
            Fault::LoseDisk { node, .. } => Some(node),
            _ => None,
        });
        listed.map(|node| self.seat(node))
    }

    /// Whether a seat is a flapper's.
    #[must_use]
    pub fn has_flapper(&self) -> bool {
        self.actors.iter().any(|(_, actor)| *actor == Actor::Flapper)
    }

    /// Longest from the start of a round in a timely network to everybody's COMMITs: three messages and the
    /// ROUND-CHANGE before them, each made durable first, one execution, and the clocks' difference.
    #[must_use]
    pub const fn longest_round_ms(&self) -> u64 {
        4 * (self.timely.max_ms + self.disk_ms) + self.execution_ms + 2 * self.skew_ms + 50
    }

    fn twins(&self) -> impl Iterator<Item = usize> {
        self.actors.iter().filter(|(_, actor)| *actor == Actor::Twins).map(|(seat, _)| *seat)
    }
}
