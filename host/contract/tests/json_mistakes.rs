//! What a client is told, exactly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use thali_contract::json::{
    EncodeError, decode, decode_members, decode_query_list, decode_text, encode, is_query_list,
    is_textual,
};
use thali_contract::name::InterfaceName;
use thali_contract::problem::Mistake;
use thali_contract::ty::{
    Case, Enum, Field, Flags, Label, Opaque, Record, ResultType, Type, TypeName, Variant,
};
use wasmtime::component::Val;

fn record<const N: usize>(name: &str, fields: [(&str, Type); N]) -> Type {
    let interface: InterfaceName = "thali:orders/ordering@1.0.0".parse().unwrap();
    Type::Record(Arc::new(Record {
        name: Some(TypeName { interface, name: name.into() }),
        docs: None,
        fields: fields.map(|(name, ty)| Field::new(name, ty)).into(),
    }))
}

fn enumeration<const N: usize>(cases: [&str; N]) -> Type {
    Type::Enum(Arc::new(Enum { name: None, docs: None, cases: cases.map(Label::new).into() }))
}

fn flags<const N: usize>(flags: [&str; N]) -> Type {
    Type::Flags(Arc::new(Flags { name: None, docs: None, flags: flags.map(Label::new).into() }))
}

fn variant<const N: usize>(cases: [(&str, Option<Type>); N]) -> Type {
    Type::Variant(Arc::new(Variant {
        name: None,
        docs: None,
        cases: cases.map(|(name, ty)| Case::new(name, ty)).into(),
    }))
}

fn option(inner: Type) -> Type {
    Type::Option(inner.into())
}

fn list(item: Type) -> Type {
    Type::List(item.into())
}

fn order() -> Type {
    let line = record("order-line", [("item-id", Type::String), ("quantity", Type::U32)]);
    let card = record("card", [("number", Type::String), ("expiry", Type::String)]);
    let customer = record(
        "customer",
        [("name", Type::String), ("phone", Type::String), ("email", option(Type::String))],
    );
    record(
        "new-order",
        [
            ("restaurant-id", Type::String),
            ("items", list(line)),
            ("customer", customer),
            ("payment", option(variant([("cash", None), ("card", Some(card))]))),
        ],
    )
}

/// The mistakes of a document, one `pointer: detail` each.
fn mistakes(ty: &Type, json: &str) -> Vec<String> {
    told(&decode(ty, json.as_bytes()).expect_err("the document is wrong"))
}

fn told(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

fn text(value: &str) -> Val {
    Val::String(value.into())
}

#[test]
fn a_body_that_is_wrong_in_three_places_gives_three_pointers() {
    let json = r#"{
        "restaurant_id": 1,
        "items": [{"item_id": "1", "quantity": "two"}, {"item_id": "2", "quantity": 1}],
        "customer": {"name": "Ada"}
    }"#;
    assert_eq!(
        mistakes(&order(), json),
        [
            "/restaurant_id: expected string, got number",
            "/items/0/quantity: expected u32, got string",
            "/customer/phone: missing: expected string",
        ]
    );
}

#[test]
fn a_record_comes_in_declaration_order_with_its_wit_names() {
    let json = r#"{"items": [], "customer": {"phone": "1", "name": "Ada"}, "restaurant_id": "7"}"#;
    let customer = Val::Record(vec![
        ("name".into(), text("Ada")),
        ("phone".into(), text("1")),
        ("email".into(), Val::Option(None)),
    ]);
    let expected = Val::Record(vec![
        ("restaurant-id".into(), text("7")),
        ("items".into(), Val::List(vec![])),
        ("customer".into(), customer),
        ("payment".into(), Val::Option(None)),
    ]);
    assert_eq!(decode(&order(), json.as_bytes()), Ok(expected));
}

#[test]
fn unknown_duplicate_and_missing_members_are_named() {
    let ty =
        record("point", [("lat", Type::F64), ("lon", Type::F64), ("open-now", option(Type::Bool))]);
    assert_eq!(
        mistakes(&ty, r#"{"lat": 1, "lom": 2, "lat": 3, "a/b": {}, "open-now": true}"#),
        [
            "/lom: unknown member; did you mean \"lon\"?",
            "/lat: this member is there twice",
            "/a~1b: unknown member: expected \"lat\", \"lon\", \"open_now\"",
            "/open-now: unknown member; did you mean \"open_now\"?",
            "/lon: missing: expected f64",
        ]
    );
    assert_eq!(
        mistakes(&record("nothing", []), r#"{"a": 1}"#),
        ["/a: unknown member: none is expected"]
    );
}

#[test]
fn values_of_another_type_are_named_and_skipped() {
    let line = record("order-line", [("quantity", Type::U32)]);
    for (ty, json, expected) in [
        (Type::String, "{\"a\": [1, {}]}", "expected string, got object"),
        (Type::String, "[[1], []]", "expected string, got array"),
        (Type::String, "null", "expected string, got null"),
        (Type::Bool, "\"true\"", "expected bool, got string"),
        (Type::U32, "[1]", "expected u32, got array"),
        (Type::U32, "1e999", "expected u32, got 1e999"),
        (Type::U8, "256", "expected u8 (0 to 255), got 256"),
        (Type::F32, "1e39", "expected f32, got 1e39, which is out of range"),
        (Type::Char, "\"ab\"", "expected one character, got \"ab\""),
        (Type::Char, "\"\"", "expected one character, got \"\""),
        (line.clone(), "[]", "expected object (order-line), got array"),
        (option(line), "7", "expected object (order-line) or null, got number"),
        (option(Type::U8), "\"\"", "expected u8 or null, got string"),
        (list(Type::String), "{}", "expected array, got object"),
        (list(Type::U8), "[1]", "expected base64 string, got array"),
        (list(Type::U8), "\"a\"", "invalid base64"),
        (Type::Tuple([Type::U8, Type::U8].into()), "[1]", "expected array of 2, got array of 1"),
        (Type::Tuple([Type::U8].into()), "[1, {}, \"x\"]", "expected array of 1, got array of 3"),
        (Type::FixedList(Type::U8.into(), 3), "[1, 2]", "expected array of 3, got array of 2"),
        (flags(["read"]), "\"read\"", "expected array of strings, got string"),
        (Type::Map(Type::String.into(), Type::U8.into()), "[]", "expected object, got array"),
        (
            Type::Result(ResultType { ok: None, err: None }.into()),
            "\"ok\"",
            "expected object with the member \"ok\" or \"err\", got string",
        ),
        (
            option(option(Type::U8)),
            "1",
            "expected null or object with the member \"some\", got number",
        ),
        (
            Type::Opaque(Opaque::Resource),
            "1",
            "expected nothing: a resource cannot be written as JSON, got number",
        ),
    ] {
        assert_eq!(mistakes(&ty, json), [expected], "{ty}");
    }
}

#[test]
fn enums_list_what_is_allowed() {
    let method = enumeration(["cash", "bank-transfer", "card"]);
    assert_eq!(decode(&method, b"\"bank_transfer\""), Ok(Val::Enum("bank-transfer".into())));
    assert_eq!(
        mistakes(&method, "\"crad\""),
        [r#"expected one of "cash", "bank_transfer", "card", got "crad"; did you mean "card"?"#]
    );
    let many: Vec<_> = (0..100).map(|i| Label::new(format!("x{i}"))).collect();
    let many = Type::Enum(Enum { name: None, docs: None, cases: many }.into());
    let told = mistakes(&many, "\"nothing like them\"").remove(0);
    assert!(told.contains("\"x23\", 76 more, got"), "{told}");
}

#[test]
fn variants_are_a_string_or_an_object_of_one_member() {
    let ty = variant([
        ("cash", None),
        ("gift-card", Some(Type::U32)),
        ("later", Some(option(Type::U8))),
    ]);
    let case =
        |name: &str, payload: Option<Val>| Ok(Val::Variant(name.into(), payload.map(Box::new)));
    assert_eq!(decode(&ty, b"\"cash\""), case("cash", None));
    assert_eq!(decode(&ty, b"{\"gift_card\": 5}"), case("gift-card", Some(Val::U32(5))));
    assert_eq!(decode(&ty, b"{\"later\": null}"), case("later", Some(Val::Option(None))));
    for (json, expected) in [
        ("\"gift_card\"", "this case has a payload: expected {\"gift_card\": u32}"),
        ("{\"cash\": null}", "/cash: this case has no payload: write just \"cash\""),
        ("{\"gift_card\": \"x\"}", "/gift_card: expected u32, got string"),
        ("{\"gift\": 1}", r#"/gift: expected one of "cash", "gift_card", "later", got "gift""#),
        ("{}", "expected string or object with one member, got an empty object"),
        (
            "{\"gift_card\": 5, \"cash\": [1]}",
            "expected string or object with one member, got several members",
        ),
        ("[]", "expected string or object with one member, got array"),
        (
            "\"Cash\"",
            r#"expected one of "cash", "gift_card", "later", got "Cash"; did you mean "cash"?"#,
        ),
    ] {
        assert_eq!(mistakes(&ty, json), [expected], "{json}");
    }
}

#[test]
fn flags_are_read_in_declaration_order_each_once() {
    let ty = flags(["read", "write", "run-all"]);
    let set = Val::Flags(vec!["read".into(), "run-all".into()]);
    assert_eq!(decode(&ty, br#"["run_all", "read"]"#), Ok(set));
    assert_eq!(
        mistakes(&ty, r#"["read", "wirte", 3, "read"]"#),
        [
            "/2: expected string, got number",
            r#"/1: expected one of "read", "write", "run_all", got "wirte"; did you mean "write"?"#,
            "/3: this flag is there twice",
        ]
    );
}

#[test]
fn an_option_in_an_option_keeps_both_kinds_of_none() {
    let ty = option(option(Type::U8));
    let some = |inner| Val::Option(Some(Box::new(inner)));
    for (json, value) in [
        ("null", Val::Option(None)),
        ("{\"some\":null}", some(Val::Option(None))),
        ("{\"some\":5}", some(some(Val::U8(5)))),
    ] {
        let mut out = Vec::new();
        encode(&ty, &value, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), json);
        assert_eq!(decode(&ty, json.as_bytes()), Ok(value));
    }
    assert_eq!(
        mistakes(&ty, "{\"soem\": 5}"),
        [r#"/soem: expected one of "some", got "soem"; did you mean "some"?"#]
    );
}

#[test]
fn a_none_in_a_record_may_be_null_or_absent_and_is_written_as_absent() {
    let ty = record("r", [("a", option(Type::U8)), ("b", option(option(Type::U8)))]);
    let none = Val::Record(vec![("a".into(), Val::Option(None)), ("b".into(), Val::Option(None))]);
    assert_eq!(decode(&ty, b"{}"), Ok(none.clone()));
    assert_eq!(decode(&ty, br#"{"a": null, "b": null}"#), Ok(none.clone()));
    let mut out = Vec::new();
    encode(&ty, &none, &mut out).unwrap();
    assert_eq!(out, b"{}");
}

#[test]
fn maps_are_objects_and_refuse_a_key_twice() {
    let ty = Type::Map(Type::U16.into(), Type::Bool.into());
    let value = Val::Map(vec![(Val::U16(7), Val::Bool(true)), (Val::U16(1), Val::Bool(false))]);
    assert_eq!(decode(&ty, br#"{"7": true, "1": false}"#), Ok(value));
    assert_eq!(
        mistakes(&ty, r#"{"7": true, "7": false, "07": true, "x": 1}"#),
        [
            "/7: this member is there twice",
            "/07: the name of this member: expected u16, got \"07\"",
            "/x: the name of this member: expected u16, got \"x\"",
            "/x: expected bool, got number",
        ]
    );
}

#[test]
fn of_map_entries_with_one_key_the_last_is_written() {
    let ty = Type::Map(Type::String.into(), Type::U8.into());
    let entries = [("a", 1), ("b", 2), ("a", 3)];
    let value = Val::Map(entries.map(|(key, value)| (text(key), Val::U8(value))).into());
    let mut out = Vec::new();
    encode(&ty, &value, &mut out).unwrap();
    assert_eq!(out, br#"{"b":2,"a":3}"#);
}

#[test]
fn results_elsewhere_say_which_side_they_are() {
    let ty = Type::Result(ResultType { ok: None, err: Some(Type::String) }.into());
    assert_eq!(decode(&ty, b"{\"ok\": null}"), Ok(Val::Result(Ok(None))));
    assert_eq!(decode(&ty, b"{\"err\": \"x\"}"), Ok(Val::Result(Err(Some(Box::new(text("x")))))));
    assert_eq!(mistakes(&ty, "{\"ok\": 1}"), ["/ok: expected null"]);
    assert_eq!(mistakes(&ty, "{\"no\": 1}"), [r#"/no: expected one of "ok", "err", got "no""#]);
}

#[test]
fn broken_syntax_ends_the_reading_and_keeps_what_was_found() {
    assert_eq!(
        mistakes(&order(), "{\"restaurant_id\": 1,\n \"items\": [}"),
        ["/restaurant_id: expected string, got number", "expected value at line 2 column 12"]
    );
    for (json, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("\"a", "EOF while parsing a string at line 1 column 2"),
        ("\"a\" \"b\"", "trailing characters at line 1 column 5"),
        ("\"\\ud800\"", "unexpected end of hex escape at line 1 column 8"),
        ("'a'", "expected value at line 1 column 1"),
        ("\u{feff}\"a\"", "expected value at line 1 column 1"),
    ] {
        assert_eq!(mistakes(&Type::String, json), [expected], "{json:?}");
    }
    let not_utf8 = decode(&Type::String, b"\"a\xff\"").unwrap_err();
    assert_eq!(told(&not_utf8), ["not UTF-8 at byte 2"]);
}

#[test]
fn deep_nesting_is_refused_where_it_is_read_and_skipped_where_it_is_not() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(mistakes(&Type::String, &deep), ["expected string, got array"]);
    assert_eq!(mistakes(&Type::U8, &deep), ["expected u8, got array"]);
    let ty = (0..200).fold(Type::U8, |ty, _| list(ty));
    assert_eq!(mistakes(&ty, &deep), ["recursion limit exceeded at line 1 column 128"]);
}

#[test]
fn at_most_thirty_two_mistakes_are_told() {
    let json = format!("[{}1]", "1,".repeat(1000));
    let told = mistakes(&list(Type::String), &json);
    assert_eq!(told.len(), 33);
    assert_eq!(told[31], "/31: expected string, got number");
    assert_eq!(told[32], "and more");
    let unknown: Vec<_> = (0..40).map(|i| format!("\"zz{i}\": 1")).collect();
    let told = mistakes(&record("nothing", []), &format!("{{{}}}", unknown.join(",")));
    assert_eq!(told.len(), 33);
}

#[test]
fn what_is_not_in_a_document_cannot_fill_the_memory() {
    let fields = (0..200).map(|i| Field::new(format!("field-{i}"), option(Type::U8))).collect();
    let wide = Type::Record(Record { name: None, docs: None, fields }.into());
    let json = format!("[{}{{}}]", "{},".repeat(300_000));
    let told = mistakes(&list(wide), &json);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].ends_with("this document would take far more memory than its own size"),
        "{told:?}"
    );
}

#[test]
fn echoed_text_is_cut() {
    let long = format!("\"{}\"", "x".repeat(100_000));
    let told = mistakes(&enumeration(["a"]), &long).remove(0);
    assert!(told.len() < 120, "{told}");
    let told = mistakes(&Type::U32, &"9".repeat(100_000)).remove(0);
    assert_eq!(told, "expected u32 (0 to 4294967295), got a very long number");
}

#[test]
fn arguments_are_members_of_an_object() {
    let fields = [Field::new("order-id", Type::String), Field::new("note", option(Type::String))];
    let members: Vec<&Field> = fields.iter().collect();
    let read = |json: &str| {
        let mut mistakes = vec![Mistake::new("?limit", "expected u32, got \"x\"")];
        let values = decode_members(&members, json.as_bytes(), &mut mistakes);
        (values, told(&mistakes[1..]))
    };
    assert_eq!(
        read(r#"{"order_id": "1"}"#),
        (vec![Some(text("1")), Some(Val::Option(None))], vec![])
    );
    for (json, expected) in [
        ("", vec!["/order_id: missing: expected string"]),
        ("{}", vec!["/order_id: missing: expected string"]),
        ("[]", vec!["expected object, got array"]),
        ("null", vec!["expected object, got null"]),
        (
            r#"{"order_id": 1, "x": 2}"#,
            vec![
                "/order_id: expected string, got number",
                r#"/x: unknown member: expected "order_id", "note""#,
            ],
        ),
        (r#"{"order_id": "1"} x"#, vec!["trailing characters at line 1 column 19"]),
    ] {
        assert_eq!(
            read(json),
            (vec![None, None], expected.into_iter().map(Into::into).collect()),
            "{json}"
        );
    }
    let only_options = [&fields[1]];
    let mut mistakes = vec![];
    assert_eq!(decode_members(&only_options, b" ", &mut mistakes), [Some(Val::Option(None))]);
    assert_eq!(mistakes, []);
}

#[test]
fn path_and_query_text_becomes_scalars() {
    let status = enumeration(["ready", "picked-up"]);
    for (ty, from, value) in [
        (Type::String, "a b", text("a b")),
        (Type::String, "", text("")),
        (Type::Bool, "true", Val::Bool(true)),
        (Type::U64, "18446744073709551615", Val::U64(u64::MAX)),
        (Type::F32, "-2.5", Val::Float32(-2.5)),
        (Type::Char, "é", Val::Char('é')),
        (status.clone(), "picked_up", Val::Enum("picked-up".into())),
        (option(Type::U8), "7", Val::Option(Some(Box::new(Val::U8(7))))),
    ] {
        assert!(is_textual(&ty));
        assert_eq!(decode_text(&ty, from), Ok(value), "{ty}");
    }
    for (ty, from, expected) in [
        (Type::Bool, "1", "expected true or false, got \"1\""),
        (Type::U32, "abc", "expected u32, got \"abc\""),
        (Type::U32, "4294967296", "expected u32 (0 to 4294967295), got 4294967296"),
        (Type::F64, "nan", "expected f64, got \"nan\""),
        (
            status,
            "picked-up",
            r#"expected one of "ready", "picked_up", got "picked-up"; did you mean "picked_up"?"#,
        ),
        (list(Type::U8), "AAAA", "base64 string cannot be written as text"),
    ] {
        assert_eq!(decode_text(&ty, from), Err(expected.to_owned()), "{ty}");
    }
    for ty in [list(Type::String), option(option(Type::U8)), order(), flags(["a"])] {
        assert!(!is_textual(&ty), "{ty}");
    }
}

#[test]
fn a_repeated_query_parameter_becomes_a_list() {
    let numbers = list(Type::U32);
    let several = Val::List(vec![Val::U32(1), Val::U32(2)]);
    assert_eq!(decode_query_list(&numbers, ["1", "2"]), Ok(several.clone()));
    assert_eq!(decode_query_list(&numbers, []), Ok(Val::List(vec![])));
    let maybe = option(numbers.clone());
    assert_eq!(decode_query_list(&maybe, []), Ok(Val::Option(None)));
    assert_eq!(decode_query_list(&maybe, ["1", "2"]), Ok(Val::Option(Some(Box::new(several)))));
    assert_eq!(decode_query_list(&numbers, ["1", "x"]), Err("expected u32, got \"x\"".into()));
    assert!(is_query_list(&numbers) && is_query_list(&maybe));
    for ty in [list(Type::U8), list(option(Type::U32)), option(maybe), Type::U32] {
        assert!(!is_query_list(&ty), "{ty}");
    }
}

#[test]
fn what_cannot_be_written_is_an_error_that_says_where() {
    let point = record("point", [("lat", Type::F64), ("tags", list(Type::String))]);
    let value = |lat, tag| {
        Val::Record(vec![
            ("lat".into(), Val::Float64(lat)),
            ("tags".into(), Val::List(vec![text("a"), tag])),
        ])
    };
    let mut out = b"[".to_vec();
    let error = encode(&point, &value(f64::INFINITY, text("b")), &mut out).unwrap_err();
    assert_eq!(error, EncodeError::NotFinite { at: "/lat".into(), value: "inf".into() });
    let error = encode(&point, &value(1.0, Val::U8(1)), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "expected string at \"/tags/1\", got u8");
    let error = encode(&point, &Val::Record(vec![]), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "expected object (point) at \"\", got a record of 0 fields");
    let error = encode(&Type::Opaque(Opaque::Stream), &Val::U8(1), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the stream at \"\" cannot be written as JSON");
    assert_eq!(out, b"[");
    encode(&point, &value(1.5, text("b")), &mut out).unwrap();
    assert_eq!(out, br#"[{"lat":1.5,"tags":["a","b"]}"#);
}
