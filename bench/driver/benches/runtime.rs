//! The micro-benchmarks of [`thali_bench::micro`] under criterion: `cargo bench -p thali-bench`, after
//! `just bench --quick` has built the components.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "criterion's macros; a benchmark has nobody to tell"
)]

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use thali_bench::micro;

fn runtime(criterion: &mut Criterion) {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into());
    let micros = micro::all(&Path::new(&target).join("bench/components")).expect("the components");
    for mut micro in micros {
        criterion.bench_function(micro.name, |bencher| {
            bencher.iter_custom(|times| (micro.run)(times).expect("an answer"));
        });
    }
}

criterion_group!(benches, runtime);
criterion_main!(benches);
