use super::*;
use crate::contract::Interface;
use crate::testing::contract;

fn interface(version: &str, body: &str) -> Interface {
    contract(&format!(
        "package thali:payments@{version}; interface charging {{ {body} }} world w {{ export charging; }}"
    ))
    .exports
    .remove(0)
}

/// The one mismatch between a provider and a consumer.
fn mismatch(provider: &str, consumer: &str) -> String {
    let mismatches =
        satisfies(&interface("1.0.0", provider), &interface("1.0.0", consumer)).unwrap_err();
    assert_eq!(mismatches.len(), 1, "{mismatches:?}");
    mismatches[0].to_string()
}

#[test]
fn a_provider_serves_consumers_of_its_version_and_of_older_compatible_ones() {
    let serves = |provider: &str, consumer: &str| {
        version_serves(Some(&provider.parse().unwrap()), Some(&consumer.parse().unwrap()))
    };
    for (provider, consumer) in [
        ("1.3.0", "1.1.0"),
        ("1.0.0", "1.0.0"),
        ("0.2.5", "0.2.1"),
        ("0.0.3", "0.0.3"),
        ("1.0.0-rc.2", "1.0.0-rc.1"),
        ("1.0.0", "1.0.0-rc.1"),
    ] {
        assert!(serves(provider, consumer), "{provider} for {consumer}");
    }
    for (provider, consumer) in [
        ("1.1.0", "1.3.0"),
        ("2.0.0", "1.0.0"),
        ("0.3.0", "0.2.1"),
        ("0.0.4", "0.0.3"),
        ("1.1.0-rc.1", "1.0.0"),
    ] {
        assert!(!serves(provider, consumer), "{provider} for {consumer}");
    }
    let one = "1.0.0".parse().unwrap();
    assert!(version_serves(None, None));
    assert!(!version_serves(Some(&one), None) && !version_serves(None, Some(&one)));
}

#[test]
fn a_provider_may_have_more_functions_and_other_type_names() {
    let provider = interface(
        "1.3.0",
        "record sum { amount: s64 } charge: func(amount: sum) -> result<string>; refund: func();",
    );
    let consumer = interface(
        "1.1.0",
        "record money { amount: s64 } charge: func(amount: money) -> result<string>;",
    );
    assert_eq!(satisfies(&provider, &consumer), Ok(()));
    let mismatches = satisfies(&consumer, &provider).unwrap_err();
    assert_eq!(
        mismatches[0].to_string(),
        "consumer expects thali:payments/charging@1.3.0, provider has thali:payments/charging@1.1.0"
    );
}

#[test]
fn the_first_differing_part_is_spelled_out() {
    let provider =
        "record line { item: string, quantity: u64 } assign: func(lines: list<line>) -> u32;";
    let consumer =
        "record line { item: string, quantity: u32 } assign: func(lines: list<line>) -> u32;";
    assert_eq!(
        mismatch(provider, consumer),
        "charging.assign: consumer expects func(lines: list<line>) -> u32, provider has \
         func(lines: list<line>) -> u32 (lines[].quantity: consumer expects u32, provider has u64)"
    );
}

#[test]
fn every_kind_of_difference_says_where_it_is() {
    let cases = [
        ("f: func();", "g: func();"),
        ("f: func(a: u8);", "f: func(b: u8);"),
        ("f: func(a: u8);", "f: func(a: u8, b: u8);"),
        ("f: func();", "f: func() -> u8;"),
        ("f: func() -> u8;", "f: func();"),
        ("f: func() -> option<u8>;", "f: func() -> option<s8>;"),
        ("f: func() -> tuple<u8, u8>;", "f: func() -> tuple<u8, s8>;"),
        ("f: func() -> result<u8, u8>;", "f: func() -> result<u8>;"),
        ("f: func() -> map<string, u8>;", "f: func() -> map<string, s8>;"),
        ("enum e { a, b } f: func() -> e;", "enum e { a, c } f: func() -> e;"),
        ("enum e { a, b } f: func() -> e;", "enum e { b, a } f: func() -> e;"),
        ("enum e { a, b } f: func() -> e;", "enum e { a } f: func() -> e;"),
        ("flags e { a } f: func() -> e;", "enum e { a } f: func() -> e;"),
        ("record r { a: u8 } f: func() -> r;", "record r { a: u8, b: u8 } f: func() -> r;"),
        ("variant v { a(u8) } f: func() -> v;", "variant v { a(list<s8>) } f: func() -> v;"),
        ("variant v { a } f: func() -> v;", "variant v { a(s8) } f: func() -> v;"),
        ("f: func() -> list<u8>;", "f: func() -> string;"),
    ];
    let all: Vec<_> =
        cases.iter().map(|(provider, consumer)| mismatch(provider, consumer)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn every_function_that_does_not_fit_is_told() {
    let provider = interface("1.0.0", "a: func() -> u8; b: func() -> u8; c: func();");
    let consumer = interface("1.0.0", "a: func(); b: func() -> u16; c: func();");
    let mismatches = satisfies(&provider, &consumer).unwrap_err();
    let functions: Vec<_> = mismatches.iter().filter_map(|m| m.function.as_deref()).collect();
    assert_eq!(functions, ["charging.a", "charging.b"]);
}

#[test]
fn resources_cannot_cross() {
    let body = "resource r { go: func(); } f: func() -> r;";
    let detail = mismatch(body, body);
    assert!(detail.contains("resource r"), "{detail}");
}

#[test]
fn a_publisher_and_a_subscriber_may_each_have_functions_of_their_own() {
    let publisher = interface("1.1.0", "placed: func(id: string); moved: func(id: string);");
    let subscriber = interface("1.0.0", "placed: func(id: string); gone: func(id: string);");
    assert_eq!(hears(&subscriber, &publisher), Ok(()));
    assert_eq!(hears(&publisher, &subscriber), Ok(()));
    let other = interface("1.0.0", "placed: func(id: u32);");
    let mismatches = hears(&other, &publisher).unwrap_err();
    assert_eq!(
        mismatches[0].to_string(),
        "charging.placed: consumer expects func(id: u32), provider has func(id: string) \
         (id: consumer expects u32, provider has string)"
    );
}
