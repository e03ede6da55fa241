//! What `make recovery` measures at length, for few seeds: virtual time, the same on every machine.

use qbft_sim::recovery::{BAR_MS, Case, Loss, Path, measure};

const SEEDS: u64 = 4;

fn comes_back(seats: usize, outage_s: u64) {
    for path in Path::ALL {
        for loss in Loss::ALL {
            let case = Case { seats, path, loss, outage_s };
            for seed in 0..SEEDS {
                let delay_ms = measure(case, seed);
                assert!(delay_ms.is_some_and(|ms| ms <= BAR_MS), "{case:?}, seed {seed}: {delay_ms:?}");
            }
        }
    }
}

#[test]
fn after_ten_seconds_without_a_quorum_four_and_seven_validators_decide_within_the_bar() {
    comes_back(4, 10);
    comes_back(7, 10);
}

#[test]
fn after_ten_minutes_without_a_quorum_four_validators_decide_within_the_bar() {
    comes_back(4, 600);
}

#[test]
fn after_ten_minutes_without_a_quorum_seven_validators_decide_within_the_bar() {
    comes_back(7, 600);
}
