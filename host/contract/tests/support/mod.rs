//! Arbitrary types, and arbitrary values of a type.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::subsequence;
use thali_contract::ty::{Case, Enum, Field, Flags, Label, Record, ResultType, Type, Variant};
use wasmtime::component::Val;

/// How many names a record, variant, enum or flags type has at most. Past 64 a record is read another way.
const NAMES_MAX: usize = 6;

/// Every kind of type but the opaque ones, nested.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    any_scalar().prop_recursive(4, 24, NAMES_MAX as u32, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| Type::List(item.into())),
            Just(Type::List(Type::U8.into())),
            (inner.clone(), 0_u32..4).prop_map(|(item, n)| Type::FixedList(item.into(), n)),
            (any_key(), inner.clone()).prop_map(|(k, v)| Type::Map(k.into(), v.into())),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| Type::Map(k.into(), v.into())),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|types| Type::Tuple(types.into())),
            any_record(inner.clone()),
            any_variant(inner.clone()),
            inner.clone().prop_map(|inner| Type::Option(inner.into())),
            inner.clone().prop_map(|inner| Type::Option(Type::Option(inner.into()).into())),
            (prop::option::of(inner.clone()), prop::option::of(inner))
                .prop_map(|(ok, err)| Type::Result(ResultType { ok, err }.into())),
        ]
    })
}

/// A type together with a value of it.
pub(crate) fn any_typed() -> impl Strategy<Value = (Type, Val)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value)
    })
}

fn any_key() -> impl Strategy<Value = Type> {
    prop_oneof![
        Just(Type::String),
        Just(Type::Char),
        Just(Type::Bool),
        Just(Type::S8),
        Just(Type::U32),
        Just(Type::S64),
        Just(Type::U64),
    ]
}

fn any_scalar() -> impl Strategy<Value = Type> {
    prop_oneof![
        4 => prop::sample::select(vec![
            Type::Bool, Type::S8, Type::U8, Type::S16, Type::U16, Type::S32, Type::U32, Type::S64,
            Type::U64, Type::F32, Type::F64, Type::Char, Type::String, Type::String,
        ]),
        1 => any_labels().prop_map(|cases| Type::Enum(Enum { name: None, docs: None, cases }.into())),
        1 => any_labels().prop_map(|flags| Type::Flags(Flags { name: None, docs: None, flags }.into())),
    ]
}

fn any_names(least: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::hash_set("[a-z][a-z0-9]{0,3}(-[a-z][a-z0-9]{0,3})?", least..NAMES_MAX)
        .prop_map(|names| names.into_iter().collect())
}

fn any_labels() -> impl Strategy<Value = Vec<Label>> {
    any_names(1).prop_map(|names| names.into_iter().map(Label::new).collect())
}

fn any_record(inner: impl Strategy<Value = Type> + Clone) -> impl Strategy<Value = Type> {
    any_names(1)
        .prop_flat_map(move |names| {
            let types = prop::collection::vec(inner.clone(), names.len());
            (Just(names), types)
        })
        .prop_map(|(names, types)| {
            let fields = names.into_iter().zip(types).map(|(name, ty)| Field::new(name, ty));
            Type::Record(Record { name: None, docs: None, fields: fields.collect() }.into())
        })
}

fn any_variant(inner: impl Strategy<Value = Type> + Clone) -> impl Strategy<Value = Type> {
    any_names(1)
        .prop_flat_map(move |names| {
            let types = prop::collection::vec(prop::option::of(inner.clone()), names.len());
            (Just(names), types)
        })
        .prop_map(|(names, types)| {
            let cases = names.into_iter().zip(types).map(|(name, ty)| Case::new(name, ty));
            Type::Variant(Variant { name: None, docs: None, cases: cases.collect() }.into())
        })
}

/// A value of the type; floats are finite, the keys of a map differ.
pub(crate) fn any_value(ty: &Type) -> BoxedStrategy<Val> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Type::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Type::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Type::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Type::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Type::F32 => any::<u32>()
            .prop_map(f32::from_bits)
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Val::Float32)
            .boxed(),
        Type::F64 => any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Val::Float64)
            .boxed(),
        Type::Char => any::<char>().prop_map(Val::Char).boxed(),
        Type::String => any::<String>().prop_map(Val::String).boxed(),
        Type::List(item) => values(item, 0..5).prop_map(Val::List).boxed(),
        Type::FixedList(item, length) => {
            let length = *length as usize;
            values(item, length..length + 1).prop_map(Val::FixedLengthList).boxed()
        }
        Type::Map(key, value) => any_map(key, value),
        Type::Tuple(types) => each(types.iter()).prop_map(Val::Tuple).boxed(),
        Type::Record(record) => {
            let names: Vec<_> = record.fields.iter().map(|field| field.name.clone()).collect();
            each(record.fields.iter().map(|field| &field.ty))
                .prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect()))
                .boxed()
        }
        Type::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| {
                let name = case.name.clone();
                payload(case.ty.as_ref())
                    .prop_map(move |payload| Val::Variant(name.clone(), payload))
                    .boxed()
            });
            proptest::strategy::Union::new(cases).boxed()
        }
        Type::Enum(cases) => {
            let names: Vec<_> = cases.cases.iter().map(|label| label.name.clone()).collect();
            prop::sample::select(names).prop_map(Val::Enum).boxed()
        }
        Type::Flags(flags) => {
            let names: Vec<_> = flags.flags.iter().map(|label| label.name.clone()).collect();
            let count = names.len();
            subsequence(names, 0..=count).prop_map(Val::Flags).boxed()
        }
        Type::Option(inner) => prop::option::of(any_value(inner))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Type::Result(result) => prop_oneof![
            payload(result.ok.as_ref()).prop_map(|value| Val::Result(Ok(value))),
            payload(result.err.as_ref()).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
        Type::Opaque(_) => unreachable!("no value of an opaque type is data"),
    }
}

fn values(ty: &Type, length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Val>> + use<> {
    prop::collection::vec(any_value(ty), length)
}

fn each<'a>(types: impl Iterator<Item = &'a Type>) -> Vec<BoxedStrategy<Val>> {
    types.map(any_value).collect()
}

fn payload(ty: Option<&Type>) -> BoxedStrategy<Option<Box<Val>>> {
    match ty {
        Some(ty) => any_value(ty).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    }
}

fn any_map(key: &Type, value: &Type) -> BoxedStrategy<Val> {
    prop::collection::vec((any_value(key), any_value(value)), 0..5)
        .prop_map(|mut entries| {
            let mut keys = HashSet::new();
            entries.retain(|(key, _)| keys.insert(format!("{key:?}")));
            Val::Map(entries)
        })
        .boxed()
}
