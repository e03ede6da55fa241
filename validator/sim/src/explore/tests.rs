//! The exploration finds what is broken on purpose, and only that.

use super::{
    Setting,
    replica::Broken,
    search::{Found, Search, Violation},
    walk::walk,
};

fn setting() -> Setting {
    Setting { name: "test", seats: 4, byzantine: vec![3], rounds: 2, crashes: 0, forgets_lock: false }
}

fn explore(setting: Setting) -> Found {
    Search::run(setting, 400_000).1
}

#[test]
fn two_liars_among_four_seats_break_the_promises() {
    let found = explore(Setting { byzantine: vec![0, 1], ..setting() });
    let (violation, way) = found.violation.unwrap();
    assert!(matches!(violation, Violation::Fork | Violation::Lock), "{violation:?} by {way:#?}");
    assert!(!way.is_empty());
}

#[test]
fn two_liars_beside_the_proposers_break_them_too() {
    let found = explore(Setting { byzantine: vec![2, 3], ..setting() });
    assert!(found.violation.is_some());
}

#[test]
fn one_liar_among_three_seats_is_one_too_many() {
    let found = explore(Setting { seats: 3, byzantine: vec![0], ..setting() });
    assert!(found.violation.is_some());
}

#[test]
fn a_restart_that_forgets_its_lock_is_found_out() {
    let found = explore(Setting { crashes: 1, forgets_lock: true, ..setting() });
    let (violation, way) = found.violation.unwrap();
    let is_lost =
        matches!(violation, Violation::Fork | Violation::Lock | Violation::Seat(_, Broken::DoubleSign));
    assert!(is_lost, "{violation:?} by {way:#?}");
    assert!(way.iter().any(|step| step.contains("crash")), "{way:#?}");
}

#[test]
fn with_one_liar_every_state_is_found_and_none_is_bad_nor_a_dead_end() {
    let setting = Setting { rounds: 1, crashes: 1, ..setting() };
    let (search, found) = Search::run(setting.clone(), 400_000);
    assert!(found.is_complete, "{found:?}");
    assert!(found.decided > 0);
    for seed in 0..40 {
        let walked = walk(&setting, &search, seed, 60);
        assert!(walked.unknown.is_empty(), "seed {seed}: {:?}", walked.unknown);
        assert_eq!(walked.stuck, 0, "seed {seed}");
    }
}

#[test]
fn a_search_cut_short_does_not_call_itself_complete() {
    let (_, found) = Search::run(setting(), 100);
    assert!(!found.is_complete);
    assert_eq!(found.violation, None);
}
