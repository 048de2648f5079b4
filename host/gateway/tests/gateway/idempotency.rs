//! Requests with an `Idempotency-Key`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, keeper};

const PLACE: &str = "POST /api/v1/receipts";

/// Steps of work that take the guest long enough to be met while it works.
const LONG: u32 = 300_000_000;

async fn host() -> TestHost {
    let host = TestHost::new().await;
    host.deploy(keeper()).await;
    host
}

impl TestHost {
    async fn with_key(&self, line: &str, key: &str, body: &Value) -> Answer {
        let headers = format!("content-type: application/json\r\nidempotency-key: {key}\r\n");
        self.send(line, &headers, &body.to_string()).await
    }

    fn invocations(&self) -> u64 {
        self.invocations_of("keeper")
    }
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

fn receipt(n: u32) -> Value {
    json!({ "n": n, "work": 0 })
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_runs_once() {
    let host = host().await;
    let first = host.with_key(PLACE, "k-1", &receipt(7)).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert!(!is_replayed(&first));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 36);
    for key in ["k-1", "\"k-1\""] {
        let again = host.with_key(PLACE, key, &receipt(7)).await;
        assert_eq!((again.status, again.text()), (201, first.text()));
        assert!(is_replayed(&again));
        for header in ["location", "content-type", "x-thali-revision"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
        assert_eq!(again.header("location"), Some("/api/v1/receipts/7"));
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(host.invocations(), 1);
}

#[tokio::test]
async fn a_request_without_a_key_or_on_another_route_runs_every_time() {
    let host = host().await;
    for _ in 0..2 {
        let answer = host.post("/api/v1/receipts", &receipt(1).to_string()).await;
        assert_eq!((answer.status, &answer.json()["id"]), (201, &Value::Null));
        let answer = host.with_key("POST /api/v1/plain", "k", &receipt(1)).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &Value::Null));
        assert!(!is_replayed(&answer));
    }
    assert_eq!(host.invocations(), 4);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_route() {
    let host = host().await;
    let first = host.with_key(PLACE, "k", &receipt(1)).await;
    let other = host.with_key(PLACE, "k", &receipt(2)).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused".into()));
    let answer = host.with_key("PUT /api/v1/receipts/1", "k", &json!({ "work": 0 })).await;
    assert_eq!(answer.status, 200, "another route has keys of its own");
    assert_ne!(answer.json()["id"], first.json()["id"]);
    let other = host.with_key("PUT /api/v1/receipts/2", "k", &json!({ "work": 0 })).await;
    assert_eq!(other.status, 422, "the path is part of the request");
    assert_eq!(host.invocations(), 2);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let host = host().await;
    for key in ["", "a b", "\"a", &"k".repeat(256)] {
        let answer = host.with_key(PLACE, key, &receipt(1)).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_request".into()), "{key}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "Idempotency-Key");
    }
    let twice = "content-type: application/json\r\nidempotency-key: a\r\nidempotency-key: a\r\n";
    assert_eq!(host.send(PLACE, twice, &receipt(1).to_string()).await.status, 400);
    assert_eq!(host.invocations(), 0);
}

#[tokio::test]
async fn of_many_identical_requests_exactly_one_runs() {
    let host = host().await;
    let body = json!({ "n": 5, "work": LONG });
    let answers =
        futures_util::future::join_all((0..64).map(|_| host.with_key(PLACE, "one", &body)));
    let answers = answers.await;
    let mut statuses: BTreeMap<(u16, bool), usize> = BTreeMap::new();
    for answer in &answers {
        *statuses.entry((answer.status, is_replayed(answer))).or_default() += 1;
    }
    assert_eq!(statuses.get(&(201, false)), Some(&1), "{statuses:?}");
    assert!(statuses.keys().all(|(status, _)| matches!(status, 201 | 409)), "{statuses:?}");
    let waiting = answers.iter().find(|answer| answer.status == 409).expect("one that came early");
    assert_eq!(waiting.problem(), "idempotency_in_progress");
    assert_eq!(waiting.header("retry-after"), Some("1"));
    assert_eq!(host.invocations(), 1);
    assert!(is_replayed(&host.with_key(PLACE, "one", &body).await));
}

#[tokio::test]
async fn another_request_with_the_key_of_one_that_runs_is_refused() {
    let host = host().await;
    let body = json!({ "n": 5, "work": LONG });
    let (long, other) = tokio::join!(host.with_key(PLACE, "k", &body), async {
        host.until(|host| host.in_flight("keeper") == 1).await;
        host.with_key(PLACE, "k", &receipt(6)).await
    });
    assert_eq!(long.status, 201);
    assert_eq!((other.status, other.problem()), (422, "idempotency_key_reused".into()));
}

#[tokio::test]
async fn an_error_of_the_service_is_kept_and_one_that_passes_is_not() {
    let host = host().await;
    let closed = host.with_key(PLACE, "closed", &receipt(100)).await;
    assert_eq!((closed.status, closed.problem()), (409, "closed".into()));
    let again = host.with_key(PLACE, "closed", &receipt(100)).await;
    assert_eq!((again.status, again.text()), (409, closed.text()));
    assert!(is_replayed(&again));
    assert_eq!(host.invocations(), 1);
    for (n, status) in [(101, 503), (102, 500)] {
        for _ in 0..2 {
            let answer = host.with_key(PLACE, &format!("n-{n}"), &receipt(n)).await;
            assert_eq!((answer.status, is_replayed(&answer)), (status, false));
        }
    }
    assert_eq!(host.invocations(), 5);
}

#[tokio::test]
async fn a_request_that_is_wrong_uses_up_no_key() {
    let host = host().await;
    let answer = host.with_key(PLACE, "k", &json!({ "n": "x" })).await;
    assert_eq!(answer.status, 400);
    assert_eq!(host.with_key(PLACE, "k", &receipt(1)).await.status, 201);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_sent_and_not_kept() {
    let host = host().await;
    let line = "POST /api/v1/letters";
    for (count, kept) in [(1 << 20, false), ((1 << 20) - 1026, true)] {
        let key = format!("l-{count}");
        let first = host.with_key(line, &key, &json!({ "count": count })).await;
        assert_eq!((first.status, first.body.len()), (200, count + 2));
        let again = host.with_key(line, &key, &json!({ "count": count })).await;
        assert_eq!((again.body.len(), is_replayed(&again)), (count + 2, kept));
    }
}

#[tokio::test]
async fn a_swap_changes_nothing_for_answers_that_are_kept() {
    let host = host().await;
    let first = host.with_key(PLACE, "k", &receipt(1)).await;
    let manifest = include_str!("support/keeper.toml").replace("1.0.0", "1.0.1");
    host.deploy(crate::support::keeper_with(&manifest)).await;
    let again = host.with_key(PLACE, "k", &receipt(1)).await;
    assert_eq!(again.text(), first.text());
    assert_eq!(again.header("x-thali-revision"), Some("keeper/1"));
    let new = host.with_key(PLACE, "other", &receipt(1)).await;
    assert_eq!(new.header("x-thali-revision"), Some("keeper/2"));
}
