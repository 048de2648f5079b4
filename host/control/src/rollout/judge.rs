//! Whether a canary is worse than the stable revision: a pure function of what was counted of both.
//!
//! Failures are compared by Fisher's exact test, one-sided (R. A. Fisher, *Statistical Methods for Research
//! Workers*, 1934, section 21.02), because approximations by the normal distribution are wrong by orders
//! of magnitude where few requests fail; latency by percentiles. The numbers are chosen for a rule that is asked
//! twice a second: a canary that is as good as the stable revision must survive many looks.

use std::fmt;
use std::time::Duration;

use thali_runtime::OutcomeSnapshot;

/// Requests of the canary without which nothing is said: one failure among fewer is a rate of 5 %.
const REQUESTS_MIN: u64 = 20;
/// Requests of the stable revision to compare with.
const STABLE_REQUESTS_MIN: u64 = 10;
/// Fewer failures are chance.
const FAILURES_MIN: u64 = 3;
/// A rate that is higher by less is not worth a rollback, however sure it is.
const RATE_DIFFERENCE_MIN: f64 = 0.05;
/// How often one look may take chance for a difference. Fisher's test keeps to it exactly.
const CHANCE_MAX: f64 = 1e-4;
/// The 99th percentile of fewer requests is the slowest one or two of them.
const TAIL_REQUESTS_MIN: u64 = 200;
/// What counts as slower: twice as long, and by more than people do not notice.
const LATENCY_FACTOR: u32 = 2;
const LATENCY_DIFFERENCE_MIN: Duration = Duration::from_millis(50);

/// In what a canary is worse.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// More of its requests fail.
    Fails { canary: Rate, stable: Rate },
    /// Its requests take longer.
    IsSlow { percentile: u64, canary: Duration, stable: Duration },
}

/// Failures among requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    failures: u64,
    requests: u64,
}

/// Compares what was counted of both in the same time.
pub(crate) fn judge(stable: &OutcomeSnapshot, canary: &OutcomeSnapshot) -> Option<Verdict> {
    if canary.requests < REQUESTS_MIN || stable.requests < STABLE_REQUESTS_MIN {
        return None;
    }
    let rates = (Rate::of(canary), Rate::of(stable));
    if is_worse(rates.0, rates.1) {
        return Some(Verdict::Fails { canary: rates.0, stable: rates.1 });
    }
    let is_tail_known = canary.requests.min(stable.requests) >= TAIL_REQUESTS_MIN;
    let tail = is_tail_known.then_some(99);
    [Some(50), tail].into_iter().flatten().find_map(|percentile| {
        let (canary, stable) = (canary.percentile(percentile)?, stable.percentile(percentile)?);
        let is_slow =
            canary >= stable * LATENCY_FACTOR && canary >= stable + LATENCY_DIFFERENCE_MIN;
        is_slow.then_some(Verdict::IsSlow { percentile, canary, stable })
    })
}

fn is_worse(canary: Rate, stable: Rate) -> bool {
    let difference = canary.get() - stable.get();
    canary.failures >= FAILURES_MIN
        && difference >= RATE_DIFFERENCE_MIN
        && chance(canary, stable) <= CHANCE_MAX
}

/// How likely so many of all failures are the canary's, or more, when both fail alike: the tail of the
/// hypergeometric distribution.
fn chance(canary: Rate, stable: Rate) -> f64 {
    let failures = canary.failures + stable.failures;
    let requests = canary.requests + stable.requests;
    let most = failures.min(canary.requests);
    let ways = |failed: u64| {
        ln_choose(failures, failed) + ln_choose(requests - failures, canary.requests - failed)
    };
    let all = ln_choose(requests, canary.requests);
    (canary.failures..=most).map(|failed| (ways(failed) - all).exp()).sum()
}

/// The logarithm of the number of ways to choose `k` of `n`.
fn ln_choose(n: u64, k: u64) -> f64 {
    match n.checked_sub(k) {
        Some(rest) => ln_factorial(n) - ln_factorial(k) - ln_factorial(rest),
        None => f64::NEG_INFINITY,
    }
}

/// Exact for small numbers, then Stirling's series, which is off by less than 1e-11 from there on.
fn ln_factorial(n: u64) -> f64 {
    const SMALL: u64 = 32;
    if n < SMALL {
        return (2..=n).map(|factor| float(factor).ln()).sum();
    }
    let n = float(n);
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    (n + 0.5) * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

impl Rate {
    fn of(counted: &OutcomeSnapshot) -> Self {
        // Somebody counts a failure later than the request it belongs to, perhaps in the next window.
        let failures = counted.failures.min(counted.requests);
        Self { failures, requests: counted.requests }
    }

    fn get(self) -> f64 {
        float(self.failures) / float(self.requests)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few minutes are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.get() * 100.0;
        write!(f, "{} of {} requests ({percent:.1} %)", self.failures, self.requests)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails { canary, stable } => {
                write!(f, "{canary} failed, of the stable revision {stable}")
            }
            Self::IsSlow { percentile, canary, stable } => {
                let (canary, stable) = (canary.as_millis(), stable.as_millis());
                write!(f, "its p{percentile} is {canary} ms, of the stable revision {stable} ms")
            }
        }
    }
}

#[cfg(test)]
mod tests;
