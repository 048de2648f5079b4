//! What a component learns about the invocation that runs.

use std::sync::Arc;
use std::time::Duration;

use thali_runtime::{Context, Delivery, TraceContext};
use uuid::Uuid;
use wasmtime::component::Val;

use crate::support::{Guest, text};

const API: &str = "use thali:platform/context@1.0.0.{principal, delivery};
    request-id: func() -> string;
    traceparent: func() -> string;
    current-principal: func() -> option<principal>;
    deadline-ms: func() -> u64;
    current-delivery: func() -> option<delivery>;
    idempotency-id: func() -> option<string>;";

/// Passes every function on.
fn guest() -> Guest {
    let context = "thali:platform/context@1.0.0";
    let mut imports =
        format!(r#"(import "{context}" "deadline-ms" (func $deadline-ms (result i64)))"#);
    let mut core = r#"(func (export "test:guest/api@1.0.0#deadline-ms") (result i64)
        (call $deadline-ms))"#
        .to_owned();
    for name in
        ["request-id", "traceparent", "current-principal", "current-delivery", "idempotency-id"]
    {
        imports += &format!(r#"(import "{context}" "{name}" (func ${name} (param i32)))"#);
        core += &format!(
            r#"(func (export "test:guest/api@1.0.0#{name}") (result i32)
                (call ${name} (i32.const 1024)) (i32.const 1024))"#
        );
    }
    Guest::new("context", API, &imports, &core)
}

#[tokio::test]
async fn a_component_learns_the_request_and_how_long_it_has() {
    let guest = guest();
    let request_id = Uuid::now_v7();
    let trace: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let context = Context::new(request_id, trace, Duration::from_secs(60));
    let ask = |function| guest.call_in(context.clone(), function, &[]);

    let answer = ask("request-id").await.unwrap().unwrap();
    assert_eq!(text(&answer), request_id.to_string());
    let answer = ask("traceparent").await.unwrap().unwrap();
    assert_eq!(text(&answer), trace.to_string());
    // The service's own limit is two seconds, whatever the request has.
    let Some(Val::U64(left)) = ask("deadline-ms").await.unwrap() else { panic!("a number") };
    assert!((1..=2000).contains(&left), "{left}");
    for nothing in ["current-principal", "current-delivery", "idempotency-id"] {
        assert_eq!(ask(nothing).await, Ok(Some(Val::Option(None))), "{nothing}");
    }
}

#[tokio::test]
async fn a_handler_learns_the_delivery_and_the_idempotency_of_its_request() {
    let guest = guest();
    let (event, key) = (Uuid::now_v7(), Uuid::now_v7());
    let delivery =
        Delivery { id: event, publisher: "orders".parse().unwrap(), attempt: 2, attempts_max: 10 };
    let mut context = Context::root(Duration::from_secs(10));
    context.delivery = Some(Arc::new(delivery));
    context.idempotency = Some(key);

    let answer = guest.call_in(context.clone(), "current-delivery", &[]).await.unwrap().unwrap();
    let Val::Option(Some(record)) = answer else { panic!("a delivery, got {answer:?}") };
    let Val::Record(fields) = *record else { panic!("a record") };
    let expected = [
        ("id", Val::String(event.to_string())),
        ("publisher", Val::String("orders".into())),
        ("attempt", Val::U32(2)),
        ("attempts-max", Val::U32(10)),
    ];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value)));
    let answer = guest.call_in(context, "idempotency-id", &[]).await.unwrap().unwrap();
    assert_eq!(text(&answer), key.to_string());
}
