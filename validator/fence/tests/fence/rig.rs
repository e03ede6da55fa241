//! A fence, a store of one record, and the clock that the test sets.

use alloy_primitives::{B256, Bytes};
use fence::{
    Block, Config, Evidence, Fence, Holder, HolderId, Input, Journaled, Lease, Name, Output, Place,
    ReadAnswer, Record, SwapAnswer, Ticket, Version, Vote,
};

pub(crate) const LEASE: Lease =
    Lease { lease_ms: 6_000, restart_ms: 3_000, renew_ms: 1_500, poll_ms: 250, retry_ms: 100 };

/// The store, always right and never late.
#[derive(Clone, Default)]
pub(crate) struct Store {
    pub(crate) record: Option<Record>,
    pub(crate) version: u64,
}

impl Store {
    pub(crate) fn read(&self) -> ReadAnswer {
        match &self.record {
            Some(record) => ReadAnswer::Found { version: version(self.version), bytes: record.encode() },
            None => ReadAnswer::Missing,
        }
    }

    pub(crate) fn swap(&mut self, expected: Option<&Version>, record: &Record) -> SwapAnswer {
        let current = self.record.as_ref().map(|_| version(self.version));
        if current.as_ref() != expected {
            return SwapAnswer::Lost;
        }
        self.version += 1;
        self.record = Some(record.clone());
        SwapAnswer::Won { version: version(self.version) }
    }

    pub(crate) fn place(&self) -> Place {
        self.record.as_ref().unwrap().place
    }
}

pub(crate) fn version(number: u64) -> Version {
    Version(number.to_string().into())
}

pub(crate) fn holder(id: u8, name: &str) -> Holder {
    Holder { id: HolderId([id; 16]), name: Name::new(name).unwrap() }
}

pub(crate) fn config(id: u8, name: &str) -> Config {
    Config {
        subject: B256::repeat_byte(7),
        me: holder(id, name),
        is_preferred: false,
        journal: B256::repeat_byte(id),
        journaled: None,
        initialise: false,
        limit: 4_096,
        lease: LEASE,
    }
}

/// One process.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) fence: Fence,
    pub(crate) now: u64,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        Self { fence: Fence::new(config), now: 1_000 }
    }

    /// A process that made the first record.
    pub(crate) fn first(store: &mut Store) -> Self {
        let mut rig = Self::new(Config { initialise: true, ..config(1, "a") });
        let out = rig.give(store, Input::Ready(true));
        assert!(matches!(out[..], [Output::Held { .. }]), "{out:?}");
        rig
    }

    /// One that stands by and has read the record.
    pub(crate) fn standby(store: &mut Store, config: Config) -> Self {
        let mut rig = Self::new(config);
        assert_eq!(rig.give(store, Input::Ready(true)), []);
        rig
    }

    /// A step alone.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Output> {
        self.fence.step(input, self.now)
    }

    /// A step, and all that the store answers to it; what else came out.
    pub(crate) fn give(&mut self, store: &mut Store, input: Input) -> Vec<Output> {
        let outputs = self.step(input);
        self.settle(store, outputs)
    }

    /// Answers requests until there are none.
    pub(crate) fn settle(&mut self, store: &mut Store, outputs: Vec<Output>) -> Vec<Output> {
        let mut rest = Vec::new();
        let mut outputs = outputs;
        while !outputs.is_empty() {
            let mut next = Vec::new();
            for output in outputs {
                match output {
                    Output::Read { ticket } => {
                        next.extend(self.step(Input::Read { ticket, answer: store.read() }));
                    }
                    Output::Swap { ticket, expected, record } => {
                        let answer = store.swap(expected.as_ref(), &record);
                        next.extend(self.step(Input::Swapped { ticket, answer }));
                    }
                    Output::WaitUntil { .. } => {}
                    other => rest.push(other),
                }
            }
            outputs = next;
        }
        rest
    }

    /// Time passes by itself, tick by tick of a poll.
    pub(crate) fn pass(&mut self, store: &mut Store, ms: u64) -> Vec<Output> {
        let end = self.now + ms;
        let mut out = Vec::new();
        while self.now < end {
            self.now += LEASE.poll_ms.min(end - self.now);
            out.extend(self.give(store, Input::Tick));
        }
        out
    }

    pub(crate) fn vote(&self, place: Place, digest: u8) -> Vote {
        let epoch = self.fence.epoch().unwrap_or(0);
        Vote { epoch, place, digest: B256::repeat_byte(digest), evidence: evidence(digest) }
    }

    pub(crate) fn wish(&mut self, place: Place, digest: u8) -> Vec<Output> {
        let vote = self.vote(place, digest);
        self.step(Input::Wish(vote))
    }
}

pub(crate) fn evidence(promise: u8) -> Evidence {
    Evidence { promise: Bytes::copy_from_slice(&[promise]), block: Block::None }
}

pub(crate) fn at(height: u64, round: u32, phase: u8) -> Place {
    Place { height, round, phase }
}

pub(crate) fn journaled(place: Place, digest: u8) -> Journaled {
    Journaled { place, digest: B256::repeat_byte(digest), evidence: evidence(digest) }
}

/// The only swap asked for.
pub(crate) fn only_swap(outputs: &[Output]) -> (Ticket, Option<Version>, Record) {
    match outputs {
        [Output::Swap { ticket, expected, record }] => (*ticket, expected.clone(), (**record).clone()),
        other => panic!("{other:?}"),
    }
}

/// The only read asked for.
pub(crate) fn only_read(outputs: &[Output]) -> Ticket {
    match outputs {
        [Output::Read { ticket }] => *ticket,
        other => panic!("{other:?}"),
    }
}
