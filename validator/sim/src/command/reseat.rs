//! Seats lost for good, so many times.

use qbft_sim::{
    cores::on_every_core,
    reseat::{Ending, run as run_seed},
};

/// Runs so many seeds; `true` if every network whose admins signed went on and nothing was broken.
pub(crate) fn run(seeds: u64) -> bool {
    let results = on_every_core(|seed| seed < seeds, |seed| Some(run_seed(seed)));
    let (mut went_on, mut not_signed, mut broken, mut stuck, mut worst) = (0, 0, 0, 0, 0);
    for (seed, ending) in results {
        match ending {
            Ending::WentOn(ms) => (went_on, worst) = (went_on + 1, worst.max(ms)),
            Ending::NotSigned => not_signed += 1,
            Ending::Broken(violation) => {
                broken += 1;
                println!("seed {seed}: {violation:?}");
            }
            Ending::Stuck => {
                stuck += 1;
                println!("seed {seed}: did not go on");
            }
        }
    }
    println!("reseats={went_on} worst-ms={worst} not-signed={not_signed} broken={broken} stuck={stuck}");
    broken == 0 && stuck == 0 && went_on > 0
}
