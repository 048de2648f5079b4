//! The story of an order: every hop in one trace, here and at a collector.

mod collector;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestHost, an_order, eventually};
use collector::{Collector, Mood, hex, texts};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Places an order by card in [`TRACE`], which its sender has sampled.
fn place(host: &TestHost) {
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = [("traceparent", parent.as_str())];
    let mut order = an_order();
    let card = json!({"number": "4242424242424242", "expiry": "12/30", "cvc": "123"});
    order["payment"] = json!({"method": {"card": card}});
    let answer = host.try_post("/api/v1/orders", &headers, &order).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn text<'a>(span: &'a Value, member: &str) -> &'a str {
    span[member].as_str().unwrap_or_default()
}

/// The spans of the order, once its customer was told and the parent of each is there: a delivery may end before the
/// one that published its event does.
fn whole(host: &TestHost) -> Vec<Value> {
    let is_told = |span: &Value| {
        text(span, "service") == "notifications" && text(span, "name").starts_with("send ")
    };
    let spans = eventually("the customer is told", || {
        let answer = host.admin_get(&format!("/traces/{TRACE}"));
        let spans = answer.body["spans"].as_array()?.clone();
        let has_parent = |span: &&Value| position(&spans, text(span, "parent_id")).is_some();
        let roots = spans.iter().filter(|span| !has_parent(span)).count();
        (spans.iter().any(is_told) && roots == 1).then_some(spans)
    });
    for (at, span) in spans.iter().enumerate().skip(1) {
        assert!(
            position(&spans, text(span, "parent_id")) < Some(at),
            "{span} is behind its parent"
        );
    }
    spans
}

fn position(spans: &[Value], span_id: &str) -> Option<usize> {
    spans.iter().position(|span| text(span, "span_id") == span_id)
}

fn find<'s>(spans: &'s [Value], what: &str, is: impl Fn(&Value) -> bool) -> &'s Value {
    spans.iter().find(|span| is(span)).unwrap_or_else(|| panic!("no {what} in {spans:#?}"))
}

/// Whether `span` is somewhere below `above`.
fn is_below(spans: &[Value], span: &Value, above: &Value) -> bool {
    let mut at = span;
    loop {
        if at["parent_id"] == above["span_id"] {
            return true;
        }
        match spans.iter().find(|other| other["span_id"] == at["parent_id"]) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
}

#[test]
fn the_story_of_an_order_is_one_trace_here_and_at_the_collector() {
    let collector = Collector::start(Mood::Takes);
    let host = TestHost::with_services_and(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ]);
    place(&host);
    let spans = whole(&host);
    let root = &spans[0];
    assert_eq!(
        (text(root, "name"), text(root, "parent_id")),
        ("POST /api/v1/orders", "b7ad6b7169203331")
    );
    assert_eq!(root["attributes"]["http.response.status_code"], 201);
    // The order is confirmed by its request and by the event: who comes second is told so by a constraint.
    let went_well = |span: &Value| {
        text(span, "status") == "unset" || span["attributes"]["error.type"] == "busy"
    };
    assert!(spans.iter().all(went_well), "a good order has no failed span: {spans:#?}");
    let place = find(&spans, "invocation", |span| {
        span["parent_id"] == root["span_id"] && text(span, "service") == "orders"
    });

    for provider in ["restaurants", "payments", "delivery"] {
        let call = find(&spans, "call", |span| {
            text(span, "kind") == "client" && span["attributes"]["server.address"] == provider
        });
        assert!(is_below(&spans, call, place), "{call}");
        let served =
            find(&spans, "provider's invocation", |span| span["parent_id"] == call["span_id"]);
        assert_eq!((text(served, "service"), text(served, "kind")), (provider, "server"));
    }
    let sql = find(&spans, "statement", |span| {
        text(span, "service") == "orders" && span["attributes"]["db.system.name"] == "sqlite"
    });
    assert!(is_below(&spans, sql, place));
    let everything = Value::from(spans.clone()).to_string();
    for private in ["Ada", "+15550100", "1 Main St", "4242424242424242"] {
        assert!(!everything.contains(private), "{private}: {everything}");
    }

    let told = find(&spans, "message", |span| text(span, "name").starts_with("send "));
    let delivery = find(&spans, "delivery", |span| {
        text(span, "kind") == "consumer" && is_below(&spans, told, span)
    });
    let publish = find(&spans, "publish", |span| span["span_id"] == delivery["parent_id"]);
    assert_eq!(text(publish, "kind"), "producer");
    assert!(is_below(&spans, publish, place));
    assert_eq!(delivery["links"], json!([{"trace_id": TRACE, "span_id": publish["span_id"]}]));
    assert_eq!(delivery["attributes"]["thali.delivery.attempt"], 1);

    let received = eventually("all of it is at the collector", || {
        let received = collector.of(TRACE);
        (received.len() >= spans.len()).then_some(received)
    });
    for span in &spans {
        let got = received.iter().find(|got| hex(&got.span.span_id) == text(span, "span_id"));
        let got = got.unwrap_or_else(|| panic!("{span} is not at the collector"));
        let service = span["service"].as_str().unwrap_or("thali-gateway");
        assert_eq!((&*got.service, &*got.span.name), (service, text(span, "name")));
        assert_eq!(hex(&got.span.parent_span_id), text(span, "parent_id"));
        let has = |key: &str, value: &str| got.resource.contains(&(key.into(), value.into()));
        assert!(has("deployment.environment.name", "test") && has("service.namespace", "thali"));
    }
    let got =
        received.iter().find(|got| hex(&got.span.span_id) == text(delivery, "span_id")).unwrap();
    assert_eq!(hex(&got.span.links[0].span_id), text(publish, "span_id"));
    let got = received.iter().find(|got| hex(&got.span.span_id) == text(sql, "span_id")).unwrap();
    assert!(texts(&got.span.attributes).contains(&("db.system.name".into(), "sqlite".into())));

    let drawn = host.thali(&["trace", TRACE]);
    let drawn = String::from_utf8(drawn.stdout).unwrap();
    assert!(drawn.contains("POST /api/v1/orders") && drawn.contains("notifications"), "{drawn}");
    let listed = host.thali(&["traces", "--service", "payments", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"][0]["trace_id"], TRACE);
}

#[test]
fn what_is_left_to_send_is_sent_before_the_host_ends() {
    let collector = Collector::start(Mood::Takes);
    let mut host = TestHost::with_services_and(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_BSP_SCHEDULE_DELAY", "60000"),
    ]);
    place(&host);
    whole(&host);
    assert!(collector.of(TRACE).is_empty(), "the batch is not due");
    assert!(host.terminate());
    assert!(collector.of(TRACE).iter().any(|got| got.service == "notifications"));
}

#[test]
fn a_collector_that_hangs_or_refuses_costs_spans_and_no_request() {
    for mood in [Mood::Hangs, Mood::Refuses] {
        let collector = Collector::start(mood);
        let mut host = TestHost::with_services_and(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ]);
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(host.get("/api/v1/restaurants/1/menu").status, 200);
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        let lost = |reason: &str| {
            let metrics = scrape(&host);
            let line = format!("thali_spans_dropped_total{{reason=\"{reason}\"}} ");
            let at = metrics.find(&line).map(|at| at + line.len());
            let number = at.and_then(|at| metrics[at..].lines().next()?.parse::<u64>().ok());
            number.unwrap_or_else(|| panic!("{line}: {metrics}"))
        };
        eventually("the queue is full", || (lost("queue") > 0).then_some(()));
        eventually("a batch is given up", || (lost("collector") > 0).then_some(()));
        host.logs("the collector did not take spans");
        assert!(host.terminate(), "and the host ends well without it");
    }
}

/// The metrics of a host, as text.
fn scrape(host: &TestHost) -> String {
    let url = format!("http://{}/metrics", host.admin_address());
    ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

#[test]
fn a_variable_that_means_nothing_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::support::up()
        .arg("--data")
        .arg(folder.path())
        .env("OTEL_TRACES_SAMPLER", "sometimes")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("OTEL_TRACES_SAMPLER=\"sometimes\""), "{told}");
}
