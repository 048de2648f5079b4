use std::time::Duration;

use thali_runtime::TraceContext;
use uuid::Uuid;

use super::*;

fn event(seq: Seq, key: &str) -> StoredEvent {
    StoredEvent {
        seq,
        id: Uuid::nil(),
        function: "f".into(),
        key: key.into(),
        payload: "{}".into(),
        trace: TraceContext::begin(Uuid::nil()),
        tracestate: None,
        request_id: Uuid::nil(),
        published_at_ms: 0,
        principal: None,
    }
}

/// The places that may start now, in order.
fn startable(lanes: &mut Lanes, now: Instant) -> Vec<Job> {
    std::iter::from_fn(|| lanes.next(now)).collect()
}

fn places(jobs: &[Job]) -> Vec<Seq> {
    jobs.iter().map(|job| job.seq).collect()
}

#[tokio::test(start_paused = true)]
async fn one_event_of_each_key_runs_at_a_time_and_in_order() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    for (seq, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "a")] {
        assert_eq!(lanes.push(event(seq, key), now), Entry::Waits);
    }
    let jobs = startable(&mut lanes, now);
    assert_eq!(places(&jobs), [1, 2, 4]);
    assert!(!lanes.settle(&jobs[0]));
    let jobs = startable(&mut lanes, now);
    assert_eq!(places(&jobs), [3]);
    lanes.settle(&jobs[0]);
    assert_eq!(places(&startable(&mut lanes, now)), [5]);
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_failed_event_is_parked_and_goes_on_in_order_after_it() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    for (seq, key) in [(1, "a"), (2, "a"), (3, "b")] {
        lanes.push(event(seq, key), now);
    }
    let jobs = startable(&mut lanes, now);
    let due = now + Duration::from_secs(1);
    assert_eq!(lanes.fail(&jobs[0], 1, due, now), [2]);
    assert_eq!(lanes.push(event(4, "a"), now), Entry::Parked);
    assert_eq!(lanes.push(event(4, "a"), now), Entry::Known);
    assert_eq!((lanes.waiting(), lanes.parked()), (0, 3));
    assert_eq!(startable(&mut lanes, now), []);
    assert_eq!(lanes.next_due(), Some(due));
    for expected in [1, 2, 4] {
        let jobs = startable(&mut lanes, due);
        assert_eq!(places(&jobs), [expected]);
        assert_eq!(jobs[0].attempts, u32::from(expected == 1));
        assert!(lanes.settle(&jobs[0]));
    }
    assert_eq!(lanes.push(event(5, "a"), now), Entry::Waits);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_not_tried_comes_first_again() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    lanes.push(event(1, "a"), now);
    lanes.push(event(2, "a"), now);
    let job = lanes.next(now).unwrap();
    lanes.put_back(job);
    assert_eq!(lanes.next(now).unwrap().seq, 1);
    assert_eq!(lanes.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_parked_again_goes_before_what_waits() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    lanes.push(event(8, "a"), now);
    lanes.park(3, "a".into(), Parked { attempts: 0, due: now });
    lanes.park(3, "a".into(), Parked { attempts: 0, due: now });
    assert_eq!(lanes.parked(), 1);
    let jobs = startable(&mut lanes, now);
    assert_eq!(places(&jobs), [3]);
    lanes.settle(&jobs[0]);
    assert_eq!(places(&startable(&mut lanes, now)), [8]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_lanes_that_are_empty() {
    let (mut lanes, now) = (Lanes::default(), Instant::now());
    for seq in 1..=100 {
        lanes.push(event(seq, &format!("k{}", seq % 10)), now);
    }
    while let Some(job) = lanes.next(now) {
        if job.attempts == 0 && job.seq % 7 == 0 {
            lanes.fail(&job, 1, now, now);
        } else {
            lanes.settle(&job);
        }
    }
    assert!(lanes.lanes.is_empty() && lanes.due.is_empty() && lanes.ready.is_empty());
    assert_eq!((lanes.waiting(), lanes.parked()), (0, 0));
}
