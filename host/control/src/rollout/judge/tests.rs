use thali_runtime::{Fault, Outcomes};

use super::*;

/// `failures` of `requests` failed, and each took `millis`.
fn counted(failures: u64, requests: u64, millis: u64) -> OutcomeSnapshot {
    let outcomes = Outcomes::default();
    for at in 0..requests {
        let outcome = if at < failures { Err(Fault::Deadline) } else { Ok(()) };
        outcomes.count(Duration::from_millis(millis), &outcome);
    }
    outcomes.snapshot()
}

fn fails(canary: (u64, u64), stable: (u64, u64)) -> bool {
    let verdict = judge(&counted(stable.0, stable.1, 5), &counted(canary.0, canary.1, 5));
    matches!(verdict, Some(Verdict::Fails { .. }))
}

#[test]
fn the_chance_is_that_of_fishers_exact_test() {
    // Summed up from log-gamma in Python.
    let rate = |(failures, requests)| Rate { failures, requests };
    for (canary, stable, p) in [
        ((4, 20), (0, 180), 7.490_150e-5),
        ((10, 50), (9, 450), 1.922_077e-6),
        ((200, 1_000), (0, 10), 0.108_849),
        ((3, 50), (9, 450), 0.108_521),
    ] {
        let seen = chance(rate(canary), rate(stable));
        assert!((seen / p - 1.0).abs() < 1e-4, "{canary:?} {stable:?}: {seen}");
    }
    assert!((ln_factorial(31) - ln_factorial(30) - 31f64.ln()).abs() < 1e-10);
    assert!((ln_factorial(33) - ln_factorial(32) - 33f64.ln()).abs() < 1e-10);
    assert!((ln_factorial(32) - ln_factorial(31) - 32f64.ln()).abs() < 1e-10);
}

#[test]
fn a_canary_that_fails_one_request_in_five_is_worse_as_soon_as_there_are_twenty() {
    assert!(fails((4, 20), (0, 180)));
    assert!(fails((10, 50), (0, 450)));
    assert!(fails((10, 50), (9, 450)), "although the stable one is not perfect");
    assert!(!fails((4, 19), (0, 180)), "too few requests");
    assert!(!fails((4, 20), (0, 9)), "nothing to compare with");
}

#[test]
fn chance_and_trifles_are_no_reason() {
    assert!(!fails((2, 20), (0, 180)), "two failures");
    assert!(!fails((1, 50), (9, 450)), "as good as the stable one");
    assert!(!fails((3, 50), (9, 450)), "6 % of 50 against 2 % may be chance");
    assert!(!fails((400, 10_000), (0, 90_000)), "sure, and only 4 points");
    assert!(!fails((50, 50), (450, 450)), "everything fails");
    assert!(!fails((0, 50), (450, 450)), "it is better");
}

#[test]
fn a_canary_with_nearly_all_requests_is_still_compared() {
    assert!(fails((500, 1_000), (0, 100)));
    assert!(fails((1_000, 1_000), (0, 10)));
    assert!(!fails((200, 1_000), (0, 10)), "ten good ones say too little");
}

#[test]
fn twice_as_slow_counts_only_when_somebody_notices() {
    let slow = |canary: u64, stable: u64, requests| {
        judge(&counted(0, requests, stable), &counted(0, requests, canary)).is_some()
    };
    assert!(slow(200, 60, 20));
    assert!(!slow(20, 5, 1_000), "four times as slow, and 15 ms");
    assert!(!slow(300, 200, 1_000), "half as slow again");
    assert!(!slow(200, 60, 19));
}

#[test]
fn a_slow_tail_counts_when_there_are_enough_requests_to_know_it() {
    let with_tail = |requests: u64| {
        let outcomes = Outcomes::default();
        for at in 0..requests {
            let millis = if at % 20 == 0 { 900 } else { 5 };
            outcomes.count(Duration::from_millis(millis), &Ok::<_, Fault>(()));
        }
        outcomes.snapshot()
    };
    let verdict = judge(&counted(0, 1_000, 5), &with_tail(200));
    assert!(matches!(verdict, Some(Verdict::IsSlow { percentile: 99, .. })), "{verdict:?}");
    assert_eq!(judge(&counted(0, 1_000, 5), &with_tail(100)), None);
}

#[test]
fn a_good_canary_is_not_taken_out_by_chance() {
    // SplitMix64, seeded: 1,200 windows of 10 s with 20 requests a second for the canary, both failing 2 %.
    let mut state = 7u64;
    let mut failures_among = |requests: u64| {
        let drawn = (0..requests).filter(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)).is_multiple_of(50)
        });
        drawn.count() as u64
    };
    let worse = (0..1_200).filter(|_| {
        let (canary, stable) = (failures_among(200), failures_among(1_800));
        is_worse(
            Rate { failures: canary, requests: 200 },
            Rate { failures: stable, requests: 1_800 },
        )
    });
    assert_eq!(worse.count(), 0);
}

#[test]
fn a_verdict_says_what_it_is_about() {
    let verdict = judge(&counted(0, 180, 5), &counted(4, 20, 5)).unwrap();
    assert_eq!(
        verdict.to_string(),
        "4 of 20 requests (20.0 %) failed, of the stable revision 0 of 180 requests (0.0 %)"
    );
}
