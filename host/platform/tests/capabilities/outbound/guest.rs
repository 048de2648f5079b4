//! `thali:platform/http` as a component meets it.

use std::sync::Arc;
use std::time::Duration;

use thali_runtime::{Context, Extensions, TraceState};
use wasmtime::component::Val;

use super::support::client_of;
use super::upstream::{Upstream, ok};
use crate::support::Guest;

const API: &str = "use thali:platform/http@1.0.0.{request, response, error};
    send: func(request: request) -> result<response, error>;
    flood: func(request: request, times: u32) -> u32;";

const IMPORTS: &str = r#"(import "thali:platform/http@1.0.0" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

/// `send` hands its request on; `flood` does so many times, and counts the answers.
const CORE: &str = r#"
    (func $forward (export "test:guest/api@1.0.0#send")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9) (local.get 10)
            (i32.const 1024))
        (i32.const 1024))
    (func (export "test:guest/api@1.0.0#flood")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (local $answers i32)
        (loop $again
            (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9)
                (local.get 10) (i32.const 1024))
            (local.set $answers (i32.add (local.get $answers) (i32.eqz (i32.load8_u (i32.const 1024)))))
            ;; What an answer took is free again.
            (global.set $next (i32.const 32768))
            (local.set 11 (i32.sub (local.get 11) (i32.const 1)))
            (br_if $again (local.get 11)))
        (local.get $answers))"#;

fn text(text: &str) -> Val {
    Val::String(text.into())
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&str>) -> Val {
    let header = |(name, value): &(&str, &str)| Val::Tuple(vec![text(name), text(value)]);
    let bytes = |body: &str| Box::new(Val::List(body.bytes().map(Val::U8).collect()));
    Val::Record(vec![
        ("method".into(), text(method)),
        ("url".into(), text(url)),
        ("headers".into(), Val::List(headers.iter().map(header).collect())),
        ("body".into(), Val::Option(body.map(bytes))),
        ("timeout-ms".into(), Val::Option(None)),
    ])
}

/// The case of the error.
fn case(outcome: Val) -> String {
    let Val::Result(Err(Some(error))) = outcome else { panic!("an error, got {outcome:?}") };
    let Val::Variant(case, _) = *error else { panic!("a variant, got {error:?}") };
    case
}

fn guest(origin: &str) -> Guest {
    let mut extensions = Extensions::new();
    extensions.insert(client_of(origin));
    Guest::with("http", API, IMPORTS, CORE, extensions)
}

#[tokio::test]
async fn a_component_sends_a_request_and_reads_the_answer() {
    let answer = "HTTP/1.1 201 Created\r\nX-Id: 7\r\ncontent-length: 4\r\n\r\npaid";
    let upstream = Upstream::answering(answer).await;
    let guest = guest(&upstream.origin());
    let charge = request(
        "POST",
        &format!("{}/v1/charges", upstream.origin()),
        &[("X-Key", "k")],
        Some("{}"),
    );
    let tracestate = TraceState::read(["vendor=1"]).map(Arc::new);
    let context = Context { tracestate, ..Context::root(Duration::from_secs(10)) };
    let answer = guest.call_in(context, "send", &[charge]).await.unwrap().unwrap();
    let Val::Result(Ok(Some(answer))) = answer else { panic!("an answer, got {answer:?}") };
    let Val::Record(answer) = *answer else { panic!("a record") };
    assert_eq!(answer[0].1, Val::U16(201));
    let header = |name: &str, value: &str| Val::Tuple(vec![text(name), text(value)]);
    assert_eq!(answer[1].1, Val::List(vec![header("x-id", "7"), header("content-length", "4")]));
    assert_eq!(answer[2].1, Val::List(b"paid".iter().copied().map(Val::U8).collect()));
    let arrived = upstream.requests();
    assert!(arrived[0].starts_with("POST /v1/charges HTTP/1.1\r\n"), "{arrived:?}");
    for line in [
        "x-key: k",
        "content-length: 2",
        "user-agent: thali/",
        "traceparent: 00-",
        "tracestate: vendor=1\r\n",
        "thali-depth: 4",
    ] {
        assert!(arrived[0].contains(line), "{line}: {arrived:?}");
    }
    assert!(arrived[0].ends_with("\r\n\r\n{}"), "{arrived:?}");
}

#[tokio::test]
async fn a_component_is_told_what_is_wrong_with_its_request() {
    let upstream = Upstream::answering(ok("")).await;
    let origin = upstream.origin();
    let guest = guest(&origin);
    for (request, expected) in [
        (request("GET", "http://169.254.169.254/latest/meta-data", &[], None), "denied"),
        (request("GET", "file:///etc/passwd", &[], None), "invalid"),
        (request("GET", "no url", &[], None), "invalid"),
        (request("G T", &origin, &[], None), "invalid"),
        (request("CONNECT", &origin, &[], None), "invalid"),
        (request("GET", &origin, &[("host", "evil.example")], None), "invalid"),
        (request("GET", &origin, &[("x", "a\r\nhost: evil.example")], None), "invalid"),
        (request("POST", &origin, &[("content-length", "500")], Some("x")), "invalid"),
        (request("POST", &origin, &[("transfer-encoding", "chunked")], Some("x")), "invalid"),
    ] {
        let outcome = guest.call("send", std::slice::from_ref(&request)).await.unwrap().unwrap();
        assert_eq!(case(outcome), expected, "{request:?}");
    }
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn outbound_count_and_concurrency() {
    let upstream = Upstream::answering(ok("x")).await;
    let guest = Arc::new(guest(&upstream.origin()));
    let thousand = [request("GET", &upstream.origin(), &[], None), Val::U32(1000)];
    assert_eq!(guest.call("flood", &thousand).await, Ok(Some(Val::U32(16))));
    assert_eq!(upstream.requests().len(), 16);
    // The next request has its own sixteen.
    let once = [request("GET", &upstream.origin(), &[], None), Val::U32(1)];
    assert_eq!(guest.call("flood", &once).await, Ok(Some(Val::U32(1))));
}

#[tokio::test]
async fn a_component_without_a_grant_reaches_nobody() {
    let upstream = Upstream::answering(ok("secret")).await;
    let guest = Guest::with("http", API, IMPORTS, CORE, Extensions::new());
    let outcome = guest.call("send", &[request("GET", &upstream.origin(), &[], None)]).await;
    assert_eq!(case(outcome.unwrap().unwrap()), "denied");
    assert_eq!(upstream.accepted(), 0);
}
