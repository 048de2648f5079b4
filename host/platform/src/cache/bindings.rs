//! The types and traits of `thali:platform/cache`, generated from its WIT.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit/platform",
    inline: "
        package thali:host;
        world host { import thali:platform/cache@1.0.0; }
    ",
    imports: { "thali:platform/cache.get-or-fill": async | trappable, default: trappable },
    with: { "thali:platform/cache.flight": crate::cache::Flight },
});
