//! No bytes make the JSON decoder panic, and what it reads is a value of its type: it can be written,
//! and is read again as the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use thali_contract::json::{decode, decode_text, encode};
use thali_contract::ty::{Case, Enum, Field, Flags, Label, Record, ResultType, Type, Variant};

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let scalars = [
        Type::Bool,
        Type::S8,
        Type::U32,
        Type::S64,
        Type::U64,
        Type::F32,
        Type::F64,
        Type::Char,
        Type::String,
    ];
    let all = everything(&scalars);
    scalars
        .into_iter()
        .chain([Type::List(Type::U8.into()), all.clone(), Type::List(all.into())])
        .collect()
});

/// One record with every kind of type in it.
fn everything(scalars: &[Type]) -> Type {
    let cases = ["ready", "picked-up"].map(Label::new).to_vec();
    let option = |inner: Type| Type::Option(inner.into());
    let record = |fields| Type::Record(Arc::new(Record { name: None, docs: None, fields }));
    let mut fields: Vec<_> = scalars
        .iter()
        .enumerate()
        .map(|(i, ty)| Field::new(format!("f{i}"), option(ty.clone())))
        .collect();
    let point = record(vec![Field::new("x", Type::U8), Field::new("y", option(Type::U8))]);
    let variant = Variant {
        name: None,
        docs: None,
        cases: vec![Case::new("none", None), Case::new("point", Some(point.clone()))],
    };
    let composite = [
        Type::List(point.into()),
        Type::FixedList(Type::U8.into(), 2),
        Type::Map(Type::U16.into(), Type::Bool.into()),
        Type::Map(Type::F64.into(), Type::String.into()),
        Type::Tuple([Type::String, option(Type::U64)].into()),
        Type::Variant(variant.into()),
        Type::Enum(Enum { name: None, docs: None, cases: cases.clone() }.into()),
        Type::Flags(Flags { name: None, docs: None, flags: cases }.into()),
        option(Type::U8),
        Type::Result(ResultType { ok: None, err: Some(Type::String) }.into()),
    ];
    let composite = composite.into_iter().enumerate();
    fields.extend(composite.map(|(i, ty)| Field::new(format!("c{i}"), option(ty))));
    record(fields)
}

fuzz_target!(|input: &[u8]| {
    let Some((selector, json)) = input.split_first() else { return };
    let ty = &TYPES[usize::from(*selector) % TYPES.len()];
    if let Ok(text) = std::str::from_utf8(json) {
        let _ = decode_text(ty, text);
    }
    match decode(ty, json) {
        Ok(value) => {
            let mut again = Vec::new();
            encode(ty, &value, &mut again).expect("a decoded value is of its type");
            assert_eq!(decode(ty, &again), Ok(value));
        }
        Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.len() <= 34),
    }
});
