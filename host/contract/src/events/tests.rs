use wasmtime::component::Val;

use super::*;
use crate::manifest::Manifest;
use crate::testing::contract;

fn publisher(functions: &str) -> Contract {
    contract(&format!(
        "package thali:orders@1.2.0; interface events {{ {functions} }} world w {{ import events; }}"
    ))
}

fn subscriber(functions: &str) -> Contract {
    contract(&format!(
        "package thali:orders@1.2.0; interface events {{ {functions} }} world w {{ export events; }}"
    ))
}

fn manifest(rest: &str) -> Manifest {
    let text = format!("[service]\nname = \"a\"\nversion = \"1.0.0\"\n{rest}");
    Manifest::parse(&text).unwrap()
}

fn mistakes(rest: &str, contract: &Contract) -> Vec<String> {
    check(&manifest(rest), contract).unwrap_err().iter().map(ToString::to_string).collect()
}

const PLACED: &str = "order-placed: func(order-id: string, total: u32) -> result<_, string>;";

#[test]
fn compatible_versions_share_a_topic() {
    let topic = |name: &str| Topic::of(&name.parse().unwrap()).to_string();
    assert_eq!(topic("a:b/events@1.0.0"), topic("a:b/events@1.9.2"));
    assert_eq!(topic("a:b/events@1.0.0"), "a:b/events@1");
    assert_eq!(topic("a:b/events@0.3.1"), "a:b/events@0.3");
    assert_eq!(topic("a:b/events@0.0.4"), "a:b/events@0.0.4");
    assert_eq!(topic("a:b/events@1.0.0-rc.1"), "a:b/events@1.0.0-rc.1");
    assert_eq!(topic("a:b/events"), "a:b/events");
}

#[test]
fn an_event_survives_its_way_through_the_store() {
    let contract = publisher(PLACED);
    let (_, interface) = contract.publishes().next().unwrap();
    let function = &interface.functions[0];
    let params = [Val::String("o-\"1\"".into()), Val::U32(7)];
    let encoded = encode(function, &params).unwrap();
    assert_eq!(encoded.key, "o-\"1\"");
    assert_eq!(encoded.payload, r#"{"order_id":"o-\"1\"","total":7}"#);
    assert_eq!(decode(function, &encoded.payload).unwrap(), params);
    let wrong = decode(function, r#"{"order_id":"1","total":"x"}"#).unwrap_err();
    assert_eq!(wrong[0].to_string(), "/total: expected u32, got string");
}

#[test]
fn events_are_no_calls_and_have_no_routes() {
    let publisher = publisher(PLACED);
    assert_eq!(publisher.service_imports().count(), 0);
    assert_eq!(publisher.publishes().count(), 1);
    let subscriber = subscriber(PLACED);
    assert_eq!(subscriber.subscribes().count(), 1);
    let routes = crate::route::Routes::build(&manifest(""), &subscriber).unwrap();
    assert!(routes.is_empty());
}

#[test]
fn a_function_that_cannot_be_an_event_is_named() {
    let bad = [
        ("no-key: func();", "its first parameter is the key"),
        ("list-key: func(key: list<string>);", "its first parameter is the key"),
        ("optional-key: func(key: option<string>);", "its first parameter is the key"),
        ("answers: func(key: string) -> u32;", "it must return nothing, or result<_, string>"),
        ("answers-ok: func(key: string) -> result<u32, string>;", "it must return nothing"),
        ("fails-oddly: func(key: string) -> result<_, u32>;", "it must return nothing"),
    ];
    for (function, expected) in bad {
        for contract in [publisher(function), subscriber(function)] {
            let found = mistakes("", &contract);
            assert_eq!(found.len(), 1, "{found:?}");
            let name = function.split(':').next().unwrap();
            assert!(
                found[0].starts_with(&format!("thali:orders/events@1.2.0.{name}: ")),
                "{found:?}"
            );
            assert!(found[0].contains(expected), "{found:?}");
        }
    }
    for good in ["a: func(key: u64);", "b: func(key: char, x: list<u8>) -> result<_, string>;"] {
        check(&manifest(""), &publisher(good)).unwrap();
    }
}

#[test]
fn a_subscription_must_name_what_the_component_exports() {
    let contract = subscriber(PLACED);
    let ok = "[subscriptions.\"thali:orders/events\"]\nonly = [\"order-placed\"]";
    check(&manifest(ok), &contract).unwrap();
    let cases = [
        ("[subscriptions.\"thali:order/events\"]", "did you mean \"thali:orders/events\"?"),
        ("[subscriptions.\"thali:orders/ordering\"]", "its last name must be \"events\""),
        (
            "[subscriptions.\"thali:orders/events@2.0.0\"]",
            "does not export thali:orders/events@2.0.0",
        ),
        (
            "[subscriptions.\"thali:orders/events\"]\nonly = [\"order-place\"]",
            "has no function \"order-place\"; did you mean \"order-placed\"?",
        ),
        ("[events]\nretention = \"1h\"", "[events] is for publishers"),
    ];
    for (manifest, expected) in cases {
        let found = mistakes(manifest, &contract);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("service.toml:4: "), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    let none = mistakes("[subscriptions.\"a:b/events\"]", &publisher(PLACED));
    assert!(none[0].ends_with("it exports no event interface"), "{none:?}");
}
