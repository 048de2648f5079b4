use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::gate::{Gate, Origin, Place, Refusal, Room, Wait};

const MS: Duration = Duration::from_millis(1);

fn gate(places: usize, queue: usize) -> Arc<Gate> {
    Gate::new(Room { places_max: places, places_min: places, queue_max: queue })
}

fn within(time: Duration) -> Wait {
    Wait { origin: Origin::Client, until: Instant::now() + time }
}

async fn enter(gate: &Arc<Gate>, time: Duration) -> Result<Place, Refusal> {
    gate.enter(0, within(time)).await
}

/// Runs until everything that can has happened at this moment.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_waits_in_a_bounded_queue_and_the_oldest_is_dropped_before_it_runs() {
    let gate = gate(4, 8);
    let ran = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut burst = JoinSet::new();
    for _ in 0..10_000 {
        let (gate, ran) = (Arc::clone(&gate), Arc::clone(&ran));
        burst.spawn(async move {
            let place = enter(&gate, 500 * MS).await;
            if place.is_ok() {
                ran.fetch_add(1, SeqCst);
                sleep(Duration::from_secs(2)).await;
            }
            (place.err(), start.elapsed())
        });
    }
    let mut full = 0;
    let mut late = Vec::new();
    while let Some(ended) = burst.join_next().await {
        match ended.unwrap() {
            (Some(Refusal::Full), took) => {
                assert_eq!(took, Duration::ZERO, "refused at once");
                full += 1;
            }
            (Some(Refusal::Late), took) => late.push(took),
            (None, _) => {}
        }
    }
    assert_eq!((full, late.len(), ran.load(SeqCst)), (10_000 - 12, 8, 4));
    assert!(late.iter().all(|took| *took == 500 * MS), "{late:?}");
    let counts = gate.counts();
    assert_eq!((counts.refused_full, counts.refused_late), (9_988, 8));
    assert_eq!((counts.running, counts.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_order_and_lanes_take_turns() {
    let gate = gate(1, 100);
    let held = enter(&gate, MS).await.unwrap();
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (lane, name) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (2, "b2"), (3, "c1")] {
        let (gate, sender) = (Arc::clone(&gate), sender.clone());
        tokio::spawn(async move {
            let place = gate.enter(lane, within(400 * MS)).await;
            sender.send(name).unwrap();
            drop(place.unwrap());
        });
        settle().await;
    }
    drop(held);
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(order.recv().await.unwrap());
    }
    assert_eq!(names, ["a1", "b1", "c1", "a2", "b2", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_makes_room_and_a_place_on_its_way_is_not_lost() {
    let gate = gate(1, 1);
    let held = enter(&gate, MS).await.unwrap();
    let waits = {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move { enter(&gate, 400 * MS).await.map(drop) })
    };
    settle().await;
    assert_eq!(enter(&gate, 400 * MS).await.err(), Some(Refusal::Full));
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    assert_eq!(gate.counts().waiting, 0);
    // Given a place that it never takes.
    let mut forgotten = Box::pin(enter(&gate, 400 * MS));
    assert!(futures_poll(&mut forgotten).await.is_none());
    drop(held);
    drop(forgotten);
    assert_eq!(gate.counts().running, 0);
    assert!(enter(&gate, MS).await.is_ok());
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_hosts_own_work_is_not_refused_by_a_full_queue() {
    let gate = gate(1, 1);
    let held = enter(&gate, MS).await.unwrap();
    let waiting = {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move { enter(&gate, 400 * MS).await.is_ok() })
    };
    settle().await;
    let until = Instant::now() + Duration::from_secs(3);
    let own = {
        let gate = Arc::clone(&gate);
        tokio::spawn(
            async move { gate.enter(0, Wait { origin: Origin::Own, until }).await.is_ok() },
        )
    };
    sleep(Duration::from_secs(1)).await;
    drop(held);
    assert!(!waiting.await.unwrap(), "its time was up");
    assert!(own.await.unwrap());
}

/// Waits in a task of its own and keeps its place for `keep`; answers whether it got one, and when.
fn waiting(gate: &Arc<Gate>, wait: Wait, keep: Duration) -> JoinHandle<Option<Instant>> {
    let gate = Arc::clone(gate);
    tokio::spawn(async move {
        let _place = gate.enter(0, wait).await.ok()?;
        let since = Instant::now();
        sleep(keep).await;
        Some(since)
    })
}

#[tokio::test(start_paused = true)]
async fn calls_and_the_hosts_own_work_take_turns_with_clients_and_none_of_their_queue() {
    let gate = gate(1, 4);
    let held = enter(&gate, MS).await.unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    let many = |origin| -> Vec<_> {
        (0..20).map(|_| waiting(&gate, Wait { origin, until }, 100 * MS)).collect()
    };
    let (own, calls) = (many(Origin::Own), many(Origin::Call));
    settle().await;
    assert_eq!(gate.counts().waiting, 40);
    let begun = Instant::now();
    let client = waiting(&gate, within(500 * MS), MS);
    settle().await;
    assert_eq!(gate.counts().waiting, 41, "there is room in the clients' queue");
    drop(held);
    let served = client.await.unwrap().expect("its turn comes");
    assert_eq!(served - begun, 200 * MS, "one of each kind goes before");
    for place in own.into_iter().chain(calls) {
        assert!(place.await.unwrap().is_some());
    }
    assert_eq!(gate.counts().refused_late, 0);
}

#[tokio::test(start_paused = true)]
async fn that_others_wait_for_long_does_not_make_clients_impatient() {
    let gate = gate(1, 4);
    let until = Instant::now() + Duration::from_secs(60);
    let own: Vec<_> =
        (0..50).map(|_| waiting(&gate, Wait { origin: Origin::Own, until }, 60 * MS)).collect();
    // All of them wait for more than 20 ms, for three seconds in all. A client may wait all the same.
    for _ in 0..10 {
        sleep(210 * MS).await;
        assert!(waiting(&gate, within(100 * MS), MS).await.unwrap().is_some());
    }
    own.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_wait_for_processors_nor_for_those_who_wait_for_the_host() {
    let gate = Gate::new(Room { places_max: 16, places_min: 2, queue_max: 8 });
    let mut places = Vec::new();
    for _ in 0..8 {
        places.push(enter(&gate, MS).await.unwrap());
    }
    for _ in 0..100 {
        sleep(20 * MS).await;
        gate.slice_waited(60 * MS);
    }
    assert_eq!(enter(&gate, MS).await.err(), Some(Refusal::Late), "it computes too much");
    let call = || Wait { origin: Origin::Call, until: Instant::now() + 100 * MS };
    for _ in 0..8 {
        places.push(gate.enter(0, call()).await.expect("a place that is there"));
    }
    assert_eq!(gate.enter(0, call()).await.err(), Some(Refusal::Late), "every place is taken");
    let waits = waiting(&gate, call(), MS);
    settle().await;
    let asked = Instant::now();
    let aside = places.first().map(Place::set_aside);
    assert_eq!(waits.await.unwrap(), Some(asked), "one of those who have them does not run");
    drop(aside);
    assert_eq!(gate.enter(0, call()).await.err(), Some(Refusal::Late));
}

/// R-01 on a simulated clock: requests that take 50 ms come at five times the rate that four places serve.
#[tokio::test(start_paused = true)]
async fn five_times_the_load_costs_neither_goodput_nor_anybodys_time() {
    const WORK: Duration = Duration::from_millis(50);
    const PLACES: usize = 4;
    let gate = gate(PLACES, 100);
    let start = Instant::now();
    let length = Duration::from_secs(60);
    let between = WORK / u32::try_from(5 * PLACES).unwrap();
    let mut requests = JoinSet::new();
    let mut at = start;
    while at < start + length {
        let gate = Arc::clone(&gate);
        requests.spawn(async move {
            sleep_until(at).await;
            let place = enter(&gate, 500 * MS).await;
            if place.is_ok() {
                sleep(WORK).await;
            }
            (place.is_ok(), at.elapsed())
        });
        at += between;
    }
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    while let Some(ended) = requests.join_next().await {
        let (is_served, took) = ended.unwrap();
        if is_served { served.push(took) } else { refused.push(took) }
    }
    served.sort();
    refused.sort();
    let peak = length.as_secs_f64() / WORK.as_secs_f64() * PLACES as f64;
    let goodput = served.len() as f64 / peak;
    let p99 = served[served.len() * 99 / 100];
    assert!(goodput >= 0.9, "{goodput}");
    assert!(p99 <= 3 * WORK, "{p99:?}");
    let p99 = refused[refused.len() * 99 / 100];
    assert!(p99 < 5 * MS, "who is refused hears it at once, and not after {p99:?}");
    assert_eq!(gate.counts().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_is_served_soon_is_served_whole() {
    let gate = gate(4, 100);
    // 40 at once, of 4 ms each: the last one waits for 36 ms.
    let burst: Vec<_> = (0..40).map(|_| waiting(&gate, within(500 * MS), 4 * MS)).collect();
    for place in burst {
        assert!(place.await.unwrap().is_some());
    }
    assert_eq!((gate.counts().refused_full, gate.counts().refused_late), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_stood_is_a_queue_again_when_nobody_was_refused_for_a_while() {
    let gate = gate(1, 100);
    let keep = 10 * MS;
    let flood: Vec<_> = (0..100)
        .map(|n| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                sleep(n * 2 * MS).await;
                waiting(&gate, within(500 * MS), keep).await.unwrap().is_some()
            })
        })
        .collect();
    sleep(199 * MS).await;
    let mut served = 0;
    for request in flood {
        served += u32::from(request.await.unwrap());
    }
    assert!((20..=30).contains(&served), "{served} in 200 ms, and the queue's end");
    sleep(200 * MS).await;
    // Four wait for 10 to 40 ms: more than who waits in a queue that stands should.
    let burst: Vec<_> = (0..5).map(|_| waiting(&gate, within(500 * MS), keep)).collect();
    for place in burst {
        assert!(place.await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_one_lane_is_refused_and_another_lane_waits_its_turn() {
    let gate = gate(1, 100);
    let crowd = {
        let gate = Arc::clone(&gate);
        tokio::spawn(async move {
            let mut requests = JoinSet::new();
            for _ in 0..200 {
                requests.spawn(waiting(&gate, within(500 * MS), 10 * MS));
                sleep(2 * MS).await;
            }
            requests.join_all().await
        })
    };
    sleep(300 * MS).await;
    assert!(gate.counts().refused_full > 50, "the crowd hears at once that it is too much");
    let place = gate.enter(1, within(500 * MS)).await;
    assert!(place.is_ok(), "one of each lane goes before");
    drop(place);
    crowd.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn guests_that_crowd_the_processors_get_fewer_places_until_they_do_not() {
    let gate = Gate::new(Room { places_max: 64, places_min: 4, queue_max: 8 });
    let mut places = Vec::new();
    for _ in 0..64 {
        places.push(enter(&gate, MS).await.unwrap());
    }
    for _ in 0..100 {
        sleep(20 * MS).await;
        gate.slice_waited(60 * MS);
    }
    assert_eq!(gate.counts().places, 4);
    assert_eq!(enter(&gate, 10 * MS).await.err(), Some(Refusal::Late));
    places.clear();
    // One alone after the other waits for nothing.
    sleep(Duration::from_secs(2)).await;
    for _ in 0..4 {
        places.push(enter(&gate, MS).await.unwrap());
    }
    assert!(enter(&gate, MS).await.is_ok(), "what was learned is out of date");
    assert_eq!(gate.counts().places, 64);
}
