//! The types and traits of `thali:platform/config`, generated from its WIT.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit/platform",
    inline: "
        package thali:host;
        world host { import thali:platform/config@1.0.0; }
    ",
});
