use wasmtime::component::Val;

use crate::contract::Contract;
use crate::manifest::Manifest;
use crate::route::{Route, Routes};

const WIT: &str = "
    package thali:orders@1.0.0;
    interface ordering {
        enum status { placed, on-its-way, delivered }
        record order { id: string, status: status, note: string }
        enum error { not-found }
        get: func(id: string) -> result<order, error>;
        numbered: func(id: u32) -> result<order, error>;
        touch: func(id: string) -> result<_, error>;
        after: func(id: string, last-event-id: string) -> order;
    }
    interface events {
        use ordering.{status};
        changed: func(order-id: string, status: option<status>);
        moved: func(order-id: string, km: u32) -> result<_, string>;
    }
    interface calls { snapshot: func(id: string); }
    world w { export ordering; import events; }
";

fn contract() -> Contract {
    crate::testing::contract(WIT)
}

fn build(line: &str) -> Result<Vec<Route>, String> {
    let text = format!("[service]\nname = \"orders\"\nversion = \"1.0.0\"\n[http]\n{line}\n");
    let manifest = Manifest::parse(&text)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    Routes::build(&manifest, &contract())
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn stream(rest: &str) -> Result<Vec<Route>, String> {
    build(&format!("\"GET /orders/{{id}}/track\" = {{ {rest} }}"))
}

#[test]
fn a_stream_knows_its_key_its_events_and_its_end() {
    let routes = stream(
        "stream = \"events\", key = \"id\", snapshot = \"ordering.get\", only = [\"changed\"], \
         ends = { status = [\"delivered\"] }",
    )
    .unwrap();
    let stream = routes[0].stream().unwrap();
    assert_eq!(stream.topic().as_str(), "thali:orders/events@1");
    assert_eq!(stream.key(&[Val::String("o-1".into())]).as_deref(), Some("o-1"));
    assert!(stream.carries("changed") && !stream.carries("moved"));
    assert!(stream.is_last(r#"{"order_id":"1","status":"delivered"}"#));
    for other in [
        r#"{"status":"placed"}"#,
        r#"{"state":"delivered"}"#,
        r#"{"inner":{"status":"delivered"}}"#,
        r#"["status","delivered"]"#,
        "",
    ] {
        assert!(!stream.is_last(other), "{other}");
    }
    let all =
        stream_of("stream = \"thali:orders/events\", key = \"id\", snapshot = \"ordering.get\"");
    assert!(all.stream().unwrap().carries("moved"));
}

fn stream_of(rest: &str) -> Route {
    stream(rest).unwrap().remove(0)
}

#[test]
fn every_stream_that_cannot_work_is_refused_with_its_line() {
    let rest = |changed: &str| {
        let known = [
            ("stream", "\"events\""),
            ("key", "\"id\""),
            ("snapshot", "\"ordering.get\""),
            ("only", "[\"changed\"]"),
        ];
        let key = changed.split(' ').next().unwrap();
        let others = known.iter().filter(|(name, _)| *name != key);
        let mut all: Vec<_> = others.map(|(name, value)| format!("{name} = {value}")).collect();
        all.push(changed.to_owned());
        stream(&all.join(", ")).unwrap_err()
    };
    let all = [
        "stream = \"event\"",
        "stream = 5",
        "key = \"order\"",
        "snapshot = \"ordering.touch\"",
        "snapshot = \"ordering.numbered\"",
        "snapshot = \"ordering.after\"",
        "snapshot = \"ordering.gte\"",
        "only = [\"change\", \"mvd\"]",
        "only = []",
        "ends = { state = [\"delivered\"] }",
        "ends = { status = [\"deliverd\"] }",
        "ends = { status = [] }",
        "ends = [\"delivered\"]",
        "status = 201",
    ]
    .map(rest);
    insta::assert_snapshot!(all.join("\n"));
    let missing = stream("stream = \"events\"").unwrap_err();
    assert_eq!(missing.lines().count(), 2, "{missing}");
    let posted = build(
        "\"POST /orders/{id}\" = { stream = \"events\", key = \"id\", snapshot = \"ordering.get\" }",
    );
    assert!(posted.unwrap_err().contains("a stream is read by GET, not by POST"));
    let moved = stream(
        "stream = \"events\", key = \"id\", snapshot = \"ordering.get\", ends = { km = [\"1\"] }",
    );
    assert!(moved.unwrap_err().contains("km of moved is u32, which is no text"));
}
