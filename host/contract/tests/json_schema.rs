//! The schema of a type accepts exactly what is read as the type.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use proptest::prelude::*;
use serde_json::Value;
use support::{any_type, any_typed};
use thali_contract::json::{decode, encode};
use thali_contract::openapi::schema;
use thali_contract::ty::Type;

/// What JSON Schema and the decoder see differently on purpose: an exponent makes no integer here, and a
/// number between the greatest `f32` and the next one is rounded.
fn is_disputed(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|n| n.abs() >= 1e15)
        }
        Value::Array(items) => items.iter().any(is_disputed),
        Value::Object(members) => members.values().any(is_disputed),
        _ => false,
    }
}

fn check(ty: &Type, value: &Value) {
    let schema = schema(ty);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let read = decode(ty, value.to_string().as_bytes());
    let accepted = validator.is_valid(value);
    assert_eq!(read.is_ok(), accepted, "{ty}: {value}: {read:?} {schema}");
}

/// Small values that many types nearly take.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-300_i32..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "ab",
            "0",
            "-0",
            "7",
            "07",
            "-7",
            "+7",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "9223372036854775807",
            "9223372036854775808",
            "1e3",
            "5.0",
            "AA==",
            "AB==",
            "AAA=",
            "AAAA",
            "AAAA\n",
            "true",
            "ok",
            "\u{1F600}",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("some|ok|err|[a-z]|-?[0-9]{1,3}|true|false", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Replaces one value inside another.
fn graft(value: &mut Value, with: &Value, mut at: usize) -> usize {
    if at == 0 {
        *value = with.clone();
        return usize::MAX;
    }
    at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if at == usize::MAX {
            return at;
        }
        at = graft(child, with, at);
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_accepted((ty, value) in any_typed()) {
        let mut out = Vec::new();
        encode(&ty, &value, &mut out).unwrap();
        let schema = schema(&ty);
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let json: Value = serde_json::from_slice(&out).unwrap();
        prop_assert!(validator.is_valid(&json), "{}: {}: {}", ty, json, schema);
    }

    #[test]
    fn every_schema_is_a_schema(ty in any_type()) {
        prop_assert!(jsonschema::meta::is_valid(&schema(&ty)));
    }

    #[test]
    fn what_is_read_is_what_is_accepted(ty in any_type(), value in any_json()) {
        if !is_disputed(&value) {
            check(&ty, &value);
        }
    }

    #[test]
    fn a_value_with_something_else_inside_is_read_when_it_is_accepted(
        (ty, value) in any_typed(),
        with in any_json(),
        at in 0_usize..12,
    ) {
        let mut out = Vec::new();
        encode(&ty, &value, &mut out).unwrap();
        let mut json: Value = serde_json::from_slice(&out).unwrap();
        graft(&mut json, &with, at);
        if !is_disputed(&json) {
            check(&ty, &json);
        }
    }
}
