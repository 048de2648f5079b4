//! Who may compute when many want to: busy requests run in slices, one slice per turn, and there are
//! fewer turns than workers.
//!
//! A request that answers within [`FREE`] never comes here. One that computes for longer is *busy*:
//! before each of its slices (an epoch tick at most) it takes a turn, and gives it back after it. So
//! busy guests never hold all workers, and no other task waits behind a row of slices.
//!
//! Among those who wait, the service that has had least goes first: however many busy requests a service
//! has, they share what one service gets (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996).
//! Within a service the request that has computed least does: what needs three milliseconds passes what
//! loops for ever. What that starves ends at its deadline.
//!
//! While a service has a busy request, its other requests need turns from the start: a crowd of loops
//! would else take a free allowance each, all at once.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;

use crate::cpu::Cpu;
use crate::usage::Usage;

/// What a request may compute before it is busy. Requests of ordinary services take 20 to 500 µs.
pub(crate) const FREE: Duration = Duration::from_millis(2);

/// The turns of a host.
pub(crate) struct Turns {
    queue: Mutex<Queue>,
    turns_max: usize,
}

#[derive(Default)]
struct Queue {
    free: usize,
    /// By the id of the crowd: those who wait or are in debt.
    lanes: BTreeMap<u64, Lane>,
    /// Where the service stood that had the last turn. Whoever comes anew begins here: time that it did not
    /// want is not saved up.
    clock: Duration,
    arrivals: u64,
}

/// The busy requests of one service that wait.
#[derive(Default)]
struct Lane {
    /// What the service has had, on the queue's clock.
    used: Duration,
    waiting: BTreeMap<Rank, Waker>,
}

/// Who goes first within a service: the least time computed, then the first to come.
type Rank = (Duration, u64);

/// The requests of one service that are busy now.
pub(crate) struct Crowd {
    id: u64,
    busy: AtomicUsize,
}

/// What a request from outside takes its turns by.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'t> {
    pub(crate) turns: &'t Turns,
    pub(crate) crowd: &'t Crowd,
}

/// Runs an invocation and measures it, for the books of its service as well. A request from outside brings its claim, and takes turns when it is
/// busy; the calls it makes run within its turns.
pub(crate) async fn measured<T>(
    claim: Option<Claim<'_>>,
    usage: &Usage,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let mut booked = Booked { cpu: Cpu::default(), usage };
    let mut place = claim.map(Place::new);
    poll_fn(|cx| {
        let cpu = &mut booked.cpu;
        let mut turn = match &mut place {
            Some(place) => ready!(place.poll_slice(cpu, cx)),
            None => None,
        };
        let before = cpu.whole();
        let polled = cpu.slice(|| work.as_mut().poll(cx));
        if let Some(turn) = &mut turn {
            turn.computed = cpu.whole().saturating_sub(before);
        }
        polled
    })
    .await
}

/// What an invocation has computed, which is booked however it ends.
struct Booked<'u> {
    cpu: Cpu,
    usage: &'u Usage,
}

impl Drop for Booked<'_> {
    fn drop(&mut self) {
        self.usage.computed(self.cpu.own());
    }
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
        let waiting = queue.lanes.values().map(|lane| lane.waiting.len()).sum();
        (self.turns_max - queue.free, waiting)
    }

    /// Whether the slices of a service wait for those of others alone: it has busy requests, and a turn
    /// for each of them.
    pub(crate) fn waits_for_others(&self, crowd: &Crowd) -> bool {
        (1..=self.turns_max).contains(&crowd.busy.load(Ordering::Relaxed))
    }
}

impl Crowd {
    pub(crate) fn new() -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self { id: IDS.fetch_add(1, Ordering::Relaxed), busy: AtomicUsize::new(0) }
    }
}

impl Queue {
    /// Who goes next.
    fn first(&self) -> Option<((Duration, Rank), &Waker)> {
        let firsts = self.lanes.values().filter_map(|lane| {
            let (rank, waker) = lane.waiting.first_key_value()?;
            Some(((lane.used, *rank), waker))
        });
        firsts.min_by_key(|(standing, _)| *standing)
    }

    /// Whoever goes next, when there is a turn for them.
    fn next(&self) -> Option<Waker> {
        let (_, waker) = self.first().filter(|_| self.free > 0)?;
        Some(waker.clone())
    }

    /// The lane of a service that wants a turn.
    fn lane(&mut self, crowd: &Crowd) -> &mut Lane {
        let clock = self.clock;
        let lane = self.lanes.entry(crowd.id).or_default();
        if lane.waiting.is_empty() {
            lane.used = lane.used.max(clock);
        }
        lane
    }

    /// Takes a turn, if there is one and nobody goes before.
    fn take(&mut self, crowd: &Crowd, rank: Rank) -> bool {
        if self.free == 0 {
            return false;
        }
        let used = self.lane(crowd).used;
        if self.first().is_some_and(|(first, _)| first < (used, rank)) {
            return false;
        }
        self.free -= 1;
        self.clock = self.clock.max(used);
        self.lane(crowd).waiting.remove(&rank);
        true
    }

    /// One who waits does not any more.
    fn leave(&mut self, crowd: &Crowd, rank: Rank, turns_max: usize) -> Option<Waker> {
        if let Some(lane) = self.lanes.get_mut(&crowd.id) {
            lane.waiting.remove(&rank);
        }
        self.forget(turns_max);
        self.next()
    }

    /// Takes note of what a service has had.
    fn give_back(&mut self, crowd: &Crowd, computed: Duration, turns_max: usize) -> Option<Waker> {
        self.free += 1;
        if let Some(lane) = self.lanes.get_mut(&crowd.id) {
            lane.used += computed;
        }
        self.forget(turns_max);
        self.next()
    }

    /// Forgets those whose debt is paid. When nobody wants anything there is nobody to be fair to.
    fn forget(&mut self, turns_max: usize) {
        let nobody = self.free == turns_max && self.first().is_none();
        let clock = self.clock;
        self.lanes.retain(|_, lane| !lane.waiting.is_empty() || (!nobody && lane.used > clock));
    }
}

/// The right to run one slice.
struct Turn<'t> {
    turns: &'t Turns,
    crowd: &'t Crowd,
    /// What was computed in it.
    computed: Duration,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Self { turns, crowd, computed } = *self;
        let next = turns.queue.lock().give_back(crowd, computed, turns.turns_max);
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

    /// Ready when the next slice may run: with a turn, or without one when none is needed.
    fn poll_slice(&mut self, cpu: &Cpu, cx: &mut Context<'_>) -> Poll<Option<Turn<'t>>> {
        if self.is_gated(cpu) {
            return self.poll_turn(cpu, cx).map(Some);
        }
        // The crowd that it waited with may be gone. If it stayed first in the queue, everybody would wait
        // behind somebody who wants nothing.
        self.leave_queue();
        Poll::Ready(None)
    }

    fn is_gated(&self, cpu: &Cpu) -> bool {
        cpu.whole() >= FREE || self.claim.crowd.busy.load(Ordering::Relaxed) > 0
    }

    /// Tells the other requests of the service once that this one is busy.
    fn join_crowd(&mut self, cpu: &Cpu) {
        if !self.is_busy && cpu.whole() >= FREE {
            self.is_busy = true;
            self.claim.crowd.busy.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll_turn(&mut self, cpu: &Cpu, cx: &mut Context<'_>) -> Poll<Turn<'t>> {
        self.join_crowd(cpu);
        let Claim { turns, crowd } = self.claim;
        let mut queue = turns.queue.lock();
        let rank = *self.rank.get_or_insert_with(|| {
            queue.arrivals += 1;
            (cpu.whole(), queue.arrivals)
        });
        if !queue.take(crowd, rank) {
            queue.lane(crowd).waiting.insert(rank, cx.waker().clone());
            return Poll::Pending;
        }
        self.rank = None;
        let next = queue.next();
        drop(queue);
        wake(next);
        Poll::Ready(Turn { turns, crowd, computed: Duration::ZERO })
    }

    /// Whoever leaves passes on the turn that it may have been woken for.
    fn leave_queue(&mut self) {
        if let Some(rank) = self.rank.take() {
            let Claim { turns, crowd } = self.claim;
            let next = turns.queue.lock().leave(crowd, rank, turns.turns_max);
            wake(next);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_busy {
            self.claim.crowd.busy.fetch_sub(1, Ordering::Relaxed);
        }
        self.leave_queue();
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
        let (turns, crowd) = (Turns::new(1), Crowd::new());
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
        let (turns, crowd) = (Turns::new(1), Crowd::new());
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
        let (turns, crowd) = (Turns::new(1), Crowd::new());
        let [quick, mut slow] = [(); 2].map(|()| place(&turns, &crowd));
        assert!(!quick.is_gated(&busy(1)));
        assert!(slow.is_gated(&busy(2)));
        let cx = &mut Context::from_waker(noop_waker_ref());
        assert!(slow.poll_turn(&busy(2), cx).is_ready());
        assert!(quick.is_gated(&busy(0)));
        drop(slow);
        assert!(!quick.is_gated(&busy(0)));
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_needs_no_turn_any_more_stands_in_nobodys_way() {
        let (turns, crowd, others) = (Turns::new(1), Crowd::new(), Crowd::new());
        let cx = &mut Context::from_waker(noop_waker_ref());
        let [mut a, mut b] = [(); 2].map(|()| place(&turns, &crowd));
        let mut c = place(&turns, &others);
        let Poll::Ready(turn) = a.poll_slice(&busy(3), cx) else { panic!("a turn is free") };
        assert!(b.poll_slice(&busy(0), cx).is_pending(), "its service has a busy request");
        let woken = std::sync::Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        assert!(c.poll_slice(&busy(3), &mut Context::from_waker(&waker)).is_pending());
        drop(turn);
        drop(a);
        // Woken for its turn, it needs none, and then waits for something else for long.
        assert!(matches!(b.poll_slice(&busy(0), cx), Poll::Ready(None)));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "the turn is passed on");
        assert!(matches!(c.poll_slice(&busy(3), cx), Poll::Ready(Some(_))));
        assert_eq!(turns.taken_and_waiting(), (0, 0));
        drop(b);
    }

    /// All want to compute; whoever is next does for a millisecond. Answers who that was.
    fn round(places: &mut [(Place<'_>, u64)]) -> usize {
        let cx = &mut Context::from_waker(noop_waker_ref());
        let mut had = None;
        for (at, (place, computed_ms)) in places.iter_mut().enumerate() {
            if let Poll::Ready(Some(turn)) = place.poll_slice(&busy(*computed_ms), cx) {
                assert!(had.is_none(), "there is one turn");
                had = Some((at, turn));
            }
        }
        let (at, mut turn) = had.unwrap();
        turn.computed = Duration::from_millis(1);
        places[at].1 += 1;
        at
    }

    #[test]
    fn a_service_with_many_short_requests_leaves_the_long_one_of_another_its_half() {
        let (turns, many, one) = (Turns::new(1), Crowd::new(), Crowd::new());
        let mut places: Vec<_> = (0..20).map(|_| (place(&turns, &many), 2)).collect();
        places.push((place(&turns, &one), 2));
        let mut long_ms = 0;
        for _ in 0..1000 {
            let at = round(&mut places);
            long_ms += u64::from(at == 20);
            // Where a short one ends, the next one begins.
            if at < 20 && places[at].1 == 5 {
                places[at] = (place(&turns, &many), 2);
            }
        }
        assert!((490..=510).contains(&long_ms), "{long_ms} of 1000 ms");
    }

    #[test]
    fn who_comes_after_a_while_has_saved_nothing_up() {
        let (turns, old, new) = (Turns::new(1), Crowd::new(), Crowd::new());
        let mut places: Vec<_> = (0..2).map(|_| (place(&turns, &old), 2)).collect();
        for _ in 0..100 {
            round(&mut places);
        }
        places.push((place(&turns, &new), 2));
        let new_ms = (0..100).filter(|_| round(&mut places) == 2).count();
        assert!((45..=55).contains(&new_ms), "{new_ms} of 100 ms");
        drop(places);
        assert!(turns.queue.lock().lanes.is_empty());
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
        let crowd = std::sync::Arc::new(Crowd::new());
        let running: Vec<_> = (0..40)
            .map(|n| {
                let (turns, crowd) = (turns.clone(), crowd.clone());
                tokio::spawn(async move {
                    let usage = &Usage::default();
                    let claim = Claim { turns: &turns, crowd: &crowd };
                    let work = measured(Some(claim), usage, Slices { left: 20 });
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
        assert_eq!(crowd.busy.load(Ordering::Relaxed), 0);
    }
}
