//! Seats lost for good: what `make reseat` runs at length, for few seeds.

use qbft_sim::reseat::{Ending, run};

#[test]
fn whenever_nodes_hear_of_the_record_the_network_goes_on_and_nothing_forks() {
    let endings: Vec<Ending> = (0..300).map(run).collect();
    for (seed, ending) in endings.iter().enumerate() {
        assert!(matches!(ending, Ending::WentOn(_) | Ending::NotSigned), "seed {seed}: {ending:?}");
    }
    let went_on = endings.iter().filter(|ending| matches!(ending, Ending::WentOn(_))).count();
    assert!(went_on > 200, "only {went_on} networks of 300 were re-seated");
}

#[test]
fn a_seed_goes_the_same_way_twice() {
    assert_eq!(run(7), run(7));
}
