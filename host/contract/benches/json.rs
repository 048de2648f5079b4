//! Reading and writing a body of about 1 KB.
#![expect(clippy::unwrap_used, reason = "a bench has nobody to report to")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thali_contract::json::{decode, encode};
use thali_contract::ty::{Case, Field, Record, Type, Variant};

fn record<const N: usize>(fields: [(&str, Type); N]) -> Type {
    let fields = fields.map(|(name, ty)| Field::new(name, ty)).into();
    Type::Record(Arc::new(Record { name: None, docs: None, fields }))
}

/// The order of SERVICES.md.
fn order() -> Type {
    let text = || Type::String;
    let line = record([("item-id", text()), ("quantity", Type::U32), ("note", option(text()))]);
    let customer = record([("name", text()), ("phone", text()), ("email", option(text()))]);
    let address = record([("line", text()), ("lat", Type::F64), ("lon", Type::F64)]);
    let card = record([("number", text()), ("expiry", text()), ("cvc", text())]);
    let cases = vec![Case::new("cash", None), Case::new("card", Some(card))];
    let method = Type::Variant(Variant { name: None, docs: None, cases }.into());
    record([
        ("restaurant-id", text()),
        ("items", Type::List(line.into())),
        ("customer", customer),
        ("address", address),
        ("payment", option(record([("method", method)]))),
    ])
}

fn option(inner: Type) -> Type {
    Type::Option(inner.into())
}

fn body() -> Vec<u8> {
    let line = |i| format!(r#"{{"item_id":"item-{i}","quantity":{i},"note":"no onions, please"}}"#);
    let lines: Vec<_> = (0..12).map(line).collect();
    format!(
        r#"{{"restaurant_id":"1","items":[{}],"customer":{{"name":"Ada Lovelace","phone":"+15550100"}},"address":{{"line":"1 Main St","lat":52.5200066,"lon":13.404954}},"payment":{{"method":{{"card":{{"number":"4242424242424242","expiry":"12/29","cvc":"123"}}}}}}}}"#,
        lines.join(",")
    )
    .into_bytes()
}

fn benches(criterion: &mut Criterion) {
    let (ty, body) = (order(), body());
    let value = decode(&ty, &body).unwrap();
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("decode", |bench| bench.iter(|| decode(black_box(&ty), black_box(&body))));
    group.bench_function("encode", |bench| {
        let mut out = Vec::with_capacity(2048);
        bench.iter(|| {
            out.clear();
            encode(black_box(&ty), black_box(&value), &mut out)
        });
    });
    group.bench_function("serde_json_value_decode", |bench| {
        bench.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)));
    });
    group.finish();

    let bytes = Type::List(Type::U8.into());
    let value = decode(&bytes, format!("\"{}\"", "Zm9v".repeat(256)).as_bytes()).unwrap();
    let mut json = Vec::new();
    encode(&bytes, &value, &mut json).unwrap();
    let mut group = criterion.benchmark_group("base64");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("decode", |bench| {
        bench.iter(|| decode(black_box(&bytes), black_box(&json)))
    });
    group.bench_function("encode", |bench| {
        let mut out = Vec::with_capacity(2048);
        bench.iter(|| {
            out.clear();
            encode(black_box(&bytes), black_box(&value), &mut out)
        });
    });
    group.finish();
}

criterion_group!(json, benches);
criterion_main!(json);
