//! Whole clusters under faults, in simulated time. `cargo run -p wherever-simulation --release -- --seeds 2000` runs many more.

use std::thread;

use wherever_simulation::{Bug, Options, Report, run};

/// Seeds of the plain test, each of them some seconds of work without optimisation; more with the environment variable
/// `SIMULATION_SEEDS`.
const SEEDS: u64 = 2;

/// Each planted mistake is found within so many seeds.
const FOUND_WITHIN: u64 = 10;

fn simulate(seed: u64, bug: Option<Bug>) -> Report {
    run(&Options { seed, bug, prints: false })
}

#[test]
fn no_seed_finds_a_violation() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..seeds {
        let report = simulate(seed, None);
        let violations = report.violations.join("\n");
        assert!(violations.is_empty(), "cargo run -p wherever-simulation -- --seed {seed}\n{violations}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    // On threads of their own, as the randomness of hash maps differs between them.
    let hash = || thread::spawn(|| simulate(1, None).hash).join().expect("no panic");
    assert_eq!(hash(), hash());
}

/// The planted mistake is found, as one of the faults that it should cause.
fn is_found(bug: Bug) {
    let found = (0..FOUND_WITHIN).any(|seed| {
        let violations = simulate(seed, Some(bug)).violations;
        violations.first().is_some_and(|first| {
            println!("{bug:?} is found by seed {seed}: {first}");
            true
        })
    });
    assert!(found, "{bug:?} was not found by {FOUND_WITHIN} seeds");
}

#[test]
fn a_hand_over_without_a_seal_is_found() {
    is_found(Bug::NoSeal);
}

#[test]
fn an_unsealing_by_a_timer_is_found() {
    is_found(Bug::TimerUnseal);
}

#[test]
fn a_failover_without_its_wait_is_found() {
    is_found(Bug::NoWait);
}

#[test]
fn records_of_calls_that_stay_behind_are_found() {
    is_found(Bug::DedupStays);
}
