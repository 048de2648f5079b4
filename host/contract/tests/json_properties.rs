//! What holds for every type and every value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use proptest::prelude::*;
use support::{any_type, any_typed};
use thali_contract::json::{decode, decode_members, decode_text, encode, is_textual};
use thali_contract::ty::{Field, Type};
use wasmtime::component::Val;

fn encoded(ty: &Type, value: &Val) -> Vec<u8> {
    let mut out = Vec::new();
    if let Err(error) = encode(ty, value, &mut out) {
        panic!("{ty}: {error}: {value:?}");
    }
    out
}

/// A change to a document at one place.
#[derive(Clone, Debug)]
enum Change {
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, String),
    Swap(prop::sample::Index, prop::sample::Index),
    Cut(prop::sample::Index),
}

fn any_change() -> impl Strategy<Value = Change> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "true",
        "-",
        "0",
        "9",
        "1e999",
        ".",
        "\\",
        "\\u",
        "\"a\":",
        "{\"some\":",
        "{}",
        "[]",
        " ",
        "\u{1F600}",
        "18446744073709551616",
        "\"\"",
    ]);
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Change::Remove),
        (any::<prop::sample::Index>(), token.prop_map(str::to_owned))
            .prop_map(|(at, token)| Change::Insert(at, token)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(a, b)| Change::Swap(a, b)),
        any::<prop::sample::Index>().prop_map(Change::Cut),
    ]
}

fn change(json: &mut Vec<u8>, change: &Change) {
    if json.is_empty() {
        return;
    }
    match change {
        Change::Remove(at) => {
            json.remove(at.index(json.len()));
        }
        Change::Insert(at, token) => {
            let at = at.index(json.len());
            json.splice(at..at, token.bytes());
        }
        Change::Swap(a, b) => {
            let (a, b) = (a.index(json.len()), b.index(json.len()));
            json.swap(a, b);
        }
        Change::Cut(at) => json.truncate(at.index(json.len())),
    }
}

/// Whatever was read is a value of the type, and is read again from what is written.
fn check_decoded(ty: &Type, json: &[u8]) {
    match decode(ty, json) {
        Ok(value) => {
            let again = encoded(ty, &value);
            assert_eq!(decode(ty, &again), Ok(value), "{ty}: {}", String::from_utf8_lossy(json));
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty() && mistakes.len() <= 34);
            for mistake in mistakes {
                assert!(mistake.pointer.is_empty() || mistake.pointer.starts_with('/'));
                assert!(!mistake.detail.is_empty() && mistake.detail.len() < 4000, "{mistake}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// `Val` compares finite floats by their bits: it tells 0 from -0.
    #[test]
    fn every_value_of_every_type_round_trips((ty, value) in any_typed()) {
        let json = encoded(&ty, &value);
        prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok());
        prop_assert_eq!(decode(&ty, &json), Ok(value), "{}: {}", ty, String::from_utf8_lossy(&json));
    }

    #[test]
    fn white_space_between_tokens_changes_nothing((ty, value) in any_typed()) {
        let tree: Box<serde_json::value::RawValue> =
            serde_json::from_slice(&encoded(&ty, &value)).unwrap();
        let spaced = format!(" \n\t{}\r\n ", tree.get());
        prop_assert_eq!(decode(&ty, spaced.as_bytes()), Ok(value));
    }

    #[test]
    fn a_changed_document_is_read_as_its_type_or_refused(
        (ty, value) in any_typed(),
        changes in prop::collection::vec(any_change(), 1..6),
    ) {
        let mut json = encoded(&ty, &value);
        changes.iter().for_each(|each| change(&mut json, each));
        check_decoded(&ty, &json);
    }

    #[test]
    fn a_document_of_another_type_is_read_or_refused(ty in any_type(), (other, value) in any_typed()) {
        check_decoded(&ty, &encoded(&other, &value));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(
        ty in any_type(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        text in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,64}",
    ) {
        check_decoded(&ty, &bytes);
        check_decoded(&ty, text.as_bytes());
    }

    #[test]
    fn a_value_of_another_type_is_an_error_or_fits(ty in any_type(), (_, value) in any_typed()) {
        let mut out = b"before".to_vec();
        match encode(&ty, &value, &mut out) {
            Ok(()) => check_decoded(&ty, &out[6..]),
            Err(_) => prop_assert_eq!(out, b"before"),
        }
    }

    #[test]
    fn arguments_are_read_like_the_fields_of_a_record((ty, value) in any_typed()) {
        let (Type::Record(record), Val::Record(fields)) = (&ty, &value) else { return Ok(()) };
        let members: Vec<&Field> = record.fields.iter().collect();
        let mut mistakes = Vec::new();
        let values = decode_members(&members, &encoded(&ty, &value), &mut mistakes);
        prop_assert_eq!(mistakes, vec![]);
        prop_assert_eq!(values, fields.iter().map(|(_, value)| Some(value.clone())).collect::<Vec<_>>());
    }

    #[test]
    fn text_is_read_as_its_type_or_refused((ty, value) in any_typed(), text in any::<String>()) {
        if let Ok(read) = decode_text(&ty, &text) {
            prop_assert!(is_textual(&ty));
            encoded(&ty, &read);
        }
        let json = encoded(&ty, &value);
        let is_none = matches!(value, Val::Option(None));
        if is_textual(&ty) && !is_none {
            let text: String = serde_json::from_slice(&json)
                .unwrap_or_else(|_| String::from_utf8_lossy(&json).into_owned());
            prop_assert_eq!(decode_text(&ty, &text), Ok(value));
        }
    }
}
