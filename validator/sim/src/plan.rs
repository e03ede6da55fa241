//! What a seed makes the network suffer.

use crate::rng::Rng;

/// Faults of one scenario. Times are virtual milliseconds from its start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seats.
    pub seats: usize,
    /// Heights every live node has to reach.
    pub heights: u64,
    /// From here on the network is timely and nothing crashes any more.
    pub timely_from: u64,
    /// Longest message delay before that.
    pub delay_ms: u64,
    /// Messages lost before that, per mille.
    pub drop: u64,
    /// Messages delivered twice, per mille.
    pub duplicate: u64,
    /// Crash at each persist, sign or send before that, per mille.
    pub crash: u64,
    /// Longest time down.
    pub down_ms: u64,
    /// Longest time until a record is durable; 0 for at once.
    pub disk_ms: u64,
    /// Longest execution of a proposal.
    pub execution_ms: u64,
    /// Seats, from the last one down, that die for good at `timely_from`: at most f.
    pub dead: usize,
    /// Two nodes vote with the last seat's key, each with its own journal: a Byzantine seat.
    pub has_twins: bool,
    /// The last seat lies (`byzantine`).
    pub has_liar: bool,
    /// Clock of each node ahead of the fastest network clock's origin, milliseconds.
    pub skew_ms: u64,
    /// The network is cut in two from here ...
    pub cut_from: u64,
    /// ... to here,
    pub cut_to: u64,
    /// with the nodes of these bits on one side.
    pub cut_side: u64,
    /// Block period.
    pub period_ms: u64,
    /// Timeout of round 0.
    pub request_timeout_ms: u64,
}

impl Plan {
    /// Draws a plan; a quarter of the seeds are calm.
    pub fn draw(rng: &mut Rng, seats: usize, heights: u64) -> Self {
        let is_calm = rng.chance(250);
        let faulty = chain::quorum::max_faulty(seats);
        let has_twins = faulty > 0 && rng.chance(200);
        let has_liar = faulty > 0 && !has_twins && rng.chance(250);
        let dead = if has_twins || has_liar || rng.chance(700) { 0 } else { faulty };
        let timely_from = if is_calm { 0 } else { rng.between(1_000, 40_000) };
        let cut_from = rng.below(timely_from.max(1));
        let delay_ms = rng.pick(&[5, 30, 150, 400, 1_500]);
        Self {
            seats,
            heights,
            timely_from,
            delay_ms,
            drop: rng.pick(&[0, 5, 50, 200, 400]),
            duplicate: rng.pick(&[0, 20, 100]),
            crash: rng.pick(&[0, 1, 5, 20, 60]),
            down_ms: rng.pick(&[50, 1_000, 8_000]),
            disk_ms: rng.pick(&[0, 0, 3, 200]),
            execution_ms: rng.pick(&[0, 10, 300]),
            dead,
            has_twins,
            has_liar,
            skew_ms: rng.pick(&[0, 50, 400]),
            cut_from,
            cut_to: cut_from + rng.below(15_000),
            cut_side: rng.next(),
            period_ms: 1_000,
            request_timeout_ms: rng.pick(&[500, 1_000, 2_000]),
        }
    }

    /// Nodes: one per seat, and the twin.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.seats + usize::from(self.has_twins)
    }

    /// The seat a node votes with.
    #[must_use]
    pub fn seat(&self, node: usize) -> usize {
        node.min(self.seats - 1)
    }

    /// Whether the node is the liar.
    #[must_use]
    pub fn is_liar(&self, node: usize) -> bool {
        self.has_liar && node == self.seats - 1
    }

    /// Whether two nodes cannot reach each other.
    #[must_use]
    pub fn is_cut(&self, now: u64, a: usize, b: usize) -> bool {
        let sides = (self.cut_side >> a ^ self.cut_side >> b) & 1;
        now < self.timely_from && now >= self.cut_from && now < self.cut_to && sides == 1
    }
}
