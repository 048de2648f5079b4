//! The types and traits of `thali:platform/identity`, generated from its WIT.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit/platform",
    inline: "
        package thali:host;
        world host { import thali:platform/identity@1.0.0; }
    ",
    imports: {
        "thali:platform/identity.hash-password": async,
        "thali:platform/identity.verify-password": async,
    },
});
