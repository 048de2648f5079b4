//! Who has sent how much, in memory that never grows.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use thali_contract::manifest::edge::RateSpec;
use tokio::time::Instant;

/// Buckets that share a lock, and that a key may be in.
const WAYS: usize = 8;

/// A table of buckets. Each is a *generic cell rate algorithm* (ITU-T I.371), which needs one number: the moment at which the
/// bucket will be full again.
///
/// A key has eight places. When all are taken the one that is fullest goes: nearly always one that is full, which is the
/// same as one that was never there. A flood of keys therefore pushes out other keys that have
/// sent next to nothing, and not those who have used up what they may.
pub(super) struct Buckets {
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    hasher: RandomState,
    began: Instant,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    /// 0: there is none.
    key: u64,
    /// When it is full again, in nanoseconds since the table was made.
    full_at: u64,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// How many more may come now.
    pub(super) remaining: u64,
    /// Until everything may come again that may come at once.
    pub(super) full_after: Duration,
    /// The request may not pass before this time.
    pub(super) retry_after: Option<Duration>,
}

impl Buckets {
    /// A table for at least `keys` keys.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            began: Instant::now(),
        }
    }

    /// Hashes what makes up a key, under a secret: nobody can choose whom to collide with.
    pub(super) fn key(&self, parts: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(parts).max(1)
    }

    /// Takes one request out of the bucket of a key.
    pub(super) fn take(&self, key: u64, rate: &RateSpec) -> Taken {
        let now = nanos(self.began.elapsed());
        let each = (nanos(rate.per) / u64::from(rate.limit.max(1))).max(1);
        let room = each.saturating_mul(u64::from(rate.burst.max(1)));
        // The upper bits choose the set, all of them are compared.
        let at = (key >> 32) as usize & (self.sets.len() - 1);
        let Some(set) = self.sets.get(at) else {
            return Taken { remaining: 0, full_after: Duration::ZERO, retry_after: None };
        };
        let mut set = set.lock();
        let bucket = place(&mut set, key, now);
        let used = bucket.full_at.saturating_sub(now);
        // More than there is room for is there when the limit was lowered by a deploy.
        let after = used.saturating_add(each);
        let passes = after <= room;
        if passes {
            bucket.full_at = now.saturating_add(after);
        }
        let used = if passes { after } else { used };
        Taken {
            remaining: room.saturating_sub(used) / each,
            full_after: Duration::from_nanos(used),
            retry_after: (!passes).then(|| Duration::from_nanos(after - room)),
        }
    }

    /// Keys that have not got everything back yet.
    #[cfg(test)]
    fn in_use(&self) -> usize {
        self.sets.iter().map(|set| set.lock().iter().filter(|bucket| bucket.key != 0).count()).sum()
    }
}

/// The bucket of a key, which may have to be made where another one was.
fn place(set: &mut [Bucket; WAYS], key: u64, now: u64) -> &mut Bucket {
    let known = set.iter().position(|bucket| bucket.key == key);
    let fullest = || {
        let places = set.iter().enumerate();
        places.min_by_key(|(_, bucket)| bucket.full_at).map_or(0, |(at, _)| at)
    };
    let at = known.unwrap_or_else(fullest);
    #[expect(clippy::indexing_slicing, reason = "a position in this very array")]
    let bucket = &mut set[at];
    if known.is_none() {
        *bucket = Bucket { key, full_at: now };
    }
    bucket
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thali_contract::manifest::edge::RateKey;
    use tokio::time::advance;

    fn rate(limit: u32, per_seconds: u64, burst: u32) -> RateSpec {
        RateSpec { limit, per: Duration::from_secs(per_seconds), burst, by: RateKey::Ip }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let buckets = Buckets::new(64);
        let rate = rate(60, 60, 5);
        for remaining in (0..5).rev() {
            let taken = buckets.take(7, &rate);
            assert_eq!((taken.remaining, taken.retry_after), (remaining, None));
        }
        let refused = buckets.take(7, &rate);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!((refused.remaining, refused.full_after), (0, Duration::from_secs(5)));
        advance(Duration::from_millis(999)).await;
        assert!(
            buckets.take(7, &rate).retry_after.is_some(),
            "a refusal costs nothing, but it was early"
        );
        advance(Duration::from_millis(1)).await;
        assert!(buckets.take(7, &rate).retry_after.is_none());
        let mut passed = 0;
        for _ in 0..600 {
            advance(Duration::from_millis(100)).await;
            passed += u32::from(buckets.take(7, &rate).retry_after.is_none());
        }
        assert_eq!(passed, 60, "a minute of the rate");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_have_buckets_of_their_own_and_lowered_limits_hold_at_once() {
        let buckets = Buckets::new(64);
        let wide = rate(100, 1, 100);
        for _ in 0..100 {
            assert!(buckets.take(1, &wide).retry_after.is_none());
        }
        assert!(buckets.take(2, &wide).retry_after.is_none());
        let narrow = rate(10, 1, 1);
        let refused = buckets.take(1, &narrow);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(refused.remaining, 0);
    }

    /// L-04, M-04: a flood of keys takes no memory and frees nobody who has used up what it may.
    #[tokio::test(start_paused = true)]
    async fn a_flood_of_keys_takes_no_memory_and_frees_no_abuser() {
        let buckets = Buckets::new(1024);
        let rate = rate(60, 60, 10);
        let abuser = buckets.key("abuser");
        while buckets.take(abuser, &rate).retry_after.is_none() {}
        for number in 0..100_000 {
            buckets.take(buckets.key(number), &rate);
        }
        assert!(buckets.in_use() <= 1024, "{}", buckets.in_use());
        assert!(buckets.take(abuser, &rate).retry_after.is_some());
    }

    /// M-04: never more than the limit, however many ask at once.
    #[test]
    fn many_at_once_get_exactly_what_there_is() {
        let buckets = Buckets::new(64);
        let rate = rate(1, 86_400, 100);
        let passed = std::thread::scope(|scope| {
            let take = || (0..250).filter(|_| buckets.take(9, &rate).retry_after.is_none()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 100);
    }
}
