//! Disks that come back empty.

use crate::{
    bench::{
        Bench, Block, block, commit, head, prepare_message, proposal, round_change_message, seat, timeout,
    },
    net::Net,
};
use qbft::{Config, Input, TimerKind};

/// Models bsc#2598 and tendermint#44: one validator whose disk is lost has forgotten what it voted for, and votes again.
/// Seat 1 lies and proposes two blocks; seats 1, 2 and 3 have decided the first one when the disk of seat 3 is lost.
#[test]
fn one_validator_with_a_clean_disk_does_not_vote_twice() {
    let (first, second) = (block(1, 0), Block { content: 1, ..block(1, 0) });
    let [(mut two, _), (mut four, _)] = [2, 4].map(Bench::start);
    two.tell(proposal(1, 0, &first));
    for from in [1, 3] {
        two.tell(prepare_message(from, &first));
        two.tell(commit(from, &first));
    }
    assert_eq!(two.finalised.len(), 1, "final, with the vote that seat 3 is about to forget");

    let clean = Config { votes_from: u64::MAX, ..Config::new(Some(seat(3))) };
    let (mut three, _) = Bench::restart(clean, vec![]);
    three.tell(proposal(1, 0, &second));
    three.tell(prepare_message(1, &second));
    three.tell(prepare_message(4, &second));
    three.tell(timeout(TimerKind::Round, 0));
    three.tell(round_change_message(1, 1, None));
    three.tell(round_change_message(4, 1, None));
    four.tell(proposal(1, 0, &second));
    for message in &three.sent {
        four.tell(Input::Message(message.clone()));
    }
    four.tell(prepare_message(1, &second));
    four.tell(commit(1, &second));
    assert_eq!(four.finalised, [], "fork");
    assert_eq!((three.journal.len(), three.sent.len()), (0, 0), "it follows, and signs nothing");

    three.tell(Input::NewBlock(head(1)));
    three.tell(Input::VoteFrom { height: 2 });
    three.tell(Input::Timeout(qbft::Timer { kind: TimerKind::Round, height: 2, round: 0 }));
    assert_eq!(three.journal.len(), 1, "from the height after the one it may have voted in it votes again");
}

/// Models besu#8307 (fixed by besu#8308): a network of which too many, or all, come back with empty disks never made a
/// block again. They sit out, so that nothing is signed twice, until they are told that this risk is taken.
#[test]
fn a_network_with_clean_disks_waits_to_be_told_and_then_goes_on() {
    for clean in [&[3, 4][..], &[1, 2, 3, 4]] {
        let mut net = Net::of_four();
        net.run(20_000, |net| net.have(&[1, 2, 3, 4], 3)).expect("three blocks");
        for seat in 1..=4 {
            net.stop(seat);
        }
        for seat in 1..=4 {
            if clean.contains(&seat) {
                net.start_without_disk(seat);
            } else {
                net.start(seat);
            }
        }
        let before: Vec<_> = clean.iter().map(|seat| net.signed(*seat).len()).collect();
        assert_eq!(net.run(60_000, |net| net.have(&[1], 4)), None, "no quorum of validators that may vote");
        let after: Vec<_> = clean.iter().map(|seat| net.signed(*seat).len()).collect();
        assert_eq!(before, after, "nothing signed by who may have signed it before");

        for seat in clean {
            net.tell(*seat, Input::VoteFrom { height: 0 });
        }
        let height = if clean.len() == 4 { 2 } else { 5 };
        net.run(20_000, |net| net.have(&[1, 2, 3, 4], height)).expect("blocks again");
        net.assert_no_fork();
    }
}
