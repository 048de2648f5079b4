//! No text makes the manifest parser panic, and a refusal always says why.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thali_contract::manifest::Manifest;

fuzz_target!(|text: &str| {
    if let Err(mistakes) = Manifest::parse(text) {
        assert!(!mistakes.is_empty());
        for mistake in mistakes {
            assert!(!mistake.detail.is_empty());
        }
    }
});
