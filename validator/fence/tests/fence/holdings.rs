use crate::rig::{LEASE, Rig, Store, config};
use fence::{Fence, Holdings, Input, Output, Role, Successor};

/// A process that stands by for several identities, each with a store of its own.
struct Spare {
    holdings: Holdings,
    stores: Vec<Store>,
    now: u64,
}

impl Spare {
    /// Of so many, whose holders have all gone silent just now.
    fn of(identities: usize) -> Self {
        let mut stores = vec![Store::default(); identities];
        for store in &mut stores {
            drop(Rig::first(store));
        }
        let fences = (0..identities).map(|_| Fence::new(config(2, "spare"))).collect();
        let mut spare = Self { holdings: Holdings::new(fences), stores, now: 1_000 };
        for of in 0..identities {
            assert_eq!(spare.give(of, Input::Ready(true)), []);
        }
        spare
    }

    /// A step, and all that the stores answer to it; what else came out.
    fn give(&mut self, of: usize, input: Input) -> Vec<(usize, Output)> {
        let outputs = self.holdings.step(of, input, self.now);
        self.settle(outputs)
    }

    fn settle(&mut self, outputs: Vec<(usize, Output)>) -> Vec<(usize, Output)> {
        let (mut rest, mut outputs) = (Vec::new(), outputs);
        while !outputs.is_empty() {
            let mut next = Vec::new();
            for (of, output) in outputs {
                let answer = match output {
                    Output::Read { ticket } => Input::Read { ticket, answer: self.stores[of].read() },
                    Output::Swap { ticket, expected, record } => {
                        let answer = self.stores[of].swap(expected.as_ref(), &record);
                        Input::Swapped { ticket, answer }
                    }
                    Output::WaitUntil { .. } => continue,
                    other => {
                        rest.push((of, other));
                        continue;
                    }
                };
                next.extend(self.holdings.step(of, answer, self.now));
            }
            outputs = next;
        }
        rest
    }

    /// Time passes for all of them.
    fn pass(&mut self, ms: u64) -> Vec<(usize, Output)> {
        let (end, mut out) = (self.now + ms, Vec::new());
        while self.now < end {
            self.now += LEASE.poll_ms.min(end - self.now);
            for of in 0..self.stores.len() {
                out.extend(self.give(of, Input::Tick));
            }
        }
        out
    }

    fn roles(&self) -> Vec<Role> {
        (0..self.stores.len()).map(|of| self.holdings.fence(of).unwrap().role()).collect()
    }
}

fn held(outputs: &[(usize, Output)]) -> Vec<usize> {
    outputs.iter().filter(|(_, output)| matches!(output, Output::Held { .. })).map(|(of, _)| *of).collect()
}

#[test]
fn of_two_that_are_silent_a_spare_takes_one_and_leaves_the_other() {
    let mut spare = Spare::of(2);
    let out = spare.pass(LEASE.lease_ms + 500);
    assert_eq!(held(&out), [0]);
    assert_eq!(spare.holdings.held(), Some(0));
    assert_eq!(spare.pass(60_000), [], "and goes on leaving it");
    assert_eq!(spare.roles(), [Role::Holder, Role::Standby]);
    assert_eq!(spare.stores[1].record.as_ref().unwrap().epoch, 1);
}

#[test]
fn what_a_spare_has_given_up_leaves_it_free_for_another() {
    let mut spare = Spare::of(2);
    spare.pass(LEASE.lease_ms + 500);
    let out = spare.give(0, Input::Release(Successor::Anybody));
    assert_eq!(out[0], (0, Output::Released(Successor::Anybody)));
    assert_eq!(held(&out), [1], "its lease is over long since");
    assert_eq!(spare.holdings.held(), Some(1));
    // It is ready for the first again, and does not take it as long as it holds the second.
    spare.give(0, Input::Ready(true));
    assert_eq!(spare.pass(60_000), []);
    assert_eq!(spare.roles(), [Role::Standby, Role::Holder]);
}

#[test]
fn one_taken_back_by_its_own_node_leaves_the_spare_free() {
    let mut spare = Spare::of(2);
    spare.pass(LEASE.lease_ms + 500);
    let mut own = Rig::new(fence::Config { is_preferred: true, ..config(1, "a") });
    own.now = spare.now;
    own.give(&mut spare.stores[0], Input::Ready(true));
    let out = spare.pass(LEASE.renew_ms * 2);
    assert!(matches!(out[0], (0, Output::Released(Successor::Named(_)))), "{out:?}");
    assert_eq!(held(&out), [1]);
    let back = own.give(&mut spare.stores[0], Input::Look);
    assert!(matches!(back[..], [Output::Held { .. }]), "{back:?}");
}

/// Both leases end at once, and both swaps are under way before either is answered.
fn won_both() -> (Spare, Vec<(usize, Output)>) {
    let mut spare = Spare::of(2);
    spare.now += LEASE.lease_ms;
    let asked: Vec<_> = (0..2).flat_map(|of| spare.holdings.step(of, Input::Tick, spare.now)).collect();
    assert!(asked.iter().all(|(_, output)| matches!(output, Output::Swap { .. })), "{asked:?}");
    let answers: Vec<_> = asked
        .into_iter()
        .map(|(of, output)| {
            let Output::Swap { ticket, expected, record } = output else { unreachable!() };
            (of, Input::Swapped { ticket, answer: spare.stores[of].swap(expected.as_ref(), &record) })
        })
        .collect();
    let now = spare.now;
    let out = answers.into_iter().flat_map(|(of, answer)| spare.holdings.step(of, answer, now)).collect();
    (spare, out)
}

#[test]
fn of_two_won_at_once_one_is_held_and_the_other_given_up_unseen() {
    let (mut spare, out) = won_both();
    assert_eq!(held(&out), [0]);
    assert_eq!(spare.roles(), [Role::Holder, Role::Holder]);
    // What it won too much is not kept, whatever it is told meanwhile.
    let ready = spare.holdings.step(1, Input::Ready(true), spare.now);
    assert_eq!(spare.settle(ready), []);
    assert_eq!(spare.settle(out)[1..], [], "nothing is told of the second");
    assert_eq!(spare.roles(), [Role::Holder, Role::Standby]);
    assert_eq!(spare.stores[1].record.as_ref().unwrap().released, Some(Successor::Anybody));
    assert_eq!(spare.pass(60_000), []);
}

#[test]
fn what_was_won_too_much_is_given_up_even_if_the_other_is_lost_before() {
    let (mut spare, out) = won_both();
    // Somebody takes the first one over.
    let mut other = Rig::standby(&mut spare.stores[0], config(3, "c"));
    other.now = spare.now;
    other.pass(&mut spare.stores[0], LEASE.lease_ms);
    let swap = out.into_iter().filter(|(of, output)| *of == 1 && matches!(output, Output::Swap { .. }));
    let release: Vec<_> = swap.collect();
    spare.now += LEASE.lease_ms;
    let lost = spare.give(0, Input::Tick);
    assert!(matches!(lost[0], (0, Output::Lost(_))), "{lost:?}");
    assert_eq!(spare.holdings.held(), None);
    // Given up first, taken anew then: as a tenure that somebody is told of.
    let after = spare.settle(release);
    assert_eq!(held(&after), [1]);
    assert_eq!(spare.stores[1].record.as_ref().unwrap().epoch, 3);
}

#[test]
fn a_record_that_stops_one_identity_leaves_the_others_alone() {
    let mut spare = Spare::of(2);
    spare.stores[0].record = None;
    let out = spare.pass(LEASE.lease_ms + 500);
    assert!(matches!(out[0], (0, Output::Stopped(fence::Stop::Missing))), "{out:?}");
    assert_eq!(held(&out), [1]);
}
