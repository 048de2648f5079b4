//! What services say, as the admin API shows it and sends it to who follows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use thali_telemetry::logs::{LogGuard, Logs, RingLimits};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::support::{Answer, Follower, TestHost, counter, talker};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A host that keeps what is logged on this thread.
struct Kept {
    host: TestHost,
    logs: Arc<Logs>,
    _guard: LogGuard,
    _default: DefaultGuard,
}

impl Kept {
    async fn begin(token: Option<&str>) -> Self {
        let (logs, layer, guard) = Logs::start(RingLimits::default(), None).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO));
        let default = tracing::subscriber::set_default(subscriber);
        let host = TestHost::with_logs(Arc::clone(&logs), token).await;
        host.deploy(talker()).await;
        Self { host, logs, _guard: guard, _default: default }
    }

    /// Has the service do something with a text.
    async fn tell(&self, function: &str, body: &Value) -> Answer {
        let headers = format!(
            "content-type: application/json\r\nx-request-id: order-17\r\n\
             traceparent: 00-{TRACE}-b7ad6b7169203331-00\r\n"
        );
        let line = format!("POST /api/v1/{function}");
        let answer = self.host.send(&line, &headers, &body.to_string()).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        answer
    }

    async fn say(&self, text: &str) {
        self.tell("say", &json!({ "text": text })).await;
    }

    /// What the admin API lists.
    async fn listed(&self, query: &str) -> Vec<Value> {
        let answer = self.host.admin_get(&format!("/logs{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// The same, once there are so many: what is logged is kept by another thread.
    async fn listed_when(&self, query: &str, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            let listed = self.listed(query).await;
            if listed.len() >= count {
                assert_eq!(listed.len(), count, "{listed:#?}");
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{query}: never {count} records: {:#?}", self.listed("").await);
    }

    /// Waits until so many records were kept since the beginning.
    async fn until_kept(&self, records: u64) {
        self.host.until(|_| self.logs.counts().records >= records).await;
    }
}

fn messages(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_a_service_says_is_found_by_level_request_trace_and_time() {
    let kept = Kept::begin(None).await;
    kept.say("hello").await;
    kept.tell("complain", &json!({"text": "late"})).await;
    kept.tell("note", &json!({"level": 5, "text": "broke"})).await;
    kept.tell("note", &json!({"level": 1, "text": "a step"})).await;
    // Beside each of them is the line of its request, and before them that of the deploy.
    let all = kept.listed_when("?service=talker", 8).await;
    let said: Vec<_> = all.iter().filter(|record| record["target"] == "guest").cloned().collect();
    assert_eq!(messages(&said), ["hello", "late", "broke"]);
    let [hello, late, broke] = &said[..] else { panic!("{said:#?}") };
    assert_eq!((&hello["level"], &hello["fields"]["stream"]), (&json!("info"), &json!("stdout")));
    assert_eq!((&hello["service"], &hello["revision"]), (&json!("talker"), &json!(1)));
    assert_eq!(hello["trace_id"], TRACE);
    assert_eq!((&late["level"], &late["fields"]["stream"]), (&json!("warn"), &json!("stderr")));
    assert_eq!((&broke["level"], &broke["fields"]["critical"]), (&json!("error"), &json!(true)));
    assert_eq!(broke["fields"]["context"], "till");

    let id = hello["request_id"].as_str().unwrap();
    let of_request = kept.listed(&format!("?request_id={id}")).await;
    assert_eq!(of_request.len(), 2, "its own line, and that of the request: {of_request:#?}");
    assert_eq!(messages(&kept.listed("?level=warn&service=talker").await), ["late", "broke"]);
    assert_eq!(messages(&kept.listed("?level=error&service=talker").await), ["broke"]);
    assert_eq!(messages(&kept.listed("?contains=HELL&service=talker").await), ["hello"]);
    assert_eq!(kept.listed(&format!("?trace_id={TRACE}&contains=late")).await.len(), 1);
    assert_eq!(kept.listed(&format!("?trace_id={}", "0".repeat(32))).await.len(), 0);
    assert_eq!(kept.listed("?since=1h&service=talker").await.len(), 8);
    let at = late["at"].as_str().unwrap();
    let later = kept.listed(&format!("?since={at}&service=talker")).await;
    assert_eq!(later[0]["seq"], late["seq"], "that very moment, and what is after it");
    assert_eq!(kept.listed("?since=2999-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(kept.listed("?service=talker&limit=1").await[0]["seq"], all[7]["seq"]);
}

#[tokio::test]
async fn a_client_finds_all_about_its_request_by_the_id_that_it_gave() {
    let kept = Kept::begin(None).await;
    kept.say("hello").await;
    let records = kept.listed_when("?request_id=order-17", 2).await;
    assert_eq!(records[0]["message"], "hello");
    assert_eq!(records[0]["request_id"], records[1]["request_id"]);
}

#[tokio::test]
async fn what_the_host_says_of_a_request_is_found_by_its_trace() {
    let kept = Kept::begin(None).await;
    kept.host.deploy(counter(1)).await;
    let given = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-00\r\n");
    assert_eq!(kept.host.send("GET /api/v1/fail", &given, "").await.status, 500);
    let found = kept.listed_when(&format!("?trace_id={TRACE}&level=error"), 1).await;
    assert!(found[0]["message"].as_str().unwrap().starts_with("trap: "), "{found:#?}");
    assert_eq!((&found[0]["trace_id"], &found[0]["service"]), (&json!(TRACE), &json!("counter")));
}

#[tokio::test]
async fn a_query_that_means_nothing_is_told_what_it_may_be() {
    let kept = Kept::begin(None).await;
    for (query, told) in [
        ("?level=loud", "write error, warn, info, debug or trace"),
        ("?since=yesterday", "write a span such as 10m"),
        ("?trace_id=7", "32 lower-case hexadecimal digits"),
        ("?limit=0", "expected 1 to 5000"),
        ("?after=7", "it is for /logs/stream"),
        ("?levels=warn", "unknown field"),
    ] {
        let answer = kept.host.admin_get(&format!("/logs{query}")).await;
        assert!((400..500).contains(&answer.status), "{query}: {}", answer.text());
        assert!(answer.text().contains(told), "{query}: {}", answer.text());
    }
    let refused = Follower::logs(kept.host.admin, "", "last-event-id: seven\r\n").await;
    assert!((400..500).contains(&refused.status()), "{}", refused.head);
}

#[tokio::test]
async fn no_text_of_a_service_is_another_record_or_another_event() {
    let kept = Kept::begin(None).await;
    let mut follower = Follower::logs(kept.host.admin, "?service=talker&contains=z", "").await;
    kept.say("z one\nz two\u{1b}[31m\r\n").await;
    let forged = "z\n\nevent: log\nid: 1\ndata: {\"message\": \"forged\"}\n\n";
    kept.tell("note", &json!({"level": 2, "text": forged})).await;
    let object = json!({
        "level": "error", "message": "z three", "service": "payments", "revision": 9,
        "request_id": "another", "trace_id": "another", "at": "1970-01-01T00:00:00Z", "seq": 1,
    });
    kept.say(&object.to_string()).await;
    let records = kept.listed_when("?service=talker&contains=z", 4).await;
    assert_eq!(messages(&records), ["z one", "z two\u{1b}[31m", forged, "z three"]);
    for record in &records {
        assert_eq!(follower.expect("log").await.data, *record);
        assert_eq!((&record["service"], &record["revision"]), (&json!("talker"), &json!(1)));
        assert_eq!(record["trace_id"], TRACE);
    }
    let own = &records[3];
    assert_eq!((&own["level"], &own["fields"]["service"]), (&json!("error"), &json!("payments")));
    assert!(own["seq"].as_u64() > records[2]["seq"].as_u64());
    assert_ne!(own["request_id"], "another");
}

#[tokio::test]
async fn long_lines_go_on_as_others_and_too_much_is_told() {
    let kept = Kept::begin(None).await;
    kept.say(&"y".repeat(20 << 10)).await;
    let records = kept.listed_when("?service=talker&contains=yy", 4).await;
    let lengths: Vec<_> = messages(&records).iter().map(|text| text.len()).collect();
    assert_eq!(lengths, [4096; 4]);
    let told = kept.listed_when("?contains=truncated", 1).await;
    assert_eq!(told[0]["message"], "output truncated: 4096 bytes were dropped");
    assert_eq!((&told[0]["service"], &told[0]["level"]), (&json!("talker"), &json!("warn")));
    kept.tell("note", &json!({"level": 2, "text": "w".repeat(10 << 10)})).await;
    let noted = kept.listed_when("?service=talker&contains=ww", 1).await;
    assert_eq!(noted[0]["message"].as_str().unwrap().len(), 4096);
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was() {
    let kept = Kept::begin(None).await;
    let query = "?service=talker&contains=nth";
    for n in 0..5 {
        kept.say(&format!("nth{n}")).await;
    }
    let listed = kept.listed_when(query, 5).await;
    let place = listed[2]["seq"].as_u64().unwrap();
    for (query, headers) in [
        (format!("{query}&after={place}"), String::new()),
        // Where a client has been counts for more than where it wanted to begin.
        (format!("{query}&limit=5"), format!("last-event-id: {place}\r\n")),
    ] {
        let mut follower = Follower::logs(kept.host.admin, &query, &headers).await;
        assert_eq!(follower.expect("log").await.data, listed[3]);
        let last = follower.expect("log").await;
        assert_eq!(last.data, listed[4]);
        assert_eq!(u64::try_from(last.id.unwrap()).ok(), listed[4]["seq"].as_u64());
    }
    let mut follower = Follower::logs(kept.host.admin, &format!("{query}&limit=2"), "").await;
    assert_eq!(follower.expect("log").await.data, listed[3], "the last two, then what comes");
    follower.expect("log").await;
    kept.say("nth5").await;
    assert_eq!(follower.expect("log").await.data["message"], "nth5");
}

#[tokio::test]
async fn the_log_is_for_who_has_the_token() {
    let kept = Kept::begin(Some(TOKEN)).await;
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    for (headers, status) in [("", 401), (bearer.as_str(), 200)] {
        let answer = kept.host.admin_send("GET /admin/v1/logs", headers, b"").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(Follower::logs(kept.host.admin, "", headers).await.status(), status);
    }
}

#[tokio::test]
async fn so_many_may_follow_and_who_leaves_makes_room() {
    let kept = Kept::begin(None).await;
    let mut followers = Vec::new();
    for _ in 0..32 {
        let follower = Follower::logs(kept.host.admin, "", "").await;
        assert_eq!(follower.status(), 200);
        followers.push(follower);
    }
    let refused = kept.host.admin_get("/logs/stream").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "too_many_followers"));
    assert!(refused.header("retry-after").is_some());
    followers.pop();
    for attempt in 0.. {
        if Follower::logs(kept.host.admin, "", "").await.status() == 200 {
            break;
        }
        assert!(attempt < 400, "the place stays taken");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// More than memory holds and than a connection takes from a host whose client does not read.
const FLOOD: u64 = 4000;

#[tokio::test]
async fn who_reads_too_slowly_is_told_how_much_was_lost_and_holds_up_nobody() {
    let kept = Kept::begin(None).await;
    let mut slow = Follower::logs(kept.host.admin, "?contains=flood", "").await;
    let before = kept.logs.counts().records;
    let long = "x".repeat(8000);
    for n in 0..FLOOD {
        tracing::info!("flood {n} {long}");
        if n % 200 == 199 {
            // As much at a time as the queue takes.
            kept.until_kept(before + n + 1).await;
        }
    }
    let (mut seen, mut lost, mut place) = (0, 0, 0);
    loop {
        let event = slow.next().await.unwrap();
        if event.name == "lost" {
            lost += event.data["lines"].as_u64().unwrap();
            continue;
        }
        assert!(event.id.unwrap() > place, "in their order");
        place = event.id.unwrap();
        seen += 1;
        if event.data["message"].as_str().unwrap().starts_with(&format!("flood {} ", FLOOD - 1)) {
            break;
        }
    }
    assert!(lost > 0 && seen < FLOOD, "{seen} seen, {lost} lost");
    assert!(seen + lost >= FLOOD, "{seen} seen, {lost} lost: some are missing and not told of");
    assert_eq!(kept.logs.counts().dropped, 0);
}
