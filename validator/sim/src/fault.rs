//! Faults at their times.

/// Some of the nodes, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nodes(pub u64);

impl Nodes {
    /// Every node.
    pub const ALL: Self = Self(u64::MAX);

    /// One node.
    #[must_use]
    pub const fn one(node: usize) -> Self {
        Self(1 << node)
    }

    /// Whether a node is among them.
    #[must_use]
    pub const fn has(self, node: usize) -> bool {
        self.0 >> node & 1 == 1
    }

    /// All the others.
    #[must_use]
    pub const fn others(self) -> Self {
        Self(!self.0)
    }
}

impl FromIterator<usize> for Nodes {
    fn from_iter<I: IntoIterator<Item = usize>>(nodes: I) -> Self {
        Self(nodes.into_iter().fold(0, |bits, node| bits | 1 << node))
    }
}

/// What a lost disk held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The vote journal: the node sits out until the chain has moved on (ADR 5).
    Journal,
    /// The chain database: the node syncs again, and keeps its votes.
    Chain,
    /// Both.
    Both,
    /// The vote journal, and the node's user accepts the loss: it votes at once.
    JournalAccepted,
}

/// Moments at which a process may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// A record was handed to the disk, and nothing of it is there.
    Persist,
    /// A record is durable, and the core has not heard of it.
    Durable,
    /// Something is to be signed.
    Sign,
    /// A message goes to the next peer, and to none after it.
    Send,
    /// A block is final, and not yet imported.
    Import,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Persist, Self::Durable, Self::Sign, Self::Send, Self::Import];
}

impl Lost {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Journal, Self::Chain, Self::Both, Self::JournalAccepted];
}

/// One fault. Times are virtual milliseconds; a time down of [`Fault::FOR_GOOD`] never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node stops, and starts again with its disk.
    Crash {
        /// Node.
        node: usize,
        /// When.
        at: u64,
        /// Time down.
        for_ms: u64,
    },
    /// A node stops at the n-th (from 0) moment of a kind in its life.
    CrashAt {
        /// Node.
        node: usize,
        /// Kind of moment.
        moment: Moment,
        /// Which one.
        nth: u32,
        /// Time down.
        for_ms: u64,
    },
    /// A node stops, and starts again without (a part of) its disk.
    LoseDisk {
        /// Node.
        node: usize,
        /// When.
        at: u64,
        /// Time down.
        for_ms: u64,
        /// What is gone.
        lost: Lost,
    },
    /// Nothing gets from the ones to the others; the way back is open unless another fault cuts it.
    Cut {
        /// Senders.
        from: Nodes,
        /// Receivers.
        to: Nodes,
        /// Begin.
        at: u64,
        /// End.
        until: u64,
    },
    /// Links with delays of their own.
    Delay {
        /// Senders.
        from: Nodes,
        /// Receivers.
        to: Nodes,
        /// Begin.
        at: u64,
        /// End.
        until: u64,
        /// Shortest.
        min_ms: u64,
        /// Longest.
        max_ms: u64,
    },
    /// Links that lose messages.
    Loss {
        /// Senders.
        from: Nodes,
        /// Receivers.
        to: Nodes,
        /// Begin.
        at: u64,
        /// End.
        until: u64,
        /// Lost, per mille.
        per_mille: u64,
    },
    /// A clock is stepped. The network promises safety without journals only while two clocks differ by less than
    /// [`crate::world::CLOCK_BOUND_MS`].
    Clock {
        /// Node.
        node: usize,
        /// When.
        at: u64,
        /// How far; back if negative.
        by_ms: i64,
    },
    /// A disk takes this long for every record.
    SlowDisk {
        /// Node.
        node: usize,
        /// Begin.
        at: u64,
        /// End.
        until: u64,
        /// For each record.
        ms: u64,
    },
    /// Admins name the seats of the height after the highest head of a living node; each node hears of it when it does.
    Reseat {
        /// Seats from then on.
        seats: Nodes,
        /// When the record is there.
        at: u64,
        /// The last one hears of it so much later.
        spread_ms: u64,
    },
    /// A process stands still (SIGSTOP) and goes on later with all that came in meanwhile.
    Freeze {
        /// Node.
        node: usize,
        /// Begin.
        at: u64,
        /// End.
        until: u64,
    },
}

impl Fault {
    /// A time down that never ends.
    pub const FOR_GOOD: u64 = u64::MAX;

    /// The node it befalls; none for faults of links.
    #[must_use]
    pub const fn node(&self) -> Option<usize> {
        match *self {
            Self::Crash { node, .. }
            | Self::CrashAt { node, .. }
            | Self::LoseDisk { node, .. }
            | Self::Clock { node, .. }
            | Self::SlowDisk { node, .. }
            | Self::Freeze { node, .. } => Some(node),
            Self::Cut { .. } | Self::Delay { .. } | Self::Loss { .. } | Self::Reseat { .. } => None,
        }
    }

    /// When it is over, or has done what it does: its begin where it lasts for ever; 0 where it is no matter of time.
    #[must_use]
    pub const fn end(&self) -> u64 {
        match *self {
            Self::CrashAt { .. } => 0,
            Self::Reseat { at, spread_ms, .. } => at.saturating_add(spread_ms),
            Self::Crash { at, for_ms, .. } | Self::LoseDisk { at, for_ms, .. } => {
                if for_ms == Self::FOR_GOOD { at } else { at.saturating_add(for_ms) }
            }
            Self::Cut { until, .. }
            | Self::Delay { until, .. }
            | Self::Loss { until, .. }
            | Self::SlowDisk { until, .. }
            | Self::Freeze { until, .. }
                if until < u64::MAX =>
            {
                until
            }
            Self::Clock { at, .. }
            | Self::Cut { at, .. }
            | Self::Delay { at, .. }
            | Self::Loss { at, .. }
            | Self::SlowDisk { at, .. }
            | Self::Freeze { at, .. } => at,
        }
    }

    /// Nothing gets from the ones to the others, nor back.
    #[must_use]
    pub const fn split(side: Nodes, at: u64, until: u64) -> [Self; 2] {
        let other = side.others();
        [Self::Cut { from: side, to: other, at, until }, Self::Cut { from: other, to: side, at, until }]
    }
}
