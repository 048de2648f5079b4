//! Who may compute when many want to: busy requests run in slices, one slice per turn, and there are
//! fewer turns than workers.
//!
//! A request that answers within [`FREE`] never comes here. One that computes for longer is *busy*:
//! before each of its slices (an epoch tick at most) it takes a turn, and gives it back after it. So
//! busy guests never hold all workers, and no other task waits behind a row of slices. Among those who
//! wait, the one that has computed least goes first: what needs three milliseconds passes what loops
//! for ever. What that starves ends at its deadline.
//!
//! While a service has a busy request, its other requests need turns from the start: a crowd of loops
//! would else take a free allowance each, all at once.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;

use crate::cpu::Cpu;

/// What a request may compute before it is busy. Requests of ordinary services take 20 to 500 µs.
const FREE: Duration = Duration::from_millis(2);

/// The turns of a host.
pub(crate) struct Turns {
    queue: Mutex<Queue>,
    turns_max: usize,
}

#[derive(Default)]
struct Queue {
    free: usize,
    waiting: BTreeMap<Rank, Waker>,
    arrivals: u64,
}

/// Who goes first: the least time computed, then the first to come.
type Rank = (Duration, u64);

/// The requests of one revision that are busy now.
#[derive(Default)]
pub(crate) struct Crowd(AtomicUsize);

/// What a request from outside takes its turns by.
pub(crate) struct Claim<'t> {
    pub(crate) turns: &'t Turns,
    pub(crate) crowd: &'t Crowd,
}

/// Runs an invocation and measures it. A request from outside brings its claim, and takes turns when it is
/// busy; the calls it makes run within its turns.
pub(crate) async fn measured<T>(claim: Option<Claim<'_>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut cpu = Cpu::default();
    let mut place = claim.map(Place::new);
    poll_fn(|cx| {
        let turn = match &mut place {
            Some(place) if place.is_gated(&cpu) => Some(ready!(place.poll_turn(&cpu, cx))),
            _ => None,
        };
        let polled = cpu.slice(|| work.as_mut().poll(cx));
        drop(turn);
        polled
    })
    .await
}

impl Turns {
    pub(crate) fn new(turns_max: usize) -> Self {
        let turns_max = turns_max.max(1);
        let queue = Queue { free: turns_max, ..Queue::default() };
        Self { queue: Mutex::new(queue), turns_max }
    }

    /// Turns that are taken now, and requests that wait for one.
    pub(crate) fn taken_and_waiting(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (self.turns_max - queue.free, queue.waiting.len())
    }
}

impl Queue {
    /// Whoever goes next, when there is a turn for them.
    fn next(&self) -> Option<Waker> {
        let (_, waker) = self.waiting.first_key_value().filter(|_| self.free > 0)?;
        Some(waker.clone())
    }
}

/// The right to run one slice.
struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = {
            let mut queue = self.0.queue.lock();
            queue.free += 1;
            queue.next()
        };
        wake(next);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// One request among those who take turns.
struct Place<'t> {
    claim: Claim<'t>,
    is_busy: bool,
    rank: Option<Rank>,
}

impl<'t> Place<'t> {
    fn new(claim: Claim<'t>) -> Self {
        Self { claim, is_busy: false, rank: None }
    }

    fn is_gated(&self, cpu: &Cpu) -> bool {
        cpu.whole() >= FREE || self.claim.crowd.0.load(Ordering::Relaxed) > 0
    }

    /// Tells the other requests of the service once that this one is busy.
    fn join_crowd(&mut self, cpu: &Cpu) {
        if !self.is_busy && cpu.whole() >= FREE {
            self.is_busy = true;
            self.claim.crowd.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll_turn(&mut self, cpu: &Cpu, cx: &mut Context<'_>) -> Poll<Turn<'t>> {
        self.join_crowd(cpu);
        let turns = self.claim.turns;
        let mut queue = turns.queue.lock();
        let rank = *self.rank.get_or_insert_with(|| {
            queue.arrivals += 1;
            (cpu.whole(), queue.arrivals)
        });
        let is_next = queue.waiting.first_key_value().is_none_or(|(first, _)| rank <= *first);
        if queue.free == 0 || !is_next {
            queue.waiting.insert(rank, cx.waker().clone());
            return Poll::Pending;
        }
        queue.free -= 1;
        queue.waiting.remove(&rank);
        self.rank = None;
        let next = queue.next();
        drop(queue);
        wake(next);
        Poll::Ready(Turn(turns))
    }
}

/// A request that ends while it waits leaves the queue, and passes on the turn it may have been woken for.
impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_busy {
            self.claim.crowd.0.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(rank) = self.rank {
            let next = {
                let mut queue = self.claim.turns.queue.lock();
                queue.waiting.remove(&rank);
                queue.next()
            };
            wake(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use futures_util::task::noop_waker_ref;

    fn place<'t>(turns: &'t Turns, crowd: &'t Crowd) -> Place<'t> {
        Place::new(Claim { turns, crowd })
    }

    fn busy(ms: u64) -> Cpu {
        Cpu::of(Duration::from_millis(ms))
    }

    #[test]
    fn who_has_computed_least_goes_first() {
        let (turns, crowd) = (Turns::new(1), Crowd::default());
        let cx = &mut Context::from_waker(noop_waker_ref());
        let [mut a, mut b, mut c] = [(); 3].map(|()| place(&turns, &crowd));
        let Poll::Ready(turn) = a.poll_turn(&busy(500), cx) else { panic!("a turn is free") };
        assert!(b.poll_turn(&busy(400), cx).is_pending());
        assert!(c.poll_turn(&busy(3), cx).is_pending());
        assert_eq!(turns.taken_and_waiting(), (1, 2));
        drop(turn);
        assert!(b.poll_turn(&busy(400), cx).is_pending(), "c has computed less");
        let Poll::Ready(turn) = c.poll_turn(&busy(3), cx) else { panic!("c is next") };
        drop(turn);
        assert!(b.poll_turn(&busy(400), cx).is_ready());
        assert_eq!(turns.taken_and_waiting(), (0, 0));
    }

    #[test]
    fn who_leaves_the_queue_passes_its_turn_on() {
        let (turns, crowd) = (Turns::new(1), Crowd::default());
        let cx = &mut Context::from_waker(noop_waker_ref());
        let [mut a, mut b, mut c] = [(); 3].map(|()| place(&turns, &crowd));
        let Poll::Ready(turn) = a.poll_turn(&busy(3), cx) else { panic!("a turn is free") };
        assert!(b.poll_turn(&busy(4), cx).is_pending());
        assert!(c.poll_turn(&busy(5), cx).is_pending());
        drop(turn);
        drop(b);
        assert!(c.poll_turn(&busy(5), cx).is_ready());
        assert_eq!(turns.taken_and_waiting(), (0, 0));
    }

    #[test]
    fn a_request_is_free_until_it_or_another_of_its_service_is_busy() {
        let (turns, crowd) = (Turns::new(1), Crowd::default());
        let [quick, mut slow] = [(); 2].map(|()| place(&turns, &crowd));
        assert!(!quick.is_gated(&busy(1)));
        assert!(slow.is_gated(&busy(2)));
        let cx = &mut Context::from_waker(noop_waker_ref());
        assert!(slow.poll_turn(&busy(2), cx).is_ready());
        assert!(quick.is_gated(&busy(0)));
        drop(slow);
        assert!(!quick.is_gated(&busy(0)));
    }

    /// Takes `left` slices of half a millisecond each.
    struct Slices {
        left: u32,
    }

    impl Future for Slices {
        type Output = ();

        fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let begun = std::time::Instant::now();
            while begun.elapsed() < Duration::from_micros(500) {}
            self.left -= 1;
            if self.left == 0 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_crowd_ends_whole_and_nothing_is_left_behind() {
        let turns = std::sync::Arc::new(Turns::new(2));
        let crowd = std::sync::Arc::new(Crowd::default());
        let running: Vec<_> = (0..40)
            .map(|n| {
                let (turns, crowd) = (turns.clone(), crowd.clone());
                tokio::spawn(async move {
                    let claim = Claim { turns: &turns, crowd: &crowd };
                    let work = measured(Some(claim), Slices { left: 20 });
                    // A quarter leave in the middle, wherever they are.
                    let patience = Duration::from_millis(if n % 4 == 0 { 15 } else { 60_000 });
                    tokio::time::timeout(patience, work).await.is_ok()
                })
            })
            .collect();
        for (n, task) in running.into_iter().enumerate() {
            let ended = task.await.unwrap();
            assert!(ended || n % 4 == 0, "{n} had time");
        }
        assert_eq!(turns.taken_and_waiting(), (0, 0));
        assert_eq!(crowd.0.load(Ordering::Relaxed), 0);
    }
}
